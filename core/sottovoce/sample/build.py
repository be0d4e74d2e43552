"""Speaks a script with flite and espeak-ng (Debian packages) and writes it as one recording.

python -m sottovoce.sample.build [SCRIPT [RECORDING]]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RATE = 16_000
_PAUSE = 0.35
"""Seconds between two turns"""
_LOUDNESS = 0.09
"""Root mean square of the speech, of 1"""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Turn:
    speaker: str
    text: str
    start: float = 0.0
    end: float = 0.0


def read_script(path: Path) -> tuple[dict[str, tuple[str, str]], list[Turn]]:
    """The voices, as engine and voice by speaker, and the turns."""
    voices: dict[str, tuple[str, str]] = {}
    turns: list[Turn] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("@"):
            speaker, engine, voice = line[1:].split()
            voices[speaker] = (engine, voice)
        elif line.strip() and not line.startswith("#"):
            speaker, _, text = line.partition(": ")
            turns.append(Turn(speaker, text))
    return voices, turns


def speak(text: str, engine: str, voice: str) -> Samples:
    """Mono speech at 16 kHz, without silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        if engine == "flite":
            command = ["flite", "-voice", voice, "-t", text, "-o", str(wav)]
        else:
            command = [engine, "-v", voice, "-w", str(wav), text]
        subprocess.run(command, check=True)
        samples = _decoded(wav)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    samples = samples[loud[0] : loud[-1] + 1]
    level = np.sqrt(np.mean(samples[np.abs(samples) > 0.01] ** 2))
    louder: Samples = np.clip(samples * (_LOUDNESS / level), -1, 1)
    return louder


def _decoded(path: Path) -> Samples:
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        frames: list[Any] = [*container.decode(audio=0), None]
        parts = [out.to_ndarray()[0] for frame in frames for out in resampler.resample(frame)]
    return np.concatenate(parts).astype(np.float32)


def perform(
    voices: dict[str, tuple[str, str]], turns: Sequence[Turn]
) -> tuple[Samples, list[Turn]]:
    """The whole recording, and the turns with their times."""
    pause = np.zeros(int(_PAUSE * RATE), np.float32)
    parts, timed = [pause], []
    at = len(pause)
    for turn in turns:
        samples = speak(turn.text, *voices[turn.speaker])
        timed.append(Turn(turn.speaker, turn.text, at / RATE, (at + len(samples)) / RATE))
        parts += [samples, pause]
        at += len(samples) + len(pause)
    return np.concatenate(parts), timed


def write(samples: Samples, path: Path, codec: str = "libopus", bit_rate: int = 32_000) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE, layout="mono", bit_rate=bit_rate)
        resampler = av.AudioResampler(
            format=stream.format, layout="mono", rate=RATE, frame_size=960
        )
        for frame in _frames(samples):
            for out in resampler.resample(frame):
                container.mux(stream.encode(out))
        container.mux(stream.encode(None))


def _frames(samples: Samples) -> Iterator[Any]:
    import av

    for start in range(0, len(samples), RATE):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + RATE], "flt", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        yield frame
    yield None


def main(arguments: Sequence[str]) -> None:
    here = Path(__file__).parent
    script = Path(arguments[0]) if arguments else here / "meeting.txt"
    recording = Path(arguments[1]) if len(arguments) > 1 else script.with_suffix(".opus")
    write(perform(*read_script(script))[0], recording)


if __name__ == "__main__":
    main(sys.argv[1:])
