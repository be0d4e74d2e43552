"""The main job: a recorded file becomes a transcript and notes, each stage stored as it completes.

A run that was stopped, killed or failed is taken up by the next at the stage that broke; within
the transcription, at the last stored segment.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UsageError
from .library.inventions import inventions
from .library.participants import event_of, participants, save_participants
from .notes import Context, Request, obeyable, own_notes, previous_notes, take_notes
from .transcription import Heard, Transcription, alone, begin, named_as, recording_of
from .values import (
    Feature,
    MeetingNotes,
    NotesMethod,
    Production,
    RecordedFile,
    SectionKind,
    SpeechRequest,
    Transcript,
)

if TYPE_CHECKING:
    from .host import Host
    from .interfaces import FileSource, TextGenerator, TranscriptImporter
    from .library import Meeting
    from .notes.ahead import Ahead
    from .notes.reading import Reading
    from .values import ImportedMeeting, ModelSpec, Segment

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


_AHEAD = 12
"""Segments after which the language model is told of them, while more are transcribed"""

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Processed:
    meeting: Meeting
    transcript: Transcript
    notes: MeetingNotes
    removed: Mapping[str, int]
    """What was left out of the transcript as invented, by kind"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A language model and what it has read of a meeting before there was a file of it."""

    generator: TextGenerator
    reader: Ahead | Reading


