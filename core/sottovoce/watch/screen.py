"""What a person sees of a watch: plain lines, and on a terminal a status under them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..pipeline import Stage
from .intake import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.status import Status

    from ..library.jobs import Job
    from ..pipeline import Progress

_WORDS = {Stage.TRANSCRIPTION: "transcribing", Stage.NOTES: "taking notes"}


class Screen:
    def __init__(self, console: Console, status: Status | None) -> None:
        self._console = console
        self._status = status
        self._job = ""
        self._stage = ""
        self._queue = ""
        self._began = 0.0
        self._took: list[float] = []

    def say(self, line: str) -> None:
        """From any thread."""
        stamp = time.strftime("%H:%M:%S ") if self._status is not None else ""
        self._console.print(f"{stamp}{line}", markup=False, highlight=False, soft_wrap=True)

    def begin(self, job: Job) -> None:
        self._job, self._stage = shown(job.path), ""
        self._began = time.monotonic()
        self._update()

    def report(self, progress: Progress) -> None:
        share = f" {progress.done / progress.total:.0%}" if progress.total else ""
        self._stage = f": {_WORDS[progress.stage]}{share}"
        self._update()

    def counts(self, queued: int, done: int, wrong: int, waiting: int) -> None:
        """Called between jobs."""
        if self._job:
            self._took.append(time.monotonic() - self._began)
            self._job = self._stage = ""
        left = ""
        if queued and self._took:
            minutes = queued * sum(self._took) / len(self._took) / 60
            left = f" (about {minutes:.0f} min)" if minutes >= 1 else " (under a minute)"
        self._queue = (
            f"{queued} queued{left}, {waiting} not ready, {done} done, {wrong} set aside or failed"
        )
        self._update()

    def _update(self) -> None:
        if self._status is not None:
            from rich.text import Text

            doing = f"{self._job}{self._stage}" if self._job else "watching"
            self._status.update(Text(f"{doing} · {self._queue}"))


@contextmanager
def screen() -> Iterator[Screen]:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        yield Screen(console, None)
        return
    with console.status("watching") as status:
        yield Screen(console, status)
