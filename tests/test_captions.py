"""Captions of a recording in progress: the starter model behind growing files."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import jiwer
import numpy as np
import pytest

from sottovoce import Caption, EngineError, ModelTask, Transcriber
from sottovoce.capture.wav import GrowingWav
from sottovoce.home import VARIABLE, find_home
from sottovoce.host import Host
from sottovoce.live.captioner import Captioner
from sottovoce.speech.captions import CaptionTrack

from .audio import decode, encode
from .conftest import SAMPLE, command
from .rig import MISSING, Rig
from .test_record import RATE, wait_for

TURNS = [  # of the sample: who, from when to when, what
    ("Them", 0.2, 4.8, "good morning everyone this is maria today we talk about the move to our "
     "new office"),
    ("Me", 4.9, 7.7, "hello everybody my name is david"),
    ("Them", 9.65, 13.85, "let us begin with the internet henry is the new connection ready"),
    ("Me", 17.5, 20.6, "could we use a satellite connection until then"),
    ("Them", 24.1, 29.9, "good then we will rent a satellite connection for three weeks henry "
     "please order it today"),
]  # fmt: skip


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    host = Host(find_home())
    host.home.create()
    host.plugins.load_installed()
    yield host
    host.close()


def sides() -> dict[str, np.ndarray]:
    """The sample's first half minute on two tracks, one side silent while the other speaks."""
    sample = decode(SAMPLE)[: 31 * RATE]
    tracks = {name: np.zeros_like(sample) for name in ("Me", "Them")}
    for name, start, end, _ in TURNS:
        part = slice(int(start * RATE), int(end * RATE))
        tracks[name][part] = sample[part]
    return tracks


def plain(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower())


def pcm(samples: np.ndarray) -> bytes:
    return bytes((samples * 32767).astype("<i2").tobytes())


def write_live(path: Path, samples: np.ndarray, *, pace: float) -> threading.Thread:
    """Let a file grow as a recording does, ``pace`` times as fast."""

    def run() -> None:
        wav = GrowingWav(path, RATE)
        step = RATE // 10
        for at in range(0, len(samples), step):
            wav.write(pcm(samples[at : at + step]))
            time.sleep(0.1 / pace)
        wav.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_captions_follow_growing_files(host: Host, tmp_path: Path) -> None:
    shown: list[Caption] = []
    tracks = sides()
    files = [tmp_path / f"{name}.wav" for name in tracks]
    captioner = Captioner(
        files,
        RATE,
        lambda: host.load_transcriber(host.starter(ModelTask.TRANSCRIPTION)),
        shown.append,
        pytest.fail,
    )
    writers = [write_live(f, tracks[f.stem], pace=4) for f in files]
    for it in writers:
        it.join()
    heard = captioner.end()
    assert heard is not None
    finals = [it for it in shown if it.final]
    partial = [it for it in shown if not it.final]
    assert partial
    assert all(it.text for it in shown)
    for name, start, end, words in TURNS:
        said = [it for it in finals if it.end > start + 0.3 and it.start < end - 0.3]
        assert {it.track for it in said} == {list(tracks).index(name)}
        assert jiwer.wer(words, plain(" ".join(it.text for it in said))) <= 0.25
        assert abs(min(it.start for it in said) - start) < 0.5
    everything = " ".join(plain(it.text) for it in sorted(finals, key=lambda it: it.start))
    assert jiwer.wer(" ".join(it[3] for it in TURNS), everything) <= 0.15
    assert [it.text for it in heard.segments] == [
        it.text for it in sorted(finals, key=lambda it: it.start)
    ]


def test_an_engine_that_dies_is_said_and_begun_anew_and_nothing_is_lost(
    host: Host, tmp_path: Path
) -> None:
    said: list[str] = []
    engines: list[Transcriber] = []

    def load() -> Transcriber:
        engines.append(host.load_transcriber(host.starter(ModelTask.TRANSCRIPTION)))
        return engines[-1]

    finals: list[Caption] = []
    file = tmp_path / "Them.wav"
    captioner = Captioner(
        [file], RATE, load, lambda it: finals.append(it) if it.final else None, said.append
    )
    writer = write_live(file, sides()["Them"], pace=4)
    wait_for(lambda: finals)
    os.kill(engines[0]._worker.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    writer.join()
    heard = captioner.end()
    assert heard is not None
    assert len(said) == 1
    assert "the recording goes on" in said[0]
    theirs = " ".join(words for name, _, _, words in TURNS if name == "Them")
    assert jiwer.wer(theirs, plain(" ".join(it.text for it in heard.segments))) <= 0.15


def test_an_engine_that_cannot_be_loaded_leaves_the_transcript_to_later(tmp_path: Path) -> None:
    said: list[str] = []

    def load() -> Transcriber:
        raise EngineError("no memory")

    captioner = Captioner([tmp_path / "a.wav"], RATE, load, lambda it: None, said.append)
    assert captioner.end() is None
    assert len(said) == 3
    assert "no memory" in said[0]


def test_silence_has_no_captions_and_long_speech_is_cut() -> None:
    track = CaptionTrack()
    assert list(track.push(np.zeros(RATE * 5, np.float32))) == []
    assert track.being_said() is None
    speech = decode(SAMPLE)[24 * RATE : 30 * RATE]
    found = []
    for _ in range(4):
        for at in range(0, len(speech), RATE // 10):
            found += list(track.push(speech[at : at + RATE // 10]))
    found += list(track.flush())
    assert all(it.end - it.start < 16 for it in found)
    assert sum(it.end - it.start for it in found) > 18


@pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)} on this machine")
def test_on_a_terminal_keys_mark_note_pause_and_end(tmp_path: Path) -> None:
    import pty

    theirs = encode(tmp_path / "t.wav", [sides()["Them"][24 * RATE :]], codec="pcm_s16le")
    with Rig() as rig:
        ours, other = pty.openpty()
        process = subprocess.Popen(
            command("record", "--captions", "--title", "Acme", "--recordings", tmp_path / "r",
                    "--to", tmp_path / "notes"),
            env={**os.environ, **rig.environment, VARIABLE: str(tmp_path / "home"),
                 "COLUMNS": "100", "LINES": "30"},
            stdin=other, stdout=subprocess.PIPE, stderr=other, text=True,
        )  # fmt: skip
        os.close(other)
        screen = bytearray()

        def read() -> None:
            with contextlib.suppress(OSError):  # the other end was closed
                while True:
                    screen.extend(os.read(ours, 65_536))

        reader = threading.Thread(target=read)
        reader.start()
        wait_for(lambda: b"Recording" in screen)
        rig.play(theirs, "rig_speakers").wait()
        wait_for(lambda: "for three weeks" in screen.decode(errors="ignore"), 60)
        os.write(ours, b"m")
        wait_for(lambda: b"marked" in screen)
        os.write(ours, b"n")
        wait_for(lambda: b"Note " in screen)
        os.write(ours, b"Ask for a discount\n")
        time.sleep(0.5)
        os.write(ours, b"p")
        wait_for(lambda: b"Paused" in screen)
        os.write(ours, b"pq")
        out, _ = process.communicate(timeout=120)
        reader.join()
        os.close(ours)
    assert process.returncode == 0, screen.decode(errors="replace")
    assert out, screen.decode(errors="replace")
    note = Path(out.strip()).read_text(encoding="utf-8")
    assert note.startswith('---\ntitle: "Acme"')
    assert "- Ask for a discount" in note
    (own,) = (tmp_path / "r").glob("*.md")
    assert "satellite connection" in own.read_text().splitlines()[0]
