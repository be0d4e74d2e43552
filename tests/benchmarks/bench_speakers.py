"""Who spoke: the diarization error on a meeting of known turns, and what finding out costs.

    python tests/benchmarks/bench_speakers.py [--minutes 10] [--voices 4]

Four voices of flite and espeak-ng take turns of one to three sentences, with pauses and now and
then none. The error is NIST's diarization error rate: time missed, time falsely heard and time
given to the wrong speaker, over the time spoken, with a collar of 0.25 s around the borders of
turns. Limits: 15 %, and on the starter engine as much time as the transcription takes. Needs flite
and espeak-ng.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
RATE, STEP = 16_000, 0.01
COLLAR = 0.25
ERROR, COST = 0.15, 1.0
VOICES: list[tuple[str, ...]] = [
    ("flite", "-voice", "slt"),
    ("flite", "-voice", "rms"),
    ("espeak-ng", "-v", "en-us+f2", "-p", "70", "-s", "150"),
    ("flite", "-voice", "awb"),
    ("espeak-ng", "-v", "en-gb+m3", "-p", "30", "-s", "145"),
]

Spoken = tuple[float, float, int]
"""From, to, who"""


def speak(voice: tuple[str, ...], text: str, folder: Path) -> Any:
    from scipy.signal import resample_poly

    path = folder / "turn.wav"
    if voice[0] == "flite":
        command = [*voice, "-t", text, "-o", str(path)]
    else:
        command = [*voice, "-w", str(path), text]
    subprocess.run(command, check=True, capture_output=True)
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        samples = resample_poly(pcm / 32768, RATE, file.getframerate()).astype(np.float32)
    samples *= 0.4 / np.abs(samples).max()
    heard = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[heard[0] : heard[-1] + 1]


def meeting(minutes: float, voices: int) -> tuple[Any, list[Spoken]]:
    """The audio, and who speaks from when to when."""
    from sottovoce.sample import __path__ as sample

    script = (Path(next(iter(sample))) / "meeting.txt").read_text(encoding="utf-8")
    sentences = [
        it.strip()
        for line in script.splitlines()
        if ":" in line and not line.startswith("#")
        for it in line.partition(":")[2].split(".")
        if len(it.split()) > 3
    ]
    random, pieces, truth, at, who = Random(1), [], [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        while at < minutes * 60 * RATE:
            who = random.choice([it for it in range(voices) if it != who])
            text = ". ".join(random.sample(sentences, random.randint(1, 3))) + "."
            samples = speak(VOICES[who], text, Path(folder))
            pause = np.zeros(int(random.choice((0.05, 0.2, 0.4, 0.8, 1.5)) * RATE), np.float32)
            truth.append((at / RATE, (at + len(samples)) / RATE, who))
            pieces += [samples, pause]
            at += len(samples) + len(pause)
    audio = np.concatenate(pieces)
    return audio + np.random.default_rng(0).normal(0, 0.002, len(audio)).astype(np.float32), truth


def error_rate(truth: list[Spoken], found: list[Spoken]) -> tuple[float, float, float]:
    """Shares missed, falsely heard, and given to another speaker.

    Every speaker found is taken for the one of the truth with whom most is explained.
    """
    from scipy.optimize import linear_sum_assignment

    length = int(max(end for _, end, _ in [*truth, *found]) / STEP) + 1

    def timeline(turns: list[Spoken]) -> Any:
        who = np.full(length, -1)
        for start, end, number in turns:
            who[int(start / STEP) : int(end / STEP)] = number
        return who

    one, other = timeline(truth), timeline(found)
    counted = np.ones(length, bool)
    for start, end, _ in truth:
        for border in (start, end):
            counted[max(0, int((border - COLLAR) / STEP)) : int((border + COLLAR) / STEP)] = False
    one, other = one[counted], other[counted]
    shared = np.zeros((one.max() + 1, other.max() + 1))
    both = (one >= 0) & (other >= 0)
    np.add.at(shared, (one[both], other[both]), 1)
    right = shared[linear_sum_assignment(-shared)].sum()
    missed = ((one >= 0) & (other < 0)).sum()
    false = ((one < 0) & (other >= 0)).sum()
    spoken = (one >= 0).sum()
    return float(missed / spoken), float(false / spoken), float((both.sum() - right) / spoken)


def hear(audio: Any, *, voices: bool) -> tuple[float, list[Any]]:
    """Seconds, and the segments; with voices their speakers."""
    from sottovoce import AudioChunk
    from sottovoce.hardware import detect
    from sottovoce.speech.moonshine import MoonshineTranscriber
    from sottovoce.speech.speakers import speakers
    from sottovoce_catalog import load_models

    (spec,) = [it for it in load_models() if it.id == "starter-speech"]
    engine = MoonshineTranscriber(spec, detect())
    pcm = (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()
    chunks = [AudioChunk(pcm[i : i + RATE], i / 2 / RATE) for i in range(0, len(pcm), RATE)]
    began = time.perf_counter()
    segments = list(engine.transcribe(chunks, voices=voices))
    names = speakers(segments, [""]) if voices else [None] * len(segments)
    seconds = time.perf_counter() - began
    engine.close()
    order = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return seconds, [
        (it.start, it.end, order[name]) for it, name in zip(segments, names, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--voices", type=int, default=4, choices=range(1, len(VOICES) + 1))
    arguments = parser.parse_args()
    audio, truth = meeting(arguments.minutes, arguments.voices)
    plain, _ = hear(audio, voices=False)
    told, found = hear(audio, voices=True)
    missed, false, confused = error_rate(truth, found)
    error, cost = missed + false + confused, told / plain - 1
    count = len({number for *_, number in found})
    print(
        f"diarization error {error:.1%} (limit {ERROR:.0%}), {count} of {arguments.voices} voices"
    )
    print(f"cost over the transcription {cost:.2f} (limit {COST:g}); {told:.1f} s, of which the")
    print(f"  transcription alone {plain:.1f} s, for {len(audio) / RATE / 60:.1f} minutes")
    if error > ERROR:
        sys.exit(1)


if __name__ == "__main__":
    main()
