"""The main job: a recorded file becomes a transcript and notes, each stage stored as it completes.

A run that was stopped, killed or failed is taken up by the next at the stage that broke; within
the transcription, at the last stored segment.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import RecordingError, UsageError
from .library.participants import save_participants
from .notes import take_notes
from .values import AudioFormat, MeetingNotes, Production, RecordedFile, Recording, Transcript

if TYPE_CHECKING:
    from .host import Host
    from .interfaces import FileSource, TextGenerator, Transcriber, TranscriptImporter
    from .library import Meeting
    from .values import AudioChunk, ImportedMeeting, ModelSpec, Segment

log = logging.getLogger(__name__)


class Stage(StrEnum):
    TRANSCRIPTION = "transcription"
    NOTES = "notes"


@dataclass(frozen=True, slots=True)
class Progress:
    stage: Stage
    done: float
    total: float | None
    """Seconds of audio while transcribing, windows of the transcript for the notes"""


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Processed:
    meeting: Meeting
    transcript: Transcript
    notes: MeetingNotes


class Processor:
    """Takes files through the stages, one after another, with engines that stay loaded."""

    def __init__(
        self,
        host: Host,
        *,
        speech: ModelSpec,
        language: ModelSpec,
        report: Report = lambda progress: None,
    ) -> None:
        self._host = host
        self._speech = speech
        self._language = language
        self._report = report
        self._transcriber: Transcriber | None = None
        self._generator: TextGenerator | None = None

    def __enter__(self) -> Processor:
        return self

    def __exit__(self, *_: object) -> None:
        for engine in (self._transcriber, self._generator):
            if engine is not None:
                engine.close()

    def process(self, path: Path) -> Processed:
        """Do what is left to do for a file. Raises a ``SottovoceError`` that names it."""
        path = path.expanduser()
        path = path.parent.resolve() / path.name  # a link keeps the name that a person gave it
        source = self._host.file_source(path)
        file: RecordedFile = source.inspect(path)
        library = self._host.library
        meeting = library.add(_recording(path, file, source.name))
        with self._alone(meeting):
            if Stage.TRANSCRIPTION not in library.stages(meeting.id):
                self._transcribe(meeting, file, source)
            return self._finish(meeting)

    def process_imported(
        self, imported: ImportedMeeting, importer: TranscriptImporter
    ) -> Processed:
        """Do what is left to do for a meeting that an importer read.

        Its transcript is taken as it is; without one its recording is transcribed. A meeting that
        the library has already, from whichever program, keeps the transcript that it has.
        """
        library = self._host.library
        source = None if imported.segments else self._host.file_source(imported.path)
        file = _imported_file(imported, source)
        recording = _recording(imported.path, file, importer.name)
        meeting = library.add(replace(recording, title=imported.title))
        with self._alone(meeting):
            stages = library.stages(meeting.id)
            if not stages and imported.title_given:
                library.rename(meeting.id, imported.title, by_person=True)
            save_participants(library, meeting.id, imported.participants)
            if Stage.TRANSCRIPTION not in stages:
                if source is None:
                    self._take_over(meeting, imported, importer)
                else:
                    self._transcribe(meeting, file, source)
            return self._finish(library.find(meeting.id))

    def _finish(self, meeting: Meeting) -> Processed:
        library = self._host.library
        if Stage.NOTES not in library.stages(meeting.id):
            self._take_notes(library.find(meeting.id))
        return load(self._host, library.find(meeting.id))

    def _take_over(
        self, meeting: Meeting, imported: ImportedMeeting, importer: TranscriptImporter
    ) -> None:
        """Store a transcript that another program made."""
        from importlib.metadata import version

        began = time.monotonic()
        segments: list[Segment] = []
        for segment in imported.segments:
            # The library knows a segment by its start: cues of the same second are told apart.
            start = segment.start
            if segments and start <= segments[-1].start:
                start = round(segments[-1].start + 0.001, 3)
            segments.append(
                replace(
                    segment, id=len(segments), start=start, end=max(segment.end, start), track=0
                )
            )
        transcript = Transcript(
            recording_id=meeting.id, language=imported.language, segments=tuple(segments)
        )
        made = Production(
            stage=Stage.TRANSCRIPTION,
            engine="import",
            version=version("sottovoce"),
            model=f"transcript of {importer.label}",
            seconds=time.monotonic() - began,
        )
        self._host.library.complete_transcript(transcript, meeting.recording.duration, made)
        self._host.plugins.notify("transcript_ready", transcript=transcript)

    @contextmanager
    def _alone(self, meeting: Meeting) -> Iterator[None]:
        """One process at a time works on a meeting."""
        import filelock

        lock = filelock.FileLock(self._host.home.lock(meeting.id))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise UsageError(
                f"{meeting.recording.path}: another sotto is working on it; wait for that one"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _transcribe(self, meeting: Meeting, file: RecordedFile, source: FileSource) -> None:
        library, plugins = self._host.library, self._host.plugins
        began = time.monotonic()
        if self._transcriber is None:
            self._transcriber = self._host.load_transcriber(self._speech)
        plugins.notify("recording_started", recording=meeting.recording)
        # With a label each track is one person; without, voices are told apart.
        several = any(not track.label for track in file.tracks)
        read = 0.0
        for number, track in enumerate(file.tracks):
            start = library.transcribed_until(meeting.id, number)
            with source.open(track, AudioFormat()) as chunks:
                heard = _Heard(chunks)
                segments = self._transcriber.transcribe(heard, start=start, voices=several)
                with closing(segments):  # type: ignore[type-var]
                    for segment in segments:
                        segment = replace(segment, track=number)
                        library.add_segment(meeting.id, segment)
                        plugins.notify(
                            "segment_transcribed", recording=meeting.recording, segment=segment
                        )
                        self._tell(number, segment.end, file)
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
        from .speech.speakers import attributed

        labels = [track.label for track in file.tracks]
        transcript = Transcript(
            recording_id=meeting.id,
            language=(self._speech.languages or ("",))[0],
            segments=tuple(attributed(library.pending_segments(meeting.id), labels)),
        )
        made = Production(
            stage=Stage.TRANSCRIPTION,
            engine=self._speech.engine,
            version=self._transcriber.version,
            model=self._speech.label,
            seconds=time.monotonic() - began,
        )
        library.complete_transcript(transcript, read, made)
        plugins.notify("transcript_ready", transcript=transcript)

    def _tell(self, track: int, seconds: float, file: RecordedFile) -> None:
        total = file.duration and file.duration * len(file.tracks)
        done = track * (file.duration or 0) + seconds
        self._report(Progress(Stage.TRANSCRIPTION, done, total))

    def _take_notes(self, meeting: Meeting) -> None:
        library = self._host.library
        transcript = library.transcript(meeting.id)
        began = time.monotonic()
        notes = take_notes(
            meeting.recording,
            transcript,
            self._load_generator,
            lambda done, total: self._report(Progress(Stage.NOTES, done, total)),
        )
        made = Production(
            stage=Stage.NOTES,
            engine=self._language.engine,
            version=self._generator.version if self._generator else "",
            model=self._language.label,
            seconds=time.monotonic() - began,
        )
        stages = library.stages(meeting.id)
        notes = replace(notes, produced_by=(stages[Stage.TRANSCRIPTION], made))
        library.rename(meeting.id, notes.title, by_person=False)
        library.save_notes(notes, made)
        self._host.plugins.notify("notes_ready", notes=notes, transcript=transcript)

    def _load_generator(self) -> TextGenerator:
        if self._generator is None:
            self._generator = self._host.load_text_generator(self._language)
        return self._generator


class _Heard:
    """Chunks on their way to the engine, and how much of the recording they were."""

    def __init__(self, chunks: Iterator[AudioChunk]) -> None:
        self._chunks = chunks
        self.seconds = 0.0

    def __iter__(self) -> Iterator[AudioChunk]:
        for chunk in self._chunks:
            self.seconds = chunk.timestamp + len(chunk.audio) / 32_000
            yield chunk


def load(host: Host, meeting: Meeting) -> Processed:
    """A meeting whose work is complete. Raises ``UsageError`` for one whose work is not."""
    notes = host.library.notes(meeting)
    if notes is None:
        command = "import" if meeting.recording.source in host.importers() else "process"
        raise UsageError(
            f"'{meeting.recording.title}' has no notes yet; "
            f"finish it with: sotto {command} '{meeting.recording.path}'"
        )
    return Processed(meeting, host.library.transcript(meeting.id), notes)


def export(host: Host, done: Processed, folder: Path, exporters: Sequence[str]) -> list[Path]:
    """Write a meeting's notes with the named exporters; the files to open.

    Raises ``ExportError`` or ``UsageError``; the notes stay in the library whatever happens.
    """
    known = host.exporters()
    paths = []
    for name in exporters:
        if name not in known:
            raise UsageError(f"no exporter '{name}'; known: {', '.join(sorted(known))}")
        path = known[name].export(done.notes, done.transcript, folder)
        host.library.add_export(done.meeting.id, name, path)
        paths.append(path)
    return paths


def _imported_file(imported: ImportedMeeting, source: FileSource | None) -> RecordedFile:
    """What there is to hear, as ``source`` finds it; without one, what the transcript says."""
    if source is None:
        end = max(segment.end for segment in imported.segments)
        return RecordedFile(tracks=(), duration=end, started_at=imported.started_at)
    files = [(source.inspect(Path(track.id)), track.label) for track in imported.tracks]
    if not files:
        file = source.inspect(imported.path)
        return replace(file, started_at=imported.started_at or file.started_at)
    lengths = [file.duration for file, _ in files if file.duration]
    return RecordedFile(
        tracks=tuple(replace(file.tracks[0], label=label) for file, label in files),
        duration=max(lengths, default=None),
        started_at=imported.started_at or files[0][0].started_at,
    )


def _recording(path: Path, file: RecordedFile, source: str) -> Recording:
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
