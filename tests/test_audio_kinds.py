"""Recordings that are not as one would wish them, by the starter engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from rapidfuzz.fuzz import ratio

from .audio import decode, encode
from .conftest import SAMPLE, sotto

if TYPE_CHECKING:
    from .audio import Samples

SECONDS = 21
SAID = (
    "Good morning everyone, this is Maria. Today we talk about the move to our new office. Hello "
    "everybody, my name is David. Good morning, this is Henry. Let us begin with the internet. "
    "Henry, is the new connection ready? Not yet, the company needs three more weeks to finish it. "
    "Could we use a satellite connection until then?"
)


def changing(path: Path, speech: Samples) -> Path:
    """Two MP3 streams of unlike rates, one after the other, as some recorders leave them."""
    half = len(speech) // 2
    one = encode(path.with_name("one.mp3"), [speech[:half]], codec="libmp3lame", rate=44_100)
    two = encode(path.with_name("two.mp3"), [speech[half:]], codec="libmp3lame", rate=22_050)
    path.write_bytes(one.read_bytes() + two.read_bytes())
    return path


@pytest.mark.parametrize(
    "kind", ["96 kHz", "8 kHz", "very quiet", "hardly audible", "changing rate"]
)
def test_speech_is_heard_whatever_the_recorder_made_of_it(
    kind: str, tmp_path: Path, home: Path
) -> None:
    speech = decode(SAMPLE)[: 16_000 * SECONDS]
    match kind:
        case "96 kHz":
            file = encode(tmp_path / "a.flac", [speech], codec="flac", rate=96_000)
        case "8 kHz":
            file = encode(tmp_path / "a.wav", [speech], codec="pcm_mulaw", rate=8_000)
        case "very quiet" | "hardly audible":
            peak = 0.005 if kind == "very quiet" else 0.001  # of 32768: 33
            quiet = (speech / np.abs(speech).max() * peak).astype(np.float32)
            file = encode(tmp_path / "a.wav", [quiet], codec="pcm_s16le")
        case _:
            file = changing(tmp_path / "a.mp3", speech)
    ran = sotto("transcribe", file, home=home)
    assert ran.status == 0, ran.err
    text = " ".join(line.partition(": ")[2] for line in ran.out.splitlines())
    assert ratio(text.casefold(), SAID.casefold()) > 80, text
