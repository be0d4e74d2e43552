"""Speaker embeddings: a vector per utterance that is alike for one voice and unlike for two.

The model is the WeSpeaker ResNet34 of pyannote's community-1 pipeline (CC BY 4.0), which
moonshine-voice 0.1.0 carries inside its shared library and uses for its own, slower,
identification of speakers: there a ten-second window every second passes two networks, here each
utterance passes one of them once. Its input is Kaldi's 80-band log-Mel filter bank, mean removed.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EngineError, MissingExtraError
from .vad import RATE, Samples

_SHORTEST = int(0.3 * RATE)
"""Less than this says nothing about a voice"""
_LONGEST = 6 * RATE
"""More than this says nothing new"""


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

    def embed(self, samples: Samples) -> tuple[float, ...]:
        """256 floats of unit length; empty for an utterance that is too short to tell."""
        if len(samples) < _SHORTEST:
            return ()
        middle = max(0, (len(samples) - _LONGEST) // 2)
        features = self._features(samples[middle : middle + _LONGEST])
        weights = np.ones((1, len(features)), np.float32)
        (embedding,) = self._session.run(None, {"fbank": features[None], "weights": weights})
        vector = embedding[0] / np.linalg.norm(embedding[0])
        return tuple(float(value) for value in vector)

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
