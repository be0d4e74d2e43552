"""What a capture process has to live through: clocks that differ, a host that does not listen, a
sound system that freezes, devices that change."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sottovoce import AudioDevice
from sottovoce.capture import process
from sottovoce.capture.clock import Clock
from sottovoce.capture.finish import write_about
from sottovoce.capture.recorder import Recorder, Wanted
from sottovoce.capture.wav import frames_of

from .rig import Rig
from .test_record import ME, THEM, kinds, live, wait_for

HZ, BLOCK = 48_000, 960


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig() as rig, pytest.MonkeyPatch.context() as patch:
        for name, value in rig.environment.items():
            patch.setenv(name, value)
        yield rig


def run_clock(minutes: int, off: float, late: float) -> tuple[float, float]:
    """Seconds that a track is off at the end, and that were made up for, when the device's clock is
    ``off`` by so much and blocks come up to ``late`` seconds late."""
    chance, clock, frames = random.Random(1), Clock(HZ), 0
    pcm = np.zeros(BLOCK, np.int16).tobytes()
    place = 0
    for number in range(1, minutes * 60 * HZ // BLOCK):
        now = number * BLOCK / HZ * (1 + off) + late * chance.random() ** 2
        place = round(now * HZ)
        frames += len(clock.kept(pcm, now, place - BLOCK - frames)) // 2
    return (place - frames) / HZ, clock.drift


@pytest.mark.parametrize("off", [300e-6, -300e-6, 40e-6])
def test_a_device_whose_clock_is_off_stays_at_its_place(off: float) -> None:
    left, made_up = run_clock(20, off, 0.03)
    assert abs(left) < 0.055, "the lateness of the last block, and what is let pass"
    assert made_up == pytest.approx(1200 * off, abs=0.025)


def test_blocks_that_come_late_are_no_drift() -> None:
    assert run_clock(20, 0.0, 0.12)[1] == 0


def test_nobody_hears_that_a_clock_was_made_up_for() -> None:
    clock = Clock(HZ)
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(60 * HZ) / HZ)).astype(np.int16)
    heard = [
        clock.kept(tone[at : at + BLOCK].tobytes(), at / HZ, 960)
        for at in range(0, len(tone), BLOCK)
    ]
    found = np.frombuffer(b"".join(heard), np.int16).astype(int)
    assert len(found) > len(tone) + 1000
    assert np.abs(np.diff(found)).max() <= np.abs(np.diff(tone.astype(int))).max() + 1


@live
def test_a_host_that_does_not_listen_does_not_hold_the_recording_up(
    rig: Rig, tmp_path: Path
) -> None:
    begin(tmp_path)
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    os.write(theirs, bytes(4096))  # it is full: nobody reads
    capture = subprocess.Popen(
        [sys.executable, "-m", "sottovoce.capture", str(tmp_path)],
        stdin=subprocess.PIPE, stdout=theirs, text=True,
    )  # fmt: skip
    os.close(theirs)
    assert capture.stdin is not None
    capture.stdin.write("record\n")
    capture.stdin.flush()
    wait_for(lambda: (tmp_path / "m.wav").exists() and frames_of(tmp_path / "m.wav") > 3 * HZ)
    capture.stdin.close()  # the host is gone
    assert capture.wait(10) == 0
    os.close(ours)
    rows = [json.loads(it) for it in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert rows[-1]["kind"] == "ended"
    assert rows[-1]["drift"] == {"microphone": 0.0}


def begin(folder: Path) -> None:
    write_about(folder, {
        "title": "", "started_at": "2026-03-12T10:00:00+00:00", "rate": HZ,
        "began": time.monotonic(), "away": 0.0, "most": None,
        "tracks": [{"name": "microphone", "source": "microphone", "device": "rig_mic",
                    "label": "RigMicrophone", "speaker": "Me", "file": "m.wav"}],
    })  # fmt: skip


@live
def test_a_killed_capture_process_is_taken_over_from_also_where_the_spare_is_dead(
    rig: Rig, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path, [ME])
    recorder.start()
    wait_for(lambda: recorder.seconds > 0.5 and recorder._spare is not None)
    assert recorder._spare is not None
    recorder._spare.kill()
    recorder._spare.wait()
    before = recorder.seconds
    os.kill(recorder._process.pid, signal.SIGKILL)
    wait_for(lambda: recorder.seconds > before + 1)
    assert kinds(recorder) == ["restarted"]
    recorder.stop()


@live
def test_the_default_is_followed_when_the_system_changes_it(rig: Rig, tmp_path: Path) -> None:
    called = "source_properties=device.description=Headset"
    rig.pactl("load-module", "module-remap-source", "source_name=headset",
              "master=rig_mic_in.monitor", called)  # fmt: skip
    default = Wanted("microphone", AudioDevice("default", "The default"), "Me")
    recorder = Recorder(tmp_path, [default])
    recorder.start()
    wait_for(lambda: recorder.seconds > 0.5)
    rig.pactl("set-default-source", "headset")
    changed = time.monotonic()
    lost = recorder.notices.get(timeout=5)
    assert time.monotonic() - changed < 3
    assert (lost.kind, lost.text) == (
        "lost", "The default: the system's default is now Headset; the recording goes on without it"
    )  # fmt: skip
    assert recorder.notices.get(timeout=5).kind == "back"
    assert time.monotonic() - changed < 5
    rig.pactl("set-default-source", "rig_mic")
    recorder.stop()


@live
def test_a_sound_system_that_freezes_is_said_within_three_seconds(rig: Rig, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, [ME, THEM])
    recorder.start()
    wait_for(lambda: recorder.seconds > 0.5)
    rig.send(signal.SIGSTOP)
    frozen = time.monotonic()
    try:
        lost = recorder.notices.get(timeout=5)
        assert time.monotonic() - frozen < 3
        assert lost.kind == "lost"
        assert "nothing arrives" in lost.text
    finally:
        rig.send(signal.SIGCONT)
    wait_for(lambda: "back" in kinds(recorder))
    recorder.stop()


@live
def test_a_capture_process_that_is_halted_for_a_while_loses_nothing(
    rig: Rig, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path, [ME, THEM])
    recorder.start()
    wait_for(lambda: recorder.seconds > 1)
    before = dict(recorder.filled)
    os.kill(recorder._process.pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(recorder._process.pid, signal.SIGCONT)
    time.sleep(1)
    recorder.end()
    assert kinds(recorder) == []
    assert recorder.filled == pytest.approx(before, abs=0.2)
    recorder.stop()


def test_that_the_machine_slept_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(tmp_path)
    about = json.loads((tmp_path / "recording.json").read_text())
    write_about(tmp_path, about | {"tracks": []})
    ours, theirs = os.pipe()
    slept = iter([0.0])
    monkeypatch.setattr(process, "_asleep", lambda: next(slept, 3600.0))
    with os.fdopen(ours) as orders, os.fdopen(theirs, "w") as host:
        monkeypatch.setattr(sys, "stdin", orders)
        capture = process.Capture(tmp_path, {})
        thread = threading.Thread(target=capture.run)
        thread.start()
        wait_for(lambda: "slept" in (tmp_path / "journal.jsonl").read_text())
        host.write("stop\n")
        host.flush()
        thread.join()
    rows: list[dict[str, Any]] = [
        json.loads(it) for it in (tmp_path / "journal.jsonl").read_text().splitlines()
    ]
    assert [it["text"] for it in rows if it["kind"] == "slept"] == ["the machine slept for 3600 s"]
