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


def song(seconds: int) -> Samples:
    """A melody of plucked and held notes with vibrato over a bass and drums, in bars of two
    seconds."""
    random = np.random.default_rng(2)
    time = np.arange(RATE // 4) / RATE
    scale = (0, 2, 4, 5, 7, 9, 11, 12)
    beats: list[Samples] = []
    note = 4
    for beat in range(seconds * 4):
        note = int(np.clip(note + random.integers(-2, 3), 0, 7))
        pitch = 220 * 2 ** (scale[note] / 12)
        phase = 2 * np.pi * pitch * time + 3 * np.sin(2 * np.pi * 5.5 * time)
        tune = sum(np.sin(k * phase) / k**1.5 for k in range(1, 8)) * np.exp(-time * 3)
        bass = np.sin(2 * np.pi * 55 * 2 ** (scale[(beat // 8) % 8] / 12) * time)
        kick = np.sin(2 * np.pi * 60 * np.exp(-time * 20) * time) * np.exp(-time * 15)
        snare = random.normal(0, 1, len(time)) * np.exp(-time * 25) * (beat % 4 == 2)
        beats.append(0.15 * tune + 0.1 * bass + 0.3 * kick * (beat % 4 == 0) + 0.15 * snare)
    return np.concatenate(beats).clip(-1, 1).astype(np.float32)


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
    "song": song,
}
