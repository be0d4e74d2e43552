"""From the queue to the notes: one job at a time, whichever process does it."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import (
    Cancelled,
    ConfigError,
    EngineError,
    ExportError,
    InUseError,
    LibraryError,
    MissingExtraError,
    ModelError,
    RecordingError,
    SottovoceError,
    TranscriptError,
    WorkerDiedError,
)
from ..library.jobs import Jobs, State
from ..notes import Request
from ..pipeline import Processor, Stage, export
from ..values import ModelTask
from .contents import begins_with, digest, unfinished_part
from .intake import shown
from .ready import identity
from .screen import doing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..host import Host
    from ..library import Meeting
    from ..library.jobs import Job
    from ..pipeline import Processed, Progress, Report
    from ..values import ImportedMeeting

log = logging.getLogger(__name__)

_ASK = 0.5
"""Seconds between two looks at whether a job is wanted still"""
_BUSY = 5.0
"""Seconds until a meeting is tried again that another sotto works on"""
_MACHINE = (ConfigError, LibraryError, MissingExtraError, ModelError)
"""What is wrong for every file alike"""
_CHANGED = "it changed, and is looked at again"
_TOLD = 2.0
"""Seconds between two notes of how far a job is"""


class _Held(Cancelled):
    """Work has to wait, for a reason that is none of the job's."""


