"""What a model is loaded with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...values import EngineSettings, ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaSettings:
    n_ctx: int = 4096
    """Tokens that the context holds, shared by all conversations and their questions"""
    n_threads: int = 2
    n_gpu_layers: int | None = None
    """``None`` puts all layers on the GPU where llama.cpp was built for one"""
    n_forks: int = 4
    """Questions answered at the same time"""
    n_batch: int = 512
    """Tokens computed at once, on a GPU also the grain at which a cancel acts"""
    kv_type: str = "f16"
    """``q8_0`` takes 53 % of the memory of ``f16``"""

    def flash_attention(self, *, on_gpu: bool, windowed: bool) -> bool:
        """Whether attention is computed without keeping its scores.

        On a CPU llama.cpp does that token by token as soon as fewer than 64 of them are computed
        at once, and takes twice to three times as long for a question after a long transcript. A
        quantised cache needs it, and without it one with a sliding window pads its values.
        """
        return on_gpu or windowed or self.kv_type != "f16"

    def batch(self, *, flash: bool) -> int:
        """Tokens computed at once. The scores that are kept take memory for each of them."""
        return self.n_batch if flash else min(self.n_batch, _SCORED)


_SCORED = 128
"""Reads a prompt as fast as 512 does, and takes a quarter of the memory"""


def settings_of(spec: ModelSpec, chosen: EngineSettings | None = None) -> LlamaSettings:
    """A model's own settings, but for what the person chose for this device.

    The context is never longer than the model was made for.
    """
    wanted = dataclasses.asdict(chosen) if chosen else {}
    wanted = {"n_ctx": spec.n_ctx} | {name: it for name, it in wanted.items() if it is not None}
    wanted["n_ctx"] = min(wanted["n_ctx"], spec.longest_ctx or spec.n_ctx)
    return LlamaSettings(**wanted)
