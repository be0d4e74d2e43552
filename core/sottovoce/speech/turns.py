"""Joining runs of speech into turns: as long as one person speaks, and no longer.

An engine hears better with more of a sentence before it, and a line of two speakers can be given
to neither. So runs are joined while the voice stays the same.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from .vad import RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .vad import Run, Samples
    from .voiceprint import Piece, Voice

    Embed = Callable[[Samples, Sequence[Piece]], list[Voice]]
    """Gives each piece of the samples its voice"""

_LONGEST = 15.0
"""Seconds of a turn"""
_BREATH = 1.0
"""Seconds between two runs of one turn"""
_LONG = 3.0
"""Seconds of a run in which two may have spoken without a pause in between"""
_WINDOW, _HOP = 1.5, 0.375
"""Seconds of such a run that have a voice of their own, and from one such window to the next"""
_OTHER_VOICE = 0.5
"""Cosine similarity of two neighbouring windows below which the voice changes between them: on a
meeting of four synthetic voices 0.45 misses a tenth of the changes, 0.5 finds all, and above it
more is parted than changes"""
_NEAR_CHANGE = 0.6
"""Seconds around the middle between two such windows in which the faintest moment is the change"""
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
    until: float = 0.0
    """Seconds from which on the audio gives the same turns after this one: its end, unless it ends
    in the middle of a run"""
    certainty: float = 1.0
    """As of the run that is surest to be speech"""

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / RATE


def turns(
    runs: Iterable[Run],
    embed: Embed | None,
    workers: int = 1,
    *,
    start: float = 0.0,
) -> Iterator[Turn]:
    """Turns as they end. Without ``embed`` there is one voice, and only pauses part them.

    With several ``workers`` that many runs are embedded side by side, some runs ahead. ``start`` is
    where the audio of the runs began.
    """
    turn: Turn | None = None
    clean = start
    for parts in _with_voices(runs, embed, workers):
        for number, (part, voice) in enumerate(parts, 1):
            if turn is not None and _goes_on(turn, part, voice):
                turn = _joined(turn, part, voice)
            else:
                if turn is not None:
                    clean = max(clean, turn.until)
                    yield turn
                turn = Turn(part.start, part.samples, voice, certainty=part.certainty)
            turn = replace(turn, until=part.end if number == len(parts) else clean)
    if turn is not None:
        yield turn


def _with_voices(
    runs: Iterable[Run], embed: Embed | None, workers: int
) -> Iterator[list[tuple[Run, Voice]]]:
    """The parts of each run with their voices."""
    if embed is None:
        for run in runs:
            yield [(run, ())]
        return
    if workers == 1:
        yield from (_parts(run, embed) for run in runs)
        return
    # Block by block: while an engine that has the cores to itself hears what came before, nothing
    # is embedded, for the two would be in each other's way.
    with ThreadPoolExecutor(workers, thread_name_prefix="voices") as pool:
        ahead = iter(runs)
        while block := list(islice(ahead, _BLOCK * workers)):
            yield from pool.map(lambda run: _parts(run, embed), block)


def _parts(run: Run, embed: Embed) -> list[tuple[Run, Voice]]:
    """A run in pieces of one voice each."""
    length = len(run.samples)
    if length < _LONG * RATE:
        (voice,) = embed(run.samples, [(0, length)])
        return [(run, voice)]
    window, hop = int(_WINDOW * RATE), int(_HOP * RATE)
    starts = list(range(0, length - window + 1, hop))
    if length - window - starts[-1] > hop // 2:
        starts.append(length - window)
    voices = embed(run.samples, [(it, it + window) for it in starts])
    parts: list[tuple[Run, Voice]] = []
    begin = 0
    apart = round(_WINDOW / _HOP)  # places from one window to the one that begins at its end
    alike = [float(np.dot(one, other)) for one, other in zip(voices, voices[apart:], strict=False)]
    near = apart // 2
    for place, likeness in enumerate(alike):
        around = alike[max(0, place - near) : place + near + 1]
        if likeness >= _OTHER_VOICE or likeness > min(around):
            continue
        change = _faintest(run.samples, (starts[place] + window + starts[place + apart]) // 2)
        if change > begin:
            parts.append((_piece(run, begin, change), _within(begin, change, starts, voices)))
            begin = change
    return [*parts, (_piece(run, begin, length), _within(begin, length, starts, voices))]


def _within(begin: int, end: int, starts: list[int], voices: list[Voice]) -> Voice:
    """Of the windows that lie between two places, or nearly; else of the nearest one."""
    window, slack = int(_WINDOW * RATE), int(_HOP * RATE) // 2
    inside = [
        voice
        for start, voice in zip(starts, voices, strict=True)
        if begin - slack <= start and start + window <= end + slack
    ]
    if not inside:
        middle = (begin + end - window) // 2
        inside = [voices[min(range(len(starts)), key=lambda it: abs(starts[it] - middle))]]
    total = np.sum(inside, axis=0)
    return tuple(float(value) for value in total / np.linalg.norm(total))


def _piece(run: Run, begin: int, end: int) -> Run:
    return type(run)(run.start + begin / RATE, run.samples[begin:end], run.certainty)


def _faintest(samples: Samples, middle: int) -> int:
    step, around = RATE // 50, int(_NEAR_CHANGE * RATE)
    begin = max(0, middle - around)
    near = samples[begin : middle + around]
    power = (near[: len(near) // step * step].reshape(-1, step) ** 2).sum(axis=1)
    return begin + (int(power.argmin()) * step) + step // 2


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
    certainty = max(turn.certainty, run.certainty)
    samples = np.concatenate([turn.samples, gap, run.samples])
    return Turn(turn.start, samples, mean, certainty=certainty)


def _mean(one: Voice, weight: int, other: Voice, other_weight: int) -> Voice:
    if not one or not other:
        return one or other
    total = np.array(one) * weight + np.array(other) * other_weight
    return tuple(float(value) for value in total / np.linalg.norm(total))
