"""Turns packed into windows, as Whisper hears them: thirty seconds at a time.

The silence between turns is left out of a window, so that it is neither computed nor filled with
words; times are mapped back onto the recording turn by turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .vad import RATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .turns import Turn
    from .vad import Samples

LONGEST = 30.0
"""Seconds that Whisper's encoder takes at once"""
_GAP = 0.3
"""Seconds of silence between two turns: fewer run sentences together"""


@dataclass(frozen=True, slots=True)
class Window:
    turns: tuple[Turn, ...]
    before: float
    """Seconds from which an interrupted transcription goes on to this window"""

    @property
    def until(self) -> float:
        """Seconds from which it goes on after this window."""
        return self.turns[-1].until

    @property
    def samples(self) -> Samples:
        gap = np.zeros(int(_GAP * RATE), np.float32)
        pieces = [piece for turn in self.turns for piece in (turn.samples, gap)]
        return np.concatenate(pieces[:-1])

    @property
    def seconds(self) -> float:
        """Of what ``samples`` gives."""
        return sum(_seconds(it) + _GAP for it in self.turns) - _GAP

    def place(self, seconds: float) -> tuple[int, float]:
        """The turn that a moment of the window belongs to, and its time in the recording."""
        begin = 0.0
        for number, turn in enumerate(self.turns):
            length = _seconds(turn)
            if seconds < begin + length + _GAP / 2 or number == len(self.turns) - 1:
                return number, turn.start + min(max(seconds - begin, 0.0), length)
            begin += length + _GAP
        raise AssertionError("a window without a turn")

    def begin(self, number: int) -> float:
        """Where a turn begins in the window."""
        return sum(_seconds(it) + _GAP for it in self.turns[:number])


def windows(turns: Iterable[Turn], start: float = 0.0) -> Iterator[Window]:
    """As many turns in a row as there is room for. From any window's end on, the same follow."""
    packed: list[Turn] = []
    room = LONGEST
    before = start
    for turn in turns:
        if packed and _seconds(turn) > room:
            yield (window := Window(tuple(packed), before))
            before, packed, room = window.until, [], LONGEST
        packed.append(turn)
        room -= _seconds(turn) + _GAP
    if packed:
        yield Window(tuple(packed), before)


def _seconds(turn: Turn) -> float:
    return len(turn.samples) / RATE
