"""The watched folder: what a person sees of it, by the real command."""

from __future__ import annotations

import os
import plistlib
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest

from sottovoce import EngineError, ModelError, RecordingError, UsageError
from sottovoce.home import VARIABLE, find_home
from sottovoce.host import Host
from sottovoce.library.jobs import PAUSES, RETRIES, Job, State
from sottovoce.watch.folders import Folder, needs_polling, on_network, read_settings
from sottovoce.watch.ready import incomplete, temporary
from sottovoce.watch.runner import Runner
from sottovoce.watch.service import service

from .audio import decode, encode
from .conftest import SAMPLE, command, sotto
from .importers.test_corpus import word


@pytest.fixture(scope="module")
def snippets(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three recordings of three seconds, in three forms."""
    folder = tmp_path_factory.mktemp("snippets")
    speech = decode(SAMPLE)
    wanted = [("one.flac", "flac", 31), ("two.m4a", "aac", 54), ("three.wav", "pcm_s16le", 66)]
    return [
        encode(folder / name, [speech[at * 16_000 : (at + 3) * 16_000]], codec=codec)
        for name, codec, at in wanted
    ]


def jobs_of(home: Path) -> dict[str, tuple[str, str]]:
    """State and reason by the file's name."""
    listed = sotto("jobs", "list", "--all", "--json", home=home).json["jobs"]
    return {Path(it["path"]).name: (it["state"], it["reason"]) for it in listed}


def wait_for(what: Callable[[], Any], seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_what_is_there_is_done_once_and_what_is_wrong_is_named(
    snippets: list[Path], tmp_path: Path
) -> None:
    folder, home = tmp_path / "in", tmp_path / "home"
    folder.mkdir()
    for it in snippets[:2]:
        shutil.copy(it, folder)
    shutil.copy(snippets[0], folder / "again.flac")
    (folder / "broken.mp3").write_bytes(b"no music" * 100)
    (folder / "list.txt").write_text("bread, milk")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "loading.m4a.part").write_bytes(b"half")
    unindexed = snippets[1].read_bytes()
    (folder / "cut.m4a").write_bytes(unindexed[: unindexed.index(b"moov") - 4])
    first = sotto("watch", folder, "--once", "--to", folder / "notes", "--no-notify", home=home)
    assert first.status == 1, first.err
    assert len(list((folder / "notes").glob("*.md"))) == 2
    found = jobs_of(home)
    assert found.keys() == {
        "one.flac",
        "two.m4a",
        "again.flac",
        "broken.mp3",
        "list.txt",
        "cut.m4a",
    }
    assert [found[it][0] for it in ("one.flac", "two.m4a", "again.flac")] == ["done"] * 3
    assert sum("the same content as" in reason for _, reason in found.values()) == 1
    assert found["broken.mp3"][1].startswith("not a recording")
    assert found["cut.m4a"][1] == "its index is not written yet"
    assert "neither a recording nor a transcript" in found["list.txt"][1]
    assert "set aside" in first.out

    again = sotto("watch", folder, "--once", "--to", folder / "notes", "--no-notify", home=home)
    assert (again.status, again.out) == (0, "")
    shutil.copy(snippets[1], folder / "cut.m4a")  # it changed: looked at again
    (folder / "one.flac").rename(folder / "renamed.flac")
    more = sotto("watch", folder, "--once", "--to", folder / "notes", "--no-notify", home=home)
    assert more.status == 0, more.out
    assert "renamed.flac: moved from" in more.out or "the same content as" in more.out
    assert len(list((folder / "notes").glob("*.md"))) == 2


def test_a_dropped_file_becomes_notes_and_a_signal_ends_the_watch(
    snippets: list[Path], tmp_path: Path
) -> None:
    folder, home = tmp_path / "in", tmp_path / "home"
    folder.mkdir()
    process = subprocess.Popen(
        command("watch", folder, "--to", tmp_path / "out", "--no-notify"),
        env={**os.environ, VARIABLE: str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"watching {folder} (by events)")
        shutil.copy(snippets[0], folder / "dropped.flac")
        wait_for(lambda: list((tmp_path / "out").glob("*.md")))
        # Two at once do nothing twice, and one that ends does not leave its work undone.
        with filelock.FileLock(home / "data" / "locks" / "queue.lock"):
            other = tmp_path / "other"
            other.mkdir()
            shutil.copy(snippets[1], other)
            second = subprocess.Popen(
                command("watch", other, folder, "--once", "--to", tmp_path / "out"),
                env={**os.environ, VARIABLE: str(home)}, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert second.stdout is not None
            assert second.stdout.readline() == "another sotto is at a job, and goes first\n"
        out, _ = second.communicate(timeout=120)
        assert (second.returncode, len(out.splitlines())) == (0, 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (130, 143, -signal.SIGTERM)
    finally:
        process.kill()
        process.communicate()
    assert len(list((tmp_path / "out").glob("*.md"))) == 2


def test_a_recording_with_its_transcript_beside_it_is_one_meeting(
    snippets: list[Path], tmp_path: Path
) -> None:
    folder, home = tmp_path / "in", tmp_path / "home"
    folder.mkdir()
    shutil.copy(snippets[1], folder / "call.m4a")
    (folder / "call.vtt").write_text(
        "WEBVTT\n\n00:00.500 --> 00:02.500\n<v Ana>We decided to sell the old desks.\n"
    )
    ran = sotto("watch", folder, "--once", "--to", tmp_path / "out", "--no-notify", home=home)
    assert ran.status == 0, ran.out + ran.err
    (note,) = (tmp_path / "out").glob("*.md")
    assert "**Ana**: We decided to sell the old desks." in note.read_text()
    assert len(jobs_of(home)) == 1


def test_folders_of_the_settings_file_have_their_own_ways(
    snippets: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    home = find_home()
    home.create()
    one, two = tmp_path / "one", tmp_path / "two"
    (one / "deep").mkdir(parents=True)
    two.mkdir()
    shutil.copy(snippets[0], one / "deep")
    shutil.copy(snippets[1], two)
    shutil.copy(snippets[2], two / "draft.wav")
    (home.config / "watch.toml").write_text(f"""
        [[folder]]
        path = "{one}"
        to = "{tmp_path / "notes"}"
        recursive = true
        template = "one-to-one"
        [[folder]]
        path = "{two}"
        to = "{tmp_path / "texts"}"
        export = ["json", "srt"]
        ignore = ["draft*"]
    """)
    ran = sotto("watch", "--once", "--no-notify", home=tmp_path / "home")
    assert ran.status == 0, ran.out + ran.err
    assert [it.suffix for it in (tmp_path / "notes").iterdir()] == [".md"]
    assert sorted(it.suffix for it in (tmp_path / "texts").iterdir()) == [".json", ".srt"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[folder]]\nto = 'x'", "without a 'path'"),
        ("[[folder]]\npath = 'x'\ncolour = 'red'", "unknown key 'colour'"),
        ("[[folder]]\npath = 'x'\nrecursive = 'yes'", "'recursive' has to be true or false"),
        ("folder = 1", "begins with a line"),
        ("[[folder]", "cannot be read"),
    ],
)
def test_wrong_settings_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "watch.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_settings(tmp_path / "watch.toml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no such folder"),
        ([str(SAMPLE)], "this is a file"),
        ([], "name the folders to be watched, or list them in"),
        ([".", "--export", "papyrus"], "no exporter 'papyrus'"),
        ([".", "--export", "obsidian"], "is in no Obsidian vault"),
        ([".", "--to", str(SAMPLE)], "name a folder for the notes"),
        ([".", "--template", "none-such"], "none-such"),
        ([".", "--print"], "belongs to 'sotto watch install'"),
    ],
)
def test_what_cannot_be_watched_is_said_at_once(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    ran = sotto("watch", *arguments, "--once", home=tmp_path / "home")
    assert ran.status == 1
    assert message in ran.err
    assert ran.err.count("\n") == 1


# The queue, with what an engine may say put in its place.


class _Told(Runner):
    """A runner whose jobs end as the test says."""

    says: BaseException | None = None
    only = ""
    """The name of the file that it is said of; empty for all"""

    def _take(self, job: Job) -> None:
        if self.says is not None and self.only in ("", job.path.name):
            raise self.says
        self.jobs.done(job, sha256="x", meeting_id="m", reason="")


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    host = Host(find_home())
    host.home.create()
    folder = tmp_path / "in"
    folder.mkdir()
    said: list[str] = []
    runner = _Told(host, [folder], say=said.append)

    def add(name: str) -> None:
        from sottovoce.watch.ready import identity

        (folder / name).write_bytes(b"x")
        runner.jobs.offer(folder / name, identity(folder / name), folder=folder, options={})

    add("a")
    add("b")
    yield runner, said, add
    runner.close()
    host.close()


def test_a_bad_file_is_set_aside_and_the_next_one_done(queue: Any) -> None:
    runner, said, _ = queue
    runner.says = RecordingError("the file is damaged")
    assert runner.step()
    runner.says = None
    assert runner.step()
    assert [it.state for it in runner.jobs.all()] == [State.SET_ASIDE, State.DONE]
    assert said == [f"set aside {runner.jobs.all()[0].path}: the file is damaged"]
    assert not runner.step()


def test_a_failing_machine_pauses_the_queue_until_it_works_again(
    queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, said, _ = queue
    runner.says = ModelError("the model 'x' is not installed; sotto models install x")
    assert runner.step()
    pause = runner.jobs.paused()
    assert "sotto models install x" in pause.reason
    assert not runner.step(), "paused"
    assert [it.state for it in runner.jobs.all()] == [State.QUEUED] * 2
    assert runner.jobs.all()[0].attempts == 0, "not the file's fault"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + PAUSES[0] + 1)
    runner.says = None
    assert runner.step()
    assert runner.jobs.paused() is None
    assert said[-1] == "the queue goes on"


def test_an_engine_that_dies_of_one_file_does_not_hold_up_the_others(
    queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, said, _ = queue
    now = time.time()
    ahead = 0.0
    monkeypatch.setattr(time, "time", lambda: now + ahead)
    runner.says, runner.only = EngineError("the engine died"), "a"
    for _attempt in range(len(RETRIES) + 1):
        assert runner.step()
        ahead += max(*RETRIES, *PAUSES) + 1
    assert any(it.startswith("failed ") for it in said)
    assert runner.step()
    assert not runner.step()
    states = {it.path.name: it.state for it in runner.jobs.all()}
    assert states == {"a": State.FAILED, "b": State.DONE}


def test_a_job_broken_off_ten_times_is_held_to_be_the_cause(queue: Any) -> None:
    runner, _, _ = queue
    (job, _other) = runner.jobs.all()
    for _ in range(10):
        runner.jobs._to(job, State.RUNNING, "")
        runner.jobs.mend()
    assert runner.jobs.get(job.id).state is State.FAILED
    assert "10 times" in runner.jobs.get(job.id).reason


def test_the_jobs_command_steers_the_queue(queue: Any, tmp_path: Path) -> None:
    runner, _, _ = queue
    home = tmp_path / "home"
    first, second = (str(it.id) for it in runner.jobs.all())
    assert sotto("jobs", "pause", home=home).status == 0
    assert not runner.step()
    assert "paused: you paused it" in sotto("jobs", home=home).out
    assert sotto("jobs", "priority", second, "5", home=home).status == 0
    assert sotto("jobs", "cancel", first, home=home).status == 0
    assert sotto("jobs", "resume", home=home).out == "The queue goes on.\n"
    assert runner.step()
    assert not runner.step()
    assert [(str(it.id), it.state) for it in runner.jobs.all()] == [
        (second, State.DONE),
        (first, State.CANCELLED),
    ]
    assert sotto("jobs", "retry", first, home=home).status == 0
    assert runner.step()
    assert sotto("jobs", "remove", "all", home=home).status == 0
    assert runner.jobs.all() == []
    wrong = sotto("jobs", "cancel", "99", home=home)
    assert (wrong.status, wrong.err.count("\n")) == (1, 1)


def test_cancelling_stops_the_work_on_a_job(tmp_path: Path) -> None:
    folder, home = tmp_path / "in", tmp_path / "home"
    folder.mkdir()
    speech = decode(SAMPLE)
    long = encode(folder / "long.wav", [np.tile(speech, 12)], codec="pcm_s16le")
    process = subprocess.Popen(
        command("watch", folder, "--to", tmp_path / "out", "--no-notify"),
        env={**os.environ, VARIABLE: str(home)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_for(lambda: jobs_of(home).get("long.wav", ("",))[0] == "running", 30)
        time.sleep(3)
        assert sotto("jobs", "cancel", "all", home=home).status == 0
        assert process.stdout is not None
        process.stdout.readline()
        assert process.stdout.readline() == f"cancelled {long}\n"
        assert jobs_of(home)["long.wav"][0] == "cancelled"
    finally:
        process.kill()
        process.communicate()
    assert not (tmp_path / "out").exists()


# What is on the disk


@pytest.mark.parametrize(
    "name",
    ["a.mp4.part", "a.crdownload", "~a.mp4", "a.mp4~", ".a.wav", "double_click.zoom", "a.TMP"],
)
def test_unfinished_names(name: str) -> None:
    assert temporary(name)


def test_a_container_says_whether_it_is_all_there(tmp_path: Path, snippets: list[Path]) -> None:
    speech = decode(SAMPLE)[: 16_000 * 3]
    made = [*snippets, encode(tmp_path / "o.ogg", [speech], codec="libopus"),
            encode(tmp_path / "m.mkv", [speech], codec="libopus")]  # fmt: skip
    (tmp_path / "text.docx").write_bytes(word("Minutes"))
    for it in [*made, tmp_path / "text.docx"]:
        # A FLAC file does not say how long it is in bytes.
        assert incomplete(it) == (None if it.suffix == ".flac" else "")
        part = tmp_path / f"part{it.suffix}"
        part.write_bytes(it.read_bytes()[: it.stat().st_size * 2 // 3])
        assert bool(incomplete(part)) is (it.suffix != ".flac")


def test_network_disks_and_synced_folders_are_polled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    assert not needs_polling(tmp_path)
    assert needs_polling(tmp_path / "Dropbox" / "Recordings")
    disk: Any = type("Disk", (), {"mountpoint": str(tmp_path), "fstype": "nfs4", "opts": "rw"})
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: [disk()])
    assert needs_polling(tmp_path / "share")
    assert on_network(tmp_path / "share")
    disk.fstype = "fuse.sshfs"
    assert on_network(tmp_path / "share")
    disk.fstype = "fuseblk"
    assert not on_network(tmp_path / "Dropbox")
    assert Folder(path=tmp_path, poll=False).polled is False


def test_services_are_what_the_platforms_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "ho me $5"))
    words = [sys.executable, "-m", "sottovoce", "watch", "/a b/100% $x"]
    unit = service(words, "linux")
    assert unit.path == tmp_path / "systemd" / "user" / "sottovoce-watch.service"
    assert 'ExecStart="' in unit.text
    assert '"/a b/100%% $$x"' in unit.text
    assert f'Environment="{VARIABLE}={tmp_path}/ho me $5"' in unit.text
    job = plistlib.loads(service(words, "darwin").text.encode())
    assert job["ProgramArguments"] == words
    task = ET.fromstring(service(words, "win32").text.partition("\n")[2])
    assert any(it.text == sys.executable for it in task.iter() if it.tag.endswith("Command"))
    ran = sotto("watch", "install", tmp_path, "--print", home=tmp_path / "home")
    assert ran.status == 0, ran.err
    assert str(tmp_path) in ran.out
    assert not unit.path.exists()
    assert sotto("watch", "install", tmp_path, home=tmp_path / "home",
                 XDG_CONFIG_HOME=str(tmp_path)).status == 0  # fmt: skip
    assert unit.path.exists()
