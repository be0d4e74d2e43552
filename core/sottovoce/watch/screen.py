"""What a person sees of a watch: plain lines, and on a terminal a status under them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..pipeline import Stage
from .intake import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console
    from rich.status import Status

    from ..library.jobs import Job
    from ..pipeline import Progress

_WORDS = {Stage.TRANSCRIPTION: "transcribing", Stage.NOTES: "taking notes"}


@dataclass(frozen=True, slots=True)
class Queue:
    """What there is to do, and was done."""

    queued: int
    bytes: int
    """Of the files that are queued"""
    done: int
    wrong: int
    waiting: int
    """Files that are not ready"""


class Screen:
    def __init__(self, console: Console, status: Status | None) -> None:
        self._console = console
        self._status = status
        self._job = ""
        self._stage = ""
        self._queue = Queue(0, 0, 0, 0, 0)
        self._size = 0
        self._began = 0.0
        self._share = 0.0
        self._took = self._worked = 0.0
        """Seconds and bytes of the jobs that were done"""

    def say(self, line: str) -> None:
        """From any thread."""
        stamp = time.strftime("%H:%M:%S ") if self._status is not None else ""
        self._console.print(f"{stamp}{line}", markup=False, highlight=False, soft_wrap=True)

    def begin(self, job: Job) -> None:
        self._job, self._stage = shown(job.path), ""
        self._size, self._share = size_of(job.path), 0.0
        self._began = time.monotonic()
        self._update()

    def report(self, progress: Progress) -> None:
        self._stage = f": {doing(progress)}"
        if progress.stage is Stage.TRANSCRIPTION and progress.total:
            self._share = min(1.0, progress.done / progress.total)
        self._update()

    def end(self) -> None:
        """The job is over."""
        if self._job:
            self._took += time.monotonic() - self._began
            self._worked += self._size
        self._job = self._stage = ""

    def counts(self, queue: Queue) -> None:
        self._queue = queue
        self._update()

    def _left(self) -> str:
        """How long all that is queued will take, by the size of the files; once that shows."""
        seconds, size = self._took, self._worked
        under_way = self._size * self._share if self._job else 0.0
        if under_way:
            seconds, size = seconds + time.monotonic() - self._began, size + under_way
        to_do = self._queue.bytes + (self._size - under_way if self._job else 0.0)
        if not size or not to_do:
            return ""
        minutes = to_do * seconds / size / 60
        if minutes < 1:
            return " (under a minute)"
        return f" (about {minutes:.0f} min)" if minutes < 90 else f" (about {minutes / 60:.1f} h)"

    def _update(self) -> None:
        if self._status is not None:
            from rich.text import Text

            it = self._queue
            doing = f"{self._job}{self._stage}" if self._job else "watching"
            self._status.update(
                Text(
                    f"{doing} · {it.queued} queued{self._left()}, {it.waiting} not ready, "
                    f"{it.done} done, {it.wrong} set aside or failed"
                )
            )


def doing(progress: Progress) -> str:
    share = f" {min(1.0, progress.done / progress.total):.0%}" if progress.total else ""
    return f"{_WORDS[progress.stage]}{share}"


def size_of(path: Path) -> int:
    """Bytes of a file, or of the files in a folder; 0 for what is gone."""
    try:
        if path.is_dir():
            return sum(it.stat().st_size for it in path.rglob("*") if it.is_file())
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def screen() -> Iterator[Screen]:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        yield Screen(console, None)
        return
    with console.status("watching") as status:
        yield Screen(console, status)
