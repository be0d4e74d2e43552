"""Progress on the terminal, with an estimate of the time left."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..pipeline import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from ..pipeline import Progress

_WORDS = {Stage.TRANSCRIPTION: "Transcribing", Stage.NOTES: "Taking notes"}


class Shown:
    """One bar for each stage of the file at hand."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[Stage, TaskID] = {}

    def begin(self, name: str) -> None:
        for task in self._tasks.values():
            self._bars.remove_task(task)
        self._tasks.clear()
        self._name = name if len(name) <= 40 else name[:37] + "…"

    def report(self, progress: Progress) -> None:
        if progress.stage not in self._tasks:
            # The stage before this one is over, whatever its last report said.
            for task in self._tasks.values():
                self._bars.update(task, total=1, completed=1)
            self._tasks[progress.stage] = self._bars.add_task(
                f"{_WORDS[progress.stage]} {self._name}", total=progress.total
            )
        self._bars.update(
            self._tasks[progress.stage], completed=progress.done, total=progress.total
        )


@contextmanager
def shown() -> Iterator[Shown]:
    """Bars on standard error while the block runs; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # what goes to a pipe is not for the terminal
        disable=not console.is_terminal,
    ) as bars:
        yield Shown(bars)
