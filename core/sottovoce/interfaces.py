"""What a plugin hands to the host."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from .errors import UsageError
from .values import SourceKind, SpeechRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from .values import (
        AudioChunk,
        AudioDevice,
        AudioFormat,
        Caption,
        ImportedMeeting,
        LiveView,
        MeetingNotes,
        ModelSpec,
        RecordedFile,
        Segment,
        Suggestion,
        Transcript,
    )


class AudioSource(ABC):
    """Somewhere audio comes from."""

    name: ClassVar[str]
    kind: ClassVar[SourceKind]
    quiet: ClassVar[bool] = False
    """Whether a live source gives nothing while nothing is to be heard: that is silence then"""

    @abstractmethod
    def devices(self) -> Sequence[AudioDevice]:
        """The devices that can be opened now; empty when the source cannot work on this machine."""

    @abstractmethod
    def open(
        self, device: AudioDevice, format: AudioFormat
    ) -> AbstractContextManager[Iterator[AudioChunk]]:
        """Start capturing. Leaving the context stops the capture and releases the device.

        The iterator of a live source raises ``RecordingError`` when its device is gone; the
        recorder then opens it again until that works. Audio that is late is given all the same:
        while nothing arrives the iterator gives a chunk without audio some times a second.
        """

    def held(self) -> float | None:
        """Seconds of the stream that was opened last which the system has, and has not handed over
        yet; infinite where it is too busy to say, ``None`` where that cannot be known."""
        return None

    def users(self) -> Sequence[str] | None:
        """The programs, but for this one, that capture from a device of it now, as people call
        them; ``None`` where that cannot be known. Raises ``RecordingError``."""
        return None


class FileSource(AudioSource):
    """A source whose devices are the tracks of files that a person names.

    A file goes to the source that lists its suffix; the built-in source takes everything else.
    """

    kind = SourceKind.FILE
    suffixes: ClassVar[frozenset[str]]
    """Lower case, with the dot: ``frozenset({".pcm"})``"""

    def devices(self) -> Sequence[AudioDevice]:
        return ()

    @abstractmethod
    def inspect(self, path: Path) -> RecordedFile:
        """The tracks in a file. Raises ``RecordingError`` when it cannot be read."""


class TranscriptImporter(ABC):
    """Reads the meetings that another program left on the disk."""

    name: ClassVar[str]
    label: ClassVar[str]
    """What a person reads: "Zoom" """

    @abstractmethod
    def claim(self, path: Path) -> Path | None:
        """The file or folder that stands for the meeting that ``path`` is a part of.

        ``None`` when it is none of this importer's. All parts of a meeting give the same answer,
        so that a recording and the transcript beside it are one. Looks at names and first lines
        only; ``path`` exists.
        """

    @abstractmethod
    def read(self, path: Path) -> ImportedMeeting:
        """The meeting at a path that ``claim`` gave. Raises ``TranscriptError``."""


class Transcriber(ABC):
    """A loaded speech-to-text model. Close it to give its memory back."""

    spec: ModelSpec
    version: str
    """Of the package that computes"""
    compute: str = ""
    """On what it computes, and how: "CPU, int8" """
    removed: Mapping[str, int] = MappingProxyType({})
    """What the transcription left out as invented so far, by kind, and how often"""

    @abstractmethod
    def transcribe(
        self,
        audio: Iterable[AudioChunk],
        *,
        start: float = 0.0,
        voices: bool = True,
        request: SpeechRequest = SpeechRequest(),  # noqa: B008
    ) -> Iterator[Segment]:
        """Yield final segments as they come from 16 kHz mono 16-bit PCM.

        ``start`` is where to begin in ``audio``, in seconds: where the last segment of an
        earlier, interrupted call says (``Segment.until``), which is thereby continued with the
        same result. ``voices`` adds the speaker embedding to each segment. Closing the iterator
        stops the work. Raises ``ModelError`` for a request that the model cannot fulfil.
        """

    def captions(self, audio: Iterable[tuple[int, bytes]], tracks: int) -> Iterator[Caption]:
        """Yield captions of live audio: ``audio`` gives a track's number and its next 16 kHz mono
        16-bit PCM, as it comes, of as many ``tracks``. Closing the iterator stops the work."""
        raise UsageError(f"{self.spec.label} gives no captions")

    @abstractmethod
    def close(self) -> None: ...


class Priority(IntEnum):
    """Whose question is answered first."""

    NOTES = 0
    CHAT = 1
    LIVE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked after the context, and how the answer may look."""

    text: str
    max_tokens: int = 512
    grammar: str | None = None
    """GBNF that the answer obeys"""
    json_schema: dict[str, Any] | None = None
    """JSON schema that the answer obeys, instead of a grammar"""
    temperature: float = 0.0
    """0 is greedy"""
    repeat_penalty: float = 1.0
    seed: int = 0
    priority: Priority = Priority.NOTES
    """A call has that of its most urgent question, and goes before and in between lesser ones"""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one answer as it is generated."""

    question: int
    """Position of the question in the call"""
    text: str
    last: bool = False
    truncated: bool = False
    """With ``last``: the answer was ended by ``max_tokens``"""


class Conversation(ABC):
    """A context that is read once, and questions that each fork it.

    The system text and what was appended are prefilled once; a question sees all of it, and
    leaves no trace in it.
    """

    @abstractmethod
    def append(self, text: str) -> None:
        """Add to the context. Raises ``ContextTooSmallError`` when it does not fit."""

    @abstractmethod
    def ask(
        self, questions: Sequence[Question], *, deadline: float | None = None
    ) -> Iterator[Piece]:
        """Answer the questions as forks of one batch; pieces of all of them interleave.

        ``deadline`` is in seconds from now. Closing the iterator stops the work.
        """

    def save(self, path: Path) -> None:
        """Write the context to a file, for ``TextGenerator.restore``. It holds what was said."""
        raise UsageError("this engine cannot save a context")

    @abstractmethod
    def close(self) -> None:
        """Forget the context. What another thread is asking of it is stopped."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TextGenerator(ABC):
    """A loaded language model. Close it to give its memory back."""

    spec: ModelSpec
    version: str
    """Of the package that computes"""
    n_ctx: int

    @abstractmethod
    def count_tokens(self, text: str) -> int: ...

    @abstractmethod
    def open(self, *, system: str = "", priority: Priority = Priority.NOTES) -> Conversation:
        """Begin a conversation; the model's own chat template shapes what it reads.

        ``priority`` is that of what is appended before anything is asked.
        """

    def restore(self, path: Path) -> Conversation:
        """Continue the conversation that ``Conversation.save`` wrote, without computing it again.

        Raises ``EngineError`` where the file is damaged or another model's.
        """
        raise UsageError("this engine cannot restore a context")

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class NoteExporter(ABC):
    """Writes notes where a person wants them."""

    name: ClassVar[str]

    def check(self, folder: Path) -> None:  # noqa: B027 - most can write anywhere
        """Raise ``UsageError`` where notes cannot go under ``folder``: asked before the work."""

    @abstractmethod
    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        """Write the notes under ``folder`` and return the file to open.

        Raises ``ExportError``. Nothing that a person edited is overwritten.
        """


