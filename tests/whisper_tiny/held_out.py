"""Speaks sentences that training never had into one recording, with a list of what is where.

    python -m tests.whisper_tiny.held_out

Needs flite and espeak-ng; the tests need neither, since the recording is committed.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from ..audio import encode
from .sentences import sentence
from .voices import speak

RECORDING = Path(__file__).with_name("held_out.opus")
SPOKEN = RECORDING.with_suffix(".json")
_ENGLISH, _GERMAN = 6, 6
"""Of several voices, and of one. Together they are more than a window, so that the second window is
German; and each is a window that the model can follow: it was trained on eight sentences."""
_PAUSE = 0.9


def _is_rich(text: str) -> bool:
    """Whether the sentence is of a kind of which there are hundreds. Of the others there are a
    dozen: the number that is held out of those is one that the model has learned not to expect."""
    words = text.split()
    return words[0] not in ("We", "The", "Wir", "Das") and len(words) >= 5


def build() -> None:
    random = Random(41)
    pause = np.zeros(int(_PAUSE * 16_000), np.float32)
    pieces: list[Any] = [pause]
    told: list[dict[str, Any]] = []
    for language in ["en"] * _ENGLISH + ["de"] * _GERMAN:
        it = sentence(random, language, held_out=True)
        while not _is_rich(it.text):
            it = sentence(random, language, held_out=True)
        samples = speak(it.text, language, random if language == "en" else Random(7))
        start = sum(map(len, pieces)) / 16_000 + 0.05
        # A breath of a second parts two turns; German is to be one.
        pieces += [
            samples,
            pause if len(told) < _ENGLISH - 1 or language == "de" else np.tile(pause, 2),
        ]
        end = start + len(samples) / 16_000 - 0.15
        told.append(
            {
                "text": it.text,
                "language": language,
                "english": it.english,
                "start": round(start, 2),
                "end": round(end, 2),
            }
        )
    encode(RECORDING, [np.concatenate(pieces)], codec="libopus", rate=48_000)
    SPOKEN.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    build()
