"""Reading and writing the library. One `Library` belongs to one thread."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from array import array
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LibraryError, UsageError
from ..values import MeetingNotes, Production, Recording, Segment, Transcript, Word
from . import inventions
from .codec import notes_from_json, notes_to_json
from .schema import migrate
from .search import Hit, Query, search

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A recording and how far the work on it has come."""

    recording: Recording
    titled_by_person: bool
    language: str
    stages: tuple[str, ...]
    exports: tuple[tuple[str, Path], ...]
    """Exporter and file, as they were written"""

    @property
    def id(self) -> str:
        return self.recording.id


def _write_ahead(db: sqlite3.Connection) -> None:
    """Unlike all else, SQLite does not wait here for another process that does the same."""
    until = time.monotonic() + 30
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)


class Library:
    def __init__(self, path: Path) -> None:
        """Open the library, creating or migrating it. Raises ``LibraryError``."""
        self.path = path
        with _readable(path):
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            _write_ahead(self._db)
            self._db.execute("PRAGMA foreign_keys = ON")
            path.chmod(0o600)
            migrate(self._db)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _readable(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.rollback()
                raise
            self._db.commit()

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with _readable(self.path):
            return self._db.execute(query, values).fetchall()

    # Meetings

    def add(self, recording: Recording) -> Meeting:
        """Add a recording, or return the meeting that already has its content.

        The file may have moved since: the newest path is kept.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT INTO meetings (id, title, path, source, started_at, duration, sha256)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (sha256) DO UPDATE SET path = excluded.path",
                (
                    recording.id,
                    recording.title,
                    str(recording.path),
                    recording.source,
                    recording.started_at.isoformat(),
                    recording.duration,
                    recording.sha256,
                ),
            )
        (row,) = self._rows("SELECT * FROM meetings WHERE sha256 = ?", recording.sha256)
        return self._meeting(row)

    def with_content(self, sha256: str) -> Meeting | None:
        rows = self._rows("SELECT * FROM meetings WHERE sha256 = ?", sha256)
        return self._meeting(rows[0]) if rows else None

    def move(self, meeting_id: str, path: Path) -> None:
        """Note where a meeting's recording lies now."""
        with self._transaction() as db:
            db.execute("UPDATE meetings SET path = ? WHERE id = ?", (str(path), meeting_id))

    def replace_content(self, meeting_id: str, recording: Recording, *, anew: bool) -> None:
        """Give a meeting another file, with its content and when it began; with ``anew`` it is
        transcribed again."""
        with self._transaction() as db:
            db.execute(
                "UPDATE meetings SET path = ?, sha256 = ?, started_at = ? WHERE id = ?",
                (
                    str(recording.path),
                    recording.sha256,
                    recording.started_at.isoformat(),
                    meeting_id,
                ),
            )
            if anew:
                _forget_transcript(db, meeting_id)

    def meetings(self) -> list[Meeting]:
        """All meetings, the latest first."""
        rows = self._rows("SELECT * FROM meetings ORDER BY started_at DESC, id")
        return [self._meeting(row) for row in rows]

    def find(self, wanted: str) -> Meeting:
        """The one meeting whose id begins with ``wanted``, or whose title is or contains it."""
        if exact := self._rows("SELECT * FROM meetings WHERE id = ?", wanted):
            return self._meeting(exact[0])
        everything = self.meetings()
        lowered = wanted.casefold()
        tests = (
            lambda m: m.recording.title.casefold() == lowered,
            lambda m: len(wanted) >= 3 and m.id.startswith(wanted),
            lambda m: lowered in m.recording.title.casefold(),
        )
        for test in tests:
            match [meeting for meeting in everything if test(meeting)]:
                case [meeting]:
                    return meeting
                case [_, *_] as several:
                    ids = ", ".join(f"{m.id} ({m.recording.title})" for m in several[:5])
                    raise UsageError(f"'{wanted}' fits {len(several)} meetings; name one: {ids}")
        raise UsageError(f"no meeting '{wanted}'; 'sotto meetings' lists them")

    def rename(self, meeting_id: str, title: str, *, by_person: bool) -> None:
        """Set the title. A title that a person wrote is replaced by a person only."""
        with self._transaction() as db:
            db.execute(
                "UPDATE meetings SET title = ?, titled_by_person = ?"
                " WHERE id = ? AND (? OR NOT titled_by_person)",
                (title, by_person, meeting_id, by_person),
            )

    def delete(self, meeting_id: str) -> None:
        with self._transaction() as db:
            # One by one through the trigger, so that the words leave the search index too.
            db.execute("DELETE FROM segments WHERE meeting_id = ?", (meeting_id,))
            db.execute("DELETE FROM meetings WHERE id = ?", (meeting_id,))

    def tag(self, meeting_id: str, *tags: str) -> None:
        """Add tags to a meeting. Their case does not count."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO tags (meeting_id, tag) VALUES (?, ?)",
                [(meeting_id, tag.casefold()) for tag in tags],
            )

    def untag(self, meeting_id: str, *tags: str) -> None:
        with self._transaction() as db:
            db.executemany(
                "DELETE FROM tags WHERE meeting_id = ? AND tag = ?",
                [(meeting_id, tag.casefold()) for tag in tags],
            )

    def tags(self, meeting_id: str) -> tuple[str, ...]:
        rows = self._rows("SELECT tag FROM tags WHERE meeting_id = ? ORDER BY tag", meeting_id)
        return tuple(row["tag"] for row in rows)

    def search(self, query: Query) -> list[Hit]:
        """Segments of all meetings that have all of the words, the best first."""
        with _readable(self.path):
            return search(self._db, query)

    def _meeting(self, row: sqlite3.Row) -> Meeting:
        stages = self._rows(
            "SELECT stage FROM stages WHERE meeting_id = ? ORDER BY finished_at", row["id"]
        )
        exports = self._rows(
            "SELECT exporter, path FROM exports WHERE meeting_id = ? ORDER BY exported_at",
            row["id"],
        )
        return Meeting(
            recording=Recording(
                id=row["id"],
                title=row["title"],
                path=Path(row["path"]),
                source=row["source"],
                started_at=datetime.fromisoformat(row["started_at"]),
                duration=row["duration"],
                sha256=row["sha256"],
            ),
            titled_by_person=bool(row["titled_by_person"]),
            language=row["language"],
            stages=tuple(it["stage"] for it in stages),
            exports=tuple((it["exporter"], Path(it["path"])) for it in exports),
        )

    # Transcripts

    def add_segment(self, meeting_id: str, segment: Segment) -> None:
        """Store a segment as it arrives, before its place and its speaker are known."""
        with self._transaction() as db:
            _insert(db, meeting_id, segment, None, None)

    def transcribed_until(self, meeting_id: str, track: int) -> float:
        """Where to go on with a track, in seconds, after its last stored segment; 0 for none."""
        (row,) = self._rows(
            "SELECT max(coalesce(until, end)) AS until FROM segments"
            " WHERE meeting_id = ? AND track = ?",
            meeting_id,
            track,
        )
        return float(row["until"] or 0.0)

    def pending_segments(self, meeting_id: str) -> list[Segment]:
        """What was transcribed so far, of all tracks, in the order of time."""
        rows = self._rows(
            "SELECT segments.*, NULL AS speaker FROM segments WHERE meeting_id = ?"
            " ORDER BY start, track",
            meeting_id,
        )
        return [_segment(row, position) for position, row in enumerate(rows)]

    def complete_transcript(
        self, transcript: Transcript, duration: float, made: Production
    ) -> None:
        """Replace what was stored segment by segment with the finished transcript, in one step.

        ``duration`` is what there really was to hear: a container may promise more, or not say.
        """
        with self._transaction() as db:
            _complete(db, transcript, duration, made)

    def replace_transcript(
        self,
        transcript: Transcript,
        duration: float,
        made: Production,
        removed: Mapping[str, int],
        notes: MeetingNotes,
        noted: Production,
    ) -> None:
        """Put a better transcript and its notes, the newest version, in the place of what there
        is, all in one step. ``removed`` is what was left out as invented."""
        meeting_id = transcript.recording_id
        with self._transaction() as db:
            db.execute("DELETE FROM inventions WHERE meeting_id = ?", (meeting_id,))
            inventions.insert(db, meeting_id, removed)
            _complete(db, transcript, duration, made)
            _add_notes(db, notes, noted)

    def forget_transcript(self, meeting_id: str) -> None:
        """Take a transcript back, so that the recording is transcribed anew."""
        with self._transaction() as db:
            _forget_transcript(db, meeting_id)

    def transcript(self, meeting_id: str) -> Transcript:
        """The merged transcript; without segments while it is still being transcribed."""
        rows = self._rows(
            "SELECT segments.*, speakers.name AS speaker FROM segments"
            " LEFT JOIN speakers ON speakers.id = segments.speaker_id"
            " WHERE segments.meeting_id = ? AND position IS NOT NULL ORDER BY position",
            meeting_id,
        )
        language = self._rows("SELECT language FROM meetings WHERE id = ?", meeting_id)
        return Transcript(
            recording_id=meeting_id,
            language=language[0]["language"] if language else "",
            segments=tuple(_segment(row, row["position"]) for row in rows),
        )

    def rename_speaker(self, meeting_id: str, old: str, new: str) -> None:
        """Rename a speaker in the transcript and the notes; taking another's name merges them."""
        speakers = {
            row["name"]: row["id"]
            for row in self._rows("SELECT id, name FROM speakers WHERE meeting_id = ?", meeting_id)
        }
        if old not in speakers:
            known = ", ".join(speakers) or "none"
            raise UsageError(f"no speaker '{old}' in this meeting; its speakers: {known}")
        if not new.strip():
            raise UsageError("a speaker's name cannot be empty")
        new = new.strip()
        with self._transaction() as db:
            if new in speakers and new != old:
                db.execute(
                    "UPDATE segments SET speaker_id = ? WHERE speaker_id = ?",
                    (speakers[new], speakers[old]),
                )
                db.execute("DELETE FROM speakers WHERE id = ?", (speakers[old],))
            else:
                db.execute("UPDATE speakers SET name = ? WHERE id = ?", (new, speakers[old]))
            for row in db.execute(
                "SELECT number, body FROM note_versions WHERE meeting_id = ?", (meeting_id,)
            ).fetchall():
                body = _renamed(json.loads(row["body"]), old, new)
                db.execute(
                    "UPDATE note_versions SET body = ? WHERE meeting_id = ? AND number = ?",
                    (json.dumps(body), meeting_id, row["number"]),
                )

    # Stages and their results

    def stages(self, meeting_id: str) -> dict[str, Production]:
        rows = self._rows("SELECT * FROM stages WHERE meeting_id = ?", meeting_id)
        return {
            row["stage"]: Production(
                stage=row["stage"],
                engine=row["engine"],
                version=row["version"],
                model=row["model"],
                seconds=row["seconds"],
            )
            for row in rows
        }

    def save_notes(self, notes: MeetingNotes, made: Production) -> None:
        """Store the notes as the newest version, and that their stage is complete, in one step."""
        with self._transaction() as db:
            _add_notes(db, notes, made)

    def note_versions(self, meeting_id: str) -> list[tuple[int, datetime]]:
        """The number of each version of a meeting's notes and when it was written, oldest first."""
        rows = self._rows(
            "SELECT number, written_at FROM note_versions WHERE meeting_id = ? ORDER BY number",
            meeting_id,
        )
        return [
            (row["number"], datetime.fromisoformat(row["written_at"] + "+00:00").astimezone())
            for row in rows
        ]

    def notes(self, meeting: Meeting, version: int | None = None) -> MeetingNotes | None:
        """The notes under the meeting's present title; the newest version unless one is named."""
        rows = self._rows(
            "SELECT body FROM note_versions WHERE meeting_id = ? AND number = coalesce(?, number)"
            " ORDER BY number DESC LIMIT 1",
            meeting.id,
            version,
        )
        if not rows:
            return None
        notes = notes_from_json(json.loads(rows[0]["body"]), meeting.recording)
        return replace(notes, title=meeting.recording.title) if meeting.titled_by_person else notes

    def add_export(self, meeting_id: str, exporter: str, path: Path) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO exports (meeting_id, exporter, path) VALUES (?, ?, ?)",
                (meeting_id, exporter, str(path)),
            )