class LiveControls(ABC):
    """What a person can do while a meeting goes on. Any thread may call; every call returns at
    once, and what came of it is in the next ``LiveView``."""

    @abstractmethod
    def mark(self) -> None:
        """What was just said is important."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Keep a line of the person's own, at this place."""

    @abstractmethod
    def ask(self, question: str) -> None:
        """Answer a question about the meeting; the answer comes as a suggestion."""

    @abstractmethod
    def suggest(self) -> None:
        """Make a suggestion now."""

    @abstractmethod
    def toggle_suggestions(self) -> None: ...

    @abstractmethod
    def dismiss(self, suggestion: int) -> None:
        """Take away the suggestion of that id."""

    @abstractmethod
    def pause(self) -> None: ...

    @abstractmethod
    def resume(self) -> None: ...

    @abstractmethod
    def end(self) -> None:
        """End the recording."""

    @abstractmethod
    def tell(self, text: str) -> None:
        """Add a notice: an overlay has something to say to the person."""


class SuggestionOverlay(ABC):
    """Shows a meeting that is going on: what is said, and what is suggested.

    Each overlay has a thread, on which all of its methods are called: ``open`` first, then
    ``update`` and ``show``, ``close`` last. One that raises is named, closed and left out, and the
    meeting goes on. Only ``show`` has to be there.
    """

    name: ClassVar[str]

    def open(self, controls: LiveControls) -> None:  # noqa: B027
        """The recording has begun."""

    def update(self, view: LiveView) -> None:  # noqa: B027
        """Called ten times a second at most, whenever there is something new; return quickly."""

    @abstractmethod
    def show(self, suggestion: Suggestion) -> None:
        """A suggestion that is new, or one that has grown: the id is the same."""

    def close(self) -> None:  # noqa: B027
        """The meeting is over, or the overlay failed."""
