"""Voice activity: cutting audio into runs of speech, so that silence is never decoded.

Silero VAD v6 (MIT), the ONNX file that faster-whisper carries, in frames of 32 ms.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import MissingExtraError
from .tones import is_tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Samples = npt.NDArray[np.float32]

RATE = 16_000
_FRAME = 512
_CONTEXT = 64
"""Samples of the frame before that the model sees again"""

_SPEECH = 0.5
_SILENCE = 0.35
"""Probabilities above which speech begins and below which it ends"""
_BEGIN_FRAMES = 3
"""Frames of speech that begin a run (0.1 s): a click is none"""
_PAUSE_FRAMES = 7
"""Frames of silence that end one (0.2 s): people take turns that fast"""
_BEFORE = int(0.2 * RATE)
_AFTER = int(0.1 * RATE)
"""Kept around a run: engines mishear words that are cut close"""
_FRESH_FRAMES = 10 * RATE // _FRAME
"""Silence after which the detector begins anew: after a minute and a half of it, it was seen to
notice speech a quarter of a second late"""
_AT_ONCE = 16
"""Frames given to the model in one call, in half the time of as many calls; what a cut in the
middle of them makes worthless is computed again"""
_LONGEST_FRAMES = 15 * RATE // _FRAME
_CUT_WITHIN_FRAMES = 5 * RATE // _FRAME
"""A monologue is cut at its faintest frame among the last of these"""


@dataclass(frozen=True, slots=True)
class Run:
    """Speech between two pauses."""

    start: float
    """Seconds"""
    samples: Samples
    """16 kHz mono, -1 to 1"""
    certainty: float = 1.0
    """Probability of speech that three quarters of its frames do not reach: 0.93 and more in clean
    speech, less in noise, and in what is no speech at all"""

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / RATE


class SpeechDetector:
    """The probability of speech in each frame, from a model that remembers the ones before."""

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        options.log_severity_level = 4
        self._session: Any = onnxruntime.InferenceSession(
            _model_path(), options, providers=["CPUExecutionProvider"]
        )
        self.reset()

    def reset(self) -> None:
        self._h = np.zeros((1, 1, 128), np.float32)
        self._c = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)

    def probabilities(self, frames: Samples) -> list[float]:
        """Of frames in a row, as long as the model takes them: the same as one by one."""
        seen = np.concatenate([self._context, frames])
        windows = np.lib.stride_tricks.sliding_window_view(seen, _CONTEXT + _FRAME)[::_FRAME]
        output, self._h, self._c = self._session.run(
            None, {"input": np.ascontiguousarray(windows), "h": self._h, "c": self._c}
        )
        self._context = seen[-_CONTEXT:]
        found: list[float] = output.reshape(-1).tolist()
        return found


def _model_path() -> str:
    # Found without importing faster_whisper: that would load CTranslate2 as well.
    found = importlib.util.find_spec("faster_whisper")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("faster-whisper", "all")
    return str(Path(found.submodule_search_locations[0]) / "assets" / "silero_vad_v6.onnx")


def runs(
    blocks: Iterable[Samples], detector: SpeechDetector, *, start: float = 0.0
) -> Iterator[Run]:
    """Cut a stream that begins at ``start`` seconds into runs, as their pauses are heard.

    Every cut resets the detector and begins anew at the very sample: a stream taken up again at
    the end of a run is cut like the uninterrupted one.
    """
    cutter = Cutter(detector, round(start * RATE))
    for block in blocks:
        yield from cutter.push(block)
    yield from cutter.flush()


class Cutter:
    """Runs of a stream that is pushed block by block."""

    def __init__(self, detector: SpeechDetector, origin: int) -> None:
        self._detector = detector
        self._audio = np.zeros(0, np.float32)
        """What came since the last cut, less what is known to be silence"""
        self._origin = origin
        """The sample at which ``_audio`` begins"""
        self._restart()

    def _restart(self) -> None:
        self._detector.reset()
        self._probabilities: list[float] = []
        self._begun: int | None = None
        """The frame at which speech began"""
        self._run = 0
        self._silent = 0
        """Frames of silence since the detector began anew"""
        self._pause: int | None = None
        """The frame at which the present pause began"""

    def push(self, block: Samples) -> Iterator[Run]:
        self._audio = np.concatenate([self._audio, block])
        while True:
            begin = len(self._probabilities) * _FRAME
            frames = min((len(self._audio) - begin) // _FRAME, _AT_ONCE)
            if frames == 0:
                return
            samples = self._audio[begin : begin + frames * _FRAME]
            for probability in self._detector.probabilities(samples):
                cut = self._judge(len(self._probabilities), probability)
                if cut is not None:
                    yield from self._spoken(cut)
                    break
                if self._begun is None and self._silence():
                    break

    def _silence(self) -> bool:
        """Count a frame of it. Whether the detector began anew."""
        self._silent += 1
        fresh = self._silent >= _FRESH_FRAMES and self._run == 0
        if fresh:
            self._detector.reset()
            self._silent = 0
        self._forget()
        return fresh

    @property
    def speaking(self) -> Run | None:
        """The run that has begun, as far as it was heard."""
        if self._begun is None:
            return None
        begin = max(0, self._begun * _FRAME - _BEFORE)
        return Run((self._origin + begin) / RATE, self._audio[begin:].copy())

    def flush(self) -> Iterator[Run]:
        if self._begun is not None:
            yield from self._spoken(len(self._audio))

    def _judge(self, frame: int, probability: float) -> int | None:
        """Where to cut, in samples of ``_audio``, when this frame ends a run."""
        self._probabilities.append(probability)
        if probability >= _SPEECH:
            self._run += 1
            self._pause = None
            if self._begun is None and self._run >= _BEGIN_FRAMES:
                self._begun = frame - _BEGIN_FRAMES + 1
        elif self._begun is None:
            self._run = 0
        elif probability < _SILENCE and self._pause is None:
            self._pause = frame
        if self._begun is None:
            return None
        if self._pause is not None and frame - self._pause + 1 >= _PAUSE_FRAMES:
            return self._pause * _FRAME + _AFTER
        if frame - self._begun + 1 >= _LONGEST_FRAMES:
            late = frame + 1 - _CUT_WITHIN_FRAMES
            faintest = min(range(late, frame + 1), key=self._probabilities.__getitem__)
            return faintest * _FRAME + _FRAME // 2
        return None

    def _spoken(self, end: int) -> Iterator[Run]:
        """The run that ends there, unless it is music that the detector took for speech."""
        run = self._cut(end)
        if not is_tone(run.samples):
            yield run

    def _cut(self, end: int) -> Run:
        assert self._begun is not None
        begin = max(0, self._begun * _FRAME - _BEFORE)
        certainty = float(np.percentile(self._probabilities[self._begun :], 75))
        run = Run((self._origin + begin) / RATE, self._audio[begin:end].copy(), certainty)
        rest = self._audio[end:]
        self._origin += min(end, len(self._audio))
        self._audio = rest
        self._restart()
        return run

    def _forget(self) -> None:
        """Drop silence from the front, so that hours of it take no memory."""
        spare = len(self._probabilities) - _BEFORE // _FRAME - _BEGIN_FRAMES - 1
        if spare < 1000:
            return
        self._audio = self._audio[spare * _FRAME :].copy()
        self._origin += spare * _FRAME
        del self._probabilities[:spare]
