"""The starter model in torch, with an adapter in llama.cpp's own layout.

The weights are the dequantised GGUF, so the adapter is trained against the very numbers that
llama.cpp computes with, and its tensors need no permutation on the way back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from gguf import GGUFReader, dequantize

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
CONTEXT = 2048


@dataclass(frozen=True, slots=True)
class Shape:
    layers: int
    heads: int
    kv_heads: int
    width: int
    epsilon: float
    rope_base: float

    @property
    def head(self) -> int:
        return self.width // self.heads


class _Adapted(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
    """x · (W + s·B·A)ᵀ with gradients for x, A and B alone: no full-size weight gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        merged: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        ctx.save_for_backward(x, merged, a, b)
        ctx.scale = scale
        return F.linear(x, merged)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, merged, a, b = ctx.saved_tensors
        gradient = gradients[0]
        flat, rows = gradient.reshape(-1, gradient.shape[-1]), x.reshape(-1, x.shape[-1])
        low, high = rows @ a.to(x.dtype).T, flat @ b.to(x.dtype)
        grad_b = (flat.T @ low).float() * ctx.scale
        grad_a = (high.T @ rows).float() * ctx.scale
        return gradient @ merged, None, grad_a, grad_b, None


class Llama:
    """A llama of the size of SmolLM2, frozen, and its adapter, trainable from layer `first` up."""

    def __init__(
        self,
        gguf: Path,
        *,
        rank: int,
        alpha: float,
        device: str,
        dtype: torch.dtype,
        seed: int,
        first: int = 0,
    ) -> None:
        reader = GGUFReader(gguf)
        self.shape = _shape(reader)
        self.device, self.dtype = device, dtype
        self.rank, self.alpha = rank, alpha
        self.first = first
        self.weights = {
            tensor.name: torch.from_numpy(
                dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            ).to(device, dtype)
            for tensor in reader.tensors
        }
        self.head = self.weights.get("output.weight", self.weights["token_embd.weight"])
        generator = torch.Generator().manual_seed(seed)
        self.a: dict[str, torch.Tensor] = {}
        self.b: dict[str, torch.Tensor] = {}
        for name in (
            f"blk.{layer}.{part}.weight" for layer in range(self.shape.layers) for part in PARTS
        ):
            rows, columns = self.weights[name].shape
            a = torch.randn(rank, columns, generator=generator) / math.sqrt(columns)
            trained = int(name.split(".")[1]) >= first
            self.a[name] = a.to(device).requires_grad_(trained)
            self.b[name] = torch.zeros(rows, rank, device=device).requires_grad_(trained)
        angles = torch.outer(
            torch.arange(CONTEXT, device=device).float(),
            1.0
            / self.shape.rope_base
            ** (torch.arange(0, self.shape.head, 2, device=device).float() / self.shape.head),
        )
        self._cos, self._sin = angles.cos(), angles.sin()
        self._merged: dict[str, torch.Tensor] = {}

    @property
    def parameters(self) -> list[torch.Tensor]:
        return [half for half in (*self.a.values(), *self.b.values()) if half.requires_grad]

    def load(self, adapter: Path) -> None:
        """Start from an adapter's weights."""
        for tensor in GGUFReader(adapter).tensors:
            name, _, half = tensor.name.rpartition(".")
            plain = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            values = torch.from_numpy(plain)
            target = self.a if half == "lora_a" else self.b
            with torch.no_grad():
                target[name].copy_(values.reshape(target[name].shape))
        self.merge()

    def merge(self) -> None:
        """Fold the adapter into the weights that the next passes use; after each optimiser step."""
        scale = self.alpha / self.rank
        with torch.no_grad():
            for name, a in self.a.items():
                self._merged[name] = self.weights[name] + (self.b[name] @ a * scale).to(self.dtype)

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        if not (torch.is_grad_enabled() and self.a[name].requires_grad):
            return F.linear(x, self._merged[name])
        out: torch.Tensor = _Adapted.apply(
            x, self._merged[name], self.a[name], self.b[name], self.alpha / self.rank
        )  # type: ignore[no-untyped-call, unused-ignore]
        return out

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        scale = torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.shape.epsilon)
        return (x.float() * scale).to(self.dtype) * self.weights[name]

    def _rope(self, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Rotate interleaved pairs, as llama.cpp does; x is batch, head, time, channel."""
        cos, sin = self._cos[positions].unsqueeze(1), self._sin[positions].unsqueeze(1)
        even, odd = x[..., 0::2].float(), x[..., 1::2].float()
        return (
            torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1)
            .flatten(-2)
            .to(self.dtype)
        )

    def hidden(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor | None = None,
        cache: dict[int, tuple[torch.Tensor, torch.Tensor]] | None = None,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The last layer's output, batch, time, width. With a cache, `mask` says what is seen."""
        shape, (batch, time) = self.shape, tokens.shape
        if positions is None:
            positions = torch.arange(time, device=self.device).expand(batch, time)
        x = F.embedding(tokens, self.weights["token_embd.weight"])
        for layer in range(shape.layers):
            block = f"blk.{layer}."
            h = self._norm(x, block + "attn_norm.weight")
            q, k, v = (
                self._linear(h, f"{block}attn_{part}.weight")
                .view(batch, time, -1, shape.head)
                .transpose(1, 2)
                for part in "qkv"
            )
            q, k = self._rope(q, positions), self._rope(k, positions)
            if cache is not None:
                if layer in cache:
                    k, v = torch.cat((cache[layer][0], k), 2), torch.cat((cache[layer][1], v), 2)
                cache[layer] = (k, v)
            groups = shape.heads // shape.kv_heads
            k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
            attended = F.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=mask is None
            )
            x = x + self._linear(
                attended.transpose(1, 2).reshape(batch, time, shape.width),
                block + "attn_output.weight",
            )
            h = self._norm(x, block + "ffn_norm.weight")
            gate = F.silu(self._linear(h, block + "ffn_gate.weight"))
            x = x + self._linear(
                gate * self._linear(h, block + "ffn_up.weight"), block + "ffn_down.weight"
            )
        return self._norm(x, "output_norm.weight")

    def generate(self, prompts: list[list[int]], end: int, longest: int = 220) -> list[list[int]]:
        """Greedy answers to prompts of any lengths, decoded together."""
        with torch.no_grad():
            width, count = max(map(len, prompts)), len(prompts)
            tokens = torch.zeros(count, width, dtype=torch.long)
            real = torch.zeros(count, width, dtype=torch.bool)
            for row, prompt in enumerate(prompts):
                tokens[row, width - len(prompt) :] = torch.tensor(prompt)
                real[row, width - len(prompt) :] = True
            tokens, real = tokens.to(self.device), real.to(self.device)
            positions = (real.long().cumsum(1) - 1).clamp(min=0)
            causal = torch.ones(width, width, dtype=torch.bool, device=self.device).tril()
            eye = torch.eye(width, dtype=torch.bool, device=self.device)
            mask = (causal & real[:, None, :] | eye)[:, None]
            cache: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
            h = self.hidden(tokens, positions, cache, mask)[:, -1]
            answers: list[list[int]] = [[] for _ in prompts]
            done = [False] * count
            position = positions[:, -1:]
            for _ in range(longest):
                choice = (h @ self.head.T).float().argmax(-1)
                for row, token in enumerate(choice.tolist()):
                    done[row] = done[row] or token == end
                    if not done[row]:
                        answers[row].append(token)
                if all(done):
                    break
                real = torch.cat(
                    (real, torch.ones(count, 1, dtype=torch.bool, device=self.device)), 1
                )
                position = position + 1
                h = self.hidden(choice[:, None], position, cache, real[:, None, None, :])[:, -1]
            return answers


def _shape(reader: GGUFReader) -> Shape:
    def value(key: str) -> float:
        return float(reader.fields[key].contents())

    return Shape(
        layers=int(value("llama.block_count")),
        heads=int(value("llama.attention.head_count")),
        kv_heads=int(value("llama.attention.head_count_kv")),
        width=int(value("llama.embedding_length")),
        epsilon=value("llama.attention.layer_norm_rms_epsilon"),
        rope_base=value("llama.rope.freq_base"),
    )
