"""From a recording to a stored transcript: every segment as it comes, then the speakers."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from .errors import InUseError, RecordingError
from .library.inventions import add_inventions
from .library.participants import participants
from .values import AudioFormat, Production, Recording, SpeechRequest, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .host import Host
    from .interfaces import FileSource, Transcriber
    from .library import Meeting
    from .speech.profiles import Profile
    from .values import AudioChunk, ModelSpec, RecordedFile, Segment

log = logging.getLogger(__name__)

STAGE = "transcription"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A transcript that was made while the recording was."""

    segments: Sequence[Segment]
    """In the order of time"""
    version: str
    """Of the package that computed"""
    compute: str
    seconds: float
    """That it took after the recording had ended"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anew:
    """A transcript that may take the place of one that there is."""

    transcript: Transcript
    duration: float
    """Seconds that there were to hear"""
    made: Production
    removed: Mapping[str, int]
    """What was left out of it as invented, by kind"""


class Transcription:
    """Takes recordings to transcripts, one after another, with an engine that stays loaded."""

    def __init__(
        self,
        host: Host,
        speech: ModelSpec,
        request: SpeechRequest,
        report: Callable[[float, float | None], None],
    ) -> None:
        """``report`` hears of the seconds that are done, and of those there are where the files
        say so."""
        config = host.config
        self._request = replace(
            request,
            language=request.language or config.speech_language,
            vocabulary=(*request.vocabulary, *config.speech_vocabulary),
        )
        self._host = host
        self._speech = speech
        self._report = report
        self._engine: Transcriber | None = None

    def load(self) -> Transcriber:
        """The engine. Raises ``ModelError`` where its model is not installed."""
        if self._engine is None:
            self._engine = self._host.load_transcriber(self._speech)
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    @cached_property
    def profiles(self) -> Sequence[Profile] | None:
        """Of the people to recognise; ``None`` where nobody is to be. Raises ``LibraryError``."""
        if not self._host.config.speech_profiles:
            return None
        from .speech.profiles import load

        return load(self._host.home.voices)

    def attributed(self, segments: Sequence[Segment], labels: Sequence[str]) -> list[Segment]:
        """The segments with their speakers. ``labels`` are the tracks' names."""
        from .speech.speakers import attributed

        return attributed(segments, labels, self._request.speakers, self.profiles or ())

    def run(
        self,
        meeting: Meeting,
        file: RecordedFile,
        source: FileSource,
        hear: Callable[[Segment], None] = lambda segment: None,
    ) -> Transcript:
        """Transcribe what is left to transcribe, and store the whole. ``hear`` is told of each
        segment as it comes."""
        library = self._host.library

        def keep(segment: Segment) -> None:
            library.add_segment(meeting.id, segment)
            hear(segment)

        read, made = self._hear(
            meeting,
            file,
            source,
            keep,
            lambda removed: add_inventions(library, meeting.id, removed),
            begun=library.pending_segments(meeting.id),
            since=lambda track: library.transcribed_until(meeting.id, track),
        )
        labels = [track.label for track in file.tracks]
        return self._complete(meeting, labels, made, read)

    def anew(self, meeting: Meeting, file: RecordedFile, source: FileSource) -> Anew:
        """Transcribe all of what has a transcript already, which stays as it is."""
        kept: list[Segment] = []
        removed: Counter[str] = Counter()
        read, made = self._hear(meeting, file, source, kept.append, removed.update)
        kept.sort(key=lambda it: (it.start, it.track))
        heard = [replace(it, id=number) for number, it in enumerate(kept)]
        transcript = self.transcript(meeting, heard, [track.label for track in file.tracks])
        return Anew(transcript=transcript, duration=read, made=made, removed=removed)

    def _hear(
        self,
        meeting: Meeting,
        file: RecordedFile,
        source: FileSource,
        keep: Callable[[Segment], None],
        count: Callable[[Counter[str]], None],
        begun: Sequence[Segment] = (),
        since: Callable[[int], float] = lambda track: 0.0,
    ) -> tuple[float, Production]:
        """How many seconds there were, and how it was done. ``count`` is told of what is left out;
        ``begun`` is there already, of each track up to ``since``."""
        from .speech.speakers import is_shared

        plugins = self._host.plugins
        began = time.monotonic()
        engine = self.load()
        plugins.notify("recording_started", recording=meeting.recording)
        # After: a calendar may have named who was there.
        request = self._request_for(meeting, begun)
        people = self.profiles  # now: a damaged file is said before the work
        read = 0.0
        for number, track in enumerate(file.tracks):
            with source.open(track, AudioFormat()) as chunks:
                heard = _Heard(chunks)
                counted: Counter[str] = Counter()
                # Where a track is one person's, there is no voice to be told from another's.
                voices = is_shared(track.label) or people is not None
                segments = engine.transcribe(
                    heard, start=since(number), voices=voices, request=request
                )
                with closing(segments):  # type: ignore[type-var]
                    for segment in segments:
                        counted += _counted(engine, counted, count)
                        segment = replace(segment, track=number)
                        keep(segment)
                        plugins.notify(
                            "segment_transcribed", recording=meeting.recording, segment=segment
                        )
                        self._tell(number, segment.end, file)
                counted += _counted(engine, counted, count)
            read = max(read, heard.seconds)
        plugins.notify("recording_stopped", recording=meeting.recording)
        if file.duration and read < file.duration * 0.98 - 1:
            log.warning(
                "%s ends after %.0f s although it says %.0f s: it was cut off; what is there was "
                "transcribed",
                meeting.recording.path,
                read,
                file.duration,
            )
        return read, self._made(engine.version, engine.compute, time.monotonic() - began)

    def take(
        self,
        meeting: Meeting,
        file: RecordedFile,
        heard: Heard,
    ) -> Transcript:
        """Store what was heard while the recording was made."""
        for segment in heard.segments:
            self._host.library.add_segment(meeting.id, segment)
        labels = [track.label for track in file.tracks]
        read = file.duration or max((it.end for it in heard.segments), default=0.0)
        made = self._made(heard.version, heard.compute, heard.seconds)
        return self._complete(meeting, labels, made, read)

    def _complete(
        self,
        meeting: Meeting,
        labels: Sequence[str],
        made: Production,
        read: float,
    ) -> Transcript:
        library = self._host.library
        transcript = self.transcript(meeting, library.pending_segments(meeting.id), labels)
        library.complete_transcript(transcript, read, made)
        self._host.plugins.notify("transcript_ready", transcript=transcript)
        return transcript

    def transcript(
        self, meeting: Meeting, heard: Sequence[Segment], labels: Sequence[str]
    ) -> Transcript:
        """What these segments are as a transcript, with speakers: of all of them the final one."""
        from .speech.echo import without_echo

        pending = without_echo(sorted(heard, key=lambda it: it.start), labels)
        usual = self._request.language or (self._speech.languages or ("",))[0]
        return Transcript(
            recording_id=meeting.id,
            language=_language(pending) or usual,
            segments=tuple(self.attributed(pending, labels)),
        )

    def _made(self, version: str, compute: str, seconds: float) -> Production:
        return Production(
            stage=STAGE,
            engine=f"{self._speech.engine} ({compute})" if compute else self._speech.engine,
            version=version,
            model=self._speech.label,
            seconds=seconds,
        )

    def _request_for(self, meeting: Meeting, begun: Sequence[Segment]) -> SpeechRequest:
        """With the names of those who were there, and the language that the work began in."""
        names = [it.name for it in participants(self._host.library, meeting.id)]
        return replace(
            self._request,
            vocabulary=tuple(dict.fromkeys((*self._request.vocabulary, *names))),
            usual_language=begun[0].language if begun else "",
        )

    def _tell(self, track: int, seconds: float, file: RecordedFile) -> None:
        total = file.duration and file.duration * len(file.tracks)
        self._report(track * (file.duration or 0) + seconds, total)