def _insert(
    db: sqlite3.Connection,
    meeting_id: str,
    segment: Segment,
    position: int | None,
    speaker_id: int | None,
) -> None:
    db.execute(
        "INSERT INTO segments (meeting_id, position, track, start, end, text, confidence, words,"
        " voice, speaker_id, language, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (meeting_id, track, start) DO NOTHING",
        (
            meeting_id,
            position,
            segment.track,
            segment.start,
            segment.end,
            segment.text,
            segment.confidence,
            json.dumps([[w.start, w.end, w.text, w.probability] for w in segment.words]),
            array("f", segment.voice).tobytes(),
            speaker_id,
            segment.language,
            segment.until,
        ),
    )


def _complete(
    db: sqlite3.Connection, transcript: Transcript, duration: float, made: Production
) -> None:
    meeting_id = transcript.recording_id
    db.execute("DELETE FROM segments WHERE meeting_id = ?", (meeting_id,))
    db.execute("DELETE FROM speakers WHERE meeting_id = ?", (meeting_id,))
    ids: dict[str | None, int | None] = {None: None}
    for name in transcript.speakers:
        ids[name] = db.execute(
            "INSERT INTO speakers (meeting_id, name) VALUES (?, ?)", (meeting_id, name)
        ).lastrowid
    for segment in transcript.segments:
        _insert(db, meeting_id, segment, segment.id, ids[segment.speaker])
    db.execute(
        "UPDATE meetings SET language = ?, duration = ? WHERE id = ?",
        (transcript.language, duration, meeting_id),
    )
    _finish(db, meeting_id, made)


