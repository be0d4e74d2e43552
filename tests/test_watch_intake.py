"""What the watch makes of files on all kinds of disks: by the real intake and queue, with engines
that hear nothing in particular."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sottovoce_integrations.importers
import sottovoce_integrations.markdown
import sottovoce_plugins.files
from sottovoce import ExportError, testing
from sottovoce.errors import WorkerDiedError
from sottovoce.home import VARIABLE, find_home
from sottovoce.host import Host
from sottovoce.library.jobs import PAUSES, RETRIES, State
from sottovoce.watch import intake as intakes
from sottovoce.watch import manners
from sottovoce.watch.folders import Folder
from sottovoce.watch.intake import Intake
from sottovoce.watch.observer import observed
from sottovoce.watch.runner import Runner

from .audio import decode, encode
from .conftest import SAMPLE

CAPTIONS = "WEBVTT\n\n00:00.500 --> 00:02.500\n<v Ana>We decided to sell the desks.\n"


class Watched:
    """A watched folder, and what the watch did with it."""

    def __init__(self, host: Host, folder: Path, **more: Any) -> None:
        self.host, self.folder = host, folder
        self.said: list[str] = []
        self.notes = folder.parent / "notes"
        self.options = {
            "to": str(self.notes), "exporters": ["markdown"],
            "speech": testing.SPEECH.id, "model": testing.LANGUAGE.id,
        }  # fmt: skip
        self.folders = [Folder(path=folder, options=self.options, **more)]
        self.make()

    def make(self) -> None:
        """Begin anew, as after a restart."""
        self.intake = Intake(self.host, self.folders, say=self.said.append)
        self.runner = Runner(
            self.host, [it.path for it in self.folders], say=self.said.append, look=self.intake.look
        )

    def look(self) -> None:
        self.intake.look_once()

    def work(self) -> None:
        while True:
            self.intake.look_once()
            if not self.runner.step():
                return

    def states(self) -> dict[str, State]:
        return {it.path.name: it.state for it in self.runner.jobs.all()}

    def reason(self, name: str) -> str:
        return next(it.reason for it in self.runner.jobs.all() if it.path.name == name)


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watched]]:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    for name in ("SETTLED", "SETTLED_UNSEEN", "SETTLED_UNSAID", "SETTLED_FOLDER"):
        monkeypatch.setattr(intakes, name, getattr(intakes, name) / 5)
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # as the command has it
    host = Host(find_home())
    host.home.create()
    for plugin in (
        sottovoce_plugins.files,
        sottovoce_integrations.importers,
        sottovoce_integrations.markdown,
    ):
        host.plugins.register(plugin, plugin.__name__)
    testing.add_fake_engines(host)
    (tmp_path / "in").mkdir()
    made: list[Watched] = []

    def begin(**more: Any) -> Watched:
        made.append(Watched(host, tmp_path / "in", **more))
        return made[-1]

    yield begin
    for it in made:
        it.runner.close()
    host.close()
    signal.signal(signal.SIGIO, before)


@pytest.fixture(scope="module")
def mp3(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Four seconds, in a form that does not say where it ends."""
    path = tmp_path_factory.mktemp("mp3") / "a.mp3"
    return encode(path, [decode(SAMPLE)[: 16_000 * 4]], codec="libmp3lame").read_bytes()


def wav(path: Path, seconds: float = 3.0) -> Path:
    return testing.write_wav(path, seconds)


# When a file is ready


def test_a_file_that_a_program_has_locked_waits(watch: Callable[..., Watched]) -> None:
    it = watch()
    path = wav(it.folder / "call.wav")
    with path.open("rb") as file:  # not for writing: the lock alone says it
        fcntl.flock(file, fcntl.LOCK_EX)
        it.look()
        assert it.intake.waiting == {path: "it is being written"}
    it.work()
    assert it.states() == {"call.wav": State.DONE}


