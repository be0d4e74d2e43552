"""Turning what was extracted into notes: the summary is composed, never freely written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..values import ActionItem, MeetingNotes, SectionKind, Statement
from .dates import resolve
from .details import by_speaker, detail, quotes
from .highlights import Highlights
from .sections import arranged
from .spoken import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..values import Recording, Topic, Transcript
    from .details import Detailed
    from .evidence import Line
    from .extract import Extraction, Note
    from .request import Request

_QUOTES = 5
"""Where a template wants quotes and nobody said how many"""


def compose(
    recording: Recording, transcript: Transcript, found: Extraction, request: Request
) -> MeetingNotes:
    decisions = tuple(_statement(note, found.lines) for note in found.of("D"))
    items = tuple(_action(note, found.lines, recording) for note in found.of("T"))
    questions = tuple(_statement(note, found.lines, end="?") for note in found.of("Q"))
    highlights = Highlights(found.lines)
    detailed = detail(transcript, found.lines, highlights, found.topics)
    kinds = {section.kind for section in request.template.sections}
    wanted = request.quotes or (_QUOTES if SectionKind.QUOTES in kinds else 0)
    segments = transcript.segments
    notes = MeetingNotes(
        recording=recording,
        title=_title(
            recording.title, [title for _, title in found.topics] or _subjects(detailed.topics)
        ),
        summary=tuple(_summary(decisions, items, questions, detailed, highlights)),
        key_points=tuple(_statement(note, found.lines) for note in found.of("K")),
        decisions=decisions,
        action_items=items,
        open_questions=questions,
        topics=detailed.topics,
        quotes=quotes(found.lines, highlights, wanted),
        dropped=found.dropped,
        coverage=(segments[0].start, segments[-1].end) if segments else (0.0, 0.0),
    )
    speakers = by_speaker(found.lines, highlights) if SectionKind.SPEAKERS in kinds else ()
    return arranged(notes, request, found.lines, {SectionKind.SPEAKERS: speakers})


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
    distinct = list(dict.fromkeys(topics))
    named = [distinct[0], *(_clause(topic) for topic in distinct[1:_TOPICS])]
    return _sentence(_listed(named), "")


def _segments(note: Note, lines: Sequence[Line]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(n for it in note.lines for n in lines[it].segments))


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


_MOST_WORDS = 150
"""Of a summary that also quotes, before what was decided needs more"""
_QUOTED = 0.5
"""Share of them that is quoted however much was decided"""
_SHARE = 0.1
"""Of the meeting's words that its summary may have"""
_NAMED = 4
"""Topics, and decisions, tasks or questions, that a summary names; the lists below it have all"""


def _summary(
    decisions: Sequence[Statement],
    items: Sequence[ActionItem],
    questions: Sequence[Statement],
    detailed: Detailed,
    highlights: Highlights,
) -> list[Statement]:
    """What it was about, the sentences that tell most, and one each for what was decided, who does
    what, and what stayed open."""
    results = list(_results(decisions, items, questions, highlights))
    room = min(_MOST_WORDS, round(_SHARE * detailed.words))
    opening = [_opening(detailed.topics)] if _subjects(detailed.topics) else []
    taken = sum(len(it.text.split()) for it in [*opening, *results])
    room = max(room - taken, round(_QUOTED * room) if opening else 0)
    return [*opening, *_telling(detailed, highlights, room), *results]


def _subjects(topics: Sequence[Topic]) -> list[str]:
    return [topic.text for topic in topics if not re.fullmatch(r"Part \d+", topic.text)]


def _opening(topics: Sequence[Topic]) -> Statement:
    """The longest topics, in their order."""
    named = [topic for topic in topics if topic.text in _subjects(topics)]
    longest = sorted(named, key=lambda it: it.start - it.end)[:_NAMED]
    chosen = [topic for topic in named if topic in longest]
    names = list(dict.fromkeys(_clause(it.text.partition(", ")[0]) for it in chosen))
    return Statement(
        text=f"The meeting was about {_listed(names)}.",
        segments=tuple(sorted({segment for topic in chosen for segment in topic.segments})),
    )


def _telling(detailed: Detailed, highlights: Highlights, room: int) -> Iterator[Statement]:
    """As many sentences as there is room for, from the topics in turn, the longest first."""
    lines = detailed.lines
    parts = sorted(detailed.parts, key=lambda it: it.first - it.end)
    highlights.forget()
    chosen: list[int] = []
    refused = turn = 0
    while refused < len(parts):
        part = parts[turn % len(parts)]
        turn += 1
        best = highlights.best(n for n in range(part.first, part.end) if n not in chosen)
        size = 0 if best is None else len(sentence(best, lines).split()) + 2
        if best is None or size > room:
            refused += 1
            continue
        refused = 0
        room -= size
        highlights.choose(best)
        chosen.append(best)
    for n in sorted(chosen):
        text = f"{lines[n].speaker} said: “{sentence(n, lines)}”"
        yield Statement(text=text, segments=lines[n].segments)


def _results(
    decisions: Sequence[Statement],
    items: Sequence[ActionItem],
    questions: Sequence[Statement],
    highlights: Highlights,
) -> Iterator[Statement]:
    """Of more than a few, those that have most of what the meeting comes back to."""

    def few(statements: Sequence[Any]) -> list[Any]:
        best = sorted(statements, key=lambda it: -highlights.weight(it.text))[:_NAMED]
        return [it for it in statements if it in best]

    if decided := few(decisions):
        yield _joined("Decided: ", [_clause(it.text) for it in decided], decided)
    owned: dict[str, list[str]] = {}
    for item in (doing := few(items)):
        owned.setdefault(item.assignee or "", []).append(
            _clause(item.text) + (f" ({item.due_text})" if item.due_text else "")
        )
    tasks = [
        f"{owner} will {_listed(what)}" if owner else f"to do: {_listed(what)}"
        for owner, what in owned.items()
    ]
    if tasks:
        yield _joined("", tasks, doing)
    if asked := few(questions):
        yield _joined("Still open: ", [_clause(it.text) for it in asked], asked)


def _joined(lead: str, clauses: Sequence[str], of: Sequence[Statement]) -> Statement:
    segments = sorted({segment for it in of for segment in it.segments})
    return Statement(text=_sentence(lead + "; ".join(clauses), "."), segments=tuple(segments))


def _clause(text: str) -> str:
    text = text.rstrip(".?! ")
    name_or_acronym = re.match(r"I\b|[A-Z]{2}", text)
    return text if name_or_acronym else text[:1].lower() + text[1:]


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
