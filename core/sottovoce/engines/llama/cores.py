"""How many threads are worth having, beside what else the machine is doing."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import psutil

_WINDOW = 0.3
"""Seconds over which use is measured"""
_OLD = 1.0
"""Seconds after which what was measured may be over, as when an engine ran before this one"""
_LOOKS, _BETWEEN = 6, 0.0005
"""How often, and how many seconds apart, it is then looked who runs"""
_ROUNDING = 0.4
"""The part of a core that others may use before a thread is taken back"""


class Cores:
    """llama.cpp's threads wait for each other after every operation.

    So one that has to share its core holds up all of them: on two cores of which a video call takes
    one, two threads generate a fifth of what one thread does.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._threads = most
        self._time = time.monotonic()
        self._allowed = _allowed()
        self._busy, self._own = self._read()

    def threads(self) -> int:
        """Threads to compute with now: at most ``most``, less those cores that others keep busy."""
        now = time.monotonic()
        passed = now - self._time
        if self._most == 1 or passed < _WINDOW:
            return self._threads
        busy, own = self._read()
        others = max(0.0, (busy - self._busy) - (own - self._own)) / passed
        if passed > _OLD:
            others = min(others, _running())
        self._time, self._busy, self._own = now, busy, own
        self._threads = max(1, min(self._most, int(len(self._allowed) - others + _ROUNDING)))
        return self._threads

    def _read(self) -> tuple[float, float]:
        times = psutil.cpu_times(percpu=True)
        busy = sum(
            times[i].user + times[i].system + getattr(times[i], "nice", 0.0)
            for i in self._allowed
            if i < len(times)
        )
        own = os.times()
        return busy, own.user + own.system


def _running() -> float:
    """Threads that run or could, beside this one; Linux alone tells.

    The least of a few looks: whoever sent the request here may not be asleep again yet.
    """
    least = math.inf
    for _ in range(_LOOKS):
        try:
            lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
        except OSError:
            return math.inf
        running = next(it for it in lines if it.startswith("procs_running"))
        least = min(least, int(running.split()[1]) - 1)
        if least <= 0:
            break
        time.sleep(_BETWEEN)
    return least


def _allowed() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
