"""What the guards against invention left out of a transcript."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from .library import Library


def add_inventions(library: Library, meeting_id: str, removed: Mapping[str, int]) -> None:
    """Count what was left out, in addition to what was before."""
    with library._transaction() as db:
        insert(db, meeting_id, removed)


def insert(db: sqlite3.Connection, meeting_id: str, removed: Mapping[str, int]) -> None:
    """The same, within a transaction."""
    db.executemany(
        "INSERT INTO inventions VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(meeting_id, kind, count) for kind, count in removed.items() if count],
    )


def inventions(library: Library, meeting_id: str) -> dict[str, int]:
    """By kind, how often."""
    rows = library._rows("SELECT kind, count FROM inventions WHERE meeting_id = ?", meeting_id)
    return {row["kind"]: row["count"] for row in rows}
