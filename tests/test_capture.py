"""What a capture process has to live through: clocks that differ, a host that does not listen, a
sound system that freezes, devices that change."""

from __future__ import annotations

import fcntl
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sottovoce import AudioChunk, AudioDevice, AudioFormat, AudioSource, SourceKind
from sottovoce.capture import process
from sottovoce.capture.clock import Clock
from sottovoce.capture.finish import write_about
from sottovoce.capture.recorder import Recorder, Wanted
from sottovoce.capture.timeline import Timeline
from sottovoce.capture.track import Track
from sottovoce.capture.wav import GrowingWav, frames_of
from sottovoce_plugins.pulse import PulseMicrophone

from .rig import Rig
from .test_record import ME, THEM, begun, kinds, live, wait_for

HZ, BLOCK = 48_000, 960


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig() as rig, pytest.MonkeyPatch.context() as patch:
        for name, value in rig.environment.items():
            patch.setenv(name, value)
        yield rig


def run_clock(
    minutes: int, off: float, late: float, steps: Sequence[float] = (0.0,)
) -> tuple[float, float]:
    """Seconds that a track is off at the end, and that were made up for, when the device's clock is
    ``off`` by so much, blocks come up to ``late`` seconds late, and all of them by another step
    from minute to minute."""
    chance, clock, frames = random.Random(1), Clock(HZ), 0
    pcm = np.zeros(BLOCK, np.int16).tobytes()
    place = 0
    for number in range(1, minutes * 60 * HZ // BLOCK):
        now = number * BLOCK / HZ * (1 + off) + late * chance.random() ** 2
        now += steps[int(now / 60) % len(steps)]
        place = round(now * HZ)
        frames += len(clock.kept(pcm, now, place - BLOCK - frames)) // 2
    return (place - frames) / HZ, clock.drift


@pytest.mark.parametrize("off", [300e-6, -300e-6, 40e-6])
def test_a_device_whose_clock_is_off_stays_at_its_place(off: float) -> None:
    left, made_up = run_clock(20, off, 0.03)
    assert abs(left) < 0.055, "the lateness of the last block, and what is let pass"
    assert made_up == pytest.approx(1200 * off, abs=0.035)


def test_blocks_that_come_late_or_early_are_no_drift() -> None:
    assert run_clock(20, 0.0, 0.12)[1] == 0
    assert run_clock(20, 0.0, 0.03, steps=(0.12, 0.0, 0.06))[1] == 0
    made_up = run_clock(20, 50e-6, 0.03, steps=(0.12, 0.0, 0.06))[1]
    assert 0.03 < made_up < 0.07, "while they come otherwise it is not seen"


def test_nobody_hears_that_a_clock_was_made_up_for() -> None:
    clock = Clock(HZ)
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(90 * HZ) / HZ)).astype(np.int16)
    heard: list[bytes] = []
    frames = 0
    for at in range(0, len(tone), BLOCK):  # the device is slow by 400 millionths
        behind = round(at * (1 + 400e-6)) - frames
        heard.append(clock.kept(tone[at : at + BLOCK].tobytes(), at / HZ, behind))
        frames += len(heard[-1]) // 2
    found = np.frombuffer(b"".join(heard), np.int16).astype(int)
    assert len(found) > len(tone) + 450
    assert np.abs(np.diff(found)).max() <= np.abs(np.diff(tone.astype(int))).max() + 1


class Given(AudioSource):
    """Never opened: the blocks are given to the track."""

    name = "microphone"
    kind = SourceKind.MICROPHONE

    def devices(self) -> Sequence[AudioDevice]:
        return ()

    def open(
        self, device: AudioDevice, format: AudioFormat
    ) -> AbstractContextManager[Iterator[AudioChunk]]:
        raise NotImplementedError


class Quiet(Given):
    quiet = True


class Holding(Given):
    def held(self) -> float:
        return 0.9


def given(
    folder: Path, arrivals: Sequence[tuple[float, int]], source: AudioSource | None = None,
    pause: tuple[float, float] | None = None, end: float = math.inf,
) -> tuple[Track, list[int]]:  # fmt: skip
    """A track and its blocks, when numbered blocks came at these seconds: all of the frames of a
    block are its number. Nothing came where there is no number."""
    begin(folder, began=0.0)
    capture = process.Capture(folder, {"microphone": source or Given()})
    (track,) = capture._tracks
    track._opened(0.0)
    if pause is not None:
        capture.timeline.pause(pause[0])
        capture.timeline.resume(pause[1])
    capture.timeline.end(end)
    for now, number in arrivals:
        track._take(np.full(BLOCK, number, np.int16).tobytes() if number else b"", now)
    track._begin()
    track.wav.close()
    capture._journal.close()
    frames = np.fromfile(folder / "m.wav", np.int16, offset=44)
    assert len(frames) == track.wav.frames
    return track, frames[::BLOCK].tolist()


