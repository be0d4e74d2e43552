"""Where a transcript that is longer than a model's context is parted.

A part has as many lines as there is room for; the next one begins where a topic does, or at a long
pause, shortly before its end. So a part can be read while what comes after it is not known yet, and
what is said about the border is read from both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from .spoken import size
from .topics import depths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..values import Segment
    from .evidence import Line

_LATE = 0.15
"""Share of a part, at its end, in which the next one begins"""
_LONG = 20.0
"""Seconds of a pause that counts as much as a turn to other words altogether"""


@dataclass(frozen=True, slots=True)
class Part:
    first: int
    end: int
    """The line after the last that is read"""
    next: int
    """The line that the next part begins with; what lies before it is this part's own"""


def parts(
    lines: Sequence[Line],
    segments: Sequence[Segment],
    cost: Callable[[int], int],
    room: int,
) -> list[Part]:
    """All of a transcript. ``cost`` gives a line's tokens, of which ``room`` fit into a part."""
    found: list[Part] = []
    first = end = used = 0
    while end < len(lines):
        price = cost(end)
        if used + price > room and end > first:
            following = border(lines, segments, first, end)
            found.append(Part(first, end, following))
            first, end, used = following, following, 0
            continue
        used += price
        end += 1
    if first < end:
        found.append(Part(first, end, end))
    return found


def border(lines: Sequence[Line], segments: Sequence[Segment], first: int, end: int) -> int:
    """Where the part that follows the lines from ``first`` up to ``end`` begins."""
    inside = lines[first:end]
    sizes = [size(line.text) for line in inside]
    starts = {it.id: it.start for it in segments}
    ends = {it.id: it.end for it in segments}
    pauses = [0.0]
    pauses += [starts[b.segment] - ends[a.segments[-1]] for a, b in pairwise(inside)]
    turns = depths(inside)
    left = sum(sizes) * (1 - _LATE)
    best, chosen = -1.0, end
    for n, words in enumerate(sizes):
        if left <= 0 and n and (weight := turns[n] + min(pauses[n], _LONG) / _LONG) > best:
            best, chosen = weight, first + n
        left -= words
    return chosen
