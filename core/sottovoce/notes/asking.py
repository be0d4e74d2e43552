"""Asking a model about the part of a transcript that it has read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import prompts
from .answers import answers, items, written_object
from .spoken import size
from .topics import Stretch, stretches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..interfaces import Conversation, TextGenerator
    from .evidence import Line
    from .parts import Part
    from .request import Request

_ROUNDS = 4
"""Times that a list is asked to go on"""
_SIDE_BY_SIDE = 4
"""Answers for which the context keeps room; more take turns"""
_TOLD = 256
"""Tokens that are kept for what is told of a meeting from elsewhere, and may be known at its end
only: parts are cut at the same places before and after"""
BEGINNING = "Transcript:\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked of a model, whatever was said."""

    system: str
    sections: Mapping[str, str]
    """What is asked for each list"""
    language: str
    """That the answers are in, by its English name"""
    told: str
    """What is known from elsewhere; it follows the transcript, which may be read before it"""
    dated: bool
    """The model says which day a deadline is, as its words are not English"""
    topical: bool
    """The notes have a place for topics"""

    def like(self, other: Plan) -> bool:
        """Whether the same is asked, whatever is told."""
        return (self.system, self.sections) == (other.system, other.sections)

    def room(self, generator: TextGenerator) -> int:
        """Tokens of transcript that fit into the context beside what is asked and answered."""
        asked = sorted(generator.count_tokens(text) + 32 for text in self.sections.values())
        most = asked[-_SIDE_BY_SIDE:]
        used = generator.count_tokens(self.system) + sum(most) + prompts.MOST_TOKENS * len(most)
        used += max(_TOLD, generator.count_tokens(self.told)) + 128
        return max(generator.n_ctx - used, generator.n_ctx // 3)


def plan(request: Request, spoken: str, told: str = "") -> Plan:
    """``spoken`` is the language of the meeting, ISO 639-1; empty where it is not known."""
    language = request.language or request.template.language or spoken
    dated = spoken not in ("", "en")
    return Plan(
        system=prompts.SYSTEM,
        sections=prompts.sections(request, prompts.language_name(language), dated=dated),
        language=prompts.language_name(language),
        told=told,
        dated=dated,
        topical="topics" in [it.kind.value for it in request.template.sections],
    )


@dataclass(frozen=True, slots=True)
class Given:
    """What a model gave for a part, before it is checked."""

    lists: Mapping[str, Sequence[dict[str, Any]]]
    topics: Sequence[tuple[Stretch, dict[str, Any]]] = ()
    title: str = ""
    settled: Sequence[dict[str, Any]] = ()


def numbered(lines: Sequence[Line], first: int, last: int) -> str:
    return "\n".join(f"[{n}] {lines[n].speaker}: {lines[n].text}" for n in range(first, last))


def cost_of(generator: TextGenerator, lines: Sequence[Line], n: int) -> int:
    """Tokens of a line."""
    return generator.count_tokens(numbered(lines, n, n + 1)) + 1


def ask_part(
    conversation: Conversation,
    asked: Plan,
    lines: Sequence[Line],
    part: Part,
    *,
    titled: bool,
    open_tasks: Sequence[str] = (),
) -> Given:
    """Everything about a part in one batch; then, of lists that were full, what is missing.

    ``titled``: the meeting has a title, or gets it elsewhere. ``open_tasks`` were left open before.
    """
    names = list(asked.sections)
    topics = topics_of(lines, part) if asked.topical else []
    questions = [prompts.question(it, asked.sections[it], dated=asked.dated) for it in names]
    questions += [prompts.topic_question(it.first, it.end - 1, asked.language) for it in topics]
    questions += [prompts.title_question(asked.language)] * (not titled)
    questions += [prompts.settled_question(open_tasks)] * bool(open_tasks)
    given = answers(conversation, questions)
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    waiting = list(zip(names, given, strict=False))
    for _ in range(_ROUNDS):
        unfinished = []
        for name, answer in waiting:
            found = items(answer)
            new = [it for it in found if it not in lists[name]]
            lists[name] += new
            full = answer.truncated or len(found) >= prompts.MOST_ITEMS
            if full and new and name != "summary":
                unfinished.append(name)
        if not unfinished:
            break
        more = [
            prompts.question(
                it, asked.sections[it], [str(one["text"]) for one in lists[it]], dated=asked.dated
            )
            for it in unfinished
        ]
        waiting = list(zip(unfinished, answers(conversation, more), strict=True))
    rest = given[len(names) :]
    written = [(it, written_object(rest.pop(0))) for it in topics]
    title = "" if titled else str(written_object(rest.pop(0)).get("title", ""))
    return Given(lists, written, title, items(rest.pop(0)) if open_tasks else ())


_SHORT = 150
"""Words of a part that are not worth a topic"""


def topics_of(lines: Sequence[Line], part: Part) -> list[Stretch]:
    """The topics of a part's own lines; none where these are few."""
    if sum(size(line.text) for line in lines[part.first : part.next]) < _SHORT:
        return []
    inside = stretches(lines[part.first : part.next])
    return [Stretch(it.first + part.first, it.end + part.first) for it in inside]
