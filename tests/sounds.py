"""Sounds in which nobody speaks: 16 kHz mono, -1 to 1, from a fixed seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .audio import Samples

RATE = 16_000


def silence(seconds: int) -> Samples:
    return np.zeros(RATE * seconds, np.float32)


def hum(seconds: int) -> Samples:
    """Of the mains."""
    time = np.arange(RATE * seconds) / RATE
    return (0.15 * np.sin(2 * np.pi * 50 * time) + 0.05 * np.sin(2 * np.pi * 150 * time)).astype(
        np.float32
    )


def faint_noise(seconds: int) -> Samples:
    return _white(seconds, 0.003)


def loud_noise(seconds: int) -> Samples:
    return _white(seconds, 0.2)


def pink_noise(seconds: int) -> Samples:
    """As of a fan or a street, louder and fainter."""
    blocks = []
    for number in range(seconds):
        spectrum = np.fft.rfft(np.random.default_rng(number).normal(0, 1, RATE))
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        blocks.append(np.fft.irfft(spectrum, RATE) * (2 + np.sin(number / 3)))
    return (np.concatenate(blocks) * 0.5).clip(-1, 1).astype(np.float32)


def chords(seconds: int) -> Samples:
    """Chords that change every second, with overtones, a beat and a swell."""
    random = np.random.default_rng(1)
    time = np.arange(RATE) / RATE
    bars = []
    for _ in range(seconds):
        root = 110 * 2 ** (random.integers(0, 24) / 12)
        notes = [root * 2 ** (step / 12) for step in (0, 4, 7, 12)]
        bar = sum(np.sin(2 * np.pi * f * k * time) / k for f in notes for k in (1, 2, 3, 4))
        beat = np.exp(-(time % 0.5) * 12) * random.normal(0, 1, RATE)
        bars.append(0.08 * bar * (0.6 + 0.4 * np.sin(np.pi * time)) + 0.05 * beat)
    return np.concatenate(bars).astype(np.float32)


def melody(seconds: int) -> Samples:
    """Plucked notes with six overtones, eight a second and one at a time: the voice activity
    detector takes much of it for speech."""
    return _notes(seconds, 110, lambda t: sum(np.sin(2 * np.pi * k * t) / k for k in range(1, 7)))


def arpeggio(seconds: int) -> Samples:
    """The same of saw-tooth waves, as an old synthesiser plays it, an octave higher."""
    return _notes(seconds, 220, lambda t: 2 * (t % 1) - 1)


def _notes(seconds: int, root: float, wave: Callable[[Samples], Samples]) -> Samples:
    random = np.random.default_rng(2)
    time = np.arange(RATE // 8) / RATE
    pitches = root * 2 ** (random.choice([0, 2, 4, 5, 7, 9, 11, 12], seconds * 8) / 12)
    played = [0.15 * wave(it * time) * np.exp(-4 * 8 * time) for it in pitches]
    return np.concatenate(played).astype(np.float32)


def _white(seconds: int, level: float) -> Samples:
    noise = np.random.default_rng(0).normal(0, level, RATE * seconds)
    return noise.clip(-1, 1).astype(np.float32)


SOUNDS: dict[str, Callable[[int], Samples]] = {
    "silence": silence,
    "hum": hum,
    "faint noise": faint_noise,
    "loud noise": loud_noise,
    "pink noise": pink_noise,
    "chords": chords,
    "melody": melody,
    "arpeggio": arpeggio,
}
