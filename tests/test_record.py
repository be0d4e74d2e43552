"""Recording, from loudspeakers and a microphone that a sound system without hardware has."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import jiwer
import numpy as np
import psutil
import pytest

from sottovoce import AudioDevice, RecordingError
from sottovoce.capture import recorder as recorder_module
from sottovoce.capture.finish import finish, unfinished
from sottovoce.capture.recorder import Recorder, Wanted
from sottovoce.capture.wav import GrowingWav, frames_of
from sottovoce.home import VARIABLE

from .audio import decode, encode
from .conftest import SAMPLE, command, sotto
from .rig import MISSING, Rig

if TYPE_CHECKING:
    from .audio import Samples

live = pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)} on this machine")

ME = Wanted("microphone", AudioDevice("rig_mic", "RigMicrophone"), "Me")
THEM = Wanted("loopback", AudioDevice("rig_speakers.monitor", "RigSpeakers"), "Them")
RATE = 16_000


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig() as rig, pytest.MonkeyPatch.context() as patch:
        for name, value in rig.environment.items():
            patch.setenv(name, value)
        yield rig


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of one voice."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    return encode(path, [decode(SAMPLE)[24 * RATE : 29 * RATE]], codec="pcm_s16le")


def wait_for(what: Callable[[], Any], seconds: float = 40.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def went_on(recorder: Recorder, since: float) -> bool:
    return recorder.seconds > since + 1


def begun(recorder: Recorder) -> bool:
    """Whether something of every device is there."""
    return all(it.exists() and frames_of(it) > 0 for it in recorder.files)


def waits(pid: int) -> bool:
    """Whether a process is loaded, and waits for the word."""
    process = psutil.Process(pid)
    before = process.cpu_times()
    time.sleep(0.3)
    return bool(process.cpu_times() == before and before.user > 0.1)


def kinds(recorder: Recorder) -> list[str]:
    found = []
    while not recorder.notices.empty():
        found.append(recorder.notices.get().kind)
    return found


def track(path: Path, number: int) -> Samples:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        frames: list[Any] = [*container.decode(container.streams.audio[number]), None]
        return np.concatenate([o.to_ndarray()[0] for f in frames for o in resampler.resample(f)])


def match(recorded: Samples, played: Samples) -> tuple[float, float]:
    """Correlation at the best place, and that place in seconds."""
    from scipy.signal import correlate

    at = int(np.argmax(correlate(recorded, played, mode="valid", method="fft")))
    part = recorded[at : at + len(played)]
    return float(np.corrcoef(part, played)[0, 1]), at / RATE


@live
def test_both_sides_are_recorded_as_they_were_played_and_together(
    rig: Rig, home: Path, tmp_path: Path, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_SETTLED", 1)
    monkeypatch.setattr(recorder_module, "_WRITE", 0.3)
    rig.pactl("load-module", "module-remap-source", "source_name=rig_twin",
              "master=rig_speakers.monitor")  # fmt: skip
    twin = Wanted("microphone", AudioDevice("rig_twin", "Twin"), "Me")
    recorder = Recorder(tmp_path, [twin, THEM], title="A: call?")
    recorder.start()
    wait_for(lambda: recorder.seconds > 1)
    rig.play(speech, "rig_speakers").wait()
    wait_for(lambda: recorder.levels["loopback"] is None)
    assert recorder._whole is not None, "the file is written meanwhile"
    recorder.end()
    raw = [np.fromfile(it, np.int16, offset=44) for it in recorder.files]
    path = recorder.stop()
    with av.open(str(path)) as container:
        for number, wanted in enumerate(raw):
            container.seek(0)
            got = [it.to_ndarray()[0] for it in container.decode(audio=number)]
            assert np.array_equal(np.concatenate(got), wanted)
    assert path.name.endswith(" A call.mka")
    assert [it.name for it in tmp_path.iterdir() if it.is_dir() and it != home] == []
    found = [match(track(path, number), decode(speech)) for number in (0, 1)]
    assert min(correlation for correlation, _ in found) > 0.95
    assert abs(found[0][1] - found[1][1]) < 0.020
    assert recorder.filled["microphone"] < 1.0
    with av.open(str(path)) as container:
        assert [it.metadata["title"] for it in container.streams] == ["Me", "Them"]
        assert container.metadata["title"] == "A: call?"


@live
def test_a_killed_capture_process_costs_at_most_a_second(
    rig: Rig, home: Path, tmp_path: Path, speech: Path
) -> None:
    recorder = Recorder(tmp_path, [ME, THEM])
    recorder.start()
    wait_for(lambda: recorder.seconds > 1)
    samples = decode(speech)
    long = encode(tmp_path / "long.wav", [np.tile(samples, 20)], codec="pcm_s16le")
    began, before = time.monotonic(), recorder.seconds
    player = rig.play(long, "rig_mic_in")
    for _ in range(2):
        time.sleep(1)
        wait_for(lambda: recorder._spare is not None and waits(recorder._spare.pid))
        os.kill(recorder._process.pid, signal.SIGKILL)
        wait_for(partial(went_on, recorder, recorder.seconds))
    took = time.monotonic() - began
    path = recorder.stop()
    player.kill()
    assert "restarted" in kinds(recorder)
    heard = track(path, 0)
    assert len(heard) / RATE == pytest.approx(before + took, abs=1.5)
    # What was recorded is at its place; no hole that a kill made is of a second.
    holes = [len(it) for it in _silences(heard[int(np.argmax(heard != 0)) : -RATE], 0.03)]
    assert match(heard, decode(speech)[:RATE])[0] > 0.95
    assert holes
    assert max(holes) < RATE


def _silences(samples: Samples, least: float) -> list[Samples]:
    """Stretches of nothing but zeros, of so many seconds at least."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], samples != 0, [True]]).astype(int)))
    return [
        samples[a:b] for a, b in zip(edges[::2], edges[1::2], strict=False)
        if b - a > least * RATE and not samples[a:b].any()
    ]  # fmt: skip