def named_as(new: Transcript, old: Transcript, labels: Sequence[str]) -> Transcript:
    """A transcript with the names that a person gave to the only speaker of a track."""
    given: dict[str | None, str] = {}
    for track, label in enumerate(labels):
        names = {it.speaker for it in old.segments if it.track == track}
        if len(names) == 1 and (name := names.pop()) and name not in labels:
            given[label] = name
    if not given:
        return new
    segments = (replace(it, speaker=given.get(it.speaker, it.speaker)) for it in new.segments)
    return replace(new, segments=tuple(segments))


def _counted(
    engine: Transcriber, counted: Counter[str], count: Callable[[Counter[str]], None]
) -> Counter[str]:
    """What was left out since it was ``counted`` last; ``count`` is told of it."""
    new = Counter(engine.removed) - counted
    if new:
        count(new)
    return new


def _language(segments: Sequence[Segment]) -> str:
    """That in which most was said."""
    seconds: Counter[str] = Counter()
    for segment in segments:
        seconds[segment.language] += round((segment.end - segment.start) * 1000)
    return seconds.most_common(1)[0][0] if seconds else ""


_QUIET = 0.003
"""Root mean square of the loudest chunk below which a recording is raised (-50 dB)"""
_RAISED = 0.03
"""Root mean square to which its loudest chunk is raised"""
_MOST_RAISED = 100.0
"""Times: what is fainter is a recording of nothing"""


