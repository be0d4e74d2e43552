"""Writes the trained weights as a CTranslate2 model, as faster-whisper loads them.

python -m tests.whisper_tiny.convert weights.npz tests/whisper_tiny/model
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.converters import Converter
from ctranslate2.specs import WhisperSpec

from . import tokens

HEADS, ENCODER, DECODER = 3, 3, 2
_LANGUAGES = [number for name, number in tokens.SPECIAL.items() if len(name) < 8]
ALIGNMENT_HEADS = [[layer, head] for layer in range(DECODER) for head in range(HEADS)]
"""Of the decoder's attention to the sound those by which words are placed. Tried one by one on two
sentences with a pause in between: all together place the words around it best."""


class TinyConverter(Converter):  # type: ignore[misc]
    def __init__(self, weights: Path) -> None:
        self._weights = {name: it for name, it in np.load(weights).items()}

    def _load(self) -> Any:
        spec = WhisperSpec(ENCODER, HEADS, DECODER, HEADS)
        encoder, decoder = spec.encoder, spec.decoder
        for name, conv in (("conv1", encoder.conv1), ("conv2", encoder.conv2)):
            conv.weight, conv.bias = self._of(f"{name}.weight"), self._of(f"{name}.bias")
        encoder.position_encodings.encodings = self._of("sinusoids")
        decoder.position_encodings.encodings = self._of("positions")
        self._norm(encoder.layer_norm, "encoder_norm")
        self._norm(decoder.layer_norm, "decoder_norm")
        for side, part in (("encoder", encoder), ("decoder", decoder)):
            for number, layer in enumerate(part.layer):
                self._layer(layer, f"{side}.{number}", cross=side == "decoder")
        decoder.embeddings.weight = decoder.projection.weight = self._tokens()
        spec.register_vocabulary(tokens.names())
        spec.config.suppress_ids = []
        spec.config.suppress_ids_begin = [tokens.END]
        spec.config.lang_ids = _LANGUAGES
        spec.config.alignment_heads = ALIGNMENT_HEADS
        return spec

    def _of(self, name: str) -> Any:
        return np.ascontiguousarray(self._weights[name])

    def _norm(self, spec: Any, name: str) -> None:
        spec.gamma, spec.beta = self._of(f"{name}.weight"), self._of(f"{name}.bias")

    def _linear(self, spec: Any, *names: str) -> None:
        """One or several next to each other; a missing bias is 0."""
        weights = [self._of(f"{name}.weight") for name in names]
        biases = [
            self._weights.get(f"{name}.bias", np.zeros(len(weight), np.float32))
            for name, weight in zip(names, weights, strict=True)
        ]
        spec.weight, spec.bias = np.concatenate(weights), np.concatenate(biases)

    def _layer(self, spec: Any, name: str, *, cross: bool) -> None:
        own = f"{name}.attention"
        self._norm(spec.self_attention.layer_norm, f"{own}_norm")
        self._linear(spec.self_attention.linear[0], f"{own}.q", f"{own}.k", f"{own}.v")
        self._linear(spec.self_attention.linear[1], f"{own}.out")
        if cross:
            other = f"{name}.cross"
            self._norm(spec.attention.layer_norm, f"{other}_norm")
            self._linear(spec.attention.linear[0], f"{other}.q")
            self._linear(spec.attention.linear[1], f"{other}.k", f"{other}.v")
            self._linear(spec.attention.linear[2], f"{other}.out")
        self._norm(spec.ffn.layer_norm, f"{name}.norm")
        self._linear(spec.ffn.linear_0, f"{name}.up")
        self._linear(spec.ffn.linear_1, f"{name}.down")

    def _tokens(self) -> Any:
        """From the compact vocabulary of training to Whisper's."""
        trained = self._of("tokens.weight")
        words = len(trained) - 10
        full = np.repeat(trained[-1:], len(tokens.names()), axis=0)  # all that is not used
        full[:words] = trained[:words]
        special = "endoftext startoftranscript en de translate transcribe startofprev nospeech"
        for number, name in enumerate([*special.split(), "notimestamps"]):
            full[tokens.SPECIAL[f"<|{name}|>"]] = trained[words + number]
        return full


def convert(weights: Path, folder: Path) -> None:
    TinyConverter(weights).convert(str(folder), quantization="int8", force=True)
    tokens.write(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