class Runner:
    """Does the jobs of some folders, with engines that stay loaded between them."""

    def __init__(
        self,
        host: Host,
        folders: Sequence[Path],
        *,
        say: Callable[[str], None],
        look: Callable[[Path], None] = lambda path: None,
        begun: Callable[[Job], None] = lambda job: None,
        report: Report = lambda progress: None,
        hold: Callable[[], str] = lambda: "",
        ready: Callable[[Processed], None] = lambda done: None,
    ) -> None:
        """``look`` is asked to look at a file again; ``hold`` says why work has to wait, if it has
        to; ``ready`` is told of new notes."""
        self._host = host
        self._folders = folders
        self._say = say
        self._look = look
        self._begun = begun
        self._report = report
        self._hold = hold
        self._ready = ready
        host.library  # noqa: B018 - makes the tables that the queue is in
        self.jobs = Jobs(host.home.library)
        self._processor: Processor | None = None
        self._for: dict[str, Any] = {}
        self._used = self._asked = self._told = time.monotonic()
        self._job: Job | None = None
        self.wrong = 0
        """Files that were set aside or failed"""

    def close(self) -> None:
        self.unload()
        self.jobs.close()

    def unload(self) -> None:
        """Give the engines' memory back."""
        if self._processor is not None:
            self._processor.__exit__()
            self._processor = None

    def unload_after(self, seconds: float) -> None:
        """The same, when there was nothing to do for so long."""
        if self._processor is not None and time.monotonic() - self._used > seconds:
            self.unload()
            log.info("the engines were unloaded after %.0f s of idleness", seconds)

    def step(self) -> bool:
        """Do the next job; whether there was one that could be done now."""
        import filelock

        pause = self.jobs.paused()
        if pause is not None and not pause.over:
            return False
        lock = filelock.FileLock(self._host.home.queue_lock)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return False  # another process is at a job
        try:
            self.jobs.mend()
            job = self.jobs.begin(self._folders)
            if job is None:
                return False
            self._begun(job)
            self._job = job
            self._do(job)
            self._used = time.monotonic()
        finally:
            lock.release()
        return True

    def _do(self, job: Job) -> None:
        if self._changed(job):
            return
        try:
            self._take(job)
        except (RecordingError, TranscriptError) as error:
            if not self._changed(job):
                self._aside(job, _without(str(error), job.path))
        except (*_MACHINE, MemoryError) as error:
            self._machine(job, str(error) or "the memory is full")
        except ExportError as error:
            if isinstance(error.__cause__, OSError):  # the disk, or the folder
                self._machine(job, str(error))
            else:
                self._aside(job, str(error))
        except _Held:
            self.unload()
            self.jobs.again(job, "", after=0, counts=False)
        except Cancelled:
            self._say(f"cancelled {shown(job.path)}")
        except EngineError as error:
            # The memory, or this file: others go first, and after some attempts it has failed.
            self.unload()
            if self.jobs.failed(job, str(error), final=not self._short_of_memory(error)):
                self._pause(str(error))
            else:
                self._failed(job, str(error))
        except OSError as error:
            self._machine(job, f"{error.filename or job.path}: {error.strerror}")
        except InUseError as error:
            self.jobs.again(job, str(error), after=_BUSY, counts=False)
        except SottovoceError as error:
            if not self.jobs.failed(job, str(error)):
                self._failed(job, str(error))
        except Exception as error:
            # One file must not end the watch over all others.
            log.exception("unexpected, at %s", job.path)
            self.unload()
            reason = f"an error of the program: {error!r} (the log has more)"
            if not self.jobs.failed(job, reason):
                self._failed(job, reason)
        except BaseException:  # stopped by a person: the job goes on where it was
            self.jobs.again(job, "", after=0, counts=False)
            raise
        else:
            if self.jobs.machine_works():
                self._say("the queue goes on")

    def _short_of_memory(self, error: EngineError) -> bool:
        """Whether an engine was killed for memory, and nothing was done since that began."""
        killed = isinstance(error, WorkerDiedError) and error.exit_code == -9
        return killed and self.jobs.paused() is not None

    def _progress(self, progress: Progress) -> None:
        """Raises ``Cancelled`` where the job is not wanted any more, or has to wait."""
        self._report(progress)
        now = time.monotonic()
        if self._job is None or now - self._asked < _ASK:
            return
        self._asked = now
        found = self.jobs.get(self._job.id)
        if found is not None and found.state is State.CANCELLED:
            raise Cancelled(f"{self._job.path}: cancelled")
        if why := self._hold():
            raise _Held(why)
        if now - self._told >= _TOLD:
            self._told = now
            self.jobs.tell(self._job, doing(progress))

    def _aside(self, job: Job, reason: str) -> None:
        self.wrong += 1
        self.jobs.set_aside(job, reason)
        self._say(f"set aside {shown(job.path)}: {reason}")

    def _failed(self, job: Job, reason: str) -> None:
        self.wrong += 1
        self._say(f"failed {shown(job.path)}: {reason}")

    def _machine(self, job: Job, reason: str) -> None:
        """Not this file's fault: it stays first, and the queue waits for the cure."""
        self.unload()
        self.jobs.again(job, "", after=0, counts=False)
        self._pause(reason)

    def _pause(self, reason: str) -> None:
        for name in ("config", "models"):  # the cure may be in them
            self._host.__dict__.pop(name, None)
        pause = self.jobs.machine_fails(reason)
        wait = max(0.0, pause.until - time.time())
        self._say(f"the queue is paused: {reason} (tried again in {wait:.0f} s)")

    def _changed(self, job: Job) -> bool:
        """Whether the file is not what was queued: then it is looked at again."""
        try:
            if identity(job.path) == job.identity:
                return False
        except OSError:  # gone, or moved: under its new name it is a job of its own
            self.jobs.forget(job)
        else:
            self.jobs.set_aside(job, _CHANGED)
        self._look(job.path)
        return True

    def _take(self, job: Job) -> None:
        path = job.path
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise RecordingError("its name is not valid Unicode: rename it") from None
        claimed = self._host.importer(path)
        if claimed is not None and claimed[1] != path:  # a transcript came to lie beside it
            self.jobs.forget(job)
            self._look(claimed[1])
            return
        if self.jobs.exported(path):
            self.jobs.done(job, reason="written by sotto itself")
            return
        imported = claimed[0].read(path) if claimed is not None else None
        if imported is not None and (waits := unfinished_part(imported, job.folder)):
            self.jobs.again(job, waits, after=_BUSY, counts=False)
            return
        content = imported.path if imported is not None else path
        sha256, size = digest(content)
        meeting = self._host.library.with_content(sha256)
        exporters = job.options["exporters"]
        if meeting is not None and _complete(meeting, exporters):
            self._known(job, meeting, content, sha256, size)
            return
        if path.is_dir() and (known := self._noted(job.meeting_id)) is not None:
            reason = f"the folder changed; it is one meeting and has its notes ({known.id})"
            self.jobs.done(
                job, sha256=job.sha256, size=job.size, meeting_id=known.id, reason=reason
            )
            self._say(f"{shown(path)}: {reason}")
            return
        if meeting is None and (before := self._noted(job.meeting_id)) is not None:
            meeting = self._goes_on(job, before, imported, content, sha256)
        done = self._process(job, imported, claimed)
        if _replaced(job, content, sha256):
            # What was heard may be half of the one and half of the other.
            if meeting is None:
                self._host.library.delete(done.meeting.id)
            self.jobs.set_aside(job, _CHANGED)
            self._look(path)
            return
        written = export(self._host, done, Path(job.options["to"]), exporters)
        self.jobs.done(
            job,
            sha256=sha256,
            size=size,
            meeting_id=done.meeting.id,
            reason=", ".join(map(str, written)),
        )
        for note in written:
            self._say(f"{shown(path)}: {note}")
        self._ready(done)

    def _goes_on(
        self,
        job: Job,
        before: Meeting,
        imported: ImportedMeeting | None,
        content: Path,
        sha256: str,
    ) -> Meeting | None:
        """The meeting that a file was, where its new content is that one's: it grew, or a
        recording came to the transcript. ``None`` where it is another meeting."""
        library = self._host.library
        recording = replace(before.recording, path=content, sha256=sha256)
        if imported is not None and content != job.path:
            if before.recording.path != job.path:
                return None
            started_at = imported.started_at or recording.started_at
            library.replace_content(
                before.id, replace(recording, started_at=started_at), anew=False
            )
            self._say(f"{shown(content)}: the recording of {before.id}, whose notes stay")
            return before
        its_own = before.recording.path == content  # and not that of which this was a copy
        if its_own and job.size and begins_with(content, job.size, job.sha256):
            library.replace_content(before.id, recording, anew=True)
            self._say(f"{shown(job.path)}: it has grown; its notes are taken anew ({before.id})")
            return before
        self._say(f"{shown(job.path)}: another content than before, and another meeting")
        return None

    def _known(self, job: Job, meeting: Meeting, content: Path, sha256: str, size: int) -> None:
        """The content has its notes. It was touched, renamed, moved, or is another copy."""
        before = meeting.recording.path
        row = self.jobs.find(before)
        reason = f"its notes are there already ({meeting.id})"
        heard = self._host.library.stages(meeting.id)[Stage.TRANSCRIPTION].engine != "import"
        if content != job.path and heard and not job.path.is_dir():
            reason = f"its recording was transcribed before it came; the notes stay ({meeting.id})"
        if before != content:
            replaced = row is not None and row.sha256 not in ("", sha256)
            if before.exists() and not replaced:
                reason = f"the same content as {shown(before)}, which has its notes ({meeting.id})"
            else:
                self._host.library.move(meeting.id, content)
                reason = f"moved from {shown(before)}; its notes stay ({meeting.id})"
                for other in self.jobs.of_meeting(meeting.id):
                    if other.id != job.id and not other.path.exists():
                        self.jobs.forget(other)
        self.jobs.done(job, sha256=sha256, size=size, meeting_id=meeting.id, reason=reason)
        self._say(f"{shown(job.path)}: {reason}")

    def _noted(self, meeting_id: str) -> Meeting | None:
        if not meeting_id:
            return None
        meetings = {it.id: it for it in self._host.library.meetings()}
        found = meetings.get(meeting_id)
        return found if found is not None and Stage.NOTES in found.stages else None

    def _process(self, job: Job, imported: ImportedMeeting | None, claimed: Any) -> Processed:
        processor = self._loaded(job.options)
        if imported is None:
            return processor.process(job.path)
        return processor.process_imported(imported, claimed[0])

    def _loaded(self, options: Any) -> Processor:
        """The engines that a job asks for; of two sets only one is in memory."""
        wanted = {it: options.get(it) for it in ("speech", "model", "template", "language")}
        if self._processor is None or wanted != self._for:
            self.unload()
            host = self._host
            self._processor = Processor(
                host,
                speech=host.model(ModelTask.TRANSCRIPTION, wanted["speech"]),
                language=host.model(ModelTask.GENERATION, wanted["model"]),
                report=self._progress,
                request=Request(
                    template=host.template(wanted["template"] or "general"),
                    language=wanted["language"],
                ),
            )
            self._for = wanted
        return self._processor


def _complete(meeting: Meeting, exporters: Sequence[str]) -> bool:
    """Whether nothing is left to do: the notes were taken, and written."""
    return Stage.NOTES in meeting.stages and set(exporters) <= {name for name, _ in meeting.exports}


def _replaced(job: Job, content: Path, sha256: str) -> bool:
    """Whether another content lies there now. One that is gone was moved, and is the same."""
    try:
        return identity(job.path) != job.identity and digest(content)[0] != sha256
    except (OSError, RecordingError):
        return False


def _without(text: str, path: Path) -> str:
    """A message without the path that it begins with."""
    return text.removeprefix(f"{path}: ")
