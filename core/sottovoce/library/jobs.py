"""The queue of the watched folders: a row for each file, kept over restarts.

A row is known by its path; ``identity`` says which state of the file it is about, so that a file
that changed is a new job and one that did not is left alone. Whoever works on a job holds
``Home.queue_lock``, which the system releases when a process ends, however it ends: a row that is
``running`` while nobody holds the lock was broken off.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .library import _readable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RETRIES = (15, 60, 300)
"""Seconds from a failed attempt to the next; after as many and one more it has failed"""
BROKEN_OFF = 10
"""Times that the program may end in the middle of a job before the job is held to be the cause"""
PAUSES = (15, 30, 60, 300, 600)
"""Seconds until a queue that the machine's state paused is tried again; the last for ever"""


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SET_ASIDE = "set aside"
    """For the file's own sake, until the file changes"""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    id: int
    path: Path
    folder: Path
    """The watched folder that it was found in"""
    identity: str
    state: State
    reason: str
    """Why it is in this state, in one line; empty where the state says all"""
    priority: int
    """The highest is done first"""
    options: Mapping[str, Any]
    attempts: int
    due_at: float
    """Unix time before which it is not tried"""
    sha256: str
    size: int
    """Bytes of the content that ``sha256`` is of: of an earlier state of the file, until done"""
    meeting_id: str
    """Empty before there is one"""
    pid: int
    """Of the process that works on it, or worked on it last"""
    changed_at: float
    """Unix time"""


@dataclass(frozen=True, slots=True)
class Pause:
    by_person: bool
    reason: str
    times: int
    """How often in a row the machine was the reason"""
    until: float
    """Unix time at which the queue is tried again; a person's pause lasts until it is resumed"""

    @property
    def over(self) -> bool:
        return not self.by_person and self.until <= time.time()


