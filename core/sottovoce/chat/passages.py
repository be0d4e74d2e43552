"""The lines that match a question."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..library import Query
from ..notes.evidence import STOP, stem, words
from ..notes.topics import telling
from ..notes.windows import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..library import Library, Meeting
    from ..notes.evidence import Line

_ASKING = frozenset(
    map(
        stem,
        "who what which whom whose how when where why did does do was were is are about said say"
        " talk talked mention mentioned discuss discussed anyone anybody someone tell meeting"
        " meetings person people many much long us explain describe give list name".split(),
    )
)
_K1, _B = 1.2, 0.75
"""Of BM25 (Robertson and Zaragoza 2009)"""
_BESIDE = 0.35
"""What a match in the line before or after is worth: an answer follows its question"""
_KNOWN = 0.55
"""Share of a question's weight that a place must have, for it to have been spoken of"""
_HITS = 60
"""Of a word in the library"""
_CLOSE = 2
"""Segments around a hit that are read with it"""


@dataclass(frozen=True, slots=True)
class Passage:
    """A line of a meeting, and where it is."""

    meeting: Meeting
    line: Line
    start: float
    """Seconds"""
    score: float = 0.0


def asked(question: str) -> set[str]:
    """Stems of the words that a question is about."""
    return telling(question) - _ASKING


def of_meeting(library: Library, meeting: Meeting) -> list[Passage]:
    """All lines of a meeting."""
    transcript = library.transcript(meeting.id)
    starts = {segment.id: segment.start for segment in transcript.segments}
    return [Passage(meeting, it, starts[it.segment]) for it in lines_of(transcript)]


def best(
    question: str, passages: Sequence[Passage], count: int = 4, known: float = _KNOWN
) -> list[Passage]:
    """The passages that match a question best, in their order; none where it was not spoken of:
    a place must have the share ``known`` of what the question's words weigh.

    The words of a speaker's name say whose lines are meant.
    """
    speakers = {passage.line.speaker for passage in passages}
    named = {it for it in speakers if set(words(it)) & set(words(question)) - STOP}
    wanted = asked(question) - {stem(word) for it in named for word in words(it)}
    found = [telling(it.line.text) for it in passages]
    if not wanted:
        return []
    counts = Counter(word for it in found for word in it & wanted)
    total = len(passages)
    worth = {w: math.log(1 + (total - counts[w] + 0.5) / (counts[w] + 0.5)) for w in wanted}
    sizes = [max(1, len(words(it.line.text))) for it in passages]
    mean = sum(sizes) / max(1, total)
    own = [
        sum(worth[w] for w in have & wanted) * (_K1 + 1) / (1 + _K1 * (1 - _B + _B * size / mean))
        for have, size in zip(found, sizes, strict=True)
    ]
    ranked = []
    for n, passage in enumerate(passages):
        if named and passage.line.speaker not in named:
            continue
        around = range(max(0, n - 1), min(total, n + 2))
        near = set().union(*(found[it] for it in around)) & wanted
        share = sum(worth[w] for w in near) / sum(worth.values())
        score = own[n] + _BESIDE * sum(own[it] for it in around if it != n)
        if own[n] > 0 and share >= known:
            ranked.append((score, n))
    ranked.sort(key=lambda it: (-it[0], it[1]))
    kept = [n for score, n in ranked if score >= ranked[0][0] / 2][:count]
    return [passages[n] for n in sorted(kept)]


def of_meetings(library: Library, question: str, *, count: int = 40) -> list[Passage]:
    """Lines of all meetings that a question may be about, meeting by meeting, with what was said
    around them. Rare words decide."""
    rows: dict[tuple[str, int], float] = {}
    for word in {w for w in words(question) if stem(w) in asked(question)}:
        hits = library.search(Query(text=word, limit=_HITS))
        for hit in hits:
            place = (hit.meeting_id, hit.segment)
            rows[place] = rows.get(place, 0.0) + 1 / math.log(2 + len(hits))
    chosen = sorted(rows, key=lambda it: (-rows[it], it))[:count]
    near: dict[str, set[int]] = {}
    for meeting, segment in chosen:
        near.setdefault(meeting, set()).update(range(segment - _CLOSE, segment + _CLOSE + 1))
    return [
        passage
        for meeting in near
        for passage in of_meeting(library, library.find(meeting))
        if passage.line.segment in near[meeting]
    ]


def fitting(
    passages: Sequence[Passage], question: str, room: int, costs: Sequence[int]
) -> list[int]:
    """Positions of the passages to read where not all fit into ``room`` tokens: those around the
    ones that match, in their order."""
    wanted = asked(question)
    scores = [len(telling(it.line.text) & wanted) for it in passages]
    order = sorted(range(len(passages)), key=lambda n: (-scores[n], n))
    chosen: set[int] = set()
    used = 0
    for n in _spread(order, len(passages)):
        if n in chosen:
            continue
        if used + costs[n] > room:
            break
        chosen.add(n)
        used += costs[n]
    return sorted(chosen)


def _spread(order: Iterable[int], count: int) -> Iterable[int]:
    for n in order:
        yield from range(max(0, n - _CLOSE), min(count, n + _CLOSE + 1))
