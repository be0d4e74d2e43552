"""Recordings that are not as one would wish them, by the starter engine, loaded once for all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from rapidfuzz.fuzz import ratio

from sottovoce import ModelTask, SpeechRequest
from sottovoce.home import VARIABLE, find_home
from sottovoce.host import Host
from sottovoce.transcription import Transcription, begin

from .audio import decode, encode
from .conftest import SAMPLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .audio import Samples

SECONDS = 9.5
SAID = (
    "Good morning everyone, this is Maria. Today we talk about the move to our new office. Hello "
    "everybody, my name is David. Good morning, this is Henry."
)


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Transcription]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("kinds")))
        host = Host(find_home())
        host.home.create()
        host.plugins.load_installed()
        speech = host.starter(ModelTask.TRANSCRIPTION)
        job = Transcription(host, speech, SpeechRequest(), lambda done, total: None)
        job.load()
    yield host, job
    job.close()
    host.close()


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
    kind: str, starter: tuple[Host, Transcription], tmp_path: Path
) -> None:
    speech = decode(SAMPLE)[: int(16_000 * SECONDS)]
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
    host, job = starter
    segments = job.run(*begin(host, file)).segments
    text = " ".join(it.text for it in segments)
    assert ratio(text.casefold(), SAID.casefold()) > 80, text
