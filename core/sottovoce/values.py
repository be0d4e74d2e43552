"""The values that cross a boundary. Times are seconds from the start of the recording."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Interleaved signed little-endian PCM."""

    rate: int = 16_000
    """Hertz"""
    width: int = 2
    """Bytes per sample"""
    channels: int = 1


@dataclass(frozen=True, slots=True)
class AudioChunk:
    audio: bytes
    timestamp: float
    """Seconds from the start of the recording to the first frame"""


@dataclass(frozen=True, slots=True)
class AudioDevice:
    id: str
    label: str


class SourceKind(StrEnum):
    MICROPHONE = "microphone"
    LOOPBACK = "loopback"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile:
    """What a file source found in a file before decoding it."""

    tracks: tuple[AudioDevice, ...]
    """What can be opened: one per track, or per channel where each carries a voice of its own.
    The label names the person on the track, and is empty where several people share it."""
    duration: float | None
    """``None`` where the container does not say"""
    started_at: datetime | None = None
    """When the recording began, as its metadata says; aware"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    id: str
    title: str
    path: Path
    source: str
    """The name of the audio source that it comes from"""
    started_at: datetime
    """Aware, in the device's time zone"""
    duration: float = 0.0
    sha256: str = ""
    """Of the file's bytes: the same content under another name is the same recording"""


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
    voice: tuple[float, ...] = ()
    """Unit-length speaker embedding; empty where none was computed"""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A sentence of the notes and the ids of the segments that it rests on."""

    text: str
    segments: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionItem(Statement):
    assignee: str | None = None
    due: date | None = None
    due_text: str | None = None
    """The words that set the date: "by next Monday" """


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
    dropped: int = 0
    """Statements that the model made and the check against the cited speech did not support"""
    coverage: tuple[float, float] = (0.0, 0.0)
    """The stretch of the recording, in seconds, that the notes were made from"""
    produced_by: tuple[Production, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    text: str
    timestamp: float


class ModelTask(StrEnum):
    TRANSCRIPTION = "transcription"
    GENERATION = "generation"


class NotesMethod(StrEnum):
    """How a language model takes notes."""

    EXTRACT = "extract"
    """Short windows through a tuned adapter: a model too small to follow instructions"""
    SCHEMA = "schema"
    """Each section asked for against a JSON schema, over the whole transcript"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model in the catalog."""

    id: str
    label: str
    """What a person reads"""
    task: ModelTask
    engine: str
    tier: str
    size: int
    """Bytes on disk"""
    license: str
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes; empty for many"""
    package: str | None = None
    """The installed package that carries the files, for the starter tier"""
    extra: str | None = None
    """The extra of this distribution that installs the package"""
    filename: str | None = None
    """File or folder within the package"""
    adapter: str | None = None
    """A LoRA adapter in GGUF, relative to the catalog package"""
    n_ctx: int = 4096
    notes: NotesMethod | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    name: str
    memory: int
    """Bytes"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareProfile:
    cpu_count: int
    """Physical cores that this process may use"""
    memory: int
    """Bytes"""
    gpus: tuple[Gpu, ...] = ()
