"""Turning what was extracted into notes: the summary is composed, never freely written."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..values import ActionItem, MeetingNotes, SectionKind, Statement
from .dates import resolve
from .details import by_speaker, detail, quotes, saying, spoken
from .evidence import content_words
from .highlights import BROKEN, Highlights
from .sections import arranged
from .spoken import extent, readable, sentence
from .topics import Stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
    found = _readable(found)
    decisions = tuple(_statement(note, found.lines) for note in found.of("D"))
    items = tuple(_action(note, found.lines, recording) for note in found.of("T"))
    questions = tuple(_statement(note, found.lines, end="?") for note in found.of("Q"))
    highlights = Highlights(found.lines)
    detailed = detail(transcript, found.lines, highlights, found.topics)
    kinds = {section.kind for section in request.template.sections}
    wanted = request.quotes or (_QUOTES if SectionKind.QUOTES in kinds else 0)
    segments = transcript.segments
    opening = _opening(detailed.topics, found.lines) or _opening_of_few(found)
    summary = tuple(_summary(decisions, items, questions, detailed, highlights, opening))
    notes = MeetingNotes(
        recording=recording,
        title=title_of(recording.title, [title for _, title in found.topics], detailed.topics),
        summary=summary,
        key_points=_key_points(found, detailed, highlights, summary),
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


def title_of(given: str, made: Sequence[str], topics: Sequence[Topic]) -> str:
    """The recording's name, where it says something; else what a model made or was talked about."""
    named = list(dict.fromkeys(made or _subjects(topics)))
    if not named or not _NO_TITLE.fullmatch(given):
        return given
    return _sentence(_listed([named[0], *(_clause(it) for it in named[1:_TOPICS])]), "")


_BROKEN_OFF = re.compile(
    r"(?:[\s,]+(?:yeah|okay|ok|um|uh|and|but|or|not|because|'cause|the|a|an))+$", re.I
)
"""The end of a note that has none"""
_SENSELESS = re.compile(
    r"^(?:it|it's|he|he's|she|she's|they|they're|them|that|that's|this|these|those|which|if|when"
    r"|because|in|of|at|with|from|and|but|so)\b"
    r"|\b(?:it|them|that|this|those|these|there)$"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|[2-9]|\d\d+) more"
    r" (?!people|men|women|children|of|than|or|and|in|on|at|to|from|for|with)[a-z]*[a-rt-z]\b"
    r"(?=$|[.,;]| (?:to|for|in|at|on|by|before|and|or|with|until|than)\b)",
    re.I,
)
"""What points to a thing that is not in the note; "three more" of what is not many"""
_LEAST = {"K": 3, "D": 2, "T": 2, "Q": 2}
"""Content words of a note that says something"""


def _readable(found: Extraction) -> Extraction:
    """Without false starts and repetitions in the notes, and without those of which nothing can be
    understood then; these count as dropped."""
    cleaned = [replace(it, text=_BROKEN_OFF.sub("", readable(it.text))) for it in found.notes]
    kept = [
        it
        for it in cleaned
        if len(content_words(it.text)) >= _LEAST[it.kind]
        and not BROKEN.search(it.text)
        and not (it.kind == "K" and _SENSELESS.search(it.text))
    ]
    return replace(found, notes=tuple(kept), dropped=found.dropped + len(cleaned) - len(kept))


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
_SUBJECTS = 5
_NAMED = 3
"""Topics, and decisions, tasks or questions, that a summary names; the lists below it have all"""