class _Heard:
    """Chunks on their way to the engine, and how much of the recording they were.

    What was recorded very quietly is raised, by what the loudest chunk so far needs: as soon as
    anything is loud enough, nothing more is changed. A track is always read from its beginning, so
    a transcription that is taken up again hears the same.
    """

    def __init__(self, chunks: Iterator[AudioChunk]) -> None:
        self._chunks = chunks
        self.seconds = 0.0

    def __iter__(self) -> Iterator[AudioChunk]:
        import numpy as np

        loudest = 0.0
        for chunk in self._chunks:
            self.seconds = chunk.timestamp + len(chunk.audio) / 32_000
            if loudest >= _QUIET:
                yield chunk
                continue
            samples = np.frombuffer(chunk.audio, "<i2") / 32768
            loudest = max(loudest, float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0)
            if not 0 < loudest < _QUIET:
                yield chunk
                continue
            raised = samples * min(_MOST_RAISED, _RAISED / loudest)
            pcm = (raised.clip(-1, 1) * 32767).astype("<i2").tobytes()
            yield replace(chunk, audio=pcm)


def begin(host: Host, path: Path) -> tuple[Meeting, RecordedFile, FileSource]:
    """The meeting that a file is, new or known. Raises ``RecordingError``."""
    path = path.expanduser()
    path = path.parent.resolve() / path.name  # a link keeps the name that a person gave it
    source = host.file_source(path)
    file: RecordedFile = source.inspect(path)
    meeting = host.library.add(recording_of(path, file, source.name))
    if file.title and not meeting.stages:
        host.library.rename(meeting.id, file.title, by_person=True)
        meeting = host.library.find(meeting.id)
    return meeting, file, source


@contextmanager
def alone(host: Host, meeting: Meeting) -> Iterator[None]:
    """One process at a time works on a meeting."""
    import filelock

    lock = filelock.FileLock(host.home.lock(meeting.id))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise InUseError(
            f"{meeting.recording.path}: another sotto is working on it; wait for that one"
        ) from None
    try:
        yield
    finally:
        lock.release()


def recording_of(path: Path, file: RecordedFile, source: str) -> Recording:
    """Of a file's content. Raises ``RecordingError`` where it cannot be read."""
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        modified = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    except OSError as error:
        raise RecordingError(f"{path}: it cannot be read: {error.strerror}") from error
    ended = modified - timedelta(seconds=file.duration or 0)
    return Recording(
        id=sha256[:8],
        title=path.stem,
        path=path,
        source=source,
        started_at=(file.started_at or ended).astimezone().replace(microsecond=0),
        duration=file.duration or 0.0,
        sha256=sha256,
    )
