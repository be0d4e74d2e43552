"""Where a transcript that is longer than a model's context is parted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .topics import Stretch

FULL = 0.6
"""Share of the room that a part fills at least"""


def parts(
    costs: Sequence[int], room: int, topics: Sequence[Stretch], pauses: Sequence[float]
) -> list[tuple[int, int]]:
    """The first line of each part and the one after its last, such that each part fits ``room``.

    A part ends where a topic does, or else at the longest pause, within its last two fifths.
    ``costs`` are the lines' tokens, ``pauses`` the seconds of silence before each line.
    """
    borders = {topic.first for topic in topics}
    found: list[tuple[int, int]] = []
    first = used = 0
    enough = 0
    """The line from which this part may end"""
    for n, cost in enumerate(costs):
        if used + cost > room and n > first:
            places = range(max(first + 1, enough), n + 1)
            topical = [at for at in places if at in borders]
            cut = topical[-1] if topical else max(places, key=lambda at: (pauses[at], at))
            found.append((first, cut))
            first, used = cut, sum(costs[cut:n])
            enough = 0
        used += cost
        if not enough and used >= FULL * room:
            enough = n + 1
    if first < len(costs):
        found.append((first, len(costs)))
    return found
