"""Live audio of a track, cut into what is being said and what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .vad import RATE, Cutter, Run, SpeechDetector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .vad import Samples

_PAUSE = 0.5
"""Seconds without speech that end what is said"""
_LONGEST = 12.0
"""Seconds after which it ends at the next shorter pause"""
_FRESH = 0.5
"""Seconds of new speech from one look at what is being said to the next"""


class CaptionTrack:
    def __init__(self) -> None:
        self._cutter = Cutter(SpeechDetector(), 0)
        self._said: Run | None = None
        self._heard = 0
        self._looked = 0.0

    def push(self, block: Samples) -> Iterator[Run]:
        """Take the next samples (16 kHz mono, -1 to 1); what was said to its end."""
        self._heard += len(block)
        for run in self._cutter.push(block):
            if self._said is not None and not self._goes_on(self._said, run):
                yield self._said
                self._said = None
            self._said = run if self._said is None else _joined(self._said, run)
        now = self._heard / RATE
        over = self._cutter.speaking is None and self._said is not None
        if over and self._said is not None and now - self._said.end > _PAUSE:
            yield self._said
            self._said = None

    def being_said(self) -> Run | None:
        """What is being said, where there is enough new of it to look again."""
        now = self._heard / RATE
        speaking = self._cutter.speaking
        if speaking is None or now - self._looked < _FRESH:
            return None
        self._looked = now
        if self._said is not None and self._goes_on(self._said, speaking):
            return _joined(self._said, speaking)
        return speaking

    def flush(self) -> Iterator[Run]:
        """What is left when the audio ends."""
        for run in self._cutter.flush():
            if self._said is not None and self._goes_on(self._said, run):
                run = _joined(self._said, run)
            elif self._said is not None:
                yield self._said
            self._said = run
        if self._said is not None:
            yield self._said

    @staticmethod
    def _goes_on(said: Run, run: Run) -> bool:
        return run.start - said.end <= _PAUSE and run.end - said.start <= _LONGEST


def _joined(one: Run, other: Run) -> Run:
    gap = np.zeros(max(0, round((other.start - one.end) * RATE)), np.float32)
    return Run(one.start, np.concatenate([one.samples, gap, other.samples]))
