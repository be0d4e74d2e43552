"""Voice profiles, by synthetic voices in several meetings."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import datetime
from pathlib import Path
from random import Random

import numpy as np
import pytest

from sottovoce import Production, Recording, Segment, Transcript
from sottovoce.cli import main
from sottovoce.errors import LibraryError
from sottovoce.home import find_home
from sottovoce.host import Host
from sottovoce.speech.profiles import Heard, Profile, learned, load, recognised, save
from sottovoce.speech.speakers import speakers

from .audio import encode
from .benchmarks.bench_speakers import speak

RATE = 16_000
ANA, BEN, CARL = ("flite", "-voice", "slt"), ("flite", "-voice", "rms"), ("flite", "-voice", "awb")
DORA = ("espeak-ng", "-v", "en-us+f2", "-p", "70", "-s", "150")
SENTENCES = (
    "We have to decide about the new office before the end of March.",
    "The landlord wants an answer by Friday, and I have not written to him.",
    "My report about the budget is nearly ready, only two numbers are missing.",
    "The company needs three more weeks to finish the connection.",
    "I talked to the people from the museum, and they would like to come.",
    "Could you send me the list of everybody who wants a ticket?",
)

needs_voices = pytest.mark.skipif(
    not (shutil.which("flite") and shutil.which("espeak-ng")), reason="no speech synthesisers"
)


def meeting(path: Path, *voices: tuple[str, ...]) -> Path:
    """Each says three sentences, one after the other; no two meetings have the same ones."""
    random = Random(path.stem)
    turns = [(voice, text) for voice in voices for text in random.sample(SENTENCES, 3)]
    pieces = [speak(voice, text, path.parent) for voice, text in turns]
    pause = np.zeros(RATE // 2, np.float32)
    samples = np.concatenate([it for piece in pieces for it in (piece, pause)])
    return encode(path, [samples], codec="flac")


def said_by(file: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Transcribe a meeting; its speakers in the order in which they speak."""
    assert main(["transcribe", str(file), "--format", "json"]) == 0
    speakers: list[str] = json.loads(capsys.readouterr().out)["speakers"]
    return speakers


