"""From the disk to the queue: what appears in the watched folders is queued once it is ready."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..library.jobs import Jobs, State
from .folders import Sorter, listed, on_network
from .ready import being_written, elsewhere, identity, incomplete, unfinished_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..host import Host
    from .folders import Folder

log = logging.getLogger(__name__)

SETTLED = 0.5
"""Seconds without a change after which a file that nobody writes is taken"""
SETTLED_UNSEEN = 3.0
"""The same, where it cannot be seen whether somebody writes, and before a file is set aside"""
SETTLED_UNSAID = 10.0
"""The same, where the container does not show its end either: a copy may only have stalled"""
SETTLED_FOLDER = 5.0
"""The same for a folder that is one meeting"""
_TICK = 0.1
_POLL = 2.0
"""Seconds between two looks at a polled folder; more where a look takes long"""
_PLACES = 5.0
"""Seconds between two checks that a watched folder is still the one it was"""
_SHARE = 200
"""A look takes one part of so many of the time"""
_LOOK_AGAIN = 600.0
"""Seconds between two looks at a folder with events: an overfull queue of events loses some"""


@dataclass(slots=True)
class _Seen:
    folder: Folder
    identity: str
    since: float
    """Of the last change"""
    first: float
    reason: str = ""
    """Why it is none, for a file that looks like a meeting"""
    joined: bool = False
    """Whether it was noticed by another file, that goes with it"""
    waits: str = ""
    """For what, once that is known"""


class Intake:
    """Watches folders. ``run`` is for a thread of its own, ``look_once`` for the caller's."""

    def __init__(
        self,
        host: Host,
        folders: Sequence[Folder],
        *,
        off_limits: Sequence[Path] = (),
        say: Callable[[str], None],
        queued: Callable[[], None] = lambda: None,
    ) -> None:
        """``off_limits`` are folders that are not looked into; ``queued`` is told of new jobs."""
        self._host = host
        self._folders = folders
        self._off_limits = tuple(off_limits)
        self._say = say
        self._queued = queued
        self._sorter = Sorter(host)
        self._known: dict[Path, str] = {}
        self._pending: dict[Path, _Seen] = {}
        self._dirty: set[Path] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = False
        self._due = dict.fromkeys(range(len(folders)), 0.0)
        self._missing: set[Path] = set()
        self._polled = {it.path for it in folders if it.polled}
        self._network = {it.path for it in folders if on_network(it.path)}
        self._places = {it.path: _place(it.path) for it in folders}

    def poll(self, folder: Path) -> None:
        """Look at a folder often, as no events tell of it."""
        self._polled.add(folder)

    def look(self, path: Path) -> None:
        """Something happened to a file or folder. May be called from any thread."""
        with self._lock:
            self._dirty.add(path)
        self._wake.set()

    def stop(self) -> None:
        self._stop = True
        self._wake.set()

    @property
    def waiting(self) -> dict[Path, str]:
        """Files that are not ready, and why, where that is known."""
        return {path: seen.waits for path, seen in list(self._pending.items())}

    def run(self) -> None:
        with Jobs(self._host.home.library) as jobs:
            while not self._stop:
                self._check_places()
                self._scan_due(jobs)
                self._take_dirty(jobs)
                self._settle(jobs)
                until = min(self._due.values()) - time.monotonic()
                self._wake.wait(_TICK if self._pending else min(_PLACES, max(_TICK, until)))
                self._wake.clear()

    def look_once(self) -> None:
        """Queue what is ready in the folders, and wait for what only has to settle."""
        with Jobs(self._host.home.library) as jobs:
            self._scan_due(jobs)
            self._take_dirty(jobs)
            for seen in self._pending.values():  # what waited may be ready by now
                seen.waits, seen.first = "", time.monotonic()
            while any(not seen.waits for seen in self._pending.values()):
                self._settle(jobs)
                time.sleep(_TICK)

    def _check_places(self) -> None:
        """A folder that was taken away, and is back, sends no events any more."""
        for number, (path, before) in enumerate(self._places.items()):
            now = _place(path)
            if now != before and now is not None:
                self._places[path] = now
                self._polled.add(path)
                self._due[number] = 0.0

    def _scan_due(self, jobs: Jobs) -> None:
        for number, folder in enumerate(self._folders):
            if time.monotonic() < self._due[number]:
                continue
            began = time.monotonic()
            try:
                for path in listed(folder, self._not_for(folder)):
                    self._notice(path, folder)
                    if self._stop:
                        return
                often = folder.path in self._polled or self._has_silent_folders(folder)
            except OSError as error:
                often = True
                if folder.path not in self._missing:
                    self._missing.add(folder.path)
                    self._say(f"{folder.path}: it cannot be listed ({error.strerror}); waiting")
            else:
                if folder.path in self._missing:
                    self._missing.discard(folder.path)
                    self._say(f"{folder.path}: it is back")
                for job in jobs.all(State.SET_ASIDE, State.FAILED):
                    if job.folder == folder.path and not os.path.lexists(job.path):
                        jobs.forget(job)
            took = time.monotonic() - began
            with self._lock:
                wait = max(_POLL if often else _LOOK_AGAIN, took * _SHARE)
                self._due[number] = time.monotonic() + wait

    def _not_for(self, folder: Folder) -> tuple[Path, ...]:
        """What is under a folder and not its own: a watched folder in another has its own ways."""
        others = (it.path for it in self._folders if it.path != folder.path)
        return (*self._off_limits, *(it for it in others if it.is_relative_to(folder.path)))

    def _has_silent_folders(self, folder: Folder) -> bool:
        """Whether there are folders in it that are looked into, and of which no events come."""
        if folder.recursive:
            return False
        mine = self._not_for(folder)
        with os.scandir(folder.path) as entries:
            inside = [Path(it.path) for it in entries if it.is_dir(follow_symlinks=False)]
        return any(folder.holds(it) and it not in mine for it in inside)

    def _take_dirty(self, jobs: Jobs) -> None:
        with self._lock:
            dirty, self._dirty = self._dirty, set()
        for path in dirty:
            containing = [it for it in self._folders if path.is_relative_to(it.path)]
            folder = max(containing, key=lambda it: len(it.path.parts), default=None)
            if folder is None or not folder.holds(path):
                continue
            if any(path.is_relative_to(it) for it in self._off_limits):
                continue
            if path.is_dir() and not path.is_symlink():
                if not folder.recursive:  # it may be one of which no events come
                    self._due[self._folders.index(folder)] = 0.0
                try:
                    for inside in listed(folder, self._not_for(folder), path):
                        self._notice(inside, folder)
                except OSError as error:
                    log.info("%s cannot be listed: %s", path, error)
            elif os.path.lexists(path):
                self._known.pop(path, None)
                self._notice(path, folder)
            else:
                gone = jobs.find(path)
                if gone is not None and gone.state in (State.SET_ASIDE, State.FAILED):
                    jobs.forget(gone)

    def _notice(self, path: Path, folder: Folder) -> None:
        now = _identity(path)
        if now is None or self._known.get(path) == now:
            return
        self._known[path] = now
        meeting, reason = self._sorter.meeting(path, folder)
        if meeting is None:
            return
        state = _identity(meeting)
        seen = self._pending.get(meeting)
        if state is not None and (seen is None or seen.identity != state):
            moment = time.monotonic()
            first = seen.first if seen else moment
            seen = self._pending[meeting] = _Seen(folder, state, moment, first, reason)
        if seen is not None and path != meeting:
            seen.joined = True

    def _settle(self, jobs: Jobs) -> None:
        for path, seen in list(self._pending.items()):
            now = _identity(path)
            if now is None:
                del self._pending[path]
                self._known.pop(path, None)
            elif now != seen.identity:
                seen.identity, seen.since, seen.waits = now, time.monotonic(), ""
                if seen.since - seen.first > SETTLED_UNSEEN:
                    seen.waits = "it is being written"
            elif self._ready(path, seen, jobs):
                del self._pending[path]

    def _ready(self, path: Path, seen: _Seen, jobs: Jobs) -> bool:
        """Queue it or set it aside, where its time has come."""
        quiet = time.monotonic() - seen.since
        if quiet < SETTLED:
            return False
        if path.is_dir():
            seen.waits = unfinished_name(path)
            if seen.waits or quiet < SETTLED_FOLDER:
                return False
            return self._offer(path, seen, jobs, "")
        try:
            if elsewhere(path):
                seen.waits = "the sync client has not brought it yet"
                return False
            written = None if seen.folder.path in self._network else being_written(path)
            if written:
                seen.waits = "it is being written"
                return False
            seen.waits = ""
            wrong = seen.reason or incomplete(path)
        except FileNotFoundError:
            wrong = "the link leads nowhere"
        except PermissionError:
            wrong = "you have no permission to read it"
        except OSError as error:
            wrong = f"it cannot be read: {error.strerror}"
        else:
            if written is None and quiet < (SETTLED_UNSAID if wrong is None else SETTLED_UNSEEN):
                return False
        if wrong and quiet < SETTLED_UNSEEN:
            return False
        return self._offer(path, seen, jobs, wrong or "")

    def _offer(self, path: Path, seen: _Seen, jobs: Jobs, wrong: str) -> bool:
        """Whether that is settled: a file that is worked on in another state is offered later."""
        new = jobs.offer(
            path,
            seen.identity,
            folder=seen.folder.path,
            options=seen.folder.options,
            aside=wrong,
        )
        if new and wrong:
            self._say(f"set aside {shown(path)}: {wrong}")
        elif new or (seen.joined and jobs.gained_recording(path)):
            self._queued()
        else:
            row = jobs.find(path)
            return row is None or row.state is not State.RUNNING or row.identity == seen.identity
        return True


def _identity(path: Path) -> str | None:
    """``None`` where there is nothing."""
    try:
        return identity(path)
    except OSError:
        try:
            found = path.lstat()
        except OSError:
            return None
        return f"link:{found.st_mtime_ns}:{found.st_ino}"


def _place(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def shown(path: Path) -> str:
    """A path in one line, whatever its name holds."""
    text = str(path)
    return text if text.isprintable() else ascii(text)[1:-1]
