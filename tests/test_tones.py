from __future__ import annotations

import numpy as np
import pytest

from sottovoce.speech import vad
from sottovoce.speech.tones import is_tone

from .audio import decode
from .conftest import SAMPLE
from .sounds import melody

RATE = 16_000


def test_notes_that_the_detector_takes_for_speech_are_no_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    music = melody(20)
    assert list(vad.runs([music], vad.SpeechDetector())) == []
    monkeypatch.setattr(vad, "is_tone", lambda samples: False)
    fooled = list(vad.runs([music], vad.SpeechDetector()))
    assert sum(len(it.samples) for it in fooled) > RATE


@pytest.mark.parametrize("level", [1.0, 0.01])
def test_no_run_of_speech_is_notes(level: float) -> None:
    heard = list(vad.runs([decode(SAMPLE)], vad.SpeechDetector()))
    assert len(heard) > 20
    assert not any(is_tone(run.samples * np.float32(level)) for run in heard)


def test_speech_after_music_stays() -> None:
    speech = decode(SAMPLE)[RATE : RATE * 4]
    assert is_tone(melody(10))
    assert not is_tone(np.concatenate([melody(10), speech]))
