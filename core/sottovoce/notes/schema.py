"""Notes by asking: each section against a JSON schema, over a transcript that is read once.

The transcript lies in the model's context; the sections and the topics are forks of it, answered
in one batch. One longer than the context is read in parts, and what they gave is put together in
their order; its summary is then written from the parts' summaries.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..values import MeetingNotes, SectionKind, Statement
from . import prompts
from .answers import answers, items, written_object
from .asking import BEGINNING, ask_part, cost_of, numbered, plan
from .carried import left_open
from .checked import Checker
from .compose import title_of
from .details import Written, by_speaker, detail, quotes
from .evidence import content_words
from .highlights import Highlights
from .parts import parts
from .sections import arranged
from .statements import add, clean, statement
from .topics import Stretch
from .windows import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..interfaces import TextGenerator
    from ..values import ActionItem, Recording, Transcript
    from .asking import Given, Plan
    from .evidence import Line
    from .parts import Part
    from .request import Request
    from .standing import Standing

_LONGEST_SUMMARY = 8
"""Statements of a summary that the model did not write anew from those of the parts"""


def ask_by_schema(
    recording: Recording,
    transcript: Transcript,
    generator: TextGenerator,
    progress: Callable[[float, float], None],
    request: Request,
    ready: Standing | None = None,
) -> MeetingNotes:
    """``ready`` is what the model has read of the transcript before."""
    lines = lines_of(transcript)
    task = _Task.of(generator, lines, recording, transcript, request, ready)
    spans = parts(
        lines,
        transcript.segments,
        lambda n: cost_of(generator, lines, n),
        task.plan.room(generator),
    )
    found: dict[str, list[Statement]] = {name: [] for name in task.plan.sections}
    written: dict[Stretch, Written] = {}
    settled: dict[int, tuple[int, ...]] = {}
    title, dropped = "", 0
    several = len(spans) > 1
    progress(0, len(spans) + several)
    for number, part in enumerate(spans):
        given = task.ask(part, titled=several)
        dropped += _take(task, part, given, found, written)
        settled |= _settled(task, part, given)
        title = given.title
        progress(number + 1, len(spans) + several)
    if several:
        title = _whole(task, found)
        progress(len(spans) + 1, len(spans) + 1)
    return _arranged(task, transcript, found, written, settled, title, dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    generator: TextGenerator
    recording: Recording
    request: Request
    lines: Sequence[Line]
    plan: Plan
    checker: Checker
    ready: Standing | None

    @classmethod
    def of(
        cls,
        generator: TextGenerator,
        lines: Sequence[Line],
        recording: Recording,
        transcript: Transcript,
        request: Request,
        ready: Standing | None,
    ) -> _Task:
        spoken = transcript.language
        language = request.language or request.template.language or spoken
        context = request.context
        known = (*context.attendees, *context.vocabulary, context.title)
        return cls(
            generator=generator,
            recording=recording,
            request=request,
            lines=lines,
            plan=plan(request, spoken, prompts.told(request, recording.started_at)),
            checker=Checker(lines, known, language, bool(spoken) and language != spoken),
            ready=ready,
        )

    @property
    def left_open(self) -> list[ActionItem]:
        """Tasks of the meeting before."""
        return left_open(self.request.previous) if self.request.previous else []

    def statements(
        self, given: Sequence[dict[str, Any]], first: int, end: int
    ) -> tuple[list[Statement], int]:
        """What is supported, and how many were not."""
        today = self.recording.started_at.date()
        made = [statement(it, self.checker, first, end, today) for it in given]
        kept = [it for it in made if it is not None]
        return kept, len(made) - len(kept)

    def ask(self, part: Part, *, titled: bool) -> Given:
        text = numbered(self.lines, part.first, part.end)
        conversation = None
        if self.ready is not None:
            if (known := self.ready.answers_of(self.plan, text)) is not None:
                return known
            conversation = self.ready.take(self.plan, text)
        if conversation is None:
            conversation = self.generator.open(system=self.plan.system)
            conversation.append(f"{BEGINNING}{text}")
        with closing(conversation):
            conversation.append(f"\n\n{self.plan.told}")
            return ask_part(
                conversation,
                self.plan,
                self.lines,
                part,
                titled=titled,
                open_tasks=[_named(it) for it in self.left_open],
            )


def _take(
    task: _Task,
    part: Part,
    given: Given,
    found: dict[str, list[Statement]],
    written: dict[Stretch, Written],
) -> int:
    """Check what a part gave, and add it; how many statements the speech did not support."""
    dropped = 0
    for name, texts in given.lists.items():
        new, bad = task.statements(texts, part.first, part.end)
        add(found[name], new)
        dropped += bad
    for topic, body in given.topics:
        points, bad = task.statements(body.get("points", []), part.first, part.end)
        dropped += bad
        title = clean(str(body.get("title", "")))
        written[topic] = Written(title if task.checker.title(title) else "", tuple(points))
    if not given.topics:
        written[Stretch(part.first, part.next)] = Written("", ())
    return dropped


def _settled(task: _Task, part: Part, given: Given) -> dict[int, tuple[int, ...]]:
    """Of what the meeting before left open the items that are said to be done, by their place
    there, with the lines that say so and have words of the item."""
    before = task.left_open
    found = {}
    for item in given.settled:
        number = item["task"] - 1
        lines = [it for it in item["lines"] if part.first <= it < part.end]
        said = {word for it in lines for word in content_words(task.lines[it].text)}
        if 0 <= number < len(before) and content_words(before[number].text) & said:
            found[number] = tuple(sorted(set(lines)))
    return found


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
    asked = [prompts.whole_question, prompts.title_question]
    with closing(task.generator.open(system=task.plan.system)) as conversation:
        conversation.append("".join(rows))
        summary, title = answers(conversation, [it(task.plan.language) for it in asked])
    new, _ = task.statements(items(summary), 0, len(task.lines))
    if len(new) > 1:
        found["summary"] = new
    return str(written_object(title).get("title", ""))


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
    title = clean(title).rstrip(".")
    title = title if task.checker.title(title) else ""
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
