"""Checking a statement against the speech that it cites.

A statement is supported when its content words, and every one of its numbers and names, are in
the cited lines or right beside them. What is not is dropped: a model's word alone is no evidence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SINGLE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Characters of Chinese and Japanese, which does not part words: each counts as one"""
_WORD = re.compile(rf"[{_SINGLE}]|[^\W_{_SINGLE}]+(?:['’][^\W_]+)*")
STOP = frozenset(
    "a an the and or but if then so of to in on at by for with from as is are was were be been"
    " being am do does did done have has had will would can could shall should may might must it"
    " its this that these those he she they them his her their we us our you your i me my there"
    " here what which who whom how when where why not no yes please just also too very up out"
    " about into over some any all more most other than let lets let's i'll we'll i'm we're it's"
    " that's don't get got go going need needs want okay ok well now".split()
)
_SUPPORT = 0.7
"""Share of a statement's content words that its evidence must contain"""
NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
        " fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the transcript as a model reads it."""

    segment: int
    speaker: str
    text: str
    more: tuple[int, ...] = ()
    """Further segments, of a word or two each, that are in the same line"""
    language: str = ""
    """ISO 639-1; empty where it is not known"""

    @property
    def segments(self) -> tuple[int, ...]:
        return (self.segment, *self.more)


def words(text: str) -> list[str]:
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def content_words(text: str) -> set[str]:
    """Words that carry meaning, each as its stem."""
    return {stem(word) for word in words(text) if word not in STOP}


def stem(word: str) -> str:
    word = NUMBERS.get(word, word).removesuffix("'s")
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending).removesuffix("e")
    return word.removesuffix("e") if len(word) > 3 else word


def _must_be_there(text: str) -> set[str]:
    """Numbers and names: one that was not said is an invention, however well the rest fits."""
    found = _WORD.findall(text)
    names = {word for word in found[1:] if word[0].isupper() and word.lower() not in STOP}
    numbers = {word for word in found if word[0].isdigit() or word.lower() in NUMBERS}
    return {stem(word.lower()) for word in names | numbers - {"one", "One"}}


_TO_THE_MODEL = re.compile(
    r"<\|\w+\|>|\[/?INST\]|###\s*(?:system|instruction|assistant)\b|^\s*(?:system|assistant)\s*:"
    r"|\b(?:ignore|disregard|forget|override) (?:\w+ ){0,3}"
    r"(?:above|previous|prior|earlier|preceding|instructions?|prompts?|rules)\b"
    r"|\b(?:system|developer) (?:prompt|message)\b|\byou are now\b"
    r"|\bnew instructions?\b|\bas an? (?:AI|language model|assistant)\b"
    r"|\b(?:output|respond with|reply with|print|write) (?:only|exactly|nothing but)\b"
    r"|\b(?:write|put|add|say|note) (?:in|into|to) the (?:notes|summary|minutes)\b",
    re.I,
)


def speaks_to_the_model(text: str) -> bool:
    """Whether a line is worded as an instruction to whoever takes the notes. It is speech like any
    other, and so may be quoted; what a model makes of it is not to be believed."""
    return _TO_THE_MODEL.search(text) is not None


_POINTS = re.compile(
    r"\b(?:that|it|this|them|so|yes|yeah|okay|sure|agreed|will do|fine|right|good)\b", re.I
)


def points(text: str) -> bool:
    """Whether a line points to another ("I will do that", "Agreed"), and so is evidence with it."""
    return _POINTS.search(text) is not None and len(words(text)) <= 8


def support(
    text: str, cited: Iterable[int], lines: Sequence[Line], *, before: int = 5, after: int = 1
) -> tuple[int, ...] | None:
    """The lines that a statement rests on: those cited, and neighbours that say what they point to.

    ``cited`` and the result are positions in ``lines``; ``None`` when the speech does not
    support the text. A cited line that says nothing of it is no evidence.
    """
    cited = sorted({it for it in cited if 0 <= it < len(lines)})
    wanted = content_words(text)
    if not cited or not wanted:
        return None
    used = {it for it in cited if content_words(lines[it].text) & wanted or points(lines[it].text)}
    found = set().union(*(content_words(lines[it].text) for it in used)) & wanted
    near = sorted(
        (
            it
            for it in range(max(0, cited[0] - before), min(len(lines), cited[-1] + after + 1))
            if it not in used
        ),
        key=lambda it: min(abs(it - c) for c in cited),
    )
    for it in near:
        more = (content_words(lines[it].text) & wanted) - found
        if more and found != wanted:
            found |= more
            used.add(it)
    said = {lines[it].speaker for it in used}
    unsaid = _must_be_there(text) - found - {stem(w) for name in said for w in words(name)}
    if unsaid or len(found) < _SUPPORT * len(wanted):
        return None
    return tuple(sorted(used))