class Processor:
    """Takes files through the stages, one after another, with engines that stay loaded."""

    def __init__(
        self,
        host: Host,
        *,
        speech: ModelSpec,
        language: ModelSpec,
        report: Report = lambda progress: None,
        request: Request | None = None,
        hearing: SpeechRequest | None = None,
    ) -> None:
        """``request`` says what notes are asked for, ``hearing`` what transcript; without them,
        the general ones. Raises ``ModelError`` where the language model cannot follow it."""
        self._request = request or Request()
        obeyable(self._request.template, language)
        self._host = host
        self._language = language
        self._hearing = hearing or SpeechRequest()
        self._report = report
        self._transcription = Transcription(
            host,
            speech,
            self._hearing,
            lambda done, total: report(Progress(Stage.TRANSCRIPTION, done, total)),
        )
        self._generator: TextGenerator | None = None
        self._ahead: Ahead | Reading | None = None

    def __enter__(self) -> Processor:
        return self

    def __exit__(self, *_: object) -> None:
        for engine in (self._ahead, self._transcription, self._generator):
            if engine is not None:
                engine.close()

    def process(
        self, path: Path, heard: Heard | None = None, prepared: Prepared | None = None
    ) -> Processed:
        """Do what is left to do for a file. Raises a ``SottovoceError`` that names it.

        ``heard`` is its transcript, and ``prepared`` what was read of it, where that was done while
        the file was recorded; a prepared model is closed with this.
        """
        if prepared is not None:
            self._generator, self._ahead = prepared.generator, prepared.reader
        meeting, file, source = begin(self._host, path)
        library = self._host.library
        with alone(self._host, meeting):
            if Stage.TRANSCRIPTION not in library.stages(meeting.id):
                if heard is not None:
                    self._transcription.take(meeting, file, heard)
                else:
                    self._transcribe(meeting, file, source)
            return self._finish(meeting, meeting.recording.path)

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
        recording = recording_of(imported.path, file, importer.name)
        meeting = library.add(replace(recording, title=imported.title))
        with alone(self._host, meeting):
            stages = library.stages(meeting.id)
            if not stages and imported.title_given:
                library.rename(meeting.id, imported.title, by_person=True)
            save_participants(library, meeting.id, imported.participants)
            if Stage.TRANSCRIPTION not in stages:
                if source is None:
                    self._take_over(meeting, imported, importer)
                else:
                    self._transcribe(meeting, file, source)
            return self._finish(library.find(meeting.id), imported.path)

    def _finish(self, meeting: Meeting, path: Path) -> Processed:
        library = self._host.library
        if Stage.NOTES not in library.stages(meeting.id):
            self._take_notes(library.find(meeting.id))
        elif self._asks_otherwise(library.notes(meeting)):
            log.warning(
                "%s has its notes already, and they stay; 'sotto notes %s' with the same options "
                "takes them anew",
                path,
                meeting.id,
            )
        return load(self._host, library.find(meeting.id))

    def _asks_otherwise(self, notes: MeetingNotes | None) -> bool:
        asked = self._request
        more = asked.own or asked.language or asked.quotes
        other = notes is not None and asked.template.name not in ("general", notes.template)
        return bool(more or other)

    def again(self, path: Path) -> Processed:
        """Transcribe a file anew and take its notes anew. What there is of it stays until all of
        that is there. Raises a ``SottovoceError``."""
        meeting, file, source = begin(self._host, path)
        library = self._host.library
        if Stage.TRANSCRIPTION not in library.stages(meeting.id):
            return self.process(path)
        with alone(self._host, meeting):
            anew = self._transcription.anew(meeting, file, source)
            labels = [track.label for track in file.tracks]
            transcript = named_as(anew.transcript, library.transcript(meeting.id), labels)
            notes, noted = self._noted(meeting, transcript, anew.made)
            library.replace_transcript(
                transcript, anew.duration, anew.made, anew.removed, notes, noted
            )
            self._host.plugins.notify("transcript_ready", transcript=transcript)
            self._host.plugins.notify("notes_ready", notes=notes, transcript=transcript)
            return load(self._host, library.find(meeting.id))

    def renew(self, meeting: Meeting) -> Processed:
        """Take a transcribed meeting's notes anew. The earlier notes are kept as a version."""
        library = self._host.library
        if Stage.TRANSCRIPTION not in library.stages(meeting.id):
            raise UsageError(
                f"'{meeting.recording.title}' is not transcribed yet; "
                f"finish it with: sotto process '{meeting.recording.path}'"
            )
        with alone(self._host, meeting):
            self._take_notes(meeting)
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

    def _transcribe(self, meeting: Meeting, file: RecordedFile, source: FileSource) -> None:
        labels = [track.label for track in file.tracks]
        self._transcription.run(meeting, file, source, self._read_ahead(meeting, labels))

    def _read_ahead(self, meeting: Meeting, labels: Sequence[str]) -> Callable[[Segment], None]:
        """What hears of each segment, and lets the language model begin with what is there.

        Of several tracks, which are transcribed one after another, while the last one is.
        """
        if self._ahead is not None:  # of a file whose transcription failed
            self._ahead.close()
            self._ahead = None
        if self._language.notes is NotesMethod.EXTRACT:
            from .notes.ahead import Ahead

            self._ahead = Ahead(self._load_generator)
        elif self._language.notes is NotesMethod.SCHEMA:
            from .notes.reading import Reading

            began = meeting.recording.started_at
            self._ahead = Reading(self._load_generator, began, self._asked(meeting))
        heard = self._host.library.pending_segments(meeting.id)
        due = len(heard) + _AHEAD

        def hear(segment: Segment) -> None:
            nonlocal due
            heard.append(segment)
            if segment.track < len(labels) - 1 or len(heard) < due or self._ahead is None:
                return
            due = len(heard) + max(_AHEAD, len(heard) // 8)  # to tell voices apart takes its time
            so_far = [it for it in heard if it.start <= segment.start]
            self._ahead.hear(self._transcription.transcript(meeting, so_far, labels))

        return hear

    def _take_notes(self, meeting: Meeting) -> None:
        library = self._host.library
        transcript = library.transcript(meeting.id)
        stages = library.stages(meeting.id)
        notes, made = self._noted(meeting, transcript, stages[Stage.TRANSCRIPTION])
        library.save_notes(notes, made)
        self._host.plugins.notify("notes_ready", notes=notes, transcript=transcript)

    def _noted(
        self, meeting: Meeting, transcript: Transcript, transcribed: Production
    ) -> tuple[MeetingNotes, Production]:
        self._host.require(Feature.NOTES)
        ahead, self._ahead = self._ahead, None
        began = (ahead and ahead.since) or time.monotonic()
        try:
            notes = take_notes(
                meeting.recording,
                transcript,
                self._load_generator,
                lambda done, total: self._report(Progress(Stage.NOTES, done, total)),
                request=self._asked(meeting),
                ahead=ahead,
            )
        finally:
            if ahead is not None:
                ahead.close()
        if Feature.SUMMARIES not in self._host.config.features:
            notes = replace(notes, summary=())
        made = Production(
            stage=Stage.NOTES,
            engine=self._language.engine,
            version=self._generator.version if self._generator else "",
            model=self._language.label,
            seconds=time.monotonic() - began,
        )
        self._host.library.rename(meeting.id, notes.title, by_person=False)
        return replace(notes, produced_by=(transcribed, made)), made

    def _asked(self, meeting: Meeting) -> Request:
        """The request with what lies beside the recording and what the meeting before left open."""
        own = self._request.own or own_notes(meeting.recording.path.with_suffix(".md"))
        previous = self._request.previous or previous_notes(self._host.library, meeting)
        template = self._request.template
        if Feature.SUMMARIES not in self._host.config.features:
            kept = (it for it in template.sections if it.kind is not SectionKind.SUMMARY)
            template = replace(template, sections=tuple(kept))
        return replace(
            self._request,
            template=template,
            own=own,
            previous=previous,
            context=self._known(meeting),
        )

    def _known(self, meeting: Meeting) -> Context:
        """What the calendar, or the program that the meeting came from, says of it."""
        library = self._host.library
        event = event_of(library, meeting.id)
        return replace(
            self._request.context,
            title=event.title if event else "",
            attendees=tuple(it.name for it in participants(library, meeting.id)),
            agenda=event.agenda if event else "",
            vocabulary=(*self._hearing.vocabulary, *self._host.config.speech_vocabulary),
        )

    def _load_generator(self) -> TextGenerator:
        if self._generator is None:
            self._generator = self._host.load_text_generator(self._language, feature=Feature.NOTES)
        return self._generator


def load(host: Host, meeting: Meeting) -> Processed:
    """A meeting whose work is complete. Raises ``UsageError`` for one whose work is not."""
    notes = host.library.notes(meeting)
    if notes is None:
        command = "import" if meeting.recording.source in host.importers() else "process"
        raise UsageError(
            f"'{meeting.recording.title}' has no notes yet; "
            f"finish it with: sotto {command} '{meeting.recording.path}'"
        )
    removed = inventions(host.library, meeting.id)
    return Processed(meeting, host.library.transcript(meeting.id), notes, removed)


def check_exporters(
    host: Host, exporters: Sequence[str], folder: Path | None = None
) -> Sequence[str]:
    """The same names. Raises ``UsageError`` for one that is wrong, or that cannot write under
    ``folder``: before the work, not after."""
    known = host.exporters()
    if folder is not None and folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: this is a file; name a folder for the notes")
    for name in exporters:
        if name not in known:
            raise UsageError(f"no exporter '{name}'; known: {', '.join(sorted(known))}")
        if folder is not None:
            known[name].check(folder)
    return exporters


def export(host: Host, done: Processed, folder: Path, exporters: Sequence[str]) -> list[Path]:
    """Write a meeting's notes with the named exporters; the files to open.

    Raises ``ExportError`` or ``UsageError``; the notes stay in the library whatever happens.
    """
    known = host.exporters()
    paths = []
    for name in check_exporters(host, exporters):
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