@pytest.mark.parametrize(
    ("field", "value"), [("st_file_attributes", 0x400000), ("st_flags", 0x40000000)]
)
def test_a_placeholder_of_a_sync_client_waits_for_its_content(
    field: str, value: int, watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = watch()
    path = wav(it.folder / "call.wav")
    real = Path.stat
    there = False

    class Placeholder:
        def __init__(self, found: os.stat_result) -> None:
            self._found = found

        def __getattr__(self, name: str) -> Any:
            return value if name == field and not there else getattr(self._found, name)

    monkeypatch.setattr(Path, "stat", lambda self, **how: Placeholder(real(self, **how)))
    it.look()
    assert it.intake.waiting == {path: "the sync client has not brought it yet"}
    assert it.states() == {}
    there = True
    it.work()
    assert it.states() == {"call.wav": State.DONE}


class Clock:
    """Time that passes where it is slept through."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.at: dict[float, Callable[[], None]] = {}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for moment in [it for it in self.at if it <= self.now]:
            self.at.pop(moment)()


def test_on_a_network_disk_nobody_is_asked_and_a_stalled_copy_is_waited_for(
    mp3: bytes, watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS and SMB refuse leases as a writer would, and have writers that nobody here sees."""

    def asked(path: Path) -> bool:
        raise AssertionError("a lease was asked for")

    def go_on() -> None:
        with copied.open("ab") as file:
            file.write(mp3[len(mp3) // 2 :])

    clock = Clock()
    monkeypatch.setattr(intakes, "time", clock)
    monkeypatch.setattr(intakes, "on_network", lambda path: True)
    monkeypatch.setattr(intakes, "being_written", asked)
    it = watch()
    wav(it.folder / "whole.wav")
    copied = it.folder / "copied.mp3"
    copied.write_bytes(mp3[: len(mp3) // 2])
    stall = intakes.SETTLED_UNSAID * 0.9
    clock.at[clock.now + stall] = go_on
    moments: list[float] = []
    began = clock.now
    it.intake._queued = lambda: moments.append(clock.now - began)
    it.look()
    assert it.intake.waiting == {copied: "it is being written"}
    it.look()
    assert it.states() == {"whole.wav": State.QUEUED, "copied.mp3": State.QUEUED}
    assert moments == [
        pytest.approx(intakes.SETTLED_UNSEEN, abs=0.3),
        pytest.approx(stall + intakes.SETTLED_UNSAID, abs=0.3),
    ]


def test_a_look_ends_although_a_file_grows_and_grows(watch: Callable[..., Watched]) -> None:
    it = watch()
    path = it.folder / "recording.mp3"
    path.write_bytes(b"x")
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.wait(0.02):
                file.write(b"x" * 100)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        it.look()
        assert it.intake.waiting == {path: "it is being written"}
    finally:
        stop.set()
        writer.join()


def test_a_folder_made_in_the_folder_and_filled_later_is_taken(
    watch: Callable[..., Watched],
) -> None:
    """Zoom makes the folder first and converts into it; no events tell of what is in it."""
    it = watch()
    thread = threading.Thread(target=it.intake.run)
    with observed(it.folders, it.intake.look, it.said.append):
        thread.start()
        try:
            meeting = it.folder / "2026-09-15 14.30.12 Acme Weekly 81234567890"
            meeting.mkdir()
            unconverted = meeting / "double_click_to_convert_01.zoom"
            unconverted.write_bytes(b"x")
            time.sleep(0.5)
            wav(meeting / "audio98796876.wav")
            until = time.monotonic() + 60
            while not it.intake.waiting.get(meeting) and time.monotonic() < until:
                time.sleep(0.1)
            assert "double_click_to_convert_01.zoom" in it.intake.waiting[meeting]
            assert it.states() == {}
            unconverted.unlink()
            while not it.states() and time.monotonic() < until:
                time.sleep(0.1)
        finally:
            it.intake.stop()
            thread.join()
    it.work()
    assert it.states() == {meeting.name: State.DONE}
    assert [note.name for note in it.notes.iterdir()] == ["2026-09-15 Acme Weekly.md"]


def test_a_watched_folder_in_another_has_its_own_ways(watch: Callable[..., Watched]) -> None:
    it = watch(recursive=True)
    inner = it.folder / "clients"
    inner.mkdir()
    it.folders.append(Folder(path=inner, options={**it.options, "priority": 7}))
    it.make()
    wav(it.folder / "mine.wav")
    wav(inner / "theirs.wav", 2.0)
    (inner / "deep" / "er").mkdir(parents=True)
    wav(inner / "deep" / "er" / "nobody's.wav", 1.0)
    it.look()
    it.intake.look(inner / "deep" / "er" / "nobody's.wav")
    it.intake.look(inner / "theirs.wav")
    it.look()
    found = {job.path.name: (job.folder, job.priority) for job in it.runner.jobs.all()}
    assert found == {"theirs.wav": (inner, 7), "mine.wav": (it.folder, 0)}


# What became of a file


def test_what_grew_after_all_is_one_meeting_with_notes_of_the_whole(
    mp3: bytes, watch: Callable[..., Watched]
) -> None:
    it = watch()
    path = it.folder / "call.mp3"
    path.write_bytes(mp3[: len(mp3) // 2])
    it.work()
    (half,) = it.host.library.meetings()
    path.write_bytes(mp3)
    it.make()
    it.work()
    (whole,) = it.host.library.meetings()
    assert (whole.id, whole.recording.duration > half.recording.duration) == (half.id, True)
    assert f"{path}: it has grown; its notes are taken anew ({half.id})" in it.said
    assert len(list(it.notes.iterdir())) == 1
    path.write_bytes(mp3[::-1][:100] + mp3)  # and this is another one
    it.make()
    it.work()
    assert len(it.host.library.meetings()) == 2
    assert f"{path}: another content than before, and another meeting" in it.said
    shutil.copy(path, it.folder / "copy.mp3")
    it.work()
    with (it.folder / "copy.mp3").open("ab") as file:
        file.write(mp3)
    it.make()
    it.work()
    paths = [meeting.recording.path.name for meeting in it.host.library.meetings()]
    assert sorted(paths) == ["call.mp3", "call.mp3", "copy.mp3"], "a copy grows by itself"


def test_a_recording_that_comes_after_its_transcript_is_the_same_meeting(
    watch: Callable[..., Watched],
) -> None:
    it = watch()
    (it.folder / "call.vtt").write_text(CAPTIONS)
    it.work()
    sound = wav(it.folder / "call.wav")
    for _ in range(2):  # the second time nothing happens
        it.make()
        it.said.clear()
        it.work()
        (meeting,) = it.host.library.meetings()
        assert meeting.recording.path == sound
        assert it.host.library.transcript(meeting.id).speakers == ("Ana",)
        (note,) = it.notes.iterdir()
        assert "call.wav#t=" in note.read_text()
    assert it.said == []
    sound.rename(it.folder / "renamed.wav")
    it.make()
    it.work()
    assert len(it.host.library.meetings()) == 1


def test_a_folder_that_is_one_meeting_may_be_moved(watch: Callable[..., Watched]) -> None:
    it = watch()
    meeting = it.folder / "2026-09-15 14.30.12 Acme Weekly 81234567890"
    meeting.mkdir()
    wav(meeting / "audio98796876.wav")
    it.work()
    moved = meeting.rename(it.folder / "2026-09-15 14.30.12 Acme Weekly")
    it.make()
    it.work()
    (found,) = it.host.library.meetings()
    assert found.recording.path == moved / "audio98796876.wav"
    assert it.states() == {moved.name: State.DONE}
    assert "moved from" in it.reason(moved.name)


def test_a_transcript_that_comes_after_its_recording_is_said_to_be_late(
    watch: Callable[..., Watched],
) -> None:
    it = watch()
    wav(it.folder / "call.wav")
    it.work()
    (it.folder / "call.vtt").write_text(CAPTIONS)
    it.make()
    it.work()
    assert len(it.host.library.meetings()) == 1
    assert "its recording was transcribed before it came" in it.reason("call.vtt")


def test_a_transcript_waits_for_the_recording_that_is_being_copied(
    watch: Callable[..., Watched],
) -> None:
    it = watch()
    (it.folder / "call.vtt").write_text(CAPTIONS)
    whole = wav(it.folder.parent / "call.wav").read_bytes()
    (it.folder / "call.wav").write_bytes(whole[:50_000])
    it.work()
    assert it.states() == {"call.vtt": State.QUEUED}
    assert it.reason("call.vtt") == f"call.wav: {len(whole) - 50_000} bytes of it are missing still"


def test_a_bad_file_that_is_deleted_is_forgotten(watch: Callable[..., Watched]) -> None:
    it = watch()
    for name in ("one.mp3", "two.mp3"):
        (it.folder / name).touch()
    it.work()
    assert set(it.states().values()) == {State.SET_ASIDE}
    (it.folder / "one.mp3").unlink()
    it.intake.look(it.folder / "one.mp3")  # as an event has it
    it.look()
    assert set(it.states()) == {"two.mp3"}
    (it.folder / "two.mp3").unlink()
    it.make()  # it was deleted while nobody watched
    it.look()
    assert it.states() == {}


# The queue


def _raising(runner: Runner, *errors: BaseException | None) -> None:
    left = list(errors)

    def take(job: Any) -> None:
        if (error := left.pop(0)) is not None:
            raise error
        runner.jobs.done(job, reason="")

    runner._take = take  # type: ignore[method-assign]


def test_a_note_that_cannot_be_written_is_the_disks_fault_or_the_notes(
    watch: Callable[..., Watched],
) -> None:
    it = watch()
    wav(it.folder / "a.wav")
    wav(it.folder / "b.wav", 2.0)
    it.look()
    full = ExportError("the disk is full")
    full.__cause__ = OSError(28, "No space left on device")
    _raising(it.runner, ExportError("the note was deleted, and stays deleted"), full)
    assert it.runner.step()
    assert it.runner.jobs.paused() is None
    assert it.runner.step()
    pause = it.runner.jobs.paused()
    assert pause is not None
    assert pause.reason == "the disk is full"
    assert sorted(it.states().values()) == [State.QUEUED, State.SET_ASIDE]


def test_while_memory_is_short_no_file_is_given_up(
    watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = watch()
    wav(it.folder / "a.wav")
    it.look()
    now, ahead = time.time(), 0.0
    monkeypatch.setattr(time, "time", lambda: now + ahead)
    tries = len(RETRIES) + 4
    _raising(it.runner, *[WorkerDiedError("language", -9, "log")] * tries, None)
    for _ in range(tries):
        assert it.runner.step()
        assert it.states() == {"a.wav": State.QUEUED}
        ahead += max(*RETRIES, *PAUSES) + 1
    assert it.runner.step()
    assert it.states() == {"a.wav": State.DONE}


def test_work_stops_for_a_recording_and_goes_on_where_it_was(
    watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    import filelock

    monkeypatch.setattr("sottovoce.watch.runner._ASK", 0.0)
    it = watch()
    wav(it.folder / "long.wav", 60.0)
    it.look()
    lock = filelock.FileLock(it.host.home.recording_lock)
    heard: list[float] = []

    def report(progress: Any) -> None:
        heard.append(progress.done)
        if len(heard) == 10:
            lock.acquire(timeout=0)

    it.runner._report = report
    it.runner._hold = lambda: manners.recording(it.host.home.recording_lock)
    assert it.runner.step()
    assert it.states() == {"long.wav": State.QUEUED}
    assert it.reason("long.wav") == ""
    assert it.runner._processor is None, "the engines gave their memory back"
    lock.release()
    assert it.runner.step()
    assert it.states() == {"long.wav": State.DONE}
    assert heard[10] > heard[9], "from the last segment on"


def test_a_job_that_is_being_done_says_how_far_it_is(
    watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sottovoce.watch.runner._ASK", 0.0)
    monkeypatch.setattr("sottovoce.watch.runner._TOLD", 0.0)
    it = watch()
    wav(it.folder / "a.wav", 20.0)
    it.look()
    told: list[str] = []
    it.runner._report = lambda progress: told.append(it.reason("a.wav"))
    it.runner.step()
    assert "transcribing 10%" in told


def test_two_watches_on_one_folder_do_each_file_once(watch: Callable[..., Watched]) -> None:
    one = watch()
    for number in range(12):
        wav(one.folder / f"{number}.wav", 1.0 + number / 4)
    done: list[str] = []

    def work() -> None:
        """A watch as another process has it: with a host, a library and a lock of its own."""
        host = Host(one.host.home, one.host.plugins)
        it = Watched(host, one.folder)
        it.runner._ready = lambda made: done.append(made.meeting.id)
        try:
            while sum(state is State.DONE for state in it.states().values()) < 12:
                it.look()
                it.runner.step()
        finally:
            it.runner.close()
            host.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == len(set(done)) == 12
    assert len(list(one.notes.iterdir())) == 12


# Manners


def test_a_low_battery_makes_work_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    def battery(percent: float, plugged: bool) -> None:
        found = type("Battery", (), {"percent": percent, "power_plugged": plugged})()
        monkeypatch.setattr(psutil, "sensors_battery", lambda: found, raising=False)

    battery(20, plugged=False)
    assert manners.battery_low(30) == "on battery, at 20 %: waiting for the mains or 30 %"
    battery(30, plugged=False)
    assert manners.battery_low(30) == ""
    battery(5, plugged=True)
    assert manners.battery_low(30) == ""
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None)
    assert manners.battery_low(30) == ""


def test_idle_engines_give_their_memory_back(watch: Callable[..., Watched]) -> None:
    it = watch()
    wav(it.folder / "a.wav")
    it.work()
    it.runner.unload_after(60.0)
    assert it.runner._processor is not None
    it.runner.unload_after(0.0)
    assert it.runner._processor is None


DESKTOP = """
import asyncio, sys
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, method

class Desktop(ServiceInterface):
    def __init__(self): super().__init__("org.freedesktop.Notifications")
    @method()
    def Notify(self, app: "s", id: "u", icon: "s", summary: "s", body: "s", actions: "as",
               hints: "a{sv}", timeout: "i") -> "u":
        print(app, summary, body, sep="|", flush=True)
        return 1
    @method()
    def GetCapabilities(self) -> "as": return ["body"]
    @method()
    def GetServerInformation(self) -> "ssss": return ["test", "", "1", "1.2"]

SEND = '''
from sottovoce.watch.manners import Notifications
Notifications().send("2 notes are ready", "Weekly, Acme")
'''

async def main():
    bus = await MessageBus().connect()
    bus.export("/org/freedesktop/Notifications", Desktop())
    await bus.request_name("org.freedesktop.Notifications")
    await (await asyncio.create_subprocess_exec(sys.executable, "-c", SEND)).wait()

asyncio.run(main())
"""


@pytest.mark.skipif(not shutil.which("dbus-run-session"), reason="needs a message bus")
def test_the_desktop_is_told_that_notes_are_ready() -> None:
    program = ["dbus-run-session", "--", sys.executable, "-c", DESKTOP]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=60, check=True)
    assert "Sottovoce|2 notes are ready|Weekly, Acme\n" in ran.stdout


def test_a_watch_without_a_desktop_tries_to_notify_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    async def send(title: str, message: str) -> None:
        tried.append(title)
        raise OSError("no bus")

    monkeypatch.setattr(manners, "_send", send)
    notifications = manners.Notifications()
    for _ in range(3):
        notifications.send("Notes are ready", "Weekly")
    assert tried == ["Notes are ready"]