@live
def test_a_killed_host_leaves_a_recording_that_is_made_whole(
    rig: Rig, home: Path, tmp_path: Path, speech: Path
) -> None:
    process = subprocess.Popen(
        command("record", "--recordings", tmp_path / "r", "--no-notes", "--title", "Kill"),
        env={**os.environ, VARIABLE: str(home)}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: list((tmp_path / "r").glob("*/microphone.wav")))
    (wav,) = (tmp_path / "r").glob("*/microphone.wav")
    player = rig.play(speech, "rig_mic_in")
    wait_for(lambda: frames_of(wav) > 3 * 48_000)
    before = frames_of(wav)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert psutil.wait_procs(children, timeout=30)[1] == []
    player.kill()
    wait_for(lambda: list(unfinished(tmp_path / "r")))
    ran = sotto("record", "--recordings", tmp_path / "r", "--finish", home=home)
    assert ran.status == 0
    assert "is whole again" in ran.err
    (path,) = (tmp_path / "r").iterdir()
    assert len(track(path, 0)) / RATE >= before / 48_000 - 0.1


@live
def test_a_device_that_goes_is_said_within_three_seconds_and_comes_back(
    rig: Rig, home: Path, tmp_path: Path, speech: Path
) -> None:
    def load() -> str:
        return rig.pactl("load-module", "module-remap-source", "source_name=usb",
                         "master=rig_mic_in.monitor").strip()  # fmt: skip

    module = load()
    recorder = Recorder(tmp_path, [Wanted("microphone", AudioDevice("usb", "Headset"), "Me"), THEM])
    recorder.start()
    wait_for(lambda: recorder.seconds > 1)
    rig.pactl("unload-module", module)
    gone = time.monotonic()
    notice = recorder.notices.get(timeout=5)
    assert time.monotonic() - gone < 3
    assert notice.kind == "lost"
    assert "Headset" in notice.text
    assert recorder.lost == {"microphone"}
    load()
    assert recorder.notices.get(timeout=5).kind == "back"
    assert recorder.lost == frozenset()
    rig.play(speech, "rig_mic_in").wait()
    time.sleep(0.5)
    path = recorder.stop()
    assert match(track(path, 0), decode(speech))[0] > 0.95
    assert abs(len(track(path, 0)) - len(track(path, 1))) < 0.2 * RATE


@live
def test_a_sound_system_that_dies_is_waited_for(
    rig: Rig, home: Path, tmp_path: Path, speech: Path
) -> None:
    recorder = Recorder(tmp_path, [ME, THEM])
    recorder.start()
    wait_for(lambda: begun(recorder))
    rig.kill()
    gone = time.monotonic()
    assert recorder.notices.get(timeout=5).kind == "lost"
    assert time.monotonic() - gone < 3
    rig.start()
    wait_for(lambda: kinds(recorder).count("back") or recorder.levels["loopback"] is not None, 5)
    rig.play(speech, "rig_speakers").wait()
    time.sleep(0.5)
    path = recorder.stop()
    assert match(track(path, 1), decode(speech))[0] > 0.95
    assert recorder.filled["loopback"] > 1


@live
def test_pauses_are_left_out_and_the_longest_time_ends_it(
    rig: Rig, home: Path, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path, [ME], most=5)
    recorder.start()
    wait_for(lambda: recorder.seconds > 1)
    before = recorder.seconds
    recorder.pause()
    time.sleep(2)
    recorder.resume()
    wait_for(lambda: recorder.over)
    assert "longest" in kinds(recorder)
    assert len(track(recorder.stop(), 0)) / RATE == pytest.approx(max(5, before), abs=0.4)


