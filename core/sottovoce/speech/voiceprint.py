"""Speaker embeddings: a vector per utterance that is alike for one voice and unlike for two.

The model is the WeSpeaker ResNet34 of pyannote's community-1 pipeline (CC BY 4.0), which
moonshine-voice 0.1.0 carries inside its shared library and uses for its own, slower,
identification of speakers: there a ten-second window every second passes two networks, here what
is said passes one of them once. Its input is Kaldi's 80-band log-Mel filter bank, mean removed.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EngineError, MissingExtraError
from .vad import RATE, Samples

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHORTEST = int(0.3 * RATE)
"""Less than this says nothing about a voice"""
_FRAME = RATE // 100
"""Samples from one frame of the filter bank to the next"""

Voice = tuple[float, ...]
Piece = tuple[int, int]
"""Samples from which on, and before which"""


class Voiceprinter:
    """Computes on one thread; several may ask at once."""

    def __init__(self) -> None:
        try:
            import kaldi_native_fbank
        except ImportError as error:
            raise MissingExtraError("kaldi-native-fbank", "starter") from error
        import onnxruntime

        self._fbank = kaldi_native_fbank
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        self._session: Any = onnxruntime.InferenceSession(
            _embedding_model(), options, providers=["CPUExecutionProvider"]
        )

    def embed(self, samples: Samples, pieces: Sequence[Piece]) -> list[Voice]:
        """Of each piece 256 floats of unit length; none for one that is too short to tell.

        The network is passed once, over all of the samples: the pieces only weigh its last layer.
        """
        long = [number for number, (begin, end) in enumerate(pieces) if end - begin >= _SHORTEST]
        voices: list[Voice] = [()] * len(pieces)
        if not long:
            return voices
        features = self._features(samples)
        weights = np.zeros((len(long), len(features)), np.float32)
        for row, number in enumerate(long):
            begin, end = pieces[number]
            weights[row, begin // _FRAME : -(-end // _FRAME)] = 1
        (found,) = self._session.run(None, {"fbank": features[None], "weights": weights})
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        for number, vector in zip(long, found.tolist(), strict=True):
            voices[number] = tuple(vector)
        return voices

    def _features(self, samples: Samples) -> Samples:
        options = self._fbank.FbankOptions()
        options.frame_opts.dither = 0
        options.frame_opts.samp_freq = RATE
        options.frame_opts.window_type = "hamming"
        options.mel_opts.num_bins = 80
        bank = self._fbank.OnlineFbank(options)
        bank.accept_waveform(RATE, (samples * 32768).tolist())
        bank.input_finished()
        frames = np.array([bank.get_frame(i) for i in range(bank.num_frames_ready)], np.float32)
        centred: Samples = frames - frames.mean(axis=0)
        return centred


def _embedding_model() -> bytes:
    found = importlib.util.find_spec("moonshine_voice")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("moonshine-voice", "starter")
    folder = Path(found.submodule_search_locations[0])
    name = {"darwin": "libmoonshine.dylib", "win32": "moonshine.dll"}.get(
        sys.platform, "libmoonshine.so"
    )
    try:
        library = ctypes.CDLL(str(folder / name))
        # cppannote::embedded_community1::embedding_ort_data and …_size, as C++ mangles them
        space = "_ZN9cppannote19embedded_community1"
        size = ctypes.c_size_t.in_dll(library, f"{space}23embedding_ort_data_sizeE").value
        return bytes((ctypes.c_ubyte * size).in_dll(library, f"{space}18embedding_ort_dataE"))
    except (OSError, ValueError) as error:
        raise EngineError(
            f"this build of moonshine-voice carries no speaker model ({error}); "
            "use the release that sottovoce[starter] names"
        ) from error
