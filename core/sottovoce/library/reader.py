"""The library for assistants: it cannot be written to, and private meetings are not in it.

Each table that belongs to meetings is hidden behind a temporary view of the same name, which leaves
the private ones out; SQLite finds the view first. So whatever a `Library` asks, it never sees them.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import LibraryError, UsageError
from .library import Library, _readable
from .schema import STEPS

if TYPE_CHECKING:
    from pathlib import Path

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    meeting_id: str
    title: str
    started_at: str
    segment: int
    start: float
    """Seconds from the start of the recording"""
    speaker: str | None
    text: str


class SharedLibrary(Library):
    def __init__(self, path: Path) -> None:
        """Open the library for reading only. Raises ``LibraryError``."""
        self.path = path
        if not path.exists():
            raise LibraryError("there is no library yet; begin with: sotto process RECORDING")
        with _readable(path):
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30, isolation_level=None
            )
            self._db.row_factory = sqlite3.Row
            try:
                self._hide()
            except BaseException:
                self._db.close()
                raise

    def _hide(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version < len(STEPS):
            raise LibraryError("the library is of an earlier version; run once: sotto meetings")
        if version > len(STEPS):
            raise LibraryError("the library was written by a newer sottovoce; upgrade this one")
        owned = self._db.execute(
            "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
            " WHERE m.type = 'table' AND m.name != 'private_meetings'"
            " AND (c.name = 'meeting_id' OR (m.name = 'meetings' AND c.name = 'id'))"
        ).fetchall()
        for table, column in owned:
            self._db.execute(
                f'CREATE TEMP VIEW "{table}" AS SELECT * FROM main."{table}" WHERE "{column}"'
                " NOT IN (SELECT meeting_id FROM main.private_meetings)"
            )
        self._db.execute("PRAGMA query_only = ON")

    def find_words(self, text: str, limit: int) -> list[Found]:
        """Segments that have all the words, the best first. Raises ``UsageError`` for no words."""
        words = _WORD.findall(text)
        if not words:
            raise UsageError(f"'{text}' has no word to search for")
        rows = self._rows(
            "SELECT m.id, m.title, m.started_at, s.position, s.start, p.name, s.text"
            " FROM segments_fts AS f JOIN segments AS s ON s.id = f.rowid"
            " JOIN meetings AS m ON m.id = s.meeting_id LEFT JOIN speakers AS p"
            " ON p.id = s.speaker_id WHERE segments_fts MATCH ? AND s.position IS NOT NULL"
            " ORDER BY f.rank, m.started_at DESC, s.position LIMIT ?",
            " AND ".join(f'"{word}"' for word in words),
            limit,
        )
        return [Found(**dict(zip(Found.__slots__, row, strict=True))) for row in rows]
