"""What is made of it: statements, tasks, sections, notes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from .audio import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A sentence of the notes and the ids of the segments that it rests on."""

    text: str
    segments: tuple[int, ...]
    verified: bool = True
    """Whether the cited speech has seven tenths of the statement's content words. Where it has not,
    as in other words or another language, only the names and numbers were found there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic(Statement):
    """A stretch of the meeting; ``text`` is its title."""

    start: float
    end: float
    points: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionItem(Statement):
    assignee: str | None = None
    due: date | None = None
    due_text: str | None = None
    """The words that set the date: "by next Monday" """
    done: bool = False
    """Of one from the meeting before: whether this meeting says that it was done"""


class SectionKind(StrEnum):
    """What a section of the notes is made of."""

    SUMMARY = "summary"
    TOPICS = "topics"
    KEY_POINTS = "key_points"
    DECISIONS = "decisions"
    ACTION_ITEMS = "action_items"
    OPEN_QUESTIONS = "open_questions"
    QUOTES = "quotes"
    SPEAKERS = "speakers"
    """What each person said, in the words that say most"""
    CARRIED = "carried"
    """What stayed to be done after the meeting before of the same series"""
    ASKED = "asked"
    """What the template asks for in its own words: only a model that follows instructions can"""
    OWN = "own"
    """What a person wrote down during the meeting, and what the meeting adds to it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a template, and of the notes made by it."""

    title: str
    kind: SectionKind
    instruction: str = ""
    """Markdown. Of an ``ASKED`` section what is asked for, of others what to heed"""
    statements: tuple[Statement, ...] = ()
    """In notes"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTemplate:
    """Which sections notes have, in which order, under which titles."""

    name: str
    label: str
    sections: tuple[Section, ...]
    about: str = ""
    """One line for a person who chooses"""
    language: str | None = None
    """ISO 639-1: what the notes are written in; the meeting's own where there is none"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """One engine's part in a result."""

    stage: str
    engine: str
    version: str
    model: str
    seconds: float
    """Wall-clock time that the stage took on this machine"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingNotes:
    recording: Recording
    title: str
    summary: tuple[Statement, ...] = ()
    key_points: tuple[Statement, ...] = ()
    decisions: tuple[Statement, ...] = ()
    action_items: tuple[ActionItem, ...] = ()
    open_questions: tuple[Statement, ...] = ()
    topics: tuple[Topic, ...] = ()
    """The detailed notes: every part of the meeting has its place in one"""
    quotes: tuple[Statement, ...] = ()
    """Word for word"""
    sections: tuple[Section, ...] = ()
    """The template's sections in its order; of those that no field above holds, with statements"""
    template: str = "general"
    carried: tuple[ActionItem, ...] = ()
    """What stayed to be done after the meeting before of the same series"""
    dropped: int = 0
    """Statements that the model made and the check against the cited speech did not support"""
    coverage: tuple[float, float] = (0.0, 0.0)
    """The stretch of the recording, in seconds, that the notes were made from"""
    produced_by: tuple[Production, ...] = ()

    @property
    def left_out(self) -> str:
        """What a reader is told of the statements that were dropped; empty where none was."""
        match self.dropped:
            case 0:
                return ""
            case 1:
                return "One statement of the model was left out: the transcript did not support it."
            case many:
                return (
                    f"{many} statements of the model were left out: the transcript did not support"
                    " them."
                )

    def outline(self) -> tuple[Section, ...]:
        """The sections that have something in them, under their titles, in the template's order."""
        usual = tuple(Section(title=title, kind=kind) for kind, title in _USUAL.items())
        filled = (
            replace(section, statements=section.statements or getattr(self, section.kind, ()))
            for section in self.sections or usual
        )
        return tuple(section for section in filled if section.statements)

    @property
    def unverified(self) -> int:
        """Statements of which the check could not see all words, points of topics among them."""
        shown = [it for section in self.outline() for it in section.statements]
        points = [point for it in shown if isinstance(it, Topic) for point in it.points]
        return sum(not it.verified for it in (*shown, *points))


_USUAL = {
    SectionKind.CARRIED: "From the meeting before",
    SectionKind.SUMMARY: "Summary",
    SectionKind.DECISIONS: "Decisions",
    SectionKind.ACTION_ITEMS: "Action items",
    SectionKind.OPEN_QUESTIONS: "Open questions",
    SectionKind.KEY_POINTS: "Key points",
    SectionKind.TOPICS: "Topics",
    SectionKind.QUOTES: "Quotes",
}
