"""Turning what was extracted into notes: the summary is composed, never freely written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..values import ActionItem, MeetingNotes, Statement
from .dates import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..values import Recording, Transcript
    from .evidence import Line
    from .extract import Extraction, Note


def compose(recording: Recording, transcript: Transcript, found: Extraction) -> MeetingNotes:
    decisions = tuple(_statement(note, found.lines) for note in found.of("D"))
    items = tuple(_action(note, found.lines, recording) for note in found.of("T"))
    questions = tuple(_statement(note, found.lines, end="?") for note in found.of("Q"))
    segments = transcript.segments
    return MeetingNotes(
        recording=recording,
        title=_title(recording.title, found.topics),
        summary=tuple(_summary(decisions, items, questions)),
        key_points=tuple(_statement(note, found.lines) for note in found.of("K")),
        decisions=decisions,
        action_items=items,
        open_questions=questions,
        dropped=found.dropped,
        coverage=(segments[0].start, segments[-1].end) if segments else (0.0, 0.0),
    )


_NO_TITLE = re.compile(
    r"(?:audio|call|gmt|meeting|memo|mic|new|output|rec|recording|screen|track|untitled|video|voice"
    r"|wav|zoom|[\W\d_])*(?:utc)?[\W\d_]*",
    re.I,
)
_TOPICS = 3


def _title(given: str, topics: Sequence[str]) -> str:
    """The recording's name, where it says something, or what was talked about."""
    if not topics or not _NO_TITLE.fullmatch(given):
        return given
    named = [topics[0], *(_clause(topic) for topic in topics[1:_TOPICS])]
    return _sentence(_listed(named), "")


def _segments(note: Note, lines: Sequence[Line]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(lines[it].segment for it in note.lines))


def _sentence(text: str, end: str) -> str:
    text = text.strip().rstrip(".,;:?! ")
    return f"{text[:1].upper()}{text[1:]}{end}"


def _statement(note: Note, lines: Sequence[Line], end: str = ".") -> Statement:
    return Statement(text=_sentence(note.text, end), segments=_segments(note, lines))


def _action(note: Note, lines: Sequence[Line], recording: Recording) -> ActionItem:
    return ActionItem(
        text=_sentence(note.text, ""),
        segments=_segments(note, lines),
        assignee=note.owner or None,
        due=resolve(note.when, recording.started_at.date()) if note.when else None,
        due_text=note.when or None,
    )


def _summary(
    decisions: Sequence[Statement], items: Sequence[ActionItem], questions: Sequence[Statement]
) -> list[Statement]:
    """One sentence each for what was decided, who does what, and what stayed open."""
    summary = []
    if decisions:
        summary.append(_joined("Decided: ", [_clause(it.text) for it in decisions], decisions))
    owned: dict[str, list[str]] = {}
    for item in items:
        owned.setdefault(item.assignee or "", []).append(
            _clause(item.text) + (f" ({item.due_text})" if item.due_text else "")
        )
    tasks = [
        f"{owner} will {_listed(what)}" if owner else f"to do: {_listed(what)}"
        for owner, what in owned.items()
    ]
    if tasks:
        summary.append(_joined("", tasks, items))
    if questions:
        summary.append(_joined("Still open: ", [_clause(it.text) for it in questions], questions))
    return summary


def _joined(lead: str, clauses: Sequence[str], of: Sequence[Statement]) -> Statement:
    segments = sorted({segment for it in of for segment in it.segments})
    return Statement(text=_sentence(lead + "; ".join(clauses), "."), segments=tuple(segments))


def _clause(text: str) -> str:
    text = text.rstrip(".?! ")
    name_or_acronym = re.match(r"I\b|[A-Z]{2}", text)
    return text if name_or_acronym else text[:1].lower() + text[1:]


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
