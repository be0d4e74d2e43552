"""Echo: what the loudspeakers put into the microphone is not a person's own speech.

Without headphones the microphone hears the far end a little later and a little fainter. Echo is
told by its text, the same words at the same time on the other track: also while a meeting goes on.
"""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..values import Segment

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
