"""Checking what a large model wrote, in its own words, against the lines that it cites.

Such a model says "the rent goes up by 12 %" for what was heard as "it'll be twelve percent more".
A statement with a number or a name that was not said is dropped. One whose names and numbers were
said there is kept; it counts as verified when seven tenths of its content words were said there
too, and else as unverified, which the notes show and count.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from . import numbers
from .evidence import STOP, content_words, speaks_to_the_model, stem, support, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .evidence import Line

_BEFORE, _AFTER = 3, 1
"""Lines around a cited one that are its place"""
_RELATED = 1 / 3
"""Share of a statement's content words below which the cited lines are about something else"""
_TOKEN = re.compile(r"[^\W\d_][^\W_]*(?:['’-][^\W_]+)*")
_NOUNS = ("de", "lb")
"""Languages that write every noun with a capital"""
_ACTS = re.compile(
    r"\s+(?:will|says?|said|asks?|asked|wants?|wanted|propos\w+|suggest\w+|agree[sd]?|thinks?"
    r"|thought|explain\w+|mention\w+|present\w+|offer\w+|promis\w+|confirm\w+|report\w+)\b"
)
"""What only people do: the word before is a name although it begins the sentence"""


@dataclass(frozen=True, slots=True)
class Evidence:
    lines: tuple[int, ...]
    verified: bool


@dataclass(frozen=True)
class Checker:
    """The lines of a meeting and the names that are known of it from elsewhere."""

    lines: Sequence[Line]
    known: tuple[str, ...] = ()
    language: str = ""
    """Of the statements; empty where it is the speech's"""
    translated: bool = False
    """They are in another language than the speech: their words cannot be looked up"""

    def evidence(self, text: str, cited: Iterable[int], first: int, end: int) -> Evidence | None:
        """What a statement rests on among the lines from ``first`` up to ``end``, which the model
        has read; ``None`` where the speech does not support it."""
        places = sorted({it for it in cited if first <= it < end})
        if not places or not content_words(text):
            return None
        if any(speaks_to_the_model(self.lines[it].text) for it in places):
            return None
        near = self._around(places)
        spoken = " ".join(f"{self.lines[it].speaker} {self.lines[it].text}" for it in near)
        if numbers.unsaid(text, numbers.said(spoken)):
            return None
        stems = {stem(word) for word in words(spoken)}
        names = {stem(it) for name in self.names(text) for it in words(name)}
        if names - stems - self._everywhere:
            return None
        if self.translated:
            return Evidence(tuple(places), verified=False)
        if not names - stems and (found := support(_without_digits(text), places, self.lines)):
            return Evidence(found, verified=True)
        wanted = {it for it in content_words(text) if not it.isdecimal()}
        share = len(wanted & stems) / max(1, len(wanted))
        return Evidence(tuple(places), verified=False) if share >= _RELATED else None

    def title(self, text: str) -> bool:
        """Whether all names and numbers of a title were said in the meeting."""
        names = {stem(it) for name in self.names(text) for it in words(name)}
        spoken = {it for line in self.lines for it in numbers.said(line.text)}
        return not numbers.unsaid(text, spoken) and not names - self._everywhere

    def names(self, text: str) -> list[str]:
        """Words of a statement that are names by the look of them."""
        if not any(c.isupper() for c in text) or not self._comparable(text):
            return []
        found = []
        for sentence in re.split(r"(?<=[.!?:;“\"])\s+", text):
            for number, token in enumerate(_TOKEN.finditer(sentence)):
                word = token[0]
                if not word[0].isupper() or word.lower() in STOP or word in ("I", "I'm", "I'll"):
                    continue
                begins = number == 0 and not _ACTS.match(sentence, token.end())
                if (begins or self.language in _NOUNS) and stem(word.lower()) not in self._called:
                    continue
                found.append(word)
        return found

    def _comparable(self, text: str) -> bool:
        """Whether the statement is in the letters of the speech: names change with them."""
        return not self.translated or _latin(text) == self._in_latin

    @cached_property
    def _in_latin(self) -> bool:
        return _latin(" ".join(line.text for line in self.lines[:200]))

    @cached_property
    def _called(self) -> set[str]:
        """Stems of what is a name for certain: speakers, and what is known from elsewhere."""
        names = {line.speaker for line in self.lines} | set(self.known)
        return {stem(word) for name in names for word in words(name)} - {stem("speaker")}

    @cached_property
    def _everywhere(self) -> set[str]:
        said = Counter(word for line in self.lines for word in words(line.text))
        return {stem(word) for word in said} | self._called

    def _around(self, places: Sequence[int]) -> list[int]:
        last = len(self.lines)
        near = {n for it in places for n in range(max(0, it - _BEFORE), min(last, it + _AFTER + 1))}
        return sorted(near)


def _without_digits(text: str) -> str:
    """Numbers are looked up by what they mean; the rest by its words."""
    return re.sub(r"\b\d+(?:[.,]\d+)*(?:st|nd|rd|th)?\b", " ", text)


def _latin(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return sum(c < "ɐ" for c in letters) * 2 > len(letters)
