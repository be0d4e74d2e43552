"""A device's clock against the system's.

Sound cards are off by up to a few hundred millionths: a third of a second an hour. What arrives is
therefore stretched or shrunk by single frames, so that a track stays at its place, and both sides
together, however long the meeting is.
"""

from __future__ import annotations

import math

_WINDOW = 10.0
"""Seconds over which it is judged how far a track is off: in each some block comes in time"""
_SEVERAL = 4
"""Windows in a row in which it is off before it is the clock"""
_OFF = 0.010
"""Seconds that a track may be off"""
_STRANGE = 0.040
"""Seconds that no clock is off by, being made up for: blocks come sooner or later than they did,
at the same pace (the machine is busy, another program asked for another latency)"""
_FOR_GOOD = 18
"""Windows after which they will go on to come so"""
_APART = 0.015
"""Seconds between two frames that are put in or left out, at least"""


class Clock:
    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.drift = 0.0
        """Seconds that were put in (the device is slow), or taken out (less than zero)"""
        self.begin()

    def begin(self) -> None:
        """A stream begins, or goes on behind a hole."""
        self._since = math.inf
        self._least = 0
        """By how many frames the file was behind when the block came that was the least late"""
        self._before: list[int] = []
        """The same of the windows before, less what was made up since"""
        self._strange = 0
        """Windows since blocks came as they do"""
        self._usual: int | None = None
        """The same of a clock that is not off"""
        self._owed = 0
        self._untouched = 0

    def kept(self, pcm: bytes, now: float, behind: int) -> bytes:
        """A block of 16-bit frames, with one more or one less where the device's clock is off.

        ``behind`` is by how many frames the file was behind the system's clock when the block had
        come.
        """
        if not self._owed:
            self._judge(now, behind)
        self._untouched += len(pcm) // 2
        if not self._owed or self._untouched < _APART * self._rate or len(pcm) < 8:
            return pcm
        self._untouched = 0
        import numpy as np

        frames = np.frombuffer(pcm, np.int16)
        # Where two frames differ the least, nobody hears one between them, or one of them gone.
        at = int(np.argmin(np.abs(np.diff(frames.astype(np.int32)))))
        one = 1 if self._owed > 0 else -1
        self._owed -= one
        self.drift += one / self._rate
        changed = np.insert(frames, at, frames[at]) if one > 0 else np.delete(frames, at)
        return changed.tobytes()

    def _judge(self, now: float, behind: int) -> None:
        if now < self._since:  # the first of a window
            self._since, self._least = now, behind
        self._least = min(self._least, behind)
        if now - self._since < _WINDOW:
            return
        self._since = math.inf
        if self._usual is not None and abs(self._least - self._usual) > _STRANGE * self._rate:
            self._strange += 1
            if self._strange < _FOR_GOOD:
                return
            self._usual = None
            self._before.clear()
        self._strange = 0
        self._before = [*self._before, self._least][-_SEVERAL:]
        if len(self._before) < _SEVERAL:
            return
        least = min(self._before)
        if self._usual is None:
            self._usual = least
        elif abs(least - self._usual) > _OFF * self._rate:
            self._owed = least - self._usual
            self._before = [it - self._owed for it in self._before]
