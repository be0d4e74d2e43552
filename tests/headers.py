"""Headers of model files: the catalog's shapes, in files of the real size without any content.

A file is sparse: it takes some tens of kilobytes of a disk. llama.cpp loads it with ``no_alloc``.
The tensors are those that llama.cpp asks for; the parameter counts are the published ones. The
types of tensors are raised, the ones that quantisers raise first, until the file has its real size.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from sottovoce.values import ModelShape, ModelSpec

_T = GGMLQuantizationType
_RAISED = ("ffn_down", "ffn_down_exps", "attn_v", "attn_qkv", "attn_output", "ssm_out", "attn_gate",
           "attn_q", "attn_k", "ffn_up", "ffn_gate", "ffn_up_exps", "ffn_gate_exps")  # fmt: skip
_VOCABULARY_FILE = 45


@dataclasses.dataclass
class Tensor:
    name: str
    dimensions: tuple[int, ...]
    """In the order of ggml"""
    kind: GGMLQuantizationType

    @property
    def elements(self) -> int:
        return int(np.prod(self.dimensions))

    @property
    def size(self) -> int:
        block, size = GGML_QUANT_SIZES[self.kind]
        return self.elements // block * size


def write_header(spec: ModelSpec, path: Path, *, words: int = 0) -> int:
    """Write a sparse file of a model's shape and size. Returns how many parameters it has.

    ``words`` makes the header as long as a vocabulary of that many does.
    """
    shape = spec.shape
    assert shape is not None
    tensors = list_tensors(spec)
    writer = gguf.GGUFWriter(path, shape.architecture)
    describe(writer, shape, spec.longest_ctx or 4096)
    writer.add_tokenizer_model("no_vocab")
    writer.add_vocab_size(shape.vocabulary)
    if words:
        writer.add_array("test.words", [f"word{i:08}" for i in range(words)])
    add_infos(writer, tensors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    assert writer.fout is not None
    file = writer.fout[0]
    file.truncate(-(-file.tell() // 32) * 32 + sum(-(-it.size // 32) * 32 for it in tensors))
    writer.close()
    return sum(it.elements for it in tensors)


def add_infos(writer: gguf.GGUFWriter, tensors: list[Tensor]) -> None:
    for tensor in tensors:
        stored: Any = tensor.dimensions[::-1]
        if tensor.kind != _T.F32:
            stored = gguf.quant_shape_to_byte_shape(stored, tensor.kind)
        dtype: Any = np.dtype(np.float32 if tensor.kind == _T.F32 else np.uint8)
        writer.add_tensor_info(tensor.name, stored, dtype, tensor.size, raw_dtype=tensor.kind)


def list_tensors(spec: ModelSpec, *, real_size: bool = True) -> list[Tensor]:
    """All tensors of a model, with types that make up its size."""
    shape = spec.shape
    assert shape is not None
    rate = spec.token_embedding / (shape.vocabulary * shape.hidden)
    kinds = {_T.Q4_K: 144 / 256, _T.Q6_K: 210 / 256, _T.Q8_0: 34 / 32}
    embedding = min(kinds, key=lambda kind: abs(kinds[kind] - rate))
    base = _T.Q8_0 if embedding == _T.Q8_0 else _T.Q4_K
    tensors = [
        Tensor("token_embd.weight", (shape.hidden, shape.vocabulary), embedding),
        Tensor("output_norm.weight", (shape.hidden,), _T.F32),
    ]
    if not shape.tied:
        output = base if base == _T.Q8_0 else _T.Q6_K
        tensors.append(Tensor("output.weight", (shape.hidden, shape.vocabulary), output))
    if shape.per_layer_width:
        width = shape.per_layer_width * shape.layers
        tensors += [
            Tensor("per_layer_token_embd.weight", (width, shape.vocabulary), _T.Q5_K),
            Tensor("per_layer_model_proj.weight", (shape.hidden, width), _T.BF16),
            Tensor("per_layer_proj_norm.weight", (shape.per_layer_width,), _T.F32),
        ]
    if shape.window:
        tensors.append(Tensor("rope_freqs.weight", (shape.head_size // 2,), _T.F32))
    for i, kind in enumerate(shape.kinds):
        layer = _gemma(shape, i, kind) if shape.window else _qwen(shape, kind)
        for name, dimensions in layer:
            full = len(dimensions) > 1 and "conv1d" not in name and "gate_inp." not in name
            kind_ = base if full else _T.F32
            tensors.append(Tensor(f"blk.{i}.{name}", dimensions, kind_))
    if real_size and base == _T.Q4_K:
        _raise(tensors, spec.size - shape.vocabulary * _VOCABULARY_FILE)
    return tensors


def _raise(tensors: list[Tensor], wanted: int) -> None:
    """Give tensors more precise types, the last layers first, up to a size in bytes."""
    missing = wanted - sum(it.size for it in tensors)
    for kind in (_T.Q6_K, _T.Q8_0):
        for name in _RAISED:
            for tensor in reversed(tensors):
                part = tensor.name.split(".")
                if len(part) < 3 or part[2] != name or tensor.dimensions[0] % 256:
                    continue
                raised = Tensor(tensor.name, tensor.dimensions, kind)
                if (more := raised.size - tensor.size) <= missing:
                    missing -= more
                    tensor.kind = kind


def _qwen(shape: ModelShape, kind: str) -> list[tuple[str, tuple[int, ...]]]:
    width, size = shape.hidden, shape.head_size
    keys, values = shape.state_size * shape.state_groups, shape.state_size * shape.state_heads
    layer: list[tuple[str, tuple[int, ...]]] = [
        ("attn_norm.weight", (width,)),
        ("post_attention_norm.weight", (width,)),
    ]
    if kind == "f":
        layer += [
            ("attn_q.weight", (width, size * shape.heads * 2)),
            ("attn_k.weight", (width, size * shape.kv_heads)),
            ("attn_v.weight", (width, size * shape.kv_heads)),
            ("attn_output.weight", (size * shape.heads, width)),
            ("attn_q_norm.weight", (size,)),
            ("attn_k_norm.weight", (size,)),
        ]
    else:
        layer += [
            ("attn_qkv.weight", (width, keys * 2 + values)),
            ("attn_gate.weight", (width, values)),
            ("ssm_conv1d.weight", (shape.conv, keys * 2 + values)),
            ("ssm_dt.bias", (shape.state_heads,)),
            ("ssm_a", (shape.state_heads,)),
            ("ssm_beta.weight", (width, shape.state_heads)),
            ("ssm_alpha.weight", (width, shape.state_heads)),
            ("ssm_norm.weight", (shape.state_size,)),
            ("ssm_out.weight", (values, width)),
        ]
    wide = shape.feed_forward
    if not shape.experts:
        return [
            *layer,
            ("ffn_gate.weight", (width, wide)),
            ("ffn_up.weight", (width, wide)),
            ("ffn_down.weight", (wide, width)),
        ]
    return [
        *layer,
        ("ffn_gate_inp.weight", (width, shape.experts)),
        ("ffn_gate_exps.weight", (width, wide, shape.experts)),
        ("ffn_up_exps.weight", (width, wide, shape.experts)),
        ("ffn_down_exps.weight", (wide, width, shape.experts)),
        ("ffn_gate_inp_shexp.weight", (width,)),
        ("ffn_gate_shexp.weight", (width, shape.shared_feed_forward)),
        ("ffn_up_shexp.weight", (width, shape.shared_feed_forward)),
        ("ffn_down_shexp.weight", (shape.shared_feed_forward, width)),
    ]


def feed_forward_widths(shape: ModelShape) -> list[int]:
    own = shape.layers - shape.shared_layers
    late = shape.late_feed_forward or shape.feed_forward
    return [shape.feed_forward if i < own else late for i in range(shape.layers)]


def _gemma(shape: ModelShape, i: int, kind: str) -> list[tuple[str, tuple[int, ...]]]:
    width, wide = shape.hidden, feed_forward_widths(shape)[i]
    sliding = kind == "w"
    size = shape.window_head_size if sliding else shape.head_size
    kv_heads = shape.window_kv_heads if sliding else shape.kv_heads
    layer: list[tuple[str, tuple[int, ...]]] = [
        ("attn_norm.weight", (width,)),
        ("attn_q.weight", (width, size * shape.heads)),
        ("attn_q_norm.weight", (size,)),
        ("attn_output.weight", (size * shape.heads, width)),
        ("post_attention_norm.weight", (width,)),
        ("layer_output_scale.weight", (1,)),
        ("ffn_norm.weight", (width,)),
        ("ffn_gate.weight", (width, wide)),
        ("ffn_up.weight", (width, wide)),
        ("ffn_down.weight", (wide, width)),
        ("post_ffw_norm.weight", (width,)),
    ]
    if i < shape.layers - shape.shared_layers:
        layer += [("attn_k.weight", (width, size * kv_heads)), ("attn_k_norm.weight", (size,))]
        if sliding or shape.per_layer_width:  # 31B's wide layers take the keys as values
            layer.append(("attn_v.weight", (width, size * kv_heads)))
    if shape.per_layer_width:
        layer += [
            ("inp_gate.weight", (width, shape.per_layer_width)),
            ("proj.weight", (shape.per_layer_width, width)),
            ("post_norm.weight", (width,)),
        ]
    return layer


def describe(writer: gguf.GGUFWriter, shape: ModelShape, longest_ctx: int) -> None:
    writer.add_block_count(shape.layers)
    writer.add_context_length(longest_ctx)
    writer.add_embedding_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_layer_norm_rms_eps(1e-6)
    if shape.window:
        _describe_gemma(writer, shape)
    else:
        _describe_qwen(writer, shape)


def _describe_qwen(writer: gguf.GGUFWriter, shape: ModelShape) -> None:
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_freq_base(1e7)
    writer.add_rope_dimension_count(64)
    writer.add_rope_dimension_sections([11, 11, 10, 0])
    writer.add_ssm_conv_kernel(shape.conv)
    writer.add_ssm_state_size(shape.state_size)
    writer.add_ssm_group_count(shape.state_groups)
    writer.add_ssm_time_step_rank(shape.state_heads)
    writer.add_ssm_inner_size(shape.state_size * shape.state_heads)
    writer.add_full_attention_interval(len(shape.pattern))
    if shape.experts:
        writer.add_expert_count(shape.experts)
        writer.add_expert_used_count(shape.experts_used)
        writer.add_expert_feed_forward_length(shape.feed_forward)
        writer.add_expert_shared_feed_forward_length(shape.shared_feed_forward)
    else:
        writer.add_feed_forward_length(shape.feed_forward)


def _describe_gemma(writer: gguf.GGUFWriter, shape: ModelShape) -> None:
    sliding = [kind == "w" for kind in shape.kinds]
    writer.add_feed_forward_length(feed_forward_widths(shape))
    writer.add_head_count_kv([shape.window_kv_heads if it else shape.kv_heads for it in sliding])
    writer.add_key_length_swa(shape.window_head_size)
    writer.add_value_length_swa(shape.window_head_size)
    writer.add_sliding_window(shape.window)
    writer.add_sliding_window_pattern(sliding)
    writer.add_shared_kv_layers(shape.shared_layers)
    writer.add_embedding_length_per_layer_input(shape.per_layer_width)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_rope_dimension_count_swa(shape.window_head_size)
    writer.add_rope_freq_base(1e6)
    writer.add_rope_freq_base_swa(1e4)
    writer.add_final_logit_softcapping(30.0)
