"""The watch as a whole: events in, jobs through, notes out, until it is stopped."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..library.jobs import State
from .intake import Intake, shown
from .manners import Notifications, battery_low, recording
from .observer import observed
from .runner import Runner
from .screen import Queue, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ..host import Host
    from ..library.jobs import Job
    from ..pipeline import Processed, Progress
    from .folders import Folder
    from .screen import Screen

_BEAT = 1.0
"""Seconds between two looks at the queue, which commands change too"""
_DELIVERY = 60.0
"""Seconds between two deliveries of events that wait"""
_LISTED = 5
_TELL = 60.0
"""Seconds between two notifications while there is more to do"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    battery: int = 30
    """Percent below which nothing is done on battery"""
    unload_after: float = 300.0
    """Seconds of idleness after which the engines give their memory back"""
    notify: bool = True
    while_recording: bool = False
    """Whether work goes on while a meeting is recorded"""


class Watcher:
    def __init__(
        self,
        host: Host,
        folders: Sequence[Folder],
        *,
        off_limits: Sequence[Path],
        screen: Screen,
        manners: Manners,
    ) -> None:
        self._host = host
        self._folders = folders
        self._screen = screen
        self._manners = manners
        self._notifications = Notifications(wanted=manners.notify)
        self._new: list[Processed] = []
        self._wake = threading.Event()
        self._waits = ""
        self._behind = False
        self._delivered = self._told = self._shown = time.monotonic()
        self._runner = Runner(
            host,
            [it.path for it in folders],
            say=screen.say,
            look=lambda path: self._intake.look(path),
            begun=self._begun,
            report=self._report,
            hold=self._why_wait,
            ready=self._new.append,
        )
        self._intake = Intake(
            host, folders, off_limits=off_limits, say=screen.say, queued=self._wake.set
        )

    def close(self) -> None:
        self._runner.close()

    def once(self) -> int:
        """Do what is there and ready; how many files were set aside or failed."""
        self._runner.jobs  # noqa: B018
        while True:
            self._intake.look_once()
            worked = False
            while not self._held() and (self._runner.step() or self._another_works()):
                worked = True
            if not worked:
                break
        self._tell()
        for path, why in self._intake.waiting.items():
            self._screen.say(f"left for the next time: {path}: {why}")
        pause = self._runner.jobs.paused()
        if pause is not None and not pause.by_person:
            self._screen.say(f"the queue is paused: {pause.reason}")
        left = self._left() if pause is None else []
        for job in left[:_LISTED]:
            why = f": {job.reason}" if job.reason else ""
            self._screen.say(f"left for the next time: {shown(job.path)}{why}")
        if len(left) > _LISTED:
            self._screen.say(f"and {len(left) - _LISTED} more; 'sotto jobs' lists them")
        return self._runner.wrong + (pause is not None)

    def _left(self) -> list[Job]:
        folders = [it.path for it in self._folders]
        queued = self._runner.jobs.all(State.QUEUED, State.RUNNING)
        return [it for it in queued if it.folder in folders]

    def _another_works(self) -> bool:
        """Whether a job of ours is due that another process keeps us from; waits a moment."""
        if self._runner.jobs.paused() or not any(it.due_at <= time.time() for it in self._left()):
            return False
        if not self._behind:
            self._behind = True
            self._screen.say("another sotto is at a job, and goes first")
        time.sleep(_BEAT)
        return True

    def run(self) -> None:
        """Watch until a signal ends it."""
        with observed(self._folders, self._intake.look, self._screen.say) as without:
            for folder in without:
                self._intake.poll(folder)
            with self._intake_at_work() as intake:
                while intake.is_alive():
                    self._beat()
        raise RuntimeError("the thread that looks at the folders ended; the log says why")

    @contextmanager
    def _intake_at_work(self) -> Iterator[threading.Thread]:
        thread = threading.Thread(target=self._intake.run, name="intake", daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            self._intake.stop()
            thread.join()

    def _beat(self) -> None:
        if not self._held() and self._runner.step():
            self._screen.end()
            self._show()
            if time.monotonic() - self._told > _TELL:
                self._tell()
            return
        self._tell()
        self._runner.unload_after(self._manners.unload_after)
        if time.monotonic() - self._delivered > _DELIVERY:
            from sottovoce_integrations.events import deliver_in_background

            self._delivered = time.monotonic()
            deliver_in_background(self._host.home)
        self._show()
        self._wake.wait(_BEAT)
        self._wake.clear()

    def _begun(self, job: Job) -> None:
        self._screen.begin(job)
        self._show()

    def _report(self, progress: Progress) -> None:
        self._screen.report(progress)
        if time.monotonic() - self._shown > _BEAT:
            self._show()

    def _why_wait(self) -> str:
        """Why work has to wait, if it has to."""
        if low := battery_low(self._manners.battery):
            return low
        if not self._manners.while_recording and (
            other := recording(self._host.home.recording_lock)
        ):
            return other
        pause = self._runner.jobs.paused()
        if pause is not None and pause.by_person:
            return f"{pause.reason}; 'sotto jobs resume' goes on"
        return ""

    def _held(self) -> bool:
        """Whether work has to wait, which is said when it begins and when it ends."""
        held = self._why_wait()
        if held.partition(",")[0] != self._waits.partition(",")[0]:
            self._screen.say(held or "work goes on")
        self._waits = held
        return bool(held)

    def _show(self) -> None:
        self._shown = time.monotonic()
        counts = self._runner.jobs.counts()
        queued = self._runner.jobs.all(State.QUEUED) if counts.get(State.QUEUED) else []
        self._screen.counts(
            Queue(
                queued=len(queued),
                bytes=sum(size_of(it.path) for it in queued),
                done=counts.get(State.DONE, 0),
                wrong=counts.get(State.SET_ASIDE, 0) + counts.get(State.FAILED, 0),
                waiting=len(self._intake.waiting),
            )
        )

    def _tell(self) -> None:
        """One notification for all notes since the last."""
        self._told = time.monotonic()
        if not self._new:
            return
        titles = [it.notes.title for it in self._new]
        self._new.clear()
        self._notifications.send(
            "Notes are ready" if len(titles) == 1 else f"{len(titles)} notes are ready",
            ", ".join(titles[:3]) + (" …" if len(titles) > 3 else ""),
        )
