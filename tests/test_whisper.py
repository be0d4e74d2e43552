"""The faster-whisper path on speech, by the small model of `whisper_tiny`: real, and offline."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sottovoce import AudioChunk, HardwareProfile, ModelError, Segment, SpeechRequest
from sottovoce.cli import main
from sottovoce.home import VARIABLE, find_home
from sottovoce.speech.turns import Turn
from sottovoce.speech.whisper import Plan, WhisperTranscriber, plan
from sottovoce.speech.windows import windows
from sottovoce_catalog import load_models

from .audio import decode, encode
from .conftest import sotto
from .sounds import SOUNDS
from .whisper_tiny.held_out import RECORDING, SPOKEN

if TYPE_CHECKING:
    from .audio import Samples

MODEL = RECORDING.parent / "model"
SAID = json.loads(SPOKEN.read_text(encoding="utf-8"))
CATALOG = {spec.id: spec for spec in load_models()}
HARDWARE = HardwareProfile(cpu_count=2, memory=8 << 30)


def install(home: Path, id: str = "whisper-tiny") -> Path:
    return Path(shutil.copytree(MODEL, home / "data" / "models" / id))


def chunks(samples: Samples) -> list[AudioChunk]:
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    return [AudioChunk(pcm[at : at + 16_000], at / 32_000) for at in range(0, len(pcm), 16_000)]


@pytest.fixture(scope="module")
def speech() -> Samples:
    return decode(RECORDING)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WhisperTranscriber]:
    home = tmp_path_factory.mktemp("whisper")
    install(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(home))
        engine = WhisperTranscriber(CATALOG["whisper-tiny"], HARDWARE)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def heard(whisper: WhisperTranscriber, speech: Samples) -> list[Segment]:
    return list(whisper.transcribe(chunks(speech)))


def text(segments: Iterable[Segment]) -> str:
    return " ".join(segment.text for segment in segments)


def test_sentences_that_training_never_had_are_heard_word_for_word(heard: list[Segment]) -> None:
    assert text(heard) == " ".join(it["text"] for it in SAID)


def test_the_language_is_found_for_each_stretch(heard: list[Segment]) -> None:
    for segment in heard:
        (language,) = {
            it["language"] for it in SAID if segment.start < it["end"] - 0.3 < segment.end
        }
        assert segment.language == language


def test_each_word_is_placed_where_it_is_said(heard: list[Segment]) -> None:
    words = [word for segment in heard for word in segment.words]
    assert [word.text for word in words] == text(heard).split()
    at = 0
    for it in SAID:
        count = len(it["text"].split())
        first, last = words[at], words[at + count - 1]
        assert abs(first.start - it["start"]) < 0.6, it["text"]
        assert abs(last.end - it["end"]) < 1.0, it["text"]
        at += count
    assert all(a.start <= b.start for a, b in pairwise(words))
    assert all(0 < word.probability <= 1 for word in words)


def test_segments_have_a_voice_a_confidence_and_a_place_within_the_recording(
    heard: list[Segment], speech: Samples
) -> None:
    for segment in heard:
        assert 0 <= segment.start < segment.end <= len(speech) / 16_000
        assert segment.confidence is not None
        assert segment.confidence > 0.8
        assert np.isclose(np.linalg.norm(segment.voice), 1)


def test_taken_up_again_after_any_segment_the_rest_is_the_same(
    whisper: WhisperTranscriber, heard: list[Segment], speech: Samples
) -> None:
    for stopped in (2, len(heard) - 2):
        until = heard[stopped].until
        assert until is not None
        request = SpeechRequest(usual_language=heard[0].language)
        again = list(whisper.transcribe(chunks(speech), start=until, request=request))
        known = {segment.start for segment in heard[: stopped + 1]}
        rest = [segment for segment in again if segment.start not in known]
        assert rest == heard[stopped + 1 :]


def test_a_name_of_the_vocabulary_is_spelled_as_it_is_there(
    whisper: WhisperTranscriber, heard: list[Segment], speech: Samples
) -> None:
    assert "Sarah" in heard[0].text
    request = SpeechRequest(vocabulary=("Sara",))
    first = next(whisper.transcribe(chunks(speech[: 16_000 * 8]), request=request))
    assert first.text == heard[0].text.replace("Sarah", "Sara")


def test_the_calendars_attendees_are_told_to_the_model_before_it_listens(
    tmp_path: Path, home: Path
) -> None:
    install(home)
    short = encode(tmp_path / "short.flac", [decode(RECORDING)[: 16_000 * 8]], codec="flac")
    os.utime(short, (1_790_000_000, 1_790_000_000))
    start = datetime.fromtimestamp(1_790_000_000 - 8, UTC)
    calendar = tmp_path / "work.ics"
    calendar.write_text(
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\n"
        f"DTSTAMP:{start:%Y%m%dT%H%M%SZ}\nDTSTART:{start:%Y%m%dT%H%M%SZ}\nDURATION:PT30M\n"
        "SUMMARY:Budget\nATTENDEE;CN=Sara:mailto:s@x.org\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    assert sotto("calendar", "add", "work", "--ics", calendar, home=home).status == 0
    ran = sotto("transcribe", short, "--model", "whisper-tiny", home=home)
    assert "Can Sara close the budget next month?" in ran.out, ran.err


def test_it_translates_when_asked_and_only_then(
    whisper: WhisperTranscriber, speech: Samples
) -> None:
    german = speech[round(16_000 * (SAID[6]["start"] - 0.5)) :]
    request = SpeechRequest(language="de", translate=True)
    segments = list(whisper.transcribe(chunks(german), request=request))
    assert text(segments) == " ".join(it["english"] for it in SAID[6:])
    assert {segment.language for segment in segments} == {"en"}


def test_the_language_that_a_person_names_is_not_doubted(
    whisper: WhisperTranscriber, speech: Samples
) -> None:
    request = SpeechRequest(language="de")
    assert {it.language for it in whisper.transcribe(chunks(speech), request=request)} == {"de"}


def test_a_request_that_cannot_be_fulfilled_says_so(home: Path) -> None:
    install(home, "whisper-turbo")
    engine = WhisperTranscriber(CATALOG["whisper-turbo"], HARDWARE)
    try:
        with pytest.raises(ModelError, match="turbo does not translate"):
            next(engine.transcribe([], request=SpeechRequest(translate=True)))
        with pytest.raises(ModelError, match="does not know the language 'xx'"):
            next(engine.transcribe([], request=SpeechRequest(language="xx")))
    finally:
        engine.close()


@pytest.mark.parametrize("sound", SOUNDS)
def test_where_nobody_speaks_there_is_not_one_word(sound: str, whisper: WhisperTranscriber) -> None:
    assert list(whisper.transcribe(chunks(SOUNDS[sound](30)))) == []


def test_speech_after_a_long_silence_is_where_it_was_said(
    whisper: WhisperTranscriber, speech: Samples, heard: list[Segment]
) -> None:
    quiet = np.zeros(16_000 * 90, np.float32)
    first = round(16_000 * (SAID[0]["end"] + 0.4))
    late = list(whisper.transcribe(chunks(np.concatenate([quiet, speech[:first]]))))
    assert text(late) == SAID[0]["text"]
    assert abs(late[0].words[0].start - 90 - SAID[0]["start"]) < 0.6


def test_a_model_that_is_not_installed_says_how_to_install_it(tmp_path: Path, home: Path) -> None:
    ran = sotto("transcribe", RECORDING, "--model", "whisper-large-v3", home=home)
    assert ran.status == 1
    line = "sotto: Whisper large v3 is not installed; run: sotto models install whisper-large-v3"
    assert ran.err.strip() == line


def test_a_model_without_its_tokenizer_is_refused_before_the_hub_is_asked(home: Path) -> None:
    (install(home) / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="lacks tokenizer.json"):
        WhisperTranscriber(CATALOG["whisper-tiny"], HARDWARE)


def test_the_command_writes_every_format(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(home)
    ran = sotto("transcribe", RECORDING, "--model", "whisper-tiny", home=home)
    assert ran.status == 0, ran.err
    assert "transcribed by Whisper tiny, whisper (CPU, int8)" in ran.err
    assert " ".join(line.partition(": ")[2] for line in ran.out.splitlines()) == " ".join(
        it["text"] for it in SAID
    )
    assert main(["transcribe", str(RECORDING), "--format", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["language"] == "de"  # the larger part
    assert body["removed"] == {}
    assert {"text", "start", "end", "probability"} <= body["segments"][0]["words"][0].keys()
    for suffix, begins in (("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n")):
        file = tmp_path / f"captions.{suffix}"
        assert main(["transcribe", str(RECORDING), "--output", str(file)]) == 0
        assert capsys.readouterr().out == ""
        assert file.read_text(encoding="utf-8").startswith(begins)
    assert find_home().library.exists()


def test_processing_takes_the_same_path_and_options(tmp_path: Path, home: Path) -> None:
    install(home)
    short = encode(tmp_path / "short.flac", [decode(RECORDING)[: 16_000 * 10]], codec="flac")
    names = tmp_path / "names.txt"
    names.write_text("# who is there\nSara\n", encoding="utf-8")
    options = ("--speech", "whisper-tiny", "--vocabulary", names, "--speakers", "1", "--json")
    ran = sotto("process", short, "--to", tmp_path / "notes", *options, home=home)
    assert ran.status == 0, ran.err
    transcript = ran.json[0]["transcript"]
    assert "Can Sara close the budget next month?" in transcript["segments"][0]["text"]
    assert len(transcript["speakers"]) == 1


@pytest.mark.parametrize(
    ("device", "types", "size", "free", "chosen"),
    [
        ("cpu", {"int8", "int8_float32", "float32"}, 10**8, None, Plan("cpu", "int8", 1, 4, 4)),
        ("cpu", {"float32"}, 10**8, None, Plan("cpu", "float32", 1, 4, 4)),
        ("cuda", {"float16", "int8_float16"}, 10**9, 16 << 30, Plan("cuda", "float16", 1, 1, 16)),
        (
            "cuda",
            {"float16", "int8_float16"},
            3 << 30,
            4 << 30,
            Plan("cuda", "int8_float16", 1, 1, 4),
        ),
        ("cuda", {"int8_float32", "float32"}, 10**9, None, Plan("cuda", "int8_float32", 1, 1, 16)),
    ],
)
def test_the_compute_type_follows_the_hardware(
    device: str, types: set[str], size: int, free: int | None, chosen: Plan
) -> None:
    assert plan(device, types, size, free, 4) == chosen


def test_from_the_end_of_any_window_the_same_windows_follow() -> None:
    random = np.random.default_rng(3)
    at, turns = 0.0, []
    for _ in range(60):
        seconds = random.uniform(0.4, 15)
        turns.append(Turn(at, np.zeros(int(seconds * 16_000), np.float32), (), at + seconds))
        at += seconds + random.uniform(0, 20)
    packed = list(windows(turns))
    assert [turn for window in packed for turn in window.turns] == turns
    for window, after in pairwise(packed):
        assert window.seconds <= 30
        assert after.before == window.until
        rest = [turn for turn in turns if turn.start >= window.until]
        assert next(windows(rest, window.until)) == after


def test_a_moment_of_a_window_is_mapped_back_to_its_turn() -> None:
    def turn(start: float, seconds: float) -> Turn:
        return Turn(start, np.zeros(int(seconds * 16_000), np.float32), ())

    (window,) = windows([turn(10.0, 2.0), turn(60.0, 3.0)])
    assert window.place(1.5) == (0, 11.5)
    assert window.place(window.begin(1) + 1.0) == (1, 61.0)
    assert window.place(99.0) == (1, 63.0)
