"""How fast memory is, which is how fast a model on the CPU can be at most."""

from __future__ import annotations

import os
import threading
import time

import numpy as np

_PART = 32 << 20
"""Bytes that each thread copies: more than caches hold"""
_SECONDS = 0.08
_THREADS = 16


def measure_bandwidth() -> float:
    """Bytes per second, read and written, of all cores copying at once. Takes a tenth of a second.

    The best of the rounds counts: other programs can only make it less than it is.
    """
    threads = min(_THREADS, os.cpu_count() or 1)
    # Each has memory of its own, which the copies before the first measured one make real.
    pairs = [(np.ones(_PART // 8), np.zeros(_PART // 8)) for _ in range(threads)]
    _copy(pairs)
    best = 0.0
    end = time.perf_counter() + _SECONDS
    while best == 0.0 or time.perf_counter() < end:
        best = max(best, 2 * threads * _PART / _copy(pairs))
    return best


def _copy(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    workers = [threading.Thread(target=np.copyto, args=(to, it)) for it, to in pairs]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began