def steady(*numbers: int) -> list[tuple[float, int]]:
    return [(0.02 * it, it) for it in range(*numbers)]


def test_what_comes_late_together_is_no_hole(tmp_path: Path) -> None:
    burst = [(5.8, n) for n in range(50, 290)]  # the system was busy for five seconds
    nothing = [(0.98 + 0.2 * n, 0) for n in range(24)]
    track, blocks = given(tmp_path, [*steady(1, 50), *nothing, *burst, *steady(290, 400)])
    assert track.filled == 0
    assert blocks == list(range(1, 400))


def test_what_comes_slower_than_it_was_made_is_no_hole(tmp_path: Path) -> None:
    slow = [(1 + 0.03 * n, 50 + n) for n in range(600)]  # up to six seconds late
    caught_up = [(19.1 + 0.001 * n, 650 + n) for n in range(310)]
    track, blocks = given(tmp_path, [*steady(1, 50), *slow, *caught_up])
    assert track.filled == 0
    assert blocks == list(range(1, 960))


def test_what_never_comes_is_silence_at_its_place(tmp_path: Path) -> None:
    track, blocks = given(tmp_path, [*steady(1, 50), *steady(90, 1700)])
    assert track.filled == pytest.approx(0.8)
    assert blocks == [*range(1, 50), *[0] * 40, *range(90, 1700)]


def test_what_the_system_says_that_it_has_is_waited_for(tmp_path: Path) -> None:
    late = [(it + 1, n) for it, n in steady(50, 1700)]
    track, blocks = given(tmp_path, [*steady(1, 50), *late], Holding())
    assert blocks == list(range(1, 1700))
    assert track.filled == 0


@live
def test_pulse_tells_what_it_holds_back(rig: Rig) -> None:
    source = PulseMicrophone()
    with source.open(ME.device, AudioFormat(rate=HZ)) as chunks:
        wait_for(lambda: next(chunks).audio)
        process = int(source._stream)
        os.kill(process, signal.SIGSTOP)
        wait_for(lambda: (source.held() or 0) > 1)
        os.kill(process, signal.SIGCONT)
        wait_for(lambda: next(chunks).audio and (source.held() or 0) < 0.5)


def test_of_what_is_late_only_that_is_kept_which_is_of_moments_that_are_recorded(
    tmp_path: Path,
) -> None:
    late = [(it + (3.0 if it > 1 else 0.0), n) for it, n in steady(1, 400)]
    track, blocks = given(tmp_path, late, pause=(2.0, 4.0), end=6.0)
    assert blocks == [*range(1, 101), *range(201, 301)]
    assert track.filled == 0


def test_the_longest_time_ends_it_at_that_moment_however_busy_the_machine_is() -> None:
    timeline = Timeline(HZ, 10.0, 0.0, 5.0)
    timeline.pause(12.0)
    timeline.resume(20.0)
    assert timeline.recorded(11.0, 30.0) == [(11.0, 12.0), (20.0, 23.0)]
    assert timeline.longest
    assert timeline.place(40.0) == 5 * HZ


def test_what_plays_nothing_gives_silence_and_has_lost_nothing(tmp_path: Path) -> None:
    nothing = [(0.4 + 0.2 * n, 0) for n in range(52)]
    track, blocks = given(tmp_path, [*nothing, *steady(531, 600)], Quiet())
    assert blocks == [*[0] * 530, *range(531, 600)]
    assert track.filled == 0


def test_a_stream_that_begins_on_a_busy_machine_comes_to_its_place(tmp_path: Path) -> None:
    first = [(1 + it + 0.02 * max(0, 40 - n), n) for it, n in steady(1, 100)]  # up to 0.8 s late
    again = [(10 + it + 0.02 * max(0, 40 - n), n) for it, n in steady(1, 100)]
    track, blocks = given(tmp_path, first)
    assert blocks == [*[0] * 50, *range(1, 100)]
    assert track.filled == 0
    track.wav = GrowingWav(tmp_path / "m.wav", HZ)
    track._opened(10.0)
    for now, number in again:
        track._take(np.full(BLOCK, number, np.int16).tobytes(), now)
    track.wav.close()
    frames = np.fromfile(tmp_path / "m.wav", np.int16, offset=44)
    assert frames[::BLOCK].tolist() == [*blocks, *[0] * (500 - 149), *range(1, 100)]
    assert track.filled == pytest.approx(10 - 2.98)


