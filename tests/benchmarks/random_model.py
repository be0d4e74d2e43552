"""A model of the catalog's shape and size, of random weights: the speed of the real one, and noise.

    python tests/benchmarks/random_model.py /tmp/qwen35-9b.gguf                 Qwen 3.5 9B
    python tests/benchmarks/random_model.py /tmp/e4b.gguf gemma-4-e4b           another shape

Zeros would be faster than weights are, so the blocks are random, with scales that keep the numbers
of the size that they have in a trained model.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf.constants import GGMLQuantizationType

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.headers import Tensor, add_infos, describe, list_tensors

from sottovoce.values import ModelSpec
from sottovoce_catalog import load_models

_T = GGMLQuantizationType
_TILE = 16 << 20
"""Bytes of random blocks, which repeat"""


def write_random_model(path: Path, id: str = "qwen3.5-9b") -> ModelSpec:
    """Write the file, and return the specification that it has the shape of."""
    (spec,) = (it for it in load_models() if it.id == id)
    assert spec.shape is not None
    writer = gguf.GGUFWriter(path, spec.shape.architecture)
    describe(writer, spec.shape, spec.longest_ctx or 4096)
    _vocabulary(writer, spec.shape.vocabulary)
    tensors = list_tensors(spec)
    add_infos(writer, tensors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    tiles = {kind: _blocks(kind) for kind in {it.kind for it in tensors} - {_T.F32}}
    with path.open("ab") as file:
        file.write(bytes(-file.tell() % 32))
        for tensor in tensors:
            _write(file, tensor, tiles)
            file.write(bytes(-file.tell() % 32))
    return spec


def _write(file: Any, tensor: Tensor, tiles: dict[Any, bytes]) -> None:
    if tensor.kind == _T.F32:
        name = tensor.name
        value = -0.02 if name.endswith("ssm_a") else 0.3 if "conv1d" in name else 1.0
        file.write(np.full(tensor.elements, value, np.float32).tobytes())
        return
    left = tensor.size
    while left:
        left -= file.write(tiles[tensor.kind][: min(left, len(tiles[tensor.kind]))])


def _blocks(kind: Any) -> bytes:
    random = np.random.default_rng(1)
    if kind == _T.BF16:
        values = random.standard_normal(_TILE // 4).astype(np.float32) * 0.02
        return (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (_TILE // size, size), dtype=np.uint8)
    if kind in (_T.Q4_K, _T.Q5_K):  # d and dmin, then scales and minima of six bits, then quants
        scales = np.tile(np.array([1.0e-4, 7.5e-4], np.float16), (len(blocks), 1))
        blocks[:, :4] = scales.view(np.uint8)
    elif kind == _T.Q8_0:  # d, then quants of eight bits
        blocks[:, :2] = np.full((len(blocks), 1), 2.0e-4, np.float16).view(np.uint8)
    else:  # quants of six bits, scales of eight, then d
        assert kind == _T.Q6_K
        blocks[:, -2:] = np.full((len(blocks), 1), 1.1e-5, np.float16).view(np.uint8)
    return blocks.tobytes()


def _vocabulary(writer: gguf.GGUFWriter, size: int) -> None:
    """Bytes, and then words that stand for nothing."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    words = ["<unused>", *letters]
    words += [f"w{i}" for i in range(len(words), size)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([gguf.TokenType.CONTROL] + [gguf.TokenType.NORMAL] * (size - 1))
    writer.add_token_merges(["a b"])
    # The end as good as never comes: answers take the length that they are given.
    writer.add_eos_token_id(size - 1)
    writer.add_add_bos_token(False)
    writer.add_chat_template(
        "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    )


if __name__ == "__main__":
    write_random_model(Path(sys.argv[1]), *sys.argv[2:3])