def _summary(
    decisions: Sequence[Statement],
    items: Sequence[ActionItem],
    questions: Sequence[Statement],
    detailed: Detailed,
    highlights: Highlights,
    opening: Sequence[Statement],
) -> list[Statement]:
    """What it was about, the sentences that tell most, and one each for what was decided, who does
    what, and what stayed open."""
    verbal = _begins_with_its_verb(detailed.lines)
    most = _NAMED if detailed.topics else 2 * _NAMED  # a short meeting's are soon read
    results = list(_results(decisions, items, questions, highlights, verbal, most))
    room = min(_MOST_WORDS, round(_SHARE * detailed.words))
    taken = sum(len(it.text.split()) for it in [*opening, *results])
    room = max(room - taken, round(_QUOTED * room) if opening else 0)
    return [*opening, *_telling(detailed, highlights, room), *results]


_PER_KEY_POINT = 500
_MOST_KEY_POINTS = 10


def _key_points(
    found: Extraction,
    detailed: Detailed,
    highlights: Highlights,
    summary: Sequence[Statement],
) -> tuple[Statement, ...]:
    """What the model found; in a long meeting for which that is little, also sentences that tell
    most and that the summary does not have."""
    points = [_statement(note, found.lines) for note in found.of("K")]
    lines = found.lines
    wanted = min(_MOST_KEY_POINTS, detailed.words // _PER_KEY_POINT) - len(points)
    told = {segment for it in (*points, *summary) for segment in it.segments}
    free = [n for n, line in enumerate(lines) if not told & set(line.segments)]
    highlights.forget()
    chosen: list[int] = []
    while len(chosen) < wanted:
        best = highlights.best(n for n in free if n not in chosen)
        if best is None:
            break
        highlights.choose(best)
        chosen.append(best)
        free = [n for n in free if lines[n].segment != lines[best].segment]
    points += [spoken(n, lines) for n in chosen]
    return tuple(sorted(points, key=lambda it: min(it.segments)))


def _subjects(topics: Sequence[Topic]) -> list[str]:
    return [topic.text for topic in topics if not re.fullmatch(r"Part \d+", topic.text)]


def _opening(topics: Sequence[Topic], lines: Sequence[Line]) -> list[Statement]:
    """The longest topics, in their order; none where a single word would have to stand for all."""
    named = [topic for topic in topics if topic.text in _subjects(topics)]
    longest = sorted(named, key=lambda it: it.start - it.end)[:_SUBJECTS]
    chosen = [topic for topic in named if topic in longest]
    names = list(dict.fromkeys(_as_said(it.text.partition(", ")[0], lines) for it in chosen))
    if len(names) == 1 and " " not in names[0].removeprefix("the "):
        return []
    return [_cited(f"The meeting was about {_listed(names)}.", chosen)] if names else []


def _opening_of_few(found: Extraction) -> list[Statement]:
    """Of a meeting too short for topics: the titles that a model gave to its stretches."""
    lines = found.lines
    cited = []
    for first, title in found.topics[:_TOPICS]:
        at = saying(title, Stretch(first, len(lines)), lines)
        segments = tuple(dict.fromkeys(it for n in at for it in lines[n].segments))
        text = _in_full(title, [lines[n] for n in range(first, len(lines))])
        cited.append(Statement(text=text, segments=segments))
    if not (named := [it for it in cited if it.segments]):
        return []
    return [_cited(f"The meeting was about {_listed([it.text for it in named])}.", named)]


_FURTHER = (
    r"(?: (?:of|for|with) (?:the |an? |our )?(?:[\w-]+ )?[\w-]+(?=[.,?!]| (?:by|on|in|at|to)\b|$))?"
)


def _as_said(title: str, lines: Sequence[Line], further: str = "") -> str:
    """A title as it stands in a sentence: with the article that it is said with."""
    said = re.compile(rf"\b(?:the|an?|our) {re.escape(title)}\b{further}", re.I)
    found = next(filter(None, (said.search(readable(line.text)) for line in lines)), None)
    return _clause(found[0] if found else title)


def _in_full(title: str, lines: Sequence[Line]) -> str:
    """The same, and of a single word with what it belongs to: "the date with the mover"."""
    return _as_said(title, lines, _FURTHER if len(title.split()) == 1 else "")


def _telling(detailed: Detailed, highlights: Highlights, room: int) -> Iterator[Statement]:
    """As many sentences as there is room for, from the topics in turn, the longest first."""
    lines = detailed.lines
    parts = sorted(detailed.parts, key=lambda it: it.first - it.end)
    highlights.forget()
    chosen: list[int] = []
    told: list[int] = []
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
        whole = extent(best, lines)
        chosen += [n for n in range(*whole) if n != best]
        told.append(best)
    for n in sorted(told):
        text = f"{lines[n].speaker} said: “{sentence(n, lines)}”"
        yield Statement(text=text, segments=lines[n].segments)


def _results(
    decisions: Sequence[Statement],
    items: Sequence[ActionItem],
    questions: Sequence[Statement],
    highlights: Highlights,
    verbal: Callable[[Statement], bool],
    most: int,
) -> Iterator[Statement]:
    """Of more than ``most`` of a kind, those that have most of what the meeting comes back to.

    ``verbal`` says whether a statement begins with the verb of what is to be done.
    """

    def few(statements: Sequence[Any]) -> list[Any]:
        best = sorted(statements, key=lambda it: -highlights.weight(it.text))[:most]
        return [it for it in statements if it in best]

    decided = few(decisions)
    if agreed := [it for it in decided if verbal(it)]:
        told = _listed([f"to {_clause(it.text)}" for it in agreed])
        yield _cited(f"It was decided {told}.", agreed)
    if others := [it for it in decided if it not in agreed]:
        yield _cited(f"Decided: {'; '.join(_clause(it.text) for it in others)}.", others)
    owned: dict[str, list[ActionItem]] = {}
    for item in few(items):
        owned.setdefault(item.assignee or "", []).append(item)
    for owner, theirs in owned.items():
        what = _listed([_due(it) for it in theirs])
        yield _cited(f"{owner} will {what}." if owner else f"To do: {what}.", theirs)
    if asked := few(questions):
        lead = "One question stayed open" if len(asked) == 1 else "Questions stayed open"
        first, *rest = (_sentence(it.text, "?") for it in asked)
        yield _cited(" ".join([f"{lead}: {_clause(first)}?", *rest]), asked)


_WHEN = re.compile(r"(?:by|before|until|till|on|in|today|tonight|tomorrow|this|next|over)\b", re.I)


def _due(item: ActionItem) -> str:
    """What is to be done by when, as the end of a sentence."""
    text, due = _clause(item.text), item.due_text
    if not due or due.lower() in text.lower():
        return text
    return f"{text} {due}" if _WHEN.match(due) else f"{text} ({due})"


def _cited(text: str, of: Sequence[Statement]) -> Statement:
    segments = tuple(sorted({segment for it in of for segment in it.segments}))
    return Statement(text=text[:1].upper() + text[1:], segments=segments)


_BEFORE_VERBS = (
    r"\b(?:to|will|shall|should|can|could|would|must|let's|let us|we|we'll|I'll|gonna|not)"
)


def _begins_with_its_verb(lines: Sequence[Line]) -> Callable[[Statement], bool]:
    """Whether the first word of a statement is said as a verb where it is cited."""
    spoken: dict[int, str] = {}
    for line in lines:
        for segment in line.segments:
            spoken[segment] = f"{spoken.get(segment, '')} {line.text}"

    def verbal(statement: Statement) -> bool:
        first = re.escape(statement.text.split()[0])
        pattern = re.compile(rf"{_BEFORE_VERBS} (?:\w+ly |just |then |also )?{first}\b", re.I)
        return any(pattern.search(spoken.get(it, "")) for it in statement.segments)

    return verbal


def _clause(text: str) -> str:
    text = text.rstrip(".?! ")
    name_or_acronym = re.match(r"I\b|[A-Z]{2}", text)
    return text if name_or_acronym else text[:1].lower() + text[1:]


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