class Jobs:
    """One belongs to one thread. Raises ``LibraryError``."""

    def __init__(self, path: Path) -> None:
        """``path`` is the library's, which a `Library` has brought to today's tables."""
        self._path = path
        with _readable(path):
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30, isolation_level=None
            )
            self._db.row_factory = sqlite3.Row

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Jobs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def offer(
        self,
        path: Path,
        identity: str,
        *,
        folder: Path,
        options: Mapping[str, Any],
        aside: str = "",
    ) -> bool:
        """Queue a file, or with a reason set it aside; whether that was new.

        Nothing happens where this state of the file is known, or while it is worked on.
        """
        return bool(
            self._change(
                "INSERT INTO jobs (path, folder, identity, state, reason, options, priority,"
                " changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (path) DO UPDATE SET identity = excluded.identity,"
                " folder = excluded.folder, state = excluded.state, reason = excluded.reason,"
                " options = excluded.options, attempts = 0, broken_off = 0, due_at = 0,"
                " changed_at = excluded.changed_at"
                " WHERE jobs.identity <> excluded.identity AND jobs.state <> 'running'",
                os.fsencode(path),
                os.fsencode(folder),
                identity,
                State.SET_ASIDE if aside else State.QUEUED,
                aside,
                json.dumps(options, sort_keys=True),
                options.get("priority", 0),
                time.time(),
            )
        )

    def gained_recording(self, path: Path) -> bool:
        """Queue a transcript anew that became a meeting without a recording; whether it did."""
        return bool(
            self._change(
                "UPDATE jobs SET state = 'queued', reason = '', attempts = 0, due_at = 0"
                " WHERE path = ? AND state = 'done'"
                " AND meeting_id IN (SELECT id FROM meetings WHERE path = ?)",
                os.fsencode(path),
                str(path),
            )
        )

    def find(self, path: Path) -> Job | None:
        return next(iter(self._jobs("WHERE path = ?", os.fsencode(path))), None)

    def of_meeting(self, meeting_id: str) -> list[Job]:
        return self._jobs("WHERE meeting_id = ?", meeting_id)

    def get(self, id: int) -> Job | None:
        return next(iter(self._jobs("WHERE id = ?", id)), None)

    def all(self, *states: State) -> list[Job]:
        """In the order in which they are done; without states, all."""
        wanted = states or tuple(State)
        marks = ", ".join("?" * len(wanted))
        return self._jobs(f"WHERE state IN ({marks}) {_ORDER}", *wanted)

    def counts(self) -> dict[State, int]:
        with _readable(self._path):
            rows = self._db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()
        return {State(state): count for state, count in rows}

    def mend(self) -> None:
        """Queue what was broken off. Call it while holding the queue's lock."""
        self._change(
            "UPDATE jobs SET broken_off = broken_off + 1,"
            " state = iif(broken_off + 1 < ?, 'queued', 'failed'),"
            " reason = iif(broken_off + 1 < ?, '', ?) WHERE state = 'running'",
            BROKEN_OFF,
            BROKEN_OFF,
            f"the program ended {BROKEN_OFF} times while it worked on this file; "
            "'sotto jobs retry' tries again",
        )

    def begin(self, folders: Sequence[Path]) -> Job | None:
        """Take the next job that is due. Call it while holding the queue's lock."""
        marks = ", ".join("?" * len(folders))
        due = self._jobs(
            f"WHERE state = 'queued' AND due_at <= ? AND folder IN ({marks}) {_ORDER} LIMIT 1",
            time.time(),
            *map(os.fsencode, folders),
        )
        if not due:
            return None
        self._to(due[0], State.RUNNING, "", pid=os.getpid())
        return self.get(due[0].id)

    def done(
        self, job: Job, *, reason: str, sha256: str = "", size: int = 0, meeting_id: str = ""
    ) -> None:
        self._to(job, State.DONE, reason, sha256=sha256, size=size, meeting_id=meeting_id)

    def tell(self, job: Job, reason: str) -> None:
        """Note how far the work on it has come."""
        self._change(
            "UPDATE jobs SET reason = ? WHERE id = ? AND state = 'running'", reason, job.id
        )

    def set_aside(self, job: Job, reason: str) -> None:
        self._to(job, State.SET_ASIDE, reason)

    def again(self, job: Job, reason: str, *, after: float, counts: bool = True) -> Job | None:
        """Try it again after as many seconds; with ``counts`` this was one of its attempts."""
        self._to(
            job,
            State.QUEUED,
            reason,
            attempts=job.attempts + counts,
            due_at=time.time() + after,
        )
        return self.get(job.id)

    def failed(self, job: Job, reason: str, *, final: bool = True) -> bool:
        """Note a failed attempt; whether it will be tried again. Without ``final``, always."""
        if job.attempts < len(RETRIES) or not final:
            self.again(job, reason, after=RETRIES[min(job.attempts, len(RETRIES) - 1)])
            return True
        self._to(job, State.FAILED, reason, attempts=job.attempts + 1)
        return False

    def exported(self, path: Path) -> bool:
        """Whether an exporter wrote this file."""
        with _readable(self._path):
            found = self._db.execute(
                "SELECT 1 FROM exports WHERE path = ?", (str(path),)
            ).fetchone()
        return found is not None

    def cancel(self, job: Job) -> bool:
        """Whoever is working on it stops within a second or two."""
        return self._person(job, State.CANCELLED, running=True)

    def retry(self, job: Job) -> bool:
        return self._person(job, State.QUEUED)

    def remove(self, job: Job) -> bool:
        """Forget a file; whether it could be. Its notes stay."""
        return bool(self._change("DELETE FROM jobs WHERE id = ? AND state <> 'running'", job.id))

    def forget(self, job: Job) -> None:
        """Drop the row of a file that is gone, or that became part of another job."""
        self._change("DELETE FROM jobs WHERE id = ?", job.id)

    def prioritise(self, job: Job, priority: int) -> None:
        self._change("UPDATE jobs SET priority = ? WHERE id = ?", priority, job.id)

    # The pause of the whole queue

    def paused(self) -> Pause | None:
        with _readable(self._path):
            row = self._db.execute("SELECT * FROM pause").fetchone()
        if row is None:
            return None
        return Pause(bool(row["by_person"]), row["reason"], row["times"], row["until"])

    def pause(self) -> None:
        self._change(
            "INSERT OR REPLACE INTO pause VALUES (1, 1, 'you paused it', 0, 0)",
        )

    def resume(self) -> bool:
        return bool(self._change("DELETE FROM pause"))

    def machine_fails(self, reason: str) -> Pause:
        """Pause the queue for a failure of the machine, for longer the more often in a row."""
        now = self.paused()
        times = now.times if now else 0
        until = time.time() + PAUSES[min(times, len(PAUSES) - 1)]
        self._change(
            "INSERT INTO pause VALUES (1, 0, ?, ?, ?) ON CONFLICT (only_one) DO UPDATE SET"
            " reason = excluded.reason, times = excluded.times, until = excluded.until"
            " WHERE NOT by_person",
            reason,
            times + 1,
            until,
        )
        return Pause(False, reason, times + 1, until)

    def machine_works(self) -> bool:
        """End a pause that the machine was the reason for; whether there was one."""
        return bool(self._change("DELETE FROM pause WHERE NOT by_person"))

    def _person(self, job: Job, state: State, *, running: bool = False) -> bool:
        return bool(
            self._change(
                "UPDATE jobs SET state = ?, reason = '', attempts = 0, broken_off = 0, due_at = 0,"
                " changed_at = ? WHERE id = ? AND (? OR state <> 'running')",
                state,
                time.time(),
                job.id,
                running,
            )
        )

    def _to(self, job: Job, state: State, reason: str, **values: Any) -> None:
        values = {"state": state, "reason": reason, "changed_at": time.time(), **values}
        columns = ", ".join(f"{name} = ?" for name in values)
        self._change(f"UPDATE jobs SET {columns} WHERE id = ?", *values.values(), job.id)

    def _change(self, query: str, *values: Any) -> int:
        with _readable(self._path):
            return self._db.execute(query, values).rowcount

    def _jobs(self, rest: str, *values: Any) -> list[Job]:
        with _readable(self._path):
            rows = self._db.execute(f"SELECT * FROM jobs {rest}", values).fetchall()
        return [_job(row) for row in rows]


_ORDER = "ORDER BY state = 'running' DESC, priority DESC, broken_off, id"


def _job(row: sqlite3.Row) -> Job:
    values = {name: row[name] for name in row.keys() if name != "broken_off"}  # noqa: SIM118
    values["path"] = Path(os.fsdecode(row["path"]))
    values["folder"] = Path(os.fsdecode(row["folder"]))
    values["state"] = State(row["state"])
    values["options"] = json.loads(row["options"])
    return Job(**values)
