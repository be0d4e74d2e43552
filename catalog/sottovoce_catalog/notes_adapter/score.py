"""How good answers are: what the test counts, apart from any engine."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .contract import (
    KINDS,
    Answer,
    Note,
    content_words,
    foreign_owners,
    parse_answer,
    parse_lines,
    unsupported,
    words,
)
from .vocabulary import spelled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .contract import Line

NEAR = 1
"""Lines that a right note may be off by"""
ALIKE = 0.5
"""Share of words in common (F1) from which two notes say the same"""

_NUMBERS = frozenset(word for n in range(100) for word in spelled(n).split()) | {
    "hundred",
    "thousand",
    "million",
}
_DIGITS = re.compile(r"\d+")


@dataclass(slots=True)
class Tally:
    found: int = 0
    """Notes that were written and are in the truth"""
    written: int = 0
    true: int = 0

    @property
    def precision(self) -> float:
        return self.found / self.written if self.written else 1.0

    @property
    def recall(self) -> float:
        return self.found / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        total = self.written + self.true
        return 2 * self.found / total if total else 1.0

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.2f}  recall {self.recall:.2f}  F1 {self.f1:.2f}"
            f"  ({self.found} of {self.true}, {self.written} written)"
        )


@dataclass(slots=True)
class Score:
    windows: int = 0
    kinds: dict[str, Tally] = field(default_factory=lambda: {kind: Tally() for kind in KINDS})
    owned: Tally = field(default_factory=Tally)
    """Tasks whose owners are right, too"""
    whens: Tally = field(default_factory=Tally)
    """Dates of the tasks that were found"""
    faults: Counter[str] = field(default_factory=Counter)
    gists: Tally = field(default_factory=Tally)
    """Windows with a topic title and gist"""

    def add(self, text: str, truth: str, written: str) -> None:
        """Count one window: its lines, the notes it should give and those it gave."""
        lines, wanted, got = parse_lines(text), parse_answer(truth), parse_answer(written)
        self.windows += 1
        for kind in KINDS:
            right = [note for note in wanted.notes if note.kind == kind]
            made = [note for note in got.notes if note.kind == kind]
            pairs = _pairs(right, made)
            self._count(self.kinds[kind], pairs, right, made)
            if kind == "T":
                same = [(a, b) for a, b in pairs if set(a.owners) == set(b.owners)]
                self._count(self.owned, same, right, made)
                dated = [(a, b) for a, b in pairs if words(a.when) == words(b.when)]
                self._count(self.whens, dated, [a for a, _ in pairs], [b for _, b in pairs])
        self.gists.found += bool(got.gist and wanted.gist)
        self.gists.written += bool(got.gist)
        self.gists.true += bool(wanted.gist)
        self.faults.update(faults(lines, got))

    @staticmethod
    def _count(
        tally: Tally, pairs: list[tuple[Note, Note]], right: list[Note], made: list[Note]
    ) -> None:
        tally.found += len(pairs)
        tally.written += len(made)
        tally.true += len(right)

    def __str__(self) -> str:
        names = {"T": "tasks", "D": "decisions", "Q": "open questions", "K": "key points"}
        rows = [f"{names[kind]:20}{tally}" for kind, tally in self.kinds.items()]
        rows[1:1] = [
            f"{'  with right owner':20}{self.owned}",
            f"{'  with right date':20}{self.whens}",
        ]
        rows.append(f"{'titles and gists':20}{self.gists}")
        rows.append(
            f"faults in {self.windows} windows: "
            + (", ".join(f"{k} {n}" for k, n in sorted(self.faults.items())) or "none")
        )
        return "\n".join(rows)


def faults(lines: tuple[Line, ...], answer: Answer) -> Iterable[str]:
    """What may never happen, each time it does."""
    numbers = {line.number for line in lines}
    said = " ".join(f"{line.speaker} {line.text}" for line in lines).lower()
    known = set(words(said))
    for note in answer.notes:
        if note.line not in numbers:
            yield "line outside the window"
        elif unsupported(note, lines):
            yield "unsupported word"
        if foreign_owners(note, lines):
            yield "owner outside the window"
        told = f"{note.what} {note.when}".lower()
        invented = any(digits not in said for digits in _DIGITS.findall(told))
        if invented or any(word not in known for word in words(told) if word in _NUMBERS):
            yield "invented number"
    if answer.gist and content_words(f"{answer.gist.title}") - known:
        yield "title word not said"
    yield from ("malformed line" for _ in answer.malformed)


def _pairs(right: list[Note], made: list[Note]) -> list[tuple[Note, Note]]:
    """Each true note with the one written for it, the most alike first."""
    close = [
        (_alike(a, b), i, j)
        for i, a in enumerate(right)
        for j, b in enumerate(made)
        if abs(a.line - b.line) <= NEAR and _alike(a, b) >= ALIKE
    ]
    pairs: list[tuple[Note, Note]] = []
    taken_right, taken_made = set[int](), set[int]()
    for _, i, j in sorted(close, reverse=True):
        if i not in taken_right and j not in taken_made:
            taken_right.add(i)
            taken_made.add(j)
            pairs.append((right[i], made[j]))
    return pairs


def _alike(a: Note, b: Note) -> float:
    left, right = Counter(words(a.what)), Counter(words(b.what))
    total = left.total() + right.total()
    return 2 * (left & right).total() / total if total else 0.0
