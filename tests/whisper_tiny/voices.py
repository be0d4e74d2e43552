"""Speech for the test model, spoken by flite and espeak-ng, and its log-Mel spectrogram."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import resample_poly

from .sentences import HOMOPHONES, Sentence, sentence
from .tokens import tokenizer

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]

_FLITE = ("slt", "rms", "awb", "kal16")
_VARIANTS = ("", *(f"+m{n}" for n in range(1, 9)), *(f"+f{n}" for n in range(1, 6)))
LOW, SPAN = -10.0, 13.0
"""Of the base-10 logarithm of the Mel power that 0 to 255 stand for in the file"""


def speak(text: str, language: str, random: Random) -> Samples:
    """16 kHz mono, by a voice of the language with a pace and a pitch of its own, trimmed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        if language == "en" and random.random() < 0.5:
            stretch, pitch = random.uniform(0.8, 1.25), random.uniform(85, 220)
            command = ["flite", "-voice", random.choice(_FLITE), "-o", str(path)]
            command += ["--setf", f"duration_stretch={stretch:.2f}"]
            command += ["--setf", f"int_f0_target_mean={pitch:.0f}", "-t", text]
        else:
            voice = random.choice({"en": ("en-us", "en-gb")}.get(language, (language,)))
            command = ["espeak-ng", "-v", voice + random.choice(_VARIANTS), "-w", str(path)]
            command += [
                "-s",
                str(random.randint(125, 200)),
                "-p",
                str(random.randint(20, 80)),
                text,
            ]
        subprocess.run(command, check=True, capture_output=True)
        with wave.open(str(path)) as file:
            rate = file.getframerate()
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    samples = resample_poly(pcm / 32768, 16_000, rate).astype(np.float32)
    samples *= 0.5 / np.abs(samples).max()
    heard = np.flatnonzero(np.abs(samples) > 0.01)
    trimmed: Samples = samples[max(0, heard[0] - 800) : heard[-1] + 1600]
    return trimmed


def log_mel(samples: Samples) -> Samples:
    """Base-10 logarithm of the power in 80 Mel bands, a row each 10 ms, before normalisation."""
    from faster_whisper.feature_extractor import FeatureExtractor

    extractor = FeatureExtractor()
    padded = np.pad(samples, 200, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160][: len(samples) // 160]
    power = np.abs(np.fft.rfft(frames * np.hanning(401)[:-1], axis=1)) ** 2
    mel: Samples = np.log10(np.maximum(power @ extractor.mel_filters.T, 1e-10)).astype(np.float32)
    return mel


def build(path: Path, english: int, german: int) -> None:
    """Speak sentences and write what training needs of them."""
    tokens = tokenizer()

    def one(number: int) -> tuple[Sentence, npt.NDArray[np.uint8]]:
        random = Random(number)
        it = sentence(random, "en" if number < english else "de")
        mel = log_mel(speak(it.text, it.language, random))
        return it, np.clip((mel - LOW) / SPAN * 255, 0, 255).astype(np.uint8)

    with ThreadPoolExecutor(2) as pool:
        spoken = list(pool.map(one, range(english + german)))
    texts = [tokens.encode(" " + it.text).ids for it, _ in spoken]
    translations = [tokens.encode(" " + it.english).ids for it, _ in spoken]
    words = [tokens.encode(" " + it).ids for pair in HOMOPHONES.items() for it in pair]
    assert all(len(it) == 1 for it in words)
    np.savez_compressed(
        path,
        mel=np.concatenate([mel for _, mel in spoken]),
        frames=np.array([len(mel) for _, mel in spoken]),
        german=np.array([it.language == "de" for it, _ in spoken]),
        text=np.concatenate(texts),
        text_lengths=np.array([len(it) for it in texts]),
        english=np.concatenate(translations),
        english_lengths=np.array([len(it) for it in translations]),
        homophones=np.array(words).reshape(-1, 2),
        vocabulary=np.array(tokens.get_vocab_size(with_added_tokens=False)),
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
