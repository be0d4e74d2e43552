"""Which moments are recorded, and which frame of the recording each is.

Moments are seconds on the monotonic clock, which is the same in every process. Audio arrives late,
by seconds where the machine is busy: whether it is recorded is asked for the moment that it is of.
"""

from __future__ import annotations

import math


class Timeline:
    """One thread calls ``pause``, ``resume`` and ``end``; any asks."""

    def __init__(self, rate: int, began: float, away: float, most: float | None) -> None:
        """``away`` are seconds of pauses that are over; at most ``most`` seconds are recorded."""
        self._rate = rate
        self._began = began + away
        self._most = most
        self._pauses: tuple[tuple[float, float], ...] = ()
        self.until = math.inf
        """The moment at which the recording ends"""
        self.longest = False
        """Whether that is because it took as long as it may"""

    @property
    def paused(self) -> bool:
        return bool(self._pauses) and self._pauses[-1][1] == math.inf

    def pause(self, at: float) -> None:
        if not self.paused:
            self._pauses = (*self._pauses, (at, math.inf))

    def resume(self, at: float) -> None:
        if self.paused:
            self._pauses = (*self._pauses[:-1], (self._pauses[-1][0], at))

    def end(self, at: float) -> None:
        self.until = min(self.until, at)

    def reach(self, moment: float) -> None:
        """A moment has come: the longest time, where it is over, ended the recording then."""
        if self._most is None or self.until < math.inf or self._seconds(moment) < self._most:
            return
        self.until = moment - (self._seconds(moment) - self._most)
        self.longest = True

    def place(self, moment: float) -> int:
        """The frame of a moment; in a pause and behind the end, the one that comes next."""
        return max(0, round(self._seconds(moment) * self._rate))

    def recorded(self, start: float, end: float) -> list[tuple[float, float]]:
        """The parts of a stretch that are recorded."""
        self.reach(end)
        found, end = [], min(end, self.until)
        for begin, back in self._pauses:
            if start < min(begin, end):
                found.append((start, min(begin, end)))
            start = max(start, min(back, end))
        return [*found, (start, end)] if start < end else found

    def _seconds(self, moment: float) -> float:
        moment = min(moment, self.until)
        away = sum(min(back, moment) - begin for begin, back in self._pauses if begin < moment)
        return moment - self._began - away
