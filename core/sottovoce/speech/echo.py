"""Echo: what the loudspeakers put into the microphone is not a person's own speech.

Without headphones the microphone hears the far end a little later and a little fainter. Echo can be
told by its text (the same words at the same time on the other track) and by its sound; neither
needs the other, and both can be asked while a meeting goes on.
"""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .vad import RATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from ..values import Segment
    from .vad import Samples

MICROPHONE = frozenset({"me", "mic", "microphone"})
"""Labels of a track that is a person's own microphone, in lower case"""

_LATE = 1.5
"""Seconds that an echo may come after its source: the way through a call's buffers, and what two
engines differ in where a segment begins"""
_EARLY = 0.7
"""Seconds by which the echo's segment may begin before: it is cut at other pauses"""
_SAME = 0.8
"""Likeness of two spellings of one word: an engine mishears the echo differently"""
_RUN = 3
"""Words in a row that are the far end's and not a coincidence"""
_MOST = 0.7
"""Share of a segment's words that are the far end's, from which it is echo as a whole"""

_BANDS = 12
_STEP = RATE // 50
_LONGEST_DELAY = 25
"""Steps of 20 ms: half a second"""
_ALIKE = 0.6
"""Correlation of two tracks' loudness in bands from which one is the other's echo. Measured on the
sample meeting in a simulated room: 0.72 to 0.86 for an echo 3 to 20 dB below the far end and up to
0.4 s late, at most 0.25 for another voice, 0.31 to 0.55 where both speak."""


def without_echo(segments: Iterable[Segment], labels: Sequence[str]) -> list[Segment]:
    """The segments without what the microphone's track has of the other tracks.

    ``labels`` are the tracks' names: without a microphone among several tracks nothing changes.
    """
    heard = list(segments)
    own = {number for number, it in enumerate(labels) if it.casefold() in MICROPHONE}
    if not own or len(own) == len(labels):
        return heard
    far = [it for it in heard if it.track not in own]
    kept = (own_part(it, far) if it.track in own else it for it in heard)
    return [it for it in kept if it is not None]


def own_part(segment: Segment, far: Sequence[Segment]) -> Segment | None:
    """What of a microphone's segment is not the far end's; ``None`` where it is echo altogether.

    ``far`` are the far end's segments so far: those at another time do not count. Of a segment in
    which both speak the far end's words are cut out; without word times its times stay.
    """
    words = segment.text.split()
    spoken = [
        word
        for it in far
        if it.start - _EARLY < segment.end and segment.start < it.end + _LATE
        for word in it.text.split()
    ]
    echoed = _echoed([_plain(it) for it in words], [_plain(it) for it in spoken])
    if not echoed:
        return segment
    if len(echoed) >= _MOST * len(words):
        return None
    kept = [number for number in range(len(words)) if number not in echoed]
    text = " ".join(words[number] for number in kept)
    if len(segment.words) != len(words):
        return replace(segment, text=text)
    own = tuple(segment.words[number] for number in kept)
    return replace(segment, text=text, words=own, start=own[0].start, end=own[-1].end)


def _plain(word: str) -> str:
    return re.sub(r"[^\w]", "", word).casefold()


def _echoed(words: list[str], spoken: list[str]) -> set[int]:
    """The places of the words that the far end said in the same order."""
    from rapidfuzz.fuzz import ratio

    # Spell the microphone's words as the far end's where they are nearly those.
    near = []
    for word in words:
        nearest = max(spoken, key=lambda it: ratio(it, word), default="")
        alike = len(word) > 3 and ratio(nearest, word) >= _SAME * 100
        near.append(nearest if alike else word)
    blocks = SequenceMatcher(None, near, spoken, autojunk=False).get_matching_blocks()
    whole = sum(block.size for block in blocks) >= _MOST * len(words)
    # A word or two are said by both ("yes", "on Monday"): they count only where all the rest does.
    runs = [block for block in blocks if block.size >= (1 if whole else _RUN)]
    return {number for block in runs for number in range(block.a, block.a + block.size)}


def is_echo(microphone: Samples, loopback: Samples) -> bool:
    """Whether the microphone's sound is the loopback's, by how loudness goes in bands of pitch.

    Both 16 kHz mono, -1 to 1, of the same time, a second at least; the microphone's may lag half a
    second. False where a person speaks over it: then the text tells.
    """
    one, other = _loudness(microphone), _loudness(loopback)
    length = min(len(one), len(other))
    if length < RATE // _STEP // 2:
        return False
    best = -1.0
    for delay in range(min(_LONGEST_DELAY, length // 2)):
        best = max(best, _correlation(one[delay:length], other[: length - delay]))
    return best >= _ALIKE


def _loudness(samples: Samples) -> npt.NDArray[np.float64]:
    """Logarithms of the power in bands from 200 to 4000 Hz, a row each 20 ms."""
    frames = len(samples) // _STEP
    shaped = samples[: frames * _STEP].reshape(frames, _STEP) * np.hanning(_STEP)
    power = np.abs(np.fft.rfft(shaped, axis=1)) ** 2
    edges = np.geomspace(200, 4_000, _BANDS + 1) / (RATE / _STEP)
    bands = [
        power[:, int(low) : max(int(low) + 1, int(high))].sum(axis=1)
        for low, high in pairwise(edges)
    ]
    loud: npt.NDArray[np.float64] = np.log(np.array(bands).T + 1e-7)
    return loud


def _correlation(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Of what changes in each band, over all bands."""
    a, b = one - one.mean(axis=0), other - other.mean(axis=0)
    size = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / size) if size > 0 else 0.0