def test_silence_that_is_put_in_moves_all_that_follows(tmp_path: Path) -> None:
    for frames, at in ((3, 4), (50, 4), (3, 0), (3, 10)):
        wav = GrowingWav(tmp_path / f"{frames}-{at}.wav", HZ)
        wav.write(np.arange(1, 11, dtype=np.int16).tobytes())
        wav.insert(frames, at)
        wav.write(np.array([99], np.int16).tobytes())
        wav.patch()
        wav.close()
        found = np.fromfile(tmp_path / f"{frames}-{at}.wav", np.int16, offset=44).tolist()
        assert found == [*range(1, at + 1), *[0] * frames, *range(at + 1, 11), 99]
        wav = GrowingWav(tmp_path / f"{frames}-{at}.wav", HZ)
        wav.cut(frames - 1, at)
        wav.close()
        found = np.fromfile(tmp_path / f"{frames}-{at}.wav", np.int16, offset=44).tolist()
        assert found == [*range(1, at + 1), 0, *range(at + 1, 11), 99]


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
    capture.stdin.write("record 0\n")
    capture.stdin.flush()
    wait_for(lambda: (tmp_path / "m.wav").exists() and frames_of(tmp_path / "m.wav") > 3 * HZ)
    capture.stdin.close()  # the host is gone
    assert capture.wait(10) == 0
    os.close(ours)
    rows = [json.loads(it) for it in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert rows[-1]["kind"] == "ended"
    assert rows[-1]["drift"] == {"microphone": 0.0}


def begin(folder: Path, began: float | None = None) -> None:
    write_about(folder, {
        "title": "", "started_at": "2026-03-12T10:00:00+00:00", "rate": HZ,
        "began": time.monotonic() if began is None else began, "away": 0.0, "most": None,
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
    wait_for(lambda: begun(recorder))
    time.sleep(0.5)
    before = dict(recorder.filled)
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
    time.sleep(1)
    recorder.end()
    assert recorder.filled == before, "it kept what was played meanwhile, and sent it"
    recorder.stop()


@live
def test_a_capture_process_that_is_halted_for_a_while_loses_nothing(
    rig: Rig, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path, [ME, THEM])
    recorder.start()
    wait_for(lambda: begun(recorder))
    before = dict(recorder.filled)
    os.kill(recorder._process.pid, signal.SIGSTOP)
    time.sleep(2)
    os.kill(recorder._process.pid, signal.SIGCONT)
    time.sleep(1)
    recorder.end()
    assert not {"lost", "hole"} & set(kinds(recorder))
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
        host.write(f"stop {time.monotonic()}\n")
        host.flush()
        thread.join()
    rows: list[dict[str, Any]] = [
        json.loads(it) for it in (tmp_path / "journal.jsonl").read_text().splitlines()
    ]
    assert [it["text"] for it in rows if it["kind"] == "slept"] == ["the machine slept for 3600 s"]


PORTAUDIO = """
from sottovoce import AudioFormat
from sottovoce_plugins.portaudio import PortAudioMicrophone
source = PortAudioMicrophone()
devices = source.devices()
print(devices[0].id, [it.label for it in devices if it.id == "rig_mic"])
for device in (devices[0], *[it for it in devices if it.id == "rig_mic"]):
    with source.open(device, AudioFormat(rate=48_000)) as chunks:
        print(sum(len(next(it).audio) // 2 for it in [chunks] * 10))
"""


@live
def test_portaudio_lists_the_default_first_and_captures(rig: Rig, tmp_path: Path) -> None:
    pytest.importorskip("pyaudio")
    listed = tmp_path / "alsa.conf"
    listed.write_text("pcm.!default { type pulse }\npcm.rig_mic { type pulse device rig_mic\n"
                      'hint { show on description "Rig" } }\n')  # fmt: skip
    stock = Path("/usr/share/alsa/alsa.conf")
    ran = subprocess.run(
        [sys.executable, "-c", PORTAUDIO], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "ALSA_CONFIG_PATH": f"{stock}:{listed}"},
    )  # fmt: skip
    if "default" not in ran.stdout and "Unknown PCM" in ran.stderr:
        pytest.skip("ALSA has no plugin for PulseAudio here (Debian: libasound2-plugins)")
    assert ran.stdout.splitlines() == ["default ['rig_mic']", "24000", "24000"], ran.stderr
