"""The tables, as the steps that lead from an empty file to today's version.

``PRAGMA user_version`` is the number of steps taken. A step is never edited once released; a
change is a new step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import LibraryError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

STEPS = (
    """
    CREATE TABLE meetings (
        id TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        titled_by_person INTEGER NOT NULL DEFAULT 0,
        path TEXT NOT NULL,
        source TEXT NOT NULL,
        started_at TEXT NOT NULL,
        duration REAL NOT NULL,
        sha256 TEXT NOT NULL UNIQUE,
        language TEXT NOT NULL DEFAULT '',
        added_at TEXT NOT NULL DEFAULT (datetime('now'))
    ) STRICT;

    CREATE TABLE speakers (
        id INTEGER PRIMARY KEY,
        meeting_id TEXT NOT NULL REFERENCES meetings ON DELETE CASCADE,
        name TEXT NOT NULL,
        UNIQUE (meeting_id, name)
    ) STRICT;

    -- position is NULL until all tracks are transcribed and their speakers known.
    CREATE TABLE segments (
        id INTEGER PRIMARY KEY,
        meeting_id TEXT NOT NULL REFERENCES meetings ON DELETE CASCADE,
        position INTEGER,
        track INTEGER NOT NULL,
        start REAL NOT NULL,
        end REAL NOT NULL,
        text TEXT NOT NULL,
        confidence REAL,
        words TEXT NOT NULL DEFAULT '[]',
        voice BLOB NOT NULL DEFAULT x'',
        speaker_id INTEGER REFERENCES speakers ON DELETE SET NULL,
        UNIQUE (meeting_id, track, start)
    ) STRICT;
    CREATE INDEX segments_in_order ON segments (meeting_id, position);

    CREATE VIRTUAL TABLE segments_fts USING fts5 (
        text, content = 'segments', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
    );
    CREATE TRIGGER segments_added AFTER INSERT ON segments BEGIN
        INSERT INTO segments_fts (rowid, text) VALUES (new.id, new.text);
    END;
    CREATE TRIGGER segments_removed AFTER DELETE ON segments BEGIN
        INSERT INTO segments_fts (segments_fts, rowid, text) VALUES ('delete', old.id, old.text);
    END;
    CREATE TRIGGER segments_changed AFTER UPDATE OF text ON segments BEGIN
        INSERT INTO segments_fts (segments_fts, rowid, text) VALUES ('delete', old.id, old.text);
        INSERT INTO segments_fts (rowid, text) VALUES (new.id, new.text);
    END;

    CREATE TABLE stages (
        meeting_id TEXT NOT NULL REFERENCES meetings ON DELETE CASCADE,
        stage TEXT NOT NULL,
        engine TEXT NOT NULL,
        version TEXT NOT NULL,
        model TEXT NOT NULL,
        seconds REAL NOT NULL,
        finished_at TEXT NOT NULL DEFAULT (datetime('now')),
        PRIMARY KEY (meeting_id, stage)
    ) STRICT;

    CREATE TABLE notes (
        meeting_id TEXT PRIMARY KEY REFERENCES meetings ON DELETE CASCADE,
        body TEXT NOT NULL,
        written_at TEXT NOT NULL DEFAULT (datetime('now'))
    ) STRICT;

    CREATE TABLE exports (
        meeting_id TEXT NOT NULL REFERENCES meetings ON DELETE CASCADE,
        exporter TEXT NOT NULL,
        path TEXT NOT NULL,
        exported_at TEXT NOT NULL DEFAULT (datetime('now')),
        PRIMARY KEY (meeting_id, exporter, path)
    ) STRICT;
    """,
    """
    -- Tags are stored casefolded.
    CREATE TABLE tags (
        meeting_id TEXT NOT NULL REFERENCES meetings ON DELETE CASCADE,
        tag TEXT NOT NULL,
        PRIMARY KEY (meeting_id, tag)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX meetings_by_tag ON tags (tag);
    CREATE INDEX speakers_by_name ON speakers (name);

    -- Notes are written anew with another template or model; the highest number is the present.
    CREATE TABLE note_versions (
        meeting_id TEXT NOT NULL REFERENCES meetings ON DELETE CASCADE,
        number INTEGER NOT NULL,
        body TEXT NOT NULL,
        written_at TEXT NOT NULL DEFAULT (datetime('now')),
        PRIMARY KEY (meeting_id, number)
    ) STRICT;
    INSERT INTO note_versions SELECT meeting_id, 1, body, written_at FROM notes;
    DROP TABLE notes;
    """,
    """
    -- Events that wait for their delivery; due_at is Unix time, and NULL once given up.
    CREATE TABLE outbox (
        id TEXT PRIMARY KEY,
        target TEXT NOT NULL,
        event TEXT NOT NULL,
        meeting_id TEXT NOT NULL REFERENCES meetings ON DELETE CASCADE,
        happened_at TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        due_at REAL,
        error TEXT NOT NULL DEFAULT '',
        UNIQUE (target, event, meeting_id)
    ) STRICT;

    -- Neither assistants nor events are told of these.
    CREATE TABLE private_meetings (
        meeting_id TEXT PRIMARY KEY REFERENCES meetings ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE participants (
        meeting_id TEXT NOT NULL REFERENCES meetings ON DELETE CASCADE,
        name TEXT NOT NULL,
        email TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (meeting_id, name)
    ) STRICT;

    CREATE TABLE events (
        meeting_id TEXT PRIMARY KEY REFERENCES meetings ON DELETE CASCADE,
        calendar TEXT NOT NULL,
        uid TEXT NOT NULL,
        starts_at TEXT NOT NULL,
        ends_at TEXT NOT NULL,
        title TEXT NOT NULL,
        agenda TEXT NOT NULL
    ) STRICT;
    """,
    """
    -- What the watched folders hold. A path is bytes, as file names are; due_at is Unix time.
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,
        folder BLOB NOT NULL,
        identity TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '',
        priority INTEGER NOT NULL DEFAULT 0,
        options TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        broken_off INTEGER NOT NULL DEFAULT 0,
        due_at REAL NOT NULL DEFAULT 0,
        sha256 TEXT NOT NULL DEFAULT '',
        meeting_id TEXT NOT NULL DEFAULT '',
        pid INTEGER NOT NULL DEFAULT 0,
        changed_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX jobs_by_state ON jobs (state);

    -- One row while the queue is paused.
    CREATE TABLE pause (
        only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
        by_person INTEGER NOT NULL,
        reason TEXT NOT NULL,
        times INTEGER NOT NULL,
        until REAL NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE segments ADD COLUMN language TEXT NOT NULL DEFAULT '';
    -- Where an interrupted transcription goes on; NULL: at the segment's end.
    ALTER TABLE segments ADD COLUMN until REAL;

    -- What the guards against invention left out of a transcript, by kind.
    CREATE TABLE inventions (
        meeting_id TEXT NOT NULL REFERENCES meetings ON DELETE CASCADE,
        kind TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (meeting_id, kind)
    ) STRICT;
    """,
    """
    -- Bytes of the content that sha256 is of: tells a file that grew since from another one.
    ALTER TABLE jobs ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
    """,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to today's version, in one transaction a step."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(STEPS):
        raise LibraryError(
            f"the library has schema version {version} and this program knows {len(STEPS)}: "
            "it was written by a newer sottovoce; upgrade this one"
        )
    for number, step in enumerate(STEPS[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have taken the step while this one waited for the lock.
            (now,) = connection.execute("PRAGMA user_version").fetchone()
            if now < number:
                # Not executescript: that ends the transaction before it begins.
                for statement in _statements(step):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    import sqlite3

    begun = ""
    for part in script.split(";"):
        begun += f"{part};"
        if sqlite3.complete_statement(begun):
            yield begun
            begun = ""
