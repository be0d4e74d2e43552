"""What the lines must say for a note of each kind to be believed, and whose a task is.

A model's word alone is no evidence: what the speech does not support is dropped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .dates import deadline_in
from .evidence import STOP, content_words, speaks_to_the_model, stem, support, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .evidence import Line
    from .extract import Note
    from .windows import Window


def checked(note: Note, window: Window, lines: Sequence[Line]) -> Note | None:
    """The note with its evidence as positions among all lines, or ``None`` without evidence."""
    place = window.first + note.lines[0] - 1
    if note.kind == "T":  # it may point to a thing of which somebody else spoke
        evidence = support(note.text, [place], lines)
    else:
        evidence = _line_of(note, place, window, lines)
    if evidence is None:
        return None
    if any(speaks_to_the_model(lines[it].text) for it in evidence):
        return None
    cited = evidence[-1]
    said = " ".join(lines[it].text for it in evidence)
    after = lines[cited + 1 : cited + 3]
    if note.kind == "D" and (_QUESTION.match(note.text) or _PIECE.match(note.text)):
        return None
    if note.kind == "D" and not _decided(cited, _about(note, evidence, lines), lines):
        return None
    if note.kind == "T" and not _REQUESTS.search(" ".join([said, *(it.text for it in after)])):
        return None
    if note.kind == "T" and _GERUND.match(note.text):
        return None
    if note.kind == "T" and (_PUTS_OFF.search(lines[cited].text) or _denied(note, said)):
        return None
    if note.kind == "Q" and (
        _WORDING.match(note.text) or _NO_MATTER.search(said) or _answered(cited, lines)
    ):
        return None
    note.when = _deadline(note.when, evidence, lines)
    note.owner = _owner(note.owner, cited, evidence, lines)
    note.lines = evidence
    return note


def _deadline(when: str, evidence: Sequence[int], lines: Sequence[Line]) -> str:
    """The deadline that the model gives, if its words were said there; else the one that was."""
    spoken = [lines[it].text for it in evidence]
    if deadline_in(when) and any(" ".join(words(when)) in " ".join(words(it)) for it in spoken):
        return when
    return next(filter(None, map(deadline_in, spoken)), "")


_COMMITS = re.compile(
    r"\b(?:I will|I'll|I can|I shall|I could|I am going to|I'm going to|I'm gonna|let me|I have to"
    r"|I need to|I'd like to|I want to|my job)\b",
    re.I,
)


_QUESTION = re.compile(r"(?:is|are|do|does|did|can|could|who|what|how|why|where|when) ", re.I)
_PUTS_OFF = re.compile(
    r"\blet me (?:\w+ ){0,3}first\b|\blet me (?:see|think|finish|just)\b"
    r"|\b(?:shall|can|could|should) we (?:talk|speak|discuss|start|begin|go on|move on|continue)\b",
    re.I,
)
"""Asks for time or for the next subject, in the words of a promise"""


_PIECE = re.compile(r"(?:in|on|at|of|for|with|from) (?!to\b)", re.I)
"""The end of a sentence whose beginning says what was decided"""
_GERUND = re.compile(r"(?!bring|ring|sing|ping|string)\w+ing\b", re.I)
"""What somebody is at, rather than what is to be done"""
_WORDING = re.compile(r"how (?:do|would|should) (?:you|we|I) (?:call|say|spell|pronounce)\b", re.I)
"""Asks for a word, in the middle of a sentence"""
_NO_MATTER = re.compile(r"\bdon't (?:have|need) to (?:find out|know|ask|figure out)\b", re.I)


_ASIDE = 3
"""Lines by which the model may be mistaken in where a thing was said"""


def _line_of(
    note: Note, place: int, window: Window, lines: Sequence[Line]
) -> tuple[int, ...] | None:
    """The nearest line of the window in which all words of a note were said, one after the other.

    What is stated is shortened by a note and hardly ever turned round; where it is, its words have
    come to mean another thing."""
    end = min(len(lines), window.first + len(window.lines))
    near = range(max(window.first, place - _ASIDE), min(end, place + _ASIDE + 1))
    for at in sorted(near, key=lambda it: abs(it - place)):
        if support(note.text, [at], lines, before=0, after=0) and _in_order(note, lines[at]):
            return (at,)
    return None


def _in_order(note: Note, line: Line) -> bool:
    spoken = iter([stem(it) for it in words(line.text) if it not in STOP])
    noted = (stem(it) for it in words(note.text) if it not in STOP)
    return all(any(_alike(it, other) for other in spoken) for it in noted)


def _alike(one: str, other: str) -> bool:
    """Whether two stems are of one word, "use" and "using" among them."""
    one, other = one.removesuffix("e"), other.removesuffix("e")
    return one.removesuffix("ing") == other.removesuffix("ing")


def _denied(note: Note, said: str) -> bool:
    """Whether somebody says that he can't, or doesn't, do just that."""
    first = re.escape(note.text.split()[0])
    return re.search(rf"(?:n't|\bcannot|\bnot|\bnever) (?:\w+ )?{first}\b", said, re.I) is not None


def _about(note: Note, evidence: Sequence[int], lines: Sequence[Line]) -> str:
    """Of the cited lines, the sentences that have words of the note."""
    wanted = content_words(note.text)
    parts = (part for it in evidence for part in re.split(r"(?<=[.!?])\s+", lines[it].text))
    return " ".join(part for part in parts if content_words(part) & wanted)


_REQUESTS = re.compile(
    r"\b(?:please|(?:can|could|will|would|should) (?:you|he|she|they)|will|shall|should|must|needs?"
    r"|ha(?:s|ve) to|going to|gonna|let's|let us|can|could|want|like|try|supposed|job|do)\b|'ll\b",
    re.I,
)
"""One of these stands near whatever somebody takes on; where none does, it is told of the past"""
_SETTLES = re.compile(
    r"\b(?:let's|let us|we will|we'll|we shall|decided?|agreed?|then we|so we|going for|go for"
    r"|go with)\b",
    re.I,
)
_ASSENT = re.compile(
    r"^(?:(?:oh|well|um|uh|so|and|i think|i'd say)\b[\s,.]*)*(?:yes|yeah|yep|okay|ok|sure|fine"
    r"|agreed?|good|right|all ?right|exactly|absolutely|mm-hmm|sounds|works|let's|true"
    r"|great|cool|no,? go|me too|why not|of course|i agree|that's|perfect|definitely)\b",
    re.I,
)
_STATES = re.compile(
    r"\b(?:will|won't|gonna|gotta|going to|ha(?:s|ve) to|must|should|(?:no|don't) need"
    r"|we (?:have|had|use|take|keep|drop\w*|want|need|said|can't)"
    r"|it's|that's|we're|final|propos\w*|prefer|no more|better|instead)\b|'ll\b",
    re.I,
)
_DOUBTS = re.compile(
    r"\b(?:maybe|perhaps|might|could|would|not sure|don't know|i think|what about|what if|whether"
    r"|if)\b|\?",
    re.I,
)


def _decided(cited: int, said: str, lines: Sequence[Line]) -> bool:
    """Whether it is more than a thought: said without doubt, in words that settle, or met with a
    yes. Asking alone is not deciding."""
    if _SETTLES.search(said) or (_STATES.search(said) and not _DOUBTS.search(said)):
        return True
    after = lines[cited + 1 : cited + 4]
    return any(_ASSENT.match(it.text) for it in after)


def _owner(owner: str, cited: int, evidence: Sequence[int], lines: Sequence[Line]) -> str:
    """The owners, where the lines bear them out: who commits there, is named or answers there."""
    near = range(max(0, evidence[0] - 1), min(len(lines), evidence[-1] + 3))
    commits = {lines[it].speaker for it in near if _COMMITS.search(lines[it].text)}
    named = {w for it in near for w in words(lines[it].text)}
    answers = {it.speaker for it in lines[cited + 1 : cited + 3] if _ASSENT.match(it.text)}
    owners = [
        it
        for it in owner.split(", ")
        if it in commits | answers or (words(it) and set(words(it)) <= named)
    ]
    if owners:
        return ", ".join(owners)
    return lines[cited].speaker if lines[cited].speaker in commits else ""


_ANSWER = re.compile(
    r"^(?:(?:oh|well|um|uh|so|i think|i'd say|i would say)\b[\s,.]*)*(?:most )?(?:yes|yeah|yep"
    r"|nope|no(?! (?:idea|clue|one)\b)|sure|of course|exactly|right|correct|agreed|definitely"
    r"|absolutely|certainly)\b(?!,? but\b)",
    re.I,
)


def _answered(cited: int, lines: Sequence[Line]) -> bool:
    """Whether another speaker settles the question at once: then it is not open."""
    after = lines[cited + 1] if cited + 1 < len(lines) else None
    return (
        after is not None
        and after.speaker != lines[cited].speaker
        and " or " not in lines[cited].text
        and _ANSWER.match(after.text) is not None
    )
