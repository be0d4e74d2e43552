"""What is asked for when notes are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .template import general

if TYPE_CHECKING:
    from ..values import MeetingNotes, NoteTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known of a meeting from elsewhere: a calendar, a person's vocabulary."""

    title: str = ""
    attendees: tuple[str, ...] = ()
    agenda: str = ""
    vocabulary: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    template: NoteTemplate = field(default_factory=general)
    language: str | None = None
    """ISO 639-1: what the notes are written in; the template's or the meeting's own otherwise"""
    quotes: int = 0
    """How many sentences to give word for word, besides what the template has"""
    own: str = ""
    """Markdown that a person wrote during the meeting"""
    context: Context = field(default_factory=Context)
    previous: MeetingNotes | None = None
    """Of the meeting before in the same series"""
