"""Notes by asking: each section against a JSON schema, over a transcript that is read once.

The transcript lies in the model's context; the sections and the topics are forks of it, answered
in one batch. One longer than the context is read in parts, parted where a topic ends, and what the
parts gave is put together in their order; its summary is then written from the parts' summaries. A
list that is full, or that was cut off, is asked to go on: nothing is left out.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..values import MeetingNotes, SectionKind, Statement
from . import prompts
from .answers import Answer, answers, items, written_object
from .carried import left_open
from .checked import Checker
from .compose import title_of
from .details import Written, by_speaker, detail, quotes, telling_topics
from .evidence import content_words
from .highlights import Highlights
from .parts import parts
from .sections import arranged
from .statements import add, clean, statement
from .windows import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from ..interfaces import Conversation, Question, TextGenerator
    from ..values import ActionItem, Recording, Transcript
    from .evidence import Line
    from .reading import Reading
    from .request import Request
    from .topics import Stretch

_LONGEST_SUMMARY = 8
"""Statements of a summary that the model did not write anew from those of the parts"""
_ROUNDS = 4
"""Times that a list is asked to go on"""
_TOLD = 256
"""Tokens that are kept for what is told of a meeting from elsewhere, and may be known at its end
only: parts are cut at the same places before and after"""
_SIDE_BY_SIDE = 4
"""Answers for which the context keeps room; more take turns"""


def ask_by_schema(
    recording: Recording,
    transcript: Transcript,
    generator: TextGenerator,
    progress: Callable[[float, float], None],
    request: Request,
    reading: Reading | None = None,
) -> MeetingNotes:
    """``reading`` has the beginning of the transcript in the model's context already."""
    lines = lines_of(transcript)
    task = _Task.of(generator, lines, recording, transcript, request)
    stretches = telling_topics(lines, request)
    spans = parts(
        [generator.count_tokens(numbered(lines, n, n + 1)) + 1 for n in range(len(lines))],
        room(generator, task.system, request),
        stretches,
        _pauses(lines, transcript),
    )
    found: dict[str, list[Statement]] = {name: [] for name in task.sections}
    written: dict[Stretch, Written] = {}
    settled: dict[int, tuple[int, ...]] = {}
    title, dropped = "", 0
    several = len(spans) > 1
    progress(0, len(spans) + several)
    for number, (first, end) in enumerate(spans):
        conversation = task.read(first, end, reading if number == 0 else None)
        with closing(conversation):
            part = _Part(task, conversation, first, end)
            dropped += part.ask(found, written, stretches)
            title = title if several else part.title()
            settled |= part.settled()
        progress(number + 1, len(spans) + several)
    if several:
        title = _whole(task, found)
        progress(len(spans) + 1, len(spans) + 1)
    return _arranged(task, transcript, found, written, settled, title, dropped)


def numbered(lines: Sequence[Line], first: int, end: int) -> str:
    """The lines as a model reads them, each ending in a line break."""
    return "".join(f"[{n}] {lines[n].speaker}: {lines[n].text}\n" for n in range(first, end))


