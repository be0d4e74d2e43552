"""Joining runs of speech into turns: as long as one person speaks, and no longer.

An engine hears better with more of a sentence before it, and a line of two speakers can be given
to neither. So runs are joined while the voice stays the same.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from .vad import RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .vad import Run, Samples

Voice = tuple[float, ...]

_LONGEST = 15.0
"""Seconds of a turn"""
_BREATH = 1.0
"""Seconds between two runs of one turn"""
_BLOCK = 8
"""Runs a worker"""
_SAME_VOICE = ((1.2, 0.58), (0.6, 0.5), (0.0, 0.2))
"""From how many seconds of the shorter run which cosine similarity means one voice. Measured with
the embedded model: up to 0.55 between two alike voices; within one from 0.59, but the shorter the
run the less it says: 0.42 to 0.5 under a second, 0.2 to 0.35 under half a second."""


@dataclass(frozen=True, slots=True)
class Turn:
    start: float
    """Seconds"""
    samples: Samples
    voice: Voice
    """Unit-length speaker embedding; empty where none was asked for, or it is too short"""

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / RATE


def turns(
    runs: Iterable[Run], embed: Callable[[Samples], Voice] | None, workers: int = 1
) -> Iterator[Turn]:
    """Turns as they end. Without ``embed`` there is one voice, and only pauses part them.

    With several ``workers`` that many runs are embedded side by side, some runs ahead.
    """
    turn: Turn | None = None
    for run, voice in _with_voices(runs, embed, workers):
        if turn is not None and _goes_on(turn, run, voice):
            turn = _joined(turn, run, voice)
            continue
        if turn is not None:
            yield turn
        turn = Turn(run.start, run.samples, voice)
    if turn is not None:
        yield turn


def _with_voices(
    runs: Iterable[Run], embed: Callable[[Samples], Voice] | None, workers: int
) -> Iterator[tuple[Run, Voice]]:
    if embed is None or workers == 1:
        yield from ((run, embed(run.samples) if embed else ()) for run in runs)
        return
    # Block by block: while an engine that has the cores to itself hears what came before, nothing
    # is embedded, for the two would be in each other's way.
    with ThreadPoolExecutor(workers, thread_name_prefix="voices") as pool:
        ahead = iter(runs)
        while block := list(islice(ahead, _BLOCK * workers)):
            yield from zip(block, pool.map(embed, [it.samples for it in block]), strict=True)


def _goes_on(turn: Turn, run: Run, voice: Voice) -> bool:
    if run.start - turn.end > _BREATH or run.end - turn.start > _LONGEST:
        return False
    if not voice or not turn.voice:
        return True
    shorter = min(len(turn.samples), len(run.samples)) / RATE
    enough = next(least for seconds, least in _SAME_VOICE if shorter >= seconds)
    return float(np.dot(turn.voice, voice)) >= enough


def _joined(turn: Turn, run: Run, voice: Voice) -> Turn:
    gap = np.zeros(max(0, round((run.start - turn.end) * RATE)), np.float32)
    mean = _mean(turn.voice, len(turn.samples), voice, len(run.samples))
    return Turn(turn.start, np.concatenate([turn.samples, gap, run.samples]), mean)


def _mean(one: Voice, weight: int, other: Voice, other_weight: int) -> Voice:
    if not one or not other:
        return one or other
    total = np.array(one) * weight + np.array(other) * other_weight
    return tuple(float(value) for value in total / np.linalg.norm(total))
