"""Words over all meetings.

The newest segments that have all of the words are fetched through the index, five hundred at most,
and ranked by how often and how close together they have them. Ranking by rarity over everything
(FTS5's ``bm25``) would read every place of every word: seconds for common ones in a large library.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from datetime import date

_CANDIDATES = 500
"""Segments that are ranked; of commoner words the newest"""
_ENOUGH = 50
"""Segments after which a walk through the meetings that a filter names ends"""
_PART = re.compile(r'"([^"]*)"?|(\S+)')
_WORD = re.compile(r"[^\W_]+")
_GAP = r"[\W_]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    text: str
    """Words that must all be there, in any order; in quotation marks, in this order"""
    since: date | None = None
    until: date | None = None
    """The last day that counts"""
    speaker: str | None = None
    """A speaker's name or a part of it, whatever its case"""
    tags: tuple[str, ...] = ()
    """All of which a meeting must have"""
    meeting: str | None = None
    """The id of the only meeting to look in"""
    limit: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    meeting_id: str
    title: str
    started_at: datetime
    recording: Path
    segment: int
    """The segment's id in its transcript"""
    start: float
    """Seconds from the start of the recording"""
    end: float
    speaker: str | None
    text: str
    """The whole segment"""
    matches: tuple[tuple[int, int], ...]
    """Where the words stand in ``text``: first character, and the one after the last"""


@dataclass(frozen=True)
class Terms:
    """What a person typed, as words and phrases."""

    parts: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, text: str) -> Terms:
        """Raises ``UsageError`` where there is nothing to look for."""
        found = (phrase or word for phrase, word in _PART.findall(text))
        parts = tuple(words for it in found if (words := tuple(_WORD.findall(it))))
        if not parts:
            raise UsageError(f"'{text}' has no word to search for; type a word or a name")
        return cls(parts)

    @property
    def match(self) -> str:
        """As an FTS5 expression: nothing that was typed is an operator."""
        return " AND ".join('"' + " ".join(words) + '"' for words in self.parts)

    @cached_property
    def _anywhere(self) -> re.Pattern[str]:
        each = (_GAP.join(map(re.escape, map(_plain, words))) for words in self.parts)
        longest_first = sorted(each, key=len, reverse=True)
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(longest_first)})(?![^\W_])")

    @cached_property
    def _in_order(self) -> re.Pattern[str]:
        words = [re.escape(_plain(word)) for words in self.parts for word in words]
        return re.compile(rf"(?<![^\W_]){_GAP.join(words)}(?![^\W_])")

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where the words and phrases stand in a text, in its order."""
        return [it.span() for it in self._anywhere.finditer(_plain(text))]

    def score(self, text: str, places: Sequence[tuple[int, int]]) -> float:
        """Higher for more of the words, closer together, in their order, in a shorter text."""
        if not places:
            return 0.0
        plain = _plain(text)
        seen = [plain[start:end] for start, end in places]
        often = sum(count / (count + 1.5) for count in map(seen.count, set(seen)))
        spread = (places[-1][1] - places[0][0]) / max(1, len(text))
        in_order = len(self.parts) > 1 and self._in_order.search(plain) is not None
        return often / (1 + len(text) / 400) + (1.0 if in_order else 0.0) + 0.2 * (1 - spread)


def _plain(text: str) -> str:
    """Lower case without accents, character for character, as the index has it."""
    if text.isascii():
        return text.lower()
    return "".join((unicodedata.normalize("NFD", c)[:1] or c).lower()[:1] or c for c in text)


# A cross join is computed as written: the index first, whatever SQLite guesses of the tables.
_FIELDS = """
    SELECT segments.id, segments.meeting_id, segments.position, segments.start, segments.end,
        segments.text, speakers.name AS speaker, meetings.title, meetings.started_at, meetings.path
    FROM ({found}) AS found
    CROSS JOIN segments ON segments.id = found.rowid
    CROSS JOIN meetings ON meetings.id = segments.meeting_id
    LEFT JOIN speakers ON speakers.id = segments.speaker_id
    WHERE segments.position IS NOT NULL
"""
_MATCH = "SELECT rowid FROM segments_fts WHERE segments_fts MATCH ?"
_NEWEST = " ORDER BY rowid DESC LIMIT ?"


def search(db: sqlite3.Connection, query: Query) -> list[Hit]:
    """The best segments first; among equals the latest meeting's."""
    terms = Terms.of(query.text)
    rows = _found(db, terms, query)
    scored = []
    for row in rows:
        places = terms.places(row["text"])
        scored.append((terms.score(row["text"], places), row["started_at"], row, places))
    scored.sort(key=lambda it: (it[0], it[1]), reverse=True)
    return [_hit(row, places) for _, _, row, places in scored[: query.limit]]


