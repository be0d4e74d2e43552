"""What a model is loaded with."""

from __future__ import annotations

from dataclasses import dataclass


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
