"""A device's clock against the system's.

Sound cards are off by up to a few hundred millionths: a third of a second an hour. What arrives is
therefore stretched or shrunk by single frames, so that a track stays at its place, and both sides
together, however long the meeting is.
"""

from __future__ import annotations

import math

_WINDOW = 10.0
"""Seconds over which it is judged how far a track is off: in each some block comes in time"""
_OFF = 0.010
"""Seconds that a track may be off"""


class Clock:
    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.drift = 0.0
        """Seconds that were put in (the device is slow), or taken out (less than zero)"""
        self.begin()

    def begin(self) -> None:
        """The track is at its place now."""
        self._since = math.inf
        self._least = 0
        self._owed = 0

    def kept(self, pcm: bytes, now: float, behind: int) -> bytes:
        """A block of 16-bit frames, with one more or one less where the device's clock is off.

        ``behind`` is by how many frames the file was behind the clock when the block had come:
        blocks come late, and none comes early, so the least of a while is what the device is off.
        """
        if not self._owed:
            self._judge(now, behind)
        if not self._owed or len(pcm) < 8:
            return pcm
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
        if now < self._since:  # the first
            self._since, self._least = now, behind
        self._least = min(self._least, behind)
        if now - self._since >= _WINDOW:
            if abs(self._least) > _OFF * self._rate:
                self._owed = self._least
            self._since = math.inf