@needs_voices
def test_who_was_learned_is_recognised_later_and_a_stranger_is_not(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = meeting(tmp_path / "first.flac", ANA, BEN)
    assert said_by(first, capsys) == ["Speaker 1", "Speaker 2"]
    assert main(["voices", "learn", "first", "Speaker 1", "--as", "Ana López"]) == 1
    assert "are off on this device; first: sotto voices on" in capsys.readouterr().err
    assert not find_home().voices.exists()  # nothing was learned by itself

    assert main(["voices", "on"]) == 0
    assert main(["voices", "learn", "first", "Speaker 1"]) == 1
    assert "'Speaker 1' is nobody's name" in capsys.readouterr().err
    assert main(["voices", "learn", "first", "Speaker 1", "--as", "Ana López"]) == 0
    assert main(["meetings", "rename-speaker", "first", "Speaker 2", "Ben"]) == 0
    assert main(["voices", "learn", "first", "Ben"]) == 0
    assert stat.S_IMODE(find_home().voices.stat().st_mode) == 0o600
    capsys.readouterr()

    second = meeting(tmp_path / "second.flac", CARL, ANA, DORA)
    assert said_by(second, capsys) == ["Speaker 1", "Ana López", "Speaker 3"]

    assert main(["voices", "forget", "ana lópez"]) == 0
    assert main(["voices", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert (listed["on"], [it["name"] for it in listed["people"]]) == (True, ["Ben"])
    assert main(["privacy"]) == 0
    assert "voice profiles (on)" in capsys.readouterr().out
    assert main(["voices", "off"]) == 0
    assert "1 voice profile(s) stay, unused" in capsys.readouterr().out
    third = meeting(tmp_path / "third.flac", BEN)
    assert said_by(third, capsys) == ["Speaker 1"]
    assert main(["voices", "forget", "--all"]) == 0
    assert not find_home().voices.exists()


def unit(*values: float) -> tuple[float, ...]:
    vector = np.zeros(256)
    vector[: len(values)] = values
    return tuple((vector / np.linalg.norm(vector)).tolist())


def known(**voices: tuple[float, ...]) -> list[Profile]:
    return [Profile(name, {"cafe0123": Heard(voice, 20)}) for name, voice in voices.items()]


@pytest.mark.parametrize(
    ("voice", "seconds", "name"),
    [
        (unit(1, 0.3), 10, "Ana"),
        (unit(1, 1.5), 10, None),  # not alike enough
        (unit(1, 0.3), 2, None),  # too little was said
        (unit(1, 0, 0.95), 10, None),  # between the two
        ((1.0, 0.0), 10, None),  # of another engine
    ],
)
def test_only_a_voice_that_is_clearly_one_persons_is_named(
    voice: tuple[float, ...], seconds: float, name: str | None
) -> None:
    people = known(Ana=unit(1), Ben=unit(0, 0, 1))
    assert recognised({"Speaker 1": Heard(voice, seconds)}, people).get("Speaker 1") == name


def test_of_two_voices_like_a_profile_the_nearer_one_gets_the_name() -> None:
    heard = {"Speaker 1": Heard(unit(1, 0.4), 9), "Speaker 2": Heard(unit(1, 0.1), 9)}
    assert recognised(heard, known(Ana=unit(1))) == {"Speaker 2": "Ana"}


def test_a_profile_goes_before_an_introduction_and_never_makes_two_people_one() -> None:
    def said(number: int, voice: tuple[float, ...], text: str) -> Segment:
        return Segment(id=number, start=number * 9, end=number * 9 + 8, text=text, voice=voice)

    heard = [said(0, unit(1), "Words."), said(1, unit(0, 1), "Hi, this is Ana.")]
    assert speakers(heard, [""]) == ["Speaker 1", "Ana"]
    assert speakers(heard, [""], None, known(Ana=unit(1))) == ["Ana", "Speaker 2"]
    assert speakers(heard, [""], None, known(Zoe=unit(0, 1))) == ["Speaker 1", "Zoe"]


def test_a_track_that_a_machine_named_is_recognised_and_a_persons_is_not() -> None:
    heard = [
        Segment(id=n, start=n * 9, end=n * 9 + 8, text="Words.", voice=unit(1), track=n)
        for n in range(2)
    ]
    people = known(Ana=unit(1))
    assert speakers(heard, ["Left", "Me"], None, people) == ["Ana", "Me"]
    assert speakers(heard, ["Bob", "Me"], None, people) == ["Bob", "Me"]


def test_what_was_learned_twice_from_a_meeting_counts_once(tmp_path: Path) -> None:
    people = learned((), "Ana", "cafe0123", Heard(unit(1), 10))
    people = learned(people, "ana", "cafe0123", Heard(unit(1, 0.1), 12))
    people = learned(people, "Ana", "cafe4567", Heard(unit(1), 6))
    (ana,) = people
    assert (ana.name, ana.seconds, len(ana.heard)) == ("Ana", 18, 2)
    save(tmp_path / "voices.json", people)
    (again,) = load(tmp_path / "voices.json")
    assert np.allclose(again.voice, ana.voice, atol=1e-5)
    with pytest.raises(LibraryError, match="2 seconds of a voice are too few"):
        learned(people, "Ben", "cafe0123", Heard(unit(1), 2))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 1}', '{"version": 9, "model": "x", "people": []}']
)
def test_a_damaged_file_says_how_to_be_rid_of_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "voices.json"
    path.write_text(text)
    with pytest.raises(LibraryError, match="'sotto voices forget --all' deletes them"):
        load(path)


def test_a_damaged_file_is_said_before_the_work_and_can_be_deleted(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["voices", "on"]) == 0
    find_home().voices.write_text("{")
    file = encode(tmp_path / "a.wav", [np.zeros(RATE, np.float32)], codec="pcm_s16le")
    assert main(["transcribe", str(file)]) == 1
    assert "the voice profiles are damaged" in capsys.readouterr().err
    assert main(["voices", "forget", "--all"]) == 0
    assert main(["voices"]) == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["forget"], "name whom to forget, or say --all"),
        (["forget", "Ana", "--all"], "name whom to forget, or say --all"),
        (["forget", "Ana"], "no voice profile 'Ana'; known: none"),
        (["learn", "nothing", "Ana"], "no meeting 'nothing'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], line: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["voices", "on"]) == 0
    assert main(["voices", *arguments]) == 1
    assert line in capsys.readouterr().err


def test_where_no_voice_was_kept_none_can_be_learned(
    host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = Recording(
        id="cafe0123", title="call", path=tmp_path / "call.vtt", source="subtitles",
        started_at=datetime.now().astimezone(), sha256="cafe0123",
    )  # fmt: skip
    segment = Segment(id=0, start=0, end=9, text="We meet on Monday.", speaker="Ana")
    made = Production(stage="transcription", engine="import", version="", model="", seconds=0)
    host.library.add(recording)
    host.library.complete_transcript(
        Transcript(recording_id="cafe0123", language="en", segments=(segment,)), 9, made
    )
    assert main(["voices", "on"]) == 0
    assert main(["voices", "learn", "call", "Ana"]) == 1
    assert "no voice of 'Ana' was kept" in capsys.readouterr().err
