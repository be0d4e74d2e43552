"""The values that cross a boundary. Times are seconds from the start of the recording."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    title: str = ""
    """That a person gave it when it was recorded"""


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


class SuggestionKind(StrEnum):
    """What a suggestion was made for."""

    QUESTION = "question"
    """The others asked something"""
    TURN = "turn"
    """Somebody came to the end of what they had to say"""
    REQUEST = "request"
    """The person asked for one"""
    ANSWER = "answer"
    """The person asked a question of their own about the meeting"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A place that something rests on, word for word."""

    start: float
    speaker: str
    text: str
    meeting: str = ""
    """The title of an earlier meeting, "your notes", "the agenda"; empty for the meeting that is
    going on"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    text: str
    timestamp: float
    """Seconds into the recording, where that was said which it is about"""
    id: int = 0
    """A later one of the same id replaces it"""
    kind: SuggestionKind = SuggestionKind.REQUEST
    about: str = ""
    """What was said or asked"""
    evidence: tuple[Evidence, ...] = ()
    complete: bool = True
    """False while it is being written"""


class LiveState(StrEnum):
    RECORDING = "recording"
    PAUSED = "paused"
    FINISHING = "finishing"
    """The recording has ended; what was said last is still being heard"""
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCaption:
    start: float
    speaker: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveView:
    """All that is shown of a meeting that is going on, at one moment."""

    title: str
    """Empty where the person gave none"""
    state: LiveState
    seconds: float
    """Recorded so far"""
    levels: tuple[tuple[str, float | None], ...]
    """Speaker and dBFS of each side; ``None`` for silence"""
    missing: tuple[str, ...] = ()
    """Speakers whose device is gone: they are not recorded until it is back"""
    captions: tuple[LiveCaption, ...] = ()
    """What was said to its end, the latest last; of a long meeting the last 200"""
    saying: tuple[LiveCaption, ...] = ()
    """What is being said"""
    suggestions: tuple[Suggestion, ...] = ()
    """Those that hold now, the newest last: stale ones are gone"""
    suggesting: str = "off"
    """Whether there are suggestions: "on", "off", or how they are limited and why"""
    marks: int = 0
    notices: tuple[str, ...] = ()
    """What the person has to know, the latest last"""


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
class ModelShape:
    """A language model's dimensions, as its GGUF header has them: what memory is computed from."""

    architecture: str
    """``general.architecture``"""
    layers: int
    hidden: int
    """Width of the residual stream"""
    vocabulary: int
    """Tokens"""
    feed_forward: int
    """Width; of one expert where there are experts"""
    pattern: str
    """The kinds of the layers, repeated to the end: ``f`` attends to all that was read, ``w`` to a
    window, ``r`` keeps a recurrent state"""
    heads: int
    """Query heads of an attention layer"""
    kv_heads: int
    """Key and value heads of a layer that attends to everything"""
    head_size: int
    """Of a head of those layers"""
    window: int = 0
    """Tokens that a ``w`` layer looks back on"""
    window_kv_heads: int = 0
    window_head_size: int = 0
    shared_layers: int = 0
    """Layers at the end that keep no keys and values of their own but use earlier ones'"""
    late_feed_forward: int = 0
    """Width in those layers, where it is another"""
    conv: int = 0
    """Kernel of a recurrent layer's convolution"""
    state_size: int = 0
    state_groups: int = 0
    state_heads: int = 0
    experts: int = 0
    experts_used: int = 0
    shared_feed_forward: int = 0
    """Width of the expert that every token goes through"""
    per_layer_width: int = 0
    """Of the embeddings that each layer has of its own"""
    tied: bool = False
    """Whether the output reuses the token embedding, of which a GPU then holds a second copy"""

    @property
    def kinds(self) -> str:
        """One letter a layer."""
        return (self.pattern * self.layers)[: self.layers]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model in the catalog.

    Its files come from an installed package (``package``), from a repository of the model hub
    (``repository``), or from a file of the person's own, which only the store knows.
    """

    id: str
    label: str
    """What a person reads; never the name of a quantisation"""
    task: ModelTask
    engine: str
    tier: str
    size: int
    """Bytes on disk, exact"""
    license: str
    """SPDX identifier"""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes; empty for many"""
    package: str | None = None
    """The installed package that carries the files, for the starter tier"""
    extra: str | None = None
    """The extra of this distribution that installs the package"""
    repository: str | None = None
    """``owner/name`` on the model hub"""
    revision: str | None = None
    """The commit of the repository; ``None`` where only the hash of the file is known"""
    filename: str | None = None
    """File or folder within the package, or file of the repository; a model of the hub without
    one is all of the repository, a folder"""
    sha256: str | None = None
    """Of the file, in hexadecimal"""
    adapter: str | None = None
    """A LoRA adapter in GGUF, relative to the catalog package"""
    n_ctx: int = 4096
    """Tokens that it is loaded with room for, unless the person chose otherwise"""
    longest_ctx: int | None = None
    """Tokens that it was made for at most"""
    notes: NotesMethod | None = None
    stars: int = 0
    """0 for the starter tier, else 1 (below 7 billion parameters), 2 (to 12 billion) or 3"""
    quality: int = 0
    """How good its notes are beside the other models'; only the order means anything"""
    published_memory: int | None = None
    """Bytes of memory at load, as published; shown beside what is computed"""
    shape: ModelShape | None = None
    read_per_token: int | None = None
    """Bytes of weights read to generate one token"""
    token_embedding: int = 0
    """Bytes of the file that are the table of token embeddings, which stays on the CPU"""
    layer_embeddings: int = 0
    """Bytes of the file that are per-layer embeddings: on the CPU too, and only looked up"""
    platforms: tuple[str, ...] = ("linux", "macos", "windows")
    """Where it is offered; ``ios`` besides these"""
    archived: bool = False
    """Offered only while its file is on this device"""
    translates: bool = False
    """Of speech, into English"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What a person chose for the language engine; ``None`` leaves it to the program."""

    n_ctx: int | None = None
    """Tokens that the context holds"""
    n_threads: int | None = None
    n_gpu_layers: int | None = None
    kv_type: str | None = None
    """Of keys and values: ``f16``, or ``q8_0`` for half the memory"""


