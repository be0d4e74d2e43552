"""Apple silicon: one memory, of which the graphics processor may wire a part."""

from __future__ import annotations

from ..values import Gpu, GpuKind

_MIB = 1 << 20
_SMALL = 32 << 30
"""Bytes of memory up to which two thirds may be wired, and above which three quarters"""


def gpu(chip: str, memory: int, limit: str, total: int | None = None) -> Gpu:
    """``limit`` is the kernel's ``iogpu.wired_limit_mb``, and ``total`` what Metal says."""
    if limit.isdigit() and int(limit) > 0:
        wired = int(limit) * _MIB
    else:
        wired = total or default_limit(memory)
    return Gpu(name=chip, memory=wired, kind=GpuKind.UNIFIED, vendor="apple")


def default_limit(memory: int) -> int:
    """Bytes that Metal recommends as the largest working set; newer systems give somewhat more."""
    return memory * 2 // 3 if memory <= _SMALL else memory * 3 // 4
