"""Who was at a meeting, and the calendar's event that it was: for notes and vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .library import Library


@dataclass(frozen=True, slots=True)
class Participant:
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingEvent:
    """One occurrence in a calendar; its key is ``uid`` and ``starts_at``."""

    calendar: str
    """As the person named it"""
    uid: str
    starts_at: datetime
    """Aware"""
    ends_at: datetime
    title: str
    agenda: str = ""


def save_participants(
    library: Library, meeting_id: str, participants: Sequence[Participant | str]
) -> None:
    """Add the participants that are not known yet; an address is kept once it is known."""
    with library._transaction() as db:
        for it in participants:
            person = Participant(it) if isinstance(it, str) else it
            db.execute(
                "INSERT INTO participants (meeting_id, name, email) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET email = excluded.email WHERE excluded.email != ''",
                (meeting_id, person.name, person.email),
            )


def participants(library: Library, meeting_id: str) -> list[Participant]:
    """In the order in which they became known."""
    rows = library._rows(
        "SELECT name, email FROM participants WHERE meeting_id = ? ORDER BY rowid", meeting_id
    )
    return [Participant(row["name"], row["email"]) for row in rows]


def save_event(library: Library, meeting_id: str, event: MeetingEvent) -> None:
    """Say which event a meeting was; it replaces what was said before."""
    with library._transaction() as db:
        db.execute(
            "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                meeting_id,
                event.calendar,
                event.uid,
                event.starts_at.isoformat(),
                event.ends_at.isoformat(),
                event.title,
                event.agenda,
            ),
        )


def event_of(library: Library, meeting_id: str) -> MeetingEvent | None:
    rows = library._rows("SELECT * FROM events WHERE meeting_id = ?", meeting_id)
    if not rows:
        return None
    (row,) = rows
    return MeetingEvent(
        calendar=row["calendar"],
        uid=row["uid"],
        starts_at=datetime.fromisoformat(row["starts_at"]),
        ends_at=datetime.fromisoformat(row["ends_at"]),
        title=row["title"],
        agenda=row["agenda"],
    )
