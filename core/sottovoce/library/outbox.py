"""What is still to be told to whom: events that wait for their delivery, kept over restarts.

A row names a meeting and holds nothing that was said: the payload is made when it is delivered.
So a meeting that is deleted takes its events with it, and a delayed event tells today's names.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .library import _readable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WAITS = (30, 120, 600, 1800, 7200, 21_600, 86_400)
"""Seconds from a failed attempt to the next; after as many and one more it is given up"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    id: str
    """The same at every attempt: a receiver can tell what it has had"""
    target: str
    event: str
    meeting_id: str
    happened_at: str
    attempts: int
    due_at: float | None
    """Unix time; ``None`` when it was given up"""
    error: str
    """Of the last attempt, in one line"""


class Outbox:
    """One belongs to one thread. Raises ``LibraryError``."""

    def __init__(self, path: Path) -> None:
        """``path`` is the library's, which a `Library` has brought to today's tables."""
        self._path = path
        with _readable(path):
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30, isolation_level=None
            )
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA foreign_keys = ON")

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, meeting_id: str, event: str, targets: Sequence[str]) -> int:
        """Queue an event for each target, and return how many were queued.

        None for a meeting that is private or in no library. An event that waits already is told
        once, with what the meeting holds by then.
        """
        added = 0
        with _readable(self._path):
            for target in targets:
                added += self._db.execute(
                    "INSERT INTO outbox (id, target, event, meeting_id, happened_at, due_at)"
                    " SELECT ?, ?, ?, id, ?, ? FROM meetings WHERE id = ?"
                    " AND id NOT IN (SELECT meeting_id FROM private_meetings)"
                    " ON CONFLICT (target, event, meeting_id) DO UPDATE SET id = excluded.id,"
                    " happened_at = excluded.happened_at, due_at = excluded.due_at, attempts = 0",
                    (
                        str(uuid.uuid4()),
                        target,
                        event,
                        datetime.now().astimezone().isoformat(timespec="seconds"),
                        time.time(),
                        meeting_id,
                    ),
                ).rowcount
        return added

    def waiting(self) -> list[Delivery]:
        """All that was not delivered, given up or not; the oldest first."""
        with _readable(self._path):
            rows = self._db.execute("SELECT * FROM outbox ORDER BY rowid").fetchall()
        return [Delivery(**row) for row in rows]

    def due(self, now: float) -> list[Delivery]:
        return [it for it in self.waiting() if it.due_at is not None and it.due_at <= now]

    def delivered(self, delivery: Delivery) -> None:
        self._change("DELETE FROM outbox WHERE id = ?", delivery.id)

    def failed(self, delivery: Delivery, error: str, now: float) -> float | None:
        """Note a failed attempt; when the next is due, or ``None`` when it is given up."""
        tried = delivery.attempts
        due = now + WAITS[tried] if tried < len(WAITS) else None
        self._change(
            "UPDATE outbox SET attempts = attempts + 1, due_at = ?, error = ? WHERE id = ?",
            due,
            error,
            delivery.id,
        )
        return due

    def forget(self, target: str) -> int:
        """Drop all that waits for a target, and return how much it was."""
        return self._change("DELETE FROM outbox WHERE target = ?", target)

    def _change(self, query: str, *values: object) -> int:
        with _readable(self._path):
            return self._db.execute(query, values).rowcount


def counts(path: Path, now: float) -> tuple[int, int]:
    """How many events are due, and how many were given up. Writes nothing, opens no engine."""
    if not path.exists():
        return 0, 0
    with (
        _readable(path),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db,
    ):
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").fetchone():
            return 0, 0
        due, given_up = db.execute(
            "SELECT count(*) FILTER (WHERE due_at <= ?), count(*) FILTER (WHERE due_at IS NULL)"
            " FROM outbox",
            (now,),
        ).fetchone()
    return due, given_up
