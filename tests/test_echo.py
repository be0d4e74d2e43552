from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import fftconvolve

from sottovoce import Segment, Word
from sottovoce.speech.echo import own_part, without_echo

from .audio import decode, encode
from .conftest import SAMPLE, sotto

RNG = np.random.default_rng(5)
RATE = 16_000


def said(text: str, start: float, end: float, track: int, *, timed: bool = False) -> Segment:
    texts = text.split()
    step = (end - start) / len(texts)
    words = tuple(
        Word(start + i * step, start + (i + 1) * step, it, 0.9) for i, it in enumerate(texts)
    )
    return Segment(id=0, start=start, end=end, text=text, words=words if timed else (), track=track)


FAR = said("The company needs three more weeks to finish it.", 10.0, 13.0, 1)


@pytest.mark.parametrize(
    "text",
    [
        "The company needs three more weeks to finish it.",
        "the company needs three more week to finish",
        "Company needs tree more weeks to finish it",
    ],
)
def test_what_the_far_end_just_said_is_echo(text: str) -> None:
    assert own_part(said(text, 10.2, 13.2, 0), [FAR]) is None


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("The company needs three more weeks to finish it.", 40.0),  # somebody repeats it later
        ("Then we rent the satellite connection.", 11.0),
        ("Yes, three weeks is fine for me.", 13.2),
        ("I see.", 12.0),
    ],
)
def test_what_a_person_says_stays(text: str, start: float) -> None:
    segment = said(text, start, start + 2.5, 0)
    assert own_part(segment, [FAR]) == segment


@pytest.mark.parametrize("timed", [True, False])
def test_of_two_who_speak_at_once_the_own_words_stay(timed: bool) -> None:
    text = "The company needs three more weeks. Then we rent the satellite connection today."
    own = own_part(said(text, 10.0, 16.0, 0, timed=timed), [FAR])
    assert own is not None
    assert own.text == "Then we rent the satellite connection today."
    assert len(own.words) == (7 if timed else 0)
    assert own.start == (own.words[0].start if timed else 10.0)


def test_only_a_microphone_among_other_tracks_has_echo() -> None:
    heard = [FAR, said(FAR.text, 10.2, 13.2, 0)]
    assert without_echo(heard, ["Me", "Them"]) == [FAR]
    assert without_echo(heard, ["Ana", "Ben"]) == heard
    assert without_echo(heard, ["Me", "Me"]) == heard


def through_the_room(far: np.ndarray, delay: float, decibel: float) -> np.ndarray:
    """As a microphone hears a loudspeaker: late, fainter, with reverberation and noise."""
    tail = RNG.normal(0, 0.15, 4_000) * np.exp(-np.arange(4_000) / 900)
    heard = fftconvolve(far, np.concatenate([[1.0], tail]))[: len(far)]
    late = np.pad(heard, (int(delay * RATE), 0))[: len(far)] * 10 ** (decibel / 20)
    return (late + RNG.normal(0, 0.002, len(far))).astype(np.float32)


def test_a_call_without_headphones_has_every_sentence_once(tmp_path: Path, home: Path) -> None:
    speech = decode(SAMPLE)[: RATE * 24]
    them, own = speech.copy(), np.zeros_like(speech)
    own[RATE * 14 : RATE * 21] = speech[RATE * 14 : RATE * 21]
    them[RATE * 14 : RATE * 21] = 0
    microphone = np.clip(own + through_the_room(them, 0.08, -6), -1, 1)
    call = encode(tmp_path / "call.mkv", [microphone, them], codec="flac", titles=("Me", "Them"))
    ran = sotto("transcribe", call, "--format", "json", home=home)
    assert ran.status == 0, ran.err
    segments = ran.json["segments"]
    mine = " ".join(it["text"] for it in segments if it["speaker"] == "Me")
    theirs = " ".join(it["text"] for it in segments if it["speaker"] != "Me")
    assert len(ran.json["speakers"]) > 2  # several people came out of the loudspeakers
    assert "satellite" in mine
    assert "morning" in theirs
    for word in ("morning", "Maria", "David", "nine hundred"):
        assert word not in mine
