"""Questions for what the notes hold: decisions, tasks, open questions, the summary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..notes.evidence import stem, words
from ..notes.topics import telling
from .passages import asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..values import ActionItem, MeetingNotes, Statement

_TASKS = re.compile(
    r"\b(?:action items?|tasks?|to-?dos?|next steps?|deadlines?"
    r"|(?:what|who) (?:will|does|should|must|has to|have to|is going to)(?: \w+)?(?: to)? do)\b",
    re.I,
)
_DECISIONS = re.compile(r"\b(?:decisions?|decided?|agreed?)\b", re.I)
_QUESTIONS = re.compile(r"\b(?:open questions?|left open|unanswered|still open)\b", re.I)
_SUMMARY = re.compile(
    r"\b(?:summar\w+|overview|gist|what was (?:it|the meeting|this meeting) about)\b", re.I
)


def in_notes(question: str, notes: MeetingNotes) -> list[Statement]:
    """The statements of the notes that are asked for; none where the question is about the talk."""
    kinds: list[tuple[re.Pattern[str], Sequence[Statement]]] = [
        (_TASKS, [_task(it) for it in notes.action_items]),
        (_QUESTIONS, notes.open_questions),
        (_DECISIONS, notes.decisions),
        (_SUMMARY, notes.summary),
    ]
    for pattern, statements in kinds:
        if pattern.search(question):
            rest = pattern.sub(" ", question)
            about = asked(rest) | _names(question, notes)
            return [it for it in statements if not about or about & _stems(it.text)]
    return []


def _task(item: ActionItem) -> Statement:
    from ..values import Statement

    due = f" ({item.due_text})" if item.due_text else ""
    text = f"{item.assignee}: {item.text}{due}" if item.assignee else f"{item.text}{due}"
    return Statement(text=text, segments=item.segments)


def _names(question: str, notes: MeetingNotes) -> set[str]:
    owners = {stem(w) for it in notes.action_items for w in words(it.assignee or "")}
    return owners & {stem(word) for word in words(question)}


def _stems(text: str) -> set[str]:
    return telling(text) | {stem(word) for word in words(text)}
