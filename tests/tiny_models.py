"""Tiny language models for tests: random weights, real architectures, made in a second.

    llama      attention
    qwen35     hybrid: three layers of four are gated delta nets, which cannot be rolled back
    gemma4     sliding windows, and layers that share the keys and values of others

Each is a GGUF file of a few hundred kilobytes with a vocabulary of bytes and control tokens, and a
chat template. What they say is noise, and always the same noise for the same input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gguf
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ARCHITECTURES = ("llama", "qwen35", "gemma4")

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_LAYERS, _WIDTH, _CONTEXT = 4, 64, 8192


def tiny_model(
    architecture: str, folder: Path, *, template: str | None = TEMPLATE, seed: int = 1
) -> Path:
    """The GGUF file of a tiny model, written into a folder."""
    path = folder / f"tiny-{architecture}.gguf"
    _Model(path, architecture, seed, template).write()
    return path


def tiny_adapter(architecture: str, folder: Path, *, strength: float = 1.0) -> Path:
    """A LoRA adapter of rank 2 over the first feed-forward layer of a tiny model."""
    path = folder / f"tiny-{architecture}-lora-{strength:g}.gguf"
    random = np.random.default_rng(5)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0)
    for side, shape in (("a", (2, _WIDTH)), ("b", (96, 2))):
        values = random.standard_normal(shape) * (strength if side == "b" else 1.0)
        writer.add_tensor(f"blk.0.ffn_up.weight.lora_{side}", values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


class _Model:
    def __init__(self, path: Path, architecture: str, seed: int, template: str | None) -> None:
        self._architecture = architecture
        self._random = np.random.default_rng(seed)
        self._writer = gguf.GGUFWriter(path, architecture)
        self._writer.add_name(f"tiny {architecture}")
        self._writer.add_block_count(_LAYERS)
        self._writer.add_context_length(_CONTEXT)
        self._writer.add_embedding_length(_WIDTH)
        self._writer.add_layer_norm_rms_eps(1e-6)
        self._vocabulary()
        if template is not None:
            self._writer.add_chat_template(template)

    def write(self) -> None:
        build: dict[str, Callable[[], None]] = {
            "llama": self._llama,
            "qwen35": self._qwen35,
            "gemma4": self._gemma4,
        }
        # Were the output tied to the embedding, the model would only repeat its last token.
        self._matrix("token_embd.weight", _WIDTH, self._words, scale=0.5)
        self._matrix("output.weight", _WIDTH, self._words, scale=0.5)
        self._ones("output_norm.weight", _WIDTH)
        build[self._architecture]()
        self._writer.write_header_to_file()
        self._writer.write_kv_data_to_file()
        self._writer.write_tensors_to_file()
        self._writer.close()

    def _vocabulary(self) -> None:
        # Byte-level BPE without merges: every byte is a token.
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in printable]
        letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]
        words = [*CONTROL, *letters]
        self._words = len(words)
        kinds = [gguf.TokenType.CONTROL] * len(CONTROL) + [gguf.TokenType.NORMAL] * len(letters)
        self._writer.add_tokenizer_model("gpt2")
        self._writer.add_tokenizer_pre("gpt-2")
        self._writer.add_token_list(words)
        self._writer.add_token_types(kinds)
        self._writer.add_token_merges(["a b"])
        self._writer.add_bos_token_id(0)
        self._writer.add_eos_token_id(2)
        self._writer.add_add_bos_token(False)

    def _matrix(self, name: str, *shape: int, scale: float | None = None) -> None:
        scale = scale if scale is not None else shape[0] ** -0.5
        values = self._random.standard_normal(tuple(reversed(shape))) * scale
        self._writer.add_tensor(name, values.astype(np.float16))

    def _vector(self, name: str, *shape: int, scale: float) -> None:
        values = self._random.standard_normal(tuple(reversed(shape))) * scale
        self._writer.add_tensor(name, values.astype(np.float32))

    def _ones(self, name: str, size: int) -> None:
        self._writer.add_tensor(name, np.ones(size, np.float32))

    def _feed_forward(self, block: str, width: int) -> None:
        self._matrix(f"{block}.ffn_gate.weight", _WIDTH, width)
        self._matrix(f"{block}.ffn_up.weight", _WIDTH, width)
        self._matrix(f"{block}.ffn_down.weight", width, _WIDTH)

    def _llama(self) -> None:
        heads, kv_heads, size, width = 4, 2, 16, 96
        self._writer.add_feed_forward_length(width)
        self._writer.add_head_count(heads)
        self._writer.add_head_count_kv(kv_heads)
        self._writer.add_rope_dimension_count(size)
        for i in range(_LAYERS):
            block = f"blk.{i}"
            self._ones(f"{block}.attn_norm.weight", _WIDTH)
            self._ones(f"{block}.ffn_norm.weight", _WIDTH)
            # Large, so that attention is on few tokens and what was asked makes a difference.
            self._matrix(f"{block}.attn_q.weight", _WIDTH, size * heads, scale=0.4)
            self._matrix(f"{block}.attn_k.weight", _WIDTH, size * kv_heads, scale=0.4)
            self._matrix(f"{block}.attn_v.weight", _WIDTH, size * kv_heads)
            self._matrix(f"{block}.attn_output.weight", size * heads, _WIDTH)
            self._feed_forward(block, width)

    def _qwen35(self) -> None:
        heads, kv_heads, size, width = 2, 1, 32, 96
        state, groups, rank, conv = 16, 2, 4, 4
        keys, values = state * groups, state * rank
        self._writer.add_feed_forward_length(width)
        self._writer.add_head_count(heads)
        self._writer.add_head_count_kv(kv_heads)
        self._writer.add_key_length(size)
        self._writer.add_value_length(size)
        self._writer.add_rope_dimension_count(16)
        self._writer.add_rope_dimension_sections([3, 3, 2, 0])
        self._writer.add_rope_freq_base(1e7)
        self._writer.add_ssm_conv_kernel(conv)
        self._writer.add_ssm_state_size(state)
        self._writer.add_ssm_group_count(groups)
        self._writer.add_ssm_time_step_rank(rank)
        self._writer.add_ssm_inner_size(values)
        self._writer.add_full_attention_interval(4)
        for i in range(_LAYERS):
            block = f"blk.{i}"
            self._ones(f"{block}.attn_norm.weight", _WIDTH)
            self._ones(f"{block}.post_attention_norm.weight", _WIDTH)
            if (i + 1) % 4 == 0:
                self._matrix(f"{block}.attn_q.weight", _WIDTH, size * heads * 2)
                self._matrix(f"{block}.attn_k.weight", _WIDTH, size * kv_heads)
                self._matrix(f"{block}.attn_v.weight", _WIDTH, size * kv_heads)
                self._matrix(f"{block}.attn_output.weight", size * heads, _WIDTH)
                self._ones(f"{block}.attn_q_norm.weight", size)
                self._ones(f"{block}.attn_k_norm.weight", size)
            else:
                self._matrix(f"{block}.attn_qkv.weight", _WIDTH, keys * 2 + values)
                self._matrix(f"{block}.attn_gate.weight", _WIDTH, values)
                self._vector(f"{block}.ssm_conv1d.weight", conv, keys * 2 + values, scale=0.5)
                self._vector(f"{block}.ssm_dt.bias", rank, scale=0.5)
                self._writer.add_tensor(f"{block}.ssm_a", -np.full(rank, 0.02, np.float32))
                self._matrix(f"{block}.ssm_beta.weight", _WIDTH, rank)
                self._matrix(f"{block}.ssm_alpha.weight", _WIDTH, rank)
                self._ones(f"{block}.ssm_norm.weight", state)
                self._matrix(f"{block}.ssm_out.weight", values, _WIDTH)
            self._feed_forward(block, width)

    def _gemma4(self) -> None:
        heads, kv_heads, shared, window = 2, 1, 2, 64
        sizes = {True: 16, False: 32}  # of a head, in a sliding-window layer and in another
        sliding = [i % 2 == 0 for i in range(_LAYERS)]
        width, per_layer = 96, 32
        self._writer.add_feed_forward_length([width] * _LAYERS)
        self._writer.add_head_count(heads)
        self._writer.add_head_count_kv([kv_heads] * _LAYERS)
        self._writer.add_key_length(sizes[False])
        self._writer.add_value_length(sizes[False])
        self._writer.add_key_length_swa(sizes[True])
        self._writer.add_value_length_swa(sizes[True])
        self._writer.add_sliding_window(window)
        self._writer.add_sliding_window_pattern(sliding)
        self._writer.add_shared_kv_layers(shared)
        self._writer.add_embedding_length_per_layer_input(per_layer)
        self._writer.add_rope_dimension_count(sizes[False])
        self._writer.add_rope_dimension_count_swa(sizes[True])
        self._writer.add_rope_freq_base(1e6)
        self._writer.add_rope_freq_base_swa(1e4)
        self._writer.add_final_logit_softcapping(30.0)
        self._ones("rope_freqs.weight", sizes[False] // 2)
        self._matrix("per_layer_token_embd.weight", per_layer * _LAYERS, self._words)
        self._matrix("per_layer_model_proj.weight", _WIDTH, per_layer * _LAYERS)
        self._ones("per_layer_proj_norm.weight", per_layer)
        for i in range(_LAYERS):
            block, size = f"blk.{i}", sizes[sliding[i]]
            for norm in ("attn", "post_attention", "ffn", "post_ffw", "post"):
                self._ones(f"{block}.{norm}_norm.weight", _WIDTH)
            self._matrix(f"{block}.attn_q.weight", _WIDTH, size * heads)
            self._ones(f"{block}.attn_q_norm.weight", size)
            if i < _LAYERS - shared:
                self._matrix(f"{block}.attn_k.weight", _WIDTH, size * kv_heads)
                self._matrix(f"{block}.attn_v.weight", _WIDTH, size * kv_heads)
                self._ones(f"{block}.attn_k_norm.weight", size)
            self._matrix(f"{block}.attn_output.weight", size * heads, _WIDTH)
            self._ones(f"{block}.layer_output_scale.weight", 1)
            self._feed_forward(block, width)
            self._matrix(f"{block}.inp_gate.weight", _WIDTH, per_layer)
            self._matrix(f"{block}.proj.weight", per_layer, _WIDTH)
