"""What was said: words, segments, speakers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from .audio import AudioDevice


@dataclass(frozen=True, slots=True)
class Word:
    start: float
    end: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of speech by one speaker, between two pauses."""

    id: int
    """Position in the transcript, from 0: what citations refer to"""
    start: float
    end: float
    text: str
    speaker: str | None = None
    """As shown: a person's name, or "Speaker 1"; ``None`` before speakers are known"""
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    """Mean probability of the words, 0 to 1, where the engine gives one"""
    track: int = 0
    voice: Sequence[float] = ()
    """Unit-length speaker embedding; empty where none was computed"""
    language: str = ""
    """ISO 639-1; empty where it is not known"""
    until: float | None = None
    """Where a transcription that was interrupted after this segment goes on; ``None``: at its
    end. An engine that hears several segments at once gives the place before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    """What a person asks of a transcription."""

    language: str = ""
    """ISO 639-1; empty: found by the engine, for every stretch of the recording"""
    translate: bool = False
    """Into English"""
    vocabulary: tuple[str, ...] = ()
    """Names and terms that may be said"""
    speakers: int | None = None
    """How many there are; ``None``: found by their voices"""
    usual_language: str = ""
    """Of an interrupted transcription, the language that it began in"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What is said on a track, as far as it was heard."""

    track: int
    start: float
    end: float
    text: str
    final: bool
    """False while it is still being said: a later caption of the same start replaces it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    recording_id: str
    language: str
    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        return " ".join(segment.text.strip() for segment in self.segments)

    @property
    def speakers(self) -> tuple[str, ...]:
        """In the order in which they first speak."""
        return tuple(dict.fromkeys(s.speaker for s in self.segments if s.speaker))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedMeeting:
    """A meeting as another program left it: a transcript, a recording, or both."""

    path: Path
    """What its content is known by: the recording where there is one, else the transcript"""
    files: tuple[Path, ...]
    """Every file that it was read from, ``path`` among them"""
    title: str
    title_given: bool = False
    """The people who met gave the title; else it is a file's name and may be replaced"""
    started_at: datetime | None = None
    """Aware; ``None`` where neither the names nor the files say"""
    segments: tuple[Segment, ...] = ()
    """In the order of time, with speakers; empty for a recording still to be transcribed"""
    participants: tuple[str, ...] = ()
    """Names, of those who were silent too"""
    tracks: tuple[AudioDevice, ...] = ()
    """Without segments: one recording for each person. The id is its path, the label the name"""
    language: str = ""
    """ISO 639-1, where the files say"""