def room(generator: TextGenerator, system: str, request: Request) -> int:
    """Tokens of a part of the transcript, beside what is told, and asked and answered at a time."""
    sections = prompts.sections(request, dated=True)
    asked = sorted(generator.count_tokens(text) + 32 for text in sections.values())
    most = asked[-_SIDE_BY_SIDE:]
    left = generator.n_ctx - generator.count_tokens(system) - sum(most) - 128
    left -= max(_TOLD, generator.count_tokens(prompts.told(request)))
    return max(left - prompts.MOST_TOKENS * len(most), generator.n_ctx // 3)


def language_of(request: Request, spoken: str) -> str:
    """That of the notes. ``spoken`` is the meeting's; empty where neither is known."""
    return request.language or request.template.language or spoken


def written_in(started_at: datetime, request: Request, spoken: str) -> str:
    """The system's text."""
    return prompts.system(language_of(request, spoken), started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    generator: TextGenerator
    recording: Recording
    request: Request
    lines: Sequence[Line]
    sections: Mapping[str, str]
    system: str
    checker: Checker
    dated: bool
    """The model says which day a deadline is: its words are not English"""

    @classmethod
    def of(
        cls,
        generator: TextGenerator,
        lines: Sequence[Line],
        recording: Recording,
        transcript: Transcript,
        request: Request,
    ) -> _Task:
        spoken = transcript.language
        language = language_of(request, spoken)
        dated = spoken not in ("", "en")
        context = request.context
        known = (*context.attendees, *context.vocabulary, context.title)
        return cls(
            generator=generator,
            recording=recording,
            request=request,
            lines=lines,
            sections=prompts.sections(request, dated=dated),
            system=written_in(recording.started_at, request, spoken),
            checker=Checker(lines, known, language, bool(spoken) and language != spoken),
            dated=dated,
        )

    def statement(self, item: dict[str, Any], first: int, end: int) -> Statement | None:
        return statement(item, self.checker, first, end, self.recording.started_at.date())

    def read(self, first: int, end: int, reading: Reading | None) -> Conversation:
        """A conversation with these lines, and what is known from elsewhere, in its context."""
        text = f"{HEAD}{numbered(self.lines, first, end)}"
        conversation = reading.conversation(self.system, text) if reading is not None else None
        begun = conversation is not None
        conversation = conversation or self.generator.open(system=self.system)
        try:
            if not begun:
                conversation.append(text)
            if more := prompts.told(self.request):
                conversation.append(f"\n{more}")
        except BaseException:
            conversation.close()
            raise
        return conversation


HEAD = "Transcript:\n"
"""Before the lines"""


@dataclass(frozen=True, slots=True)
class _Part:
    """Lines that the model has read, and what it is asked about them."""

    task: _Task
    conversation: Conversation
    first: int
    end: int

    def ask(
        self,
        found: dict[str, list[Statement]],
        written: dict[Stretch, Written],
        stretches: Sequence[Stretch],
    ) -> int:
        """Add what the part gives. Returns how many statements the speech did not support."""
        inside = [it for it in stretches if it.first < self.end and it.end > self.first]
        names = list(self.task.sections)
        questions = [self._question(name) for name in names]
        questions += [
            prompts.topic_question(max(it.first, self.first), min(it.end, self.end) - 1)
            for it in inside
        ]
        given = answers(self.conversation, questions)
        dropped = 0
        for stretch, answer in zip(inside, given[len(names) :], strict=True):
            dropped += self._topic(stretch, answer, written)
        waiting = list(zip(names, given, strict=False))
        for _ in range(_ROUNDS):
            unfinished = []
            for name, answer in waiting:
                texts = items(answer)
                new, bad = self._statements(texts)
                dropped += bad
                grew = add(found[name], new)
                full = answer.truncated or len(texts) >= prompts.MOST_ITEMS
                if full and grew and name != "summary":
                    unfinished.append(name)
            if not unfinished:
                break
            more = [self._question(it, [one.text for one in found[it]]) for it in unfinished]
            waiting = list(zip(unfinished, answers(self.conversation, more), strict=True))
        return dropped

    def title(self) -> str:
        (answer,) = answers(self.conversation, [prompts.title_question()])
        return _title(self.task, answer)

    def settled(self) -> dict[int, tuple[int, ...]]:
        """Of what the meeting before left open the items that are said to be done, by their place
        there, with the lines that say so and have words of the item."""
        previous = self.task.request.previous
        if previous is None or not (before := left_open(previous)):
            return {}
        asked = prompts.settled_question([_named(it) for it in before])
        (answer,) = answers(self.conversation, [asked])
        found = {}
        for item in items(answer):
            number = item["task"] - 1
            lines = [it for it in item["lines"] if self.first <= it < self.end]
            said = {w for it in lines for w in content_words(self.task.lines[it].text)}
            if 0 <= number < len(before) and content_words(before[number].text) & said:
                found[number] = tuple(sorted(set(lines)))
        return found

    def _question(self, name: str, already: Sequence[str] = ()) -> Question:
        text = self.task.sections[name]
        return prompts.question(name, text, already[-24:], dated=self.task.dated)

    def _statements(self, given: Sequence[dict[str, Any]]) -> tuple[list[Statement], int]:
        made = [self.task.statement(it, self.first, self.end) for it in given]
        kept = [it for it in made if it is not None]
        return kept, len(made) - len(kept)

    def _topic(self, stretch: Stretch, answer: Answer, written: dict[Stretch, Written]) -> int:
        body = written_object(answer)
        points, dropped = self._statements(body.get("points", []))
        title = clean(str(body.get("title", "")))
        begun = written.get(stretch)
        if begun is not None:  # its beginning was in the part before
            title, points = begun.title or title, [*begun.points, *points]
        title = title if title and self.task.checker.title(title) else ""
        written[stretch] = Written(title, tuple(points))
        return dropped


def _whole(task: _Task, found: dict[str, list[Statement]]) -> str:
    """Write the summary of a meeting of several parts anew, and give it a title."""
    lines_of_segments: dict[int, int] = {}
    for n, line in enumerate(task.lines):
        lines_of_segments.setdefault(line.segment, n)
    rows = []
    used = 0
    space = task.generator.n_ctx - 3 * prompts.MOST_TOKENS
    for told_before in [*found["summary"], *found["decisions"]]:
        places = [lines_of_segments[it] for it in told_before.segments if it in lines_of_segments]
        row = f"{places[:6]} {told_before.text}\n"
        used += task.generator.count_tokens(row)
        if used <= space:
            rows.append(row)
    with closing(task.generator.open(system=task.system)) as conversation:
        conversation.append("".join(rows))
        summary, title = answers(conversation, [prompts.whole_question(), prompts.title_question()])
    made = [task.statement(it, 0, len(task.lines)) for it in items(summary)]
    if len(new := [it for it in made if it is not None]) > 1:
        found["summary"] = new
    return _title(task, title)


def _arranged(
    task: _Task,
    transcript: Transcript,
    found: Mapping[str, list[Statement]],
    written: Mapping[Stretch, Written],
    settled: Mapping[int, tuple[int, ...]],
    title: str,
    dropped: int,
) -> MeetingNotes:
    lines, request = task.lines, task.request
    highlights = Highlights(lines)
    kinds = {section.kind for section in request.template.sections}
    wanted = request.quotes or (5 if SectionKind.QUOTES in kinds else 0)
    summary = found["summary"]
    if len(summary) > _LONGEST_SUMMARY:
        best = sorted(summary, key=lambda it: -highlights.weight(it.text))[:_LONGEST_SUMMARY]
        summary = [it for it in summary if it in best]
    topics = detail(transcript, lines, highlights, written=written).topics
    fields: dict[str, Any] = {name: tuple(found[name]) for name in prompts.SECTIONS}
    fields["summary"] = tuple(summary)
    notes = MeetingNotes(
        recording=task.recording,
        title=title_of(task.recording.title, [title] if title else [], topics),
        topics=topics,
        quotes=quotes(lines, highlights, wanted),
        dropped=dropped,
        coverage=(transcript.segments[0].start, transcript.segments[-1].end),
        **fields,
    )
    extra: dict[SectionKind | str, Sequence[Statement]] = {
        name.removeprefix("asked "): it for name, it in found.items() if name.startswith("asked ")
    }
    if SectionKind.SPEAKERS in kinds:
        extra[SectionKind.SPEAKERS] = found.get("speakers") or by_speaker(lines, highlights)
    return arranged(notes, request, lines, extra, settled)


def _named(item: ActionItem) -> str:
    return f"{item.assignee}: {item.text}" if item.assignee else item.text


def _title(task: _Task, answer: Answer) -> str:
    title = clean(str(written_object(answer).get("title", ""))).rstrip(".")
    return title if task.checker.title(title) else ""


def _pauses(lines: Sequence[Line], transcript: Transcript) -> list[float]:
    """Seconds of silence before each line."""
    starts = {it.id: it.start for it in transcript.segments}
    ends = {it.id: it.end for it in transcript.segments}
    found = [0.0]
    for before, line in pairwise(lines):
        found.append(starts[line.segment] - ends[before.segments[-1]])
    return found