class Feature(StrEnum):
    """What can be turned off on a device."""

    SUMMARIES = "summaries"
    NOTES = "notes"
    CHAT = "chat"
    SUGGESTIONS = "suggestions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Somewhere that a plugin would connect to, or where it waits for connections."""

    host: str
    why: str
    """Whom it serves, and what is sent"""
    listens: bool = False
    """It waits for connections, from this machine alone: the host is 127.0.0.1"""


class GpuKind(StrEnum):
    DISCRETE = "discrete"
    """Memory of its own"""
    INTEGRATED = "integrated"
    """Borrows system memory through a driver, as on most PCs"""
    UNIFIED = "unified"
    """One memory with the CPU: Apple silicon, GB10"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    name: str
    memory: int
    """Bytes that a program may use at most; on Apple silicon the wired limit"""
    free: int | None = None
    """Bytes not in use now; ``None`` where nothing tells"""
    kind: GpuKind = GpuKind.DISCRETE
    vendor: str = ""
    """``nvidia``, ``amd``, ``intel``, ``apple``, or empty"""
    backends: tuple[str, ...] = ()
    """What this machine's llama.cpp reaches it through: ``cuda``, ``metal``, ``vulkan``, ``rocm``;
    empty where it was built for none of them"""
    bandwidth: float | None = None
    """Bytes per second between its memory and its processors"""
    driver: str | None = None
    """Version"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareProfile:
    """What a device has, as far as choosing and loading a model depends on it."""

    cpu_count: int
    """Physical cores that this process may use"""
    memory: int
    """Bytes"""
    gpus: tuple[Gpu, ...] = ()
    platform: str = "linux"
    """``linux``, ``macos``, ``windows``, ``ios``"""
    architecture: str = "x86_64"
    """``x86_64`` or ``arm64``"""
    name: str = ""
    """Of the processor or the device: "Apple M4 Pro", "iPhone 15 Pro" """
    available: int | None = None
    """Bytes of memory that programs can have without others being moved out; ``None`` unknown"""
    bandwidth: float | None = None
    """Bytes per second between memory and CPU, measured"""
    on_battery: bool | None = None
    """``None`` where there is no battery"""
