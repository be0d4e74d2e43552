"""Meetings that neither assistants nor events are told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .library import Library


def is_private(library: Library, meeting_id: str) -> bool:
    return bool(library._rows("SELECT 1 FROM private_meetings WHERE meeting_id = ?", meeting_id))


def set_private(library: Library, meeting_id: str, private: bool) -> None:
    """Hide a meeting or show it again; what was still to be told of a hidden one is dropped."""
    with library._transaction() as db:
        if private:
            db.execute("INSERT OR IGNORE INTO private_meetings VALUES (?)", (meeting_id,))
            db.execute("DELETE FROM outbox WHERE meeting_id = ?", (meeting_id,))
        else:
            db.execute("DELETE FROM private_meetings WHERE meeting_id = ?", (meeting_id,))
