"""The sentences that say most of what was talked about, as they were said.

No model is asked: a line counts for the telling words that it has, each for how often the meeting
comes back to it; a word that a chosen line has already counts for less in the next (a greedy cover,
as in Nenkova and Vanderwende's SumBasic, 2005). So a model too small to write cannot invent here.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .spoken import SENTENCE_ENDS, goes_on, said, size
from .topics import telling, telling_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .evidence import Line

_SHORTEST = 6
"""Words of a line that may stand alone"""
_LENGTH = 0.3
"""How much length counts against a line: 1 would rank by words that tell per word, 0 not at all.
Chosen on 36 meetings of QMSum's training split."""
_ASKING = ("?", "？", "؟")
BROKEN = re.compile(r"(?<![\w'’.-])(?:[b-hj-z]|[b-df-hj-np-tv-xz]{2,3})(?![\w'’.-])")
"""A word that the speaker gave up: "the th have a look" """
_PART = 0.85
"""What a line is worth that begins within a sentence, or breaks off within one"""
_AGAIN = 0.3
"""What a word is worth that was chosen already"""


@dataclass(frozen=True, slots=True)
class _Unit:
    stems: frozenset[str]
    size: int
    factor: float
    """Less for a question, and for a sentence that has no end"""


class Highlights:
    """The lines of one meeting, weighed."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._units = []
        before: Line | None = None
        for line, stems in zip(lines, telling_lines(lines), strict=True):
            text = said(line.text, line.language)
            factor = 0.6 if text.endswith(_ASKING) else 1.0 if text.endswith(SENTENCE_ENDS) else 0.8
            if before and goes_on(before, line):
                factor *= _PART
            if BROKEN.search(text):
                factor *= _PART
            before = line
            self._units.append(_Unit(frozenset(stems), size(text), factor))
        counts = Counter(stem for unit in self._units for stem in unit.stems)
        self._worth = {stem: math.log1p(count) for stem, count in counts.items()}
        self._left = dict(self._worth)

    def best(self, among: Iterable[int]) -> int | None:
        """The line that adds most to what was chosen before; ``None`` where none says anything.

        Lines of few words are chosen only where there are no longer ones.
        """
        units = [(at, self._units[at]) for at in among if self._units[at].stems]
        long = [it for it in units if it[1].size >= _SHORTEST]
        if not (pool := long or units):
            return None
        return max(pool, key=lambda it: (self._score(it[1]), -it[0]))[0]

    def choose(self, at: int) -> None:
        for stem in self._units[at].stems:
            self._left[stem] *= _AGAIN

    def forget(self) -> None:
        """Begin a choice anew."""
        self._left = dict(self._worth)

    def weight(self, text: str) -> float:
        """How much of what the meeting comes back to is in a text."""
        return sum(self._worth.get(stem, 0.0) for stem in telling(text))

    def _score(self, unit: _Unit) -> float:
        left = sum(self._left[stem] for stem in unit.stems)
        return float(left / max(unit.size, 10) ** _LENGTH * unit.factor)
