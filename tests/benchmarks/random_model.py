"""A model of the Qwen 3.5 9B shape with random weights: the speed of the real one, and noise.

    python tests/benchmarks/random_model.py /tmp/qwen35-9b.gguf

Five gigabytes, quantised as Q4_K_M files are. Zeros would be faster than weights are, so the blocks
are random, with scales that keep the numbers of the size that they have in a trained model.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

_LAYERS, _WIDTH, _HEADS, _KV_HEADS, _SIZE, _WORDS = 32, 4096, 16, 4, 256, 248_320
_FEED_FORWARD, _STATE, _GROUPS, _RANK, _CONV = 12_288, 128, 16, 32, 4
_F32, _Q4, _Q6 = GGMLQuantizationType.F32, GGMLQuantizationType.Q4_K, GGMLQuantizationType.Q6_K
_TILE = 16 << 20
"""Bytes of random blocks, which repeat"""


def write_random_model(path: Path) -> None:
    writer = gguf.GGUFWriter(path, "qwen35")
    _describe(writer)
    tensors = list(_tensors())
    for name, shape, kind in tensors:
        block, size = GGML_QUANT_SIZES[kind]
        count = int(np.prod(shape))
        stored = shape[::-1]
        if kind != _F32:
            stored = gguf.quant_shape_to_byte_shape(stored, kind)
        dtype: Any = np.dtype(np.float32 if kind == _F32 else np.uint8)
        writer.add_tensor_info(name, stored, dtype, count // block * size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    tiles = {kind: _blocks(kind) for kind in (_Q4, _Q6)}
    with path.open("ab") as file:
        file.write(bytes(-file.tell() % 32))
        for name, shape, kind in tensors:
            _write(file, name, shape, kind, tiles)
            file.write(bytes(-file.tell() % 32))


def _write(
    file: Any, name: str, shape: tuple[int, ...], kind: Any, tiles: dict[Any, bytes]
) -> None:
    count = int(np.prod(shape))
    if kind == _F32:
        value = -0.02 if name.endswith("ssm_a") else 0.3 if "conv1d" in name else 1.0
        file.write(np.full(count, value, np.float32).tobytes())
        return
    block, size = GGML_QUANT_SIZES[kind]
    left = count // block * size
    while left:
        left -= file.write(tiles[kind][: min(left, len(tiles[kind]))])


def _blocks(kind: Any) -> bytes:
    random = np.random.default_rng(1)
    _, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (_TILE // size, size), dtype=np.uint8)
    if kind == _Q4:  # d and dmin, then scales and minima of six bits, then quants of four
        scales = np.tile(np.array([1.0e-4, 7.5e-4], np.float16), (len(blocks), 1))
        blocks[:, :4] = scales.view(np.uint8)
    else:  # quants of six bits, scales of eight, then d
        scales = np.full((len(blocks), 1), 1.1e-5, np.float16)
        blocks[:, -2:] = scales.view(np.uint8)
    return blocks.tobytes()


def _describe(writer: gguf.GGUFWriter) -> None:
    writer.add_block_count(_LAYERS)
    writer.add_context_length(262_144)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_key_length(_SIZE)
    writer.add_value_length(_SIZE)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e7)
    writer.add_rope_dimension_count(64)
    writer.add_rope_dimension_sections([11, 11, 10, 0])
    writer.add_ssm_conv_kernel(_CONV)
    writer.add_ssm_state_size(_STATE)
    writer.add_ssm_group_count(_GROUPS)
    writer.add_ssm_time_step_rank(_RANK)
    writer.add_ssm_inner_size(_STATE * _RANK)
    writer.add_full_attention_interval(4)
    # Bytes, and then words that stand for nothing.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    words = ["<unused>", *letters]
    words += [f"w{i}" for i in range(len(words), _WORDS)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    kinds = [gguf.TokenType.CONTROL] + [gguf.TokenType.NORMAL] * (_WORDS - 1)
    writer.add_token_types(kinds)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(
        len(words) - 1
    )  # which as good as never comes: answers take their length
    writer.add_add_bos_token(False)


def _tensors() -> list[tuple[str, tuple[int, ...], Any]]:
    keys, values = _STATE * _GROUPS, _STATE * _RANK
    found: list[tuple[str, tuple[int, ...], Any]] = [
        ("token_embd.weight", (_WIDTH, _WORDS), _Q4),
        ("output_norm.weight", (_WIDTH,), _F32),
        ("output.weight", (_WIDTH, _WORDS), _Q6),
    ]
    for i in range(_LAYERS):
        block = f"blk.{i}."
        attention = [
            ("attn_q.weight", (_WIDTH, _SIZE * _HEADS * 2), _Q4),
            ("attn_k.weight", (_WIDTH, _SIZE * _KV_HEADS), _Q4),
            ("attn_v.weight", (_WIDTH, _SIZE * _KV_HEADS), _Q6),
            ("attn_output.weight", (_SIZE * _HEADS, _WIDTH), _Q4),
            ("attn_q_norm.weight", (_SIZE,), _F32),
            ("attn_k_norm.weight", (_SIZE,), _F32),
        ]
        delta_net = [
            ("attn_qkv.weight", (_WIDTH, keys * 2 + values), _Q4),
            ("attn_gate.weight", (_WIDTH, values), _Q4),
            ("ssm_conv1d.weight", (_CONV, keys * 2 + values), _F32),
            ("ssm_dt.bias", (_RANK,), _F32),
            ("ssm_a", (_RANK,), _F32),
            ("ssm_beta.weight", (_WIDTH, _RANK), _Q4),
            ("ssm_alpha.weight", (_WIDTH, _RANK), _Q4),
            ("ssm_norm.weight", (_STATE,), _F32),
            ("ssm_out.weight", (values, _WIDTH), _Q4),
        ]
        rest = [
            ("attn_norm.weight", (_WIDTH,), _F32),
            ("post_attention_norm.weight", (_WIDTH,), _F32),
            ("ffn_gate.weight", (_WIDTH, _FEED_FORWARD), _Q4),
            ("ffn_up.weight", (_WIDTH, _FEED_FORWARD), _Q4),
            ("ffn_down.weight", (_FEED_FORWARD, _WIDTH), _Q4),
        ]
        layer = (attention if (i + 1) % 4 == 0 else delta_net) + rest
        found += [(block + name, shape, kind) for name, shape, kind in layer]
    return found


if __name__ == "__main__":
    write_random_model(Path(sys.argv[1]))