def _found(db: sqlite3.Connection, terms: Terms, query: Query) -> list[sqlite3.Row]:
    where, values = _conditions(db, query)
    if query.meeting is not None:
        return list(_within(db, terms, query, [query.meeting], _CANDIDATES))
    newest = db.execute(
        _FIELDS.format(found=_MATCH + _NEWEST) + where, (terms.match, _CANDIDATES, *values)
    ).fetchall()
    if not where or len(newest) >= query.limit:
        return newest
    (matches,) = db.execute(
        f"SELECT count(*) FROM ({_MATCH} LIMIT ?)", (terms.match, _CANDIDATES)
    ).fetchone()
    if matches < _CANDIDATES:
        return newest  # these are all
    # Common words, of which the newest hundreds are not the ones that the filters let through.
    ids = [row["id"] for row in db.execute(*_meetings(db, query))]
    return list(_within(db, terms, query, ids, max(_ENOUGH, query.limit)))


def _within(
    db: sqlite3.Connection, terms: Terms, query: Query, meetings: Sequence[str], enough: int
) -> Iterator[sqlite3.Row]:
    """Meeting by meeting: a transcript's rows lie side by side, so that the index is entered there
    and nowhere else."""
    where, values = _conditions(db, query)
    statement = (
        _FIELDS.format(found=f"{_MATCH} AND rowid BETWEEN ? AND ?")
        + "AND segments.meeting_id = ?"
        + where
    )
    edge = "SELECT id FROM segments WHERE meeting_id = ? ORDER BY position {} LIMIT 1"
    count = 0
    for meeting in meetings:
        first = db.execute(edge.format("ASC"), (meeting,)).fetchone()
        last = db.execute(edge.format("DESC"), (meeting,)).fetchone()
        if first is None:
            continue
        edges = (min(first["id"], last["id"]), max(first["id"], last["id"]))
        for row in db.execute(statement, (terms.match, *edges, meeting, *values)):
            yield row
            count += 1
        if count >= enough:
            return


def _conditions(db: sqlite3.Connection, query: Query) -> tuple[str, list[Any]]:
    """What a row must fulfil besides its words, as SQL that begins with AND."""
    where, values = _of_meetings(query)
    if query.speaker is not None:
        names = _names(db, query.speaker)
        where += f" AND speakers.name IN ({', '.join('?' * len(names))})"
        values += names
    return where, values


def _names(db: sqlite3.Connection, part: str) -> list[str]:
    """All speakers' names with this in them. SQLite itself knows the case of ASCII only."""
    rows = db.execute("SELECT DISTINCT name FROM speakers")
    return [row["name"] for row in rows if part.casefold() in row["name"].casefold()]


def _of_meetings(query: Query) -> tuple[str, list[Any]]:
    where, values = "", []
    if query.since is not None:
        where += " AND substr(meetings.started_at, 1, 10) >= ?"
        values.append(query.since.isoformat())
    if query.until is not None:
        where += " AND substr(meetings.started_at, 1, 10) <= ?"
        values.append(query.until.isoformat())
    for tag in query.tags:
        where += " AND meetings.id IN (SELECT meeting_id FROM tags WHERE tag = ?)"
        values.append(tag.casefold())
    return where, values


def _meetings(db: sqlite3.Connection, query: Query) -> tuple[str, list[Any]]:
    where, values = _of_meetings(query)
    if query.speaker is not None:
        names = _names(db, query.speaker)
        marks = ", ".join("?" * len(names))
        where += f" AND meetings.id IN (SELECT meeting_id FROM speakers WHERE name IN ({marks}))"
        values += names
    return f"SELECT id FROM meetings WHERE 1 {where} ORDER BY started_at DESC", values


def _hit(row: sqlite3.Row, places: Sequence[tuple[int, int]]) -> Hit:
    return Hit(
        meeting_id=row["meeting_id"],
        title=row["title"],
        started_at=datetime.fromisoformat(row["started_at"]),
        recording=Path(row["path"]),
        segment=row["position"],
        start=row["start"],
        end=row["end"],
        speaker=row["speaker"],
        text=row["text"],
        matches=tuple(places),
    )
