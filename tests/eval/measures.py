"""How good notes are. Every measure is a share from 0 to 1, or a count, and says what it counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sottovoce import ActionItem, MeetingNotes, Segment, Statement, Topic, Transcript
from sottovoce.notes.details import tenths
from sottovoce.notes.evidence import content_words, stem, words

from .meetings import Truth

_FRAME = content_words(
    "The meeting was about. said. It was decided. Decided: will. To do: One question stayed open."
    " Questions stayed open. Part 1 2 3"
)
"""Words that the program puts around what it found, which nobody need have said"""
_NEAR = 2
"""Segments beside a cited one that count as its place: a promise points to what was asked"""
_SUPPORT = 0.7
_FOUND = 0.5
"""Share of a reference's telling words that must be there for it to count as found"""
_UNTITLED = re.compile(r"Part \d+")
"""Of a topic"""
_NUMBER = re.compile(r"\d[\d.,:]*\d|\d")


def statements(notes: MeetingNotes) -> Iterator[Statement]:
    """Everything that the notes claim; of a topic its points and its title."""
    fields = (notes.summary, notes.decisions, notes.action_items, notes.open_questions)
    for it in (*fields, notes.key_points, notes.quotes):
        yield from it
    for topic in notes.topics:
        yield topic
        yield from topic.points


def first_sentences(transcript: Transcript, size: int) -> str:
    """The baseline: the meeting's first words, as many as a summary has."""
    return " ".join(transcript.text.split()[:size])


def rouge(text: str, references: Sequence[str]) -> dict[str, float]:
    """F1 of ROUGE-1, -2 and -L (rouge-score, stemmed), the best of the references."""
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]

    kinds = ("rouge1", "rouge2", "rougeL")
    scorer = RougeScorer(list(kinds), use_stemmer=True)
    scores: list[Any] = [scorer.score(reference, text) for reference in references]
    return {kind: max(score[kind].fmeasure for score in scores) for kind in kinds}


def _spoken(segments: Iterable[Segment]) -> set[str]:
    return {stem(w) for it in segments for w in words(f"{it.speaker or ''} {it.text}")}


def evidence(notes: MeetingNotes, transcript: Transcript) -> tuple[int, int]:
    """Statements with valid evidence, and all: each cites segments that exist, and these with
    their neighbours have its names, its numbers and seven tenths of its content words."""
    valid = total = 0
    for statement in statements(notes):
        total += 1
        valid += _valid(statement, transcript.segments)
    return valid, total


def _valid(statement: Statement, segments: Sequence[Segment]) -> bool:
    cited = statement.segments
    if not cited or not all(0 <= it < len(segments) for it in cited):
        return False
    near = {n for it in cited for n in range(it - _NEAR, it + _NEAR + 1)}
    if isinstance(statement, Topic):  # its title is of all its lines
        inside = [it for it in segments if it.end > statement.start and it.start < statement.end]
        near |= {it.id for it in inside}
        if _UNTITLED.fullmatch(statement.text):
            return True
    said = _spoken(segments[n] for n in near if 0 <= n < len(segments))
    text = statement.text
    if isinstance(statement, ActionItem):
        text += f" {statement.assignee or ''} {statement.due_text or ''}"
    wanted = content_words(text) - _FRAME
    if {stem(it) for it in names_and_numbers(text)} - said:
        return False
    return len(wanted & said) >= _SUPPORT * len(wanted)


def names_and_numbers(text: str) -> set[str]:
    """Capitalised words within a sentence, and numbers, in lower case."""
    found = set(_NUMBER.findall(text)) & set(words(text))
    for part in re.split(r"[.!?:“]\s*", text):
        tokens = re.findall(r"[^\W_]+(?:['’][^\W_]+)*", part)[1:]
        found |= {it.lower().replace("’", "'") for it in tokens if it[0].isupper()}
    return {it for it in found if it not in ("i", "i'm", "i'll", "i've", "i'd")}


def invented(notes: MeetingNotes, transcript: Transcript) -> list[str]:
    """Names and numbers in the notes that nobody said and nobody is called."""
    said = _spoken(transcript.segments)
    found = set()
    for statement in statements(notes):
        text = f"{statement.text} {getattr(statement, 'assignee', None) or ''}"
        title = isinstance(statement, Topic) and _UNTITLED.fullmatch(statement.text)
        found |= set() if title else names_and_numbers(text)
    return sorted(it for it in found if stem(it) not in said)


def coverage(notes: MeetingNotes, transcript: Transcript) -> tuple[int, int]:
    """Tenths of the meeting's time of which something is cited, and those with speech."""
    cited = {it for statement in statements(notes) for it in statement.segments}
    spoken = [set(it) for it in tenths(transcript.segments) if it]
    return sum(bool(cited & it) for it in spoken), len(spoken)


def facts(notes: MeetingNotes, references: Sequence[str]) -> tuple[int, int]:
    """Reference facts found, and all: half of a fact's content words in one statement, or in the
    points of one topic."""
    places = [content_words(it.text) for it in statements(notes)]
    for topic in notes.topics:
        places.append(set().union(*(content_words(it.text) for it in topic.points)))
    found = 0
    for fact in references:
        wanted = content_words(fact)
        found += any(len(wanted & place) >= _FOUND * len(wanted) for place in places)
    return found, len(references)


def matches(found: Sequence[str], wanted: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of what is found and wanted, each in one at most, the likest first: F1 of their content
    words at least one half."""
    pairs = []
    for i, one in enumerate(found):
        for j, other in enumerate(wanted):
            mine, theirs = content_words(one), content_words(other)
            common = len(mine & theirs)
            if common and (f1 := 2 * common / (len(mine) + len(theirs))) >= _FOUND:
                pairs.append((f1, i, j))
    chosen: list[tuple[int, int]] = []
    for _, i, j in sorted(pairs, reverse=True):
        if all(i != a and j != b for a, b in chosen):
            chosen.append((i, j))
    return chosen


def against_truth(notes: MeetingNotes, truth: Truth) -> dict[str, tuple[int, int, int]]:
    """For tasks with the right owner, decisions and questions: right, found, wanted."""
    tasks = matches([it.text for it in notes.action_items], [it.text for it in truth.tasks])
    right = sum(
        words(notes.action_items[i].assignee or "")
        in (words(truth.tasks[j].owner), words(truth.tasks[j].heard or truth.tasks[j].owner))
        for i, j in tasks
    )
    decided = [it.text for it in notes.decisions]
    asked = [it.text for it in notes.open_questions]
    return {
        "tasks": (right, len(notes.action_items), len(truth.tasks)),
        "decisions": (len(matches(decided, truth.decisions)), len(decided), len(truth.decisions)),
        "questions": (len(matches(asked, truth.questions)), len(asked), len(truth.questions)),
    }


def f1(right: int, found: int, wanted: int) -> float:
    return 2 * right / (found + wanted) if found + wanted else 1.0