def _add_notes(db: sqlite3.Connection, notes: MeetingNotes, made: Production) -> None:
    db.execute(
        "INSERT INTO note_versions (meeting_id, number, body)"
        " SELECT ?, coalesce(max(number), 0) + 1, ? FROM note_versions"
        " WHERE meeting_id = ?",
        (notes.recording.id, json.dumps(notes_to_json(notes)), notes.recording.id),
    )
    _finish(db, notes.recording.id, made)


def _forget_transcript(db: sqlite3.Connection, meeting_id: str) -> None:
    for table in ("segments", "speakers", "stages", "inventions"):
        db.execute(f"DELETE FROM {table} WHERE meeting_id = ?", (meeting_id,))


def _finish(db: sqlite3.Connection, meeting_id: str, made: Production) -> None:
    """Record that a stage is complete; done again, it replaces its earlier record."""
    db.execute(
        "INSERT OR REPLACE INTO stages (meeting_id, stage, engine, version, model, seconds)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (meeting_id, made.stage, made.engine, made.version, made.model, made.seconds),
    )


def _segment(row: sqlite3.Row, position: int) -> Segment:
    voice = array("f")  # not a tuple of floats: that takes eight times the memory
    voice.frombytes(row["voice"])
    return Segment(
        id=position,
        start=row["start"],
        end=row["end"],
        text=row["text"],
        speaker=row["speaker"],
        words=tuple(Word(*word) for word in json.loads(row["words"])),
        confidence=row["confidence"],
        track=row["track"],
        voice=voice or (),
        language=row["language"],
        until=row["until"],
    )


def _renamed(value: Any, old: str, new: str) -> Any:
    """Notes with a speaker's name replaced wherever it stands as a whole word."""
    match value:
        case str():
            return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _: new, value)
        case list():
            return [_renamed(it, old, new) for it in value]
        case dict():
            return {key: _renamed(it, old, new) for key, it in value.items()}
        case _:
            return value


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """SQLite's errors as ours, with what a person can do about them."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        advice = {
            "SQLITE_FULL": "the disk is full: free some space and run it again",
            "SQLITE_IOERR": "the disk could not be written: check it, then run it again",
            "SQLITE_BUSY": "another program holds the library: close it and run again",
            "SQLITE_LOCKED": "another program holds the library: close it and run again",
            "SQLITE_CANTOPEN": "the file cannot be opened: check the folder and its permissions",
            "SQLITE_READONLY": "the file cannot be written: check its permissions",
            "SQLITE_NOTADB": "the file is not a library: move it away to begin a new one",
            "SQLITE_CORRUPT": "the file is damaged: move it away and restore it from a backup",
        }
        key = next((key for key in advice if name.startswith(key)), None)
        raise LibraryError(f"library {path}: {advice[key] if key else error}") from error
