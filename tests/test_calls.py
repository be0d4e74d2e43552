"""Recording when another program opens the microphone, and saying so aloud."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import av
import numpy as np
import pytest

from sottovoce import AudioChunk, AudioDevice, AudioFormat, AudioSource, SourceKind, UsageError
from sottovoce.capture.calls import Calls
from sottovoce.home import VARIABLE
from sottovoce_plugins.pulse import PulseLoopback, PulseMicrophone

from .conftest import command, sotto
from .rig import Rig
from .test_record import live, track, wait_for


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig() as rig, pytest.MonkeyPatch.context() as patch:
        for name, value in rig.environment.items():
            patch.setenv(name, value)
        yield rig


class Program:
    """One that captures."""

    def __init__(self, name: str, device: str = "rig_mic") -> None:
        self._process = subprocess.Popen(
            ["parec", f"--device={device}", f"--client-name={name}", "/dev/null"],
            stderr=subprocess.DEVNULL,
        )

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@live
def test_programs_that_have_the_microphone_open_are_named_but_for_this_one(rig: Rig) -> None:
    programs = [Program("Firefox"), Program("Firefox"), Program("Sottovoce"),
                Program("OBS", "rig_speakers.monitor"), Program("WEBRTC VoiceEngine")]  # fmt: skip
    try:
        wait_for(lambda: len(PulseMicrophone().users()) == 2)
        # A library's name says nothing: the file of the program does.
        assert sorted(PulseMicrophone().users()) == ["Firefox", "pacat"]
        wait_for(lambda: PulseLoopback().users() == ("OBS",))
    finally:
        for it in programs:
            it.close()
    wait_for(lambda: PulseMicrophone().users() == ())


@live
def test_a_call_is_recorded_from_its_beginning_to_its_end(
    rig: Rig, home: Path, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        command("record", "--when-call", "always", "--no-notes", "--aloud", "--announce",
                "Everybody, this is recorded.", "--recordings", tmp_path / "r"),
        env={**os.environ, VARIABLE: str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("sotto: waiting until another program")
        time.sleep(1.5)
        assert not (tmp_path / "r").exists(), "nothing is recorded before"
        call = Program("Firefox")
        wait_for(lambda: list((tmp_path / "r").glob("*/loopback.wav")))
        time.sleep(3)
        call.close()
        out, err = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "Firefox has the microphone open: recording until it closes it" in err
    assert "spoken: “Everybody, this is recorded.”" in err
    path = Path(out.strip())
    with av.open(str(path)) as container:
        assert (container.duration or 0) / 1e6 > 5
    # The announcement was heard out of the loudspeakers, and is in the recording.
    assert float(np.abs(track(path, 1)).max()) > 0.1


def test_it_records_without_being_asked_only_where_it_was_told_to(home: Path) -> None:
    ran = sotto("record", "--when-call", "--no-notes", home=home)
    assert ran.status == 1
    assert "'--when-call always' records without asking" in ran.err


class Used(AudioSource):
    name = "microphone"
    kind = SourceKind.MICROPHONE

    def __init__(self, *looks: Sequence[str] | None) -> None:
        self._looks = list(looks)

    def users(self) -> Sequence[str] | None:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    def devices(self) -> Sequence[AudioDevice]:
        return ()

    def open(
        self, device: AudioDevice, format: AudioFormat
    ) -> AbstractContextManager[Iterator[AudioChunk]]:
        raise NotImplementedError


def test_a_call_that_was_refused_is_not_asked_about_again() -> None:
    asked: list[str] = []

    def agreed(program: str) -> bool:
        asked.append(program)
        return program == "Zoom"

    brief = [["Firefox", "obs"]] * 6
    assert Calls([Used((), *brief, ["Firefox", "Zoom"])]).wait(agreed) == "Zoom"
    assert asked == ["Firefox", "Zoom"]


def test_a_microphone_that_is_tried_for_a_moment_is_no_call() -> None:
    tried = [["Firefox"], [], ["Firefox"], [], ["Zoom"]]
    assert Calls([Used((), *tried)]).wait(lambda program: True) == "Zoom"


def test_a_system_that_does_not_tell_is_said() -> None:
    with pytest.raises(UsageError, match="does not tell which program"):
        Calls([Used(None)])


def test_ctrl_c_ends_the_waiting(rig: Rig, home: Path) -> None:
    process = subprocess.Popen(
        command("record", "--when-call", "always", "--no-notes"),
        env={**os.environ, VARIABLE: str(home)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