@live
def test_a_muted_microphone_is_said(rig: Rig, home: Path, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, [ME])
    recorder.start()
    notice = recorder.notices.get(timeout=40)
    recorder.stop()
    assert notice.kind == "zero"
    assert "no permission" in notice.text


@live
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_ends_the_recording_and_keeps_what_came(
    rig: Rig, home: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=520m", "none", disk], check=True)
    try:
        recorder = Recorder(disk, [ME, THEM])
        recorder.start()
        wait_for(lambda: recorder.seconds > 1)
        with (disk / "big").open("wb") as file:
            file.truncate(0)
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - (20 << 20))
        wait_for(lambda: recorder.over)
        assert "full" in kinds(recorder)
        (disk / "big").unlink()
        assert len(track(recorder.stop(), 0)) / RATE > 1
        with (disk / "big").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - (20 << 20))
        with pytest.raises(RecordingError, match="are free there"):
            Recorder(disk, [ME]).start()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@live
def test_a_call_becomes_notes_of_two_sides(rig: Rig, home: Path, tmp_path: Path) -> None:
    sample = decode(SAMPLE)
    # Henry (the microphone) and Maria (the loudspeaker), turn about.
    theirs = encode(
        tmp_path / "theirs.wav", [sample[int(9.6 * RATE) : int(13.9 * RATE)]], codec="pcm_s16le"
    )
    mine = encode(
        tmp_path / "mine.wav", [sample[int(20.6 * RATE) : int(24.1 * RATE)]], codec="pcm_s16le"
    )
    process = subprocess.Popen(
        command("record", "--recordings", tmp_path / "r", "--title", "Call", "--json",
                "--to", tmp_path / "notes"),
        env={**os.environ, VARIABLE: str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    wait_for(lambda: list((tmp_path / "r").glob("*/loopback.wav")))
    time.sleep(1)
    rig.play(theirs, "rig_speakers").wait()
    rig.play(mine, "rig_mic_in").wait()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    (result,) = json.loads(out)
    said = {it["speaker"]: it["text"] for it in result["transcript"]["segments"]}
    assert said.keys() == {"Me", "Them"}
    assert _errors("let us begin with the internet henry is the new connection ready",
                   said["Them"]) <= 0.15  # fmt: skip
    assert _errors("yes it would cost about nine hundred dollars for three weeks",
                   said["Me"]) <= 0.15  # fmt: skip
    assert Path(result["files"][0]).exists()


def _errors(reference: str, text: str) -> float:
    text = text.lower().replace("$900", "nine hundred dollars")
    plain = "".join(c for c in text if c.isalpha() or c == " ")
    return float(jiwer.wer(reference, plain))


@live
def test_devices_are_listed_and_wrong_names_are_one_line(rig: Rig, home: Path) -> None:
    listed = sotto("record", "--list", "--json", home=home).json
    assert {"source": "microphone", "id": "rig_mic", "name": "RigMicrophone"} in listed
    assert listed[0]["id"] == "default"
    wrong = sotto("record", "--microphone", "Studio 9", home=home)
    assert wrong.status == 1
    assert "no devices have that in their name" in wrong.err
    long = sotto("record", "--max", "soon", home=home)
    assert long.status == 2
    assert "say 90m" in long.err


def test_without_a_sound_system_it_is_said(home: Path, tmp_path: Path) -> None:
    ran = sotto("record", "--no-notes", home=home, PULSE_SERVER="unix:/nowhere")
    assert ran.status == 1
    assert ran.err.startswith("sotto: ")
    assert "there is nothing to record from" in ran.err or "pip install" in ran.err


def test_a_file_that_was_cut_off_anywhere_goes_on_at_a_whole_frame(tmp_path: Path) -> None:
    path = tmp_path / "t.wav"
    wav = GrowingWav(path, RATE)
    wav.write(bytes(range(200)))
    wav.close()  # never synced: the header says that it is empty
    assert frames_of(path) == 100
    with path.open("ab") as file:
        file.write(b"x")  # half a frame
    wav = GrowingWav(path, RATE)
    assert wav.frames == 100
    wav.fill(50)
    wav.patch()
    wav.close()
    assert len(decode(path)) == 150


def test_nothing_recorded_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    from sottovoce.capture.finish import write_about

    folder = tmp_path / "x.recording"
    folder.mkdir()
    write_about(folder, {"title": "x", "started_at": "2026-03-12T10:00:00+00:00", "rate": RATE,
                         "tracks": [{"file": "m.wav", "speaker": "Me"}]})  # fmt: skip
    with pytest.raises(RecordingError, match="no audio came"):
        finish(folder)
    assert not folder.exists()


@live
def test_no_process_is_left(rig: Rig, home: Path, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, [ME, THEM])
    recorder.start()
    wait_for(lambda: recorder.seconds > 0.5)
    children = psutil.Process(recorder._process.pid).children(recursive=True)
    assert any("parec" in it.name() for it in children)
    recorder.stop()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
