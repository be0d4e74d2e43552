"""NVIDIA's graphics processors, through its management library; it computes nothing on them."""

from __future__ import annotations

import logging
from typing import Any

from ..values import Gpu, GpuKind

log = logging.getLogger(__name__)

_UNIFIED = ("GB10", "Orin", "Thor", "Xavier")
"""Of the names of devices that share their memory with the CPU"""


def find(memory: int) -> list[Gpu]:
    """All of them; ``memory`` is the system's, for those that have none of their own."""
    import pynvml  # type: ignore[import-untyped]

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        log.debug("no NVIDIA driver: %s", error)
        return []
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        return [
            _read(pynvml, pynvml.nvmlDeviceGetHandleByIndex(i), driver, memory)
            for i in range(pynvml.nvmlDeviceGetCount())
        ]
    except pynvml.NVMLError as error:
        log.warning("the NVIDIA driver does not answer (%s); its devices are left out", error)
        return []
    finally:
        pynvml.nvmlShutdown()


def _read(nvml: Any, handle: Any, driver: str, memory: int) -> Gpu:
    name = _text(nvml.nvmlDeviceGetName(handle))
    kind, total, free = GpuKind.DISCRETE, memory, None
    try:
        info = nvml.nvmlDeviceGetMemoryInfo(handle)
        total, free = int(info.total), int(info.free)
    except nvml.NVMLError_NotSupported:  # it has none of its own
        kind = GpuKind.UNIFIED
    if any(it in name for it in _UNIFIED):
        kind = GpuKind.UNIFIED
    return Gpu(
        name=name,
        memory=total,
        free=free,
        kind=kind,
        vendor="nvidia",
        bandwidth=_bandwidth(nvml, handle),
        driver=driver,
    )


def _bandwidth(nvml: Any, handle: Any) -> float | None:
    """Bytes per second: two transfers a clock over the width of the bus."""
    try:
        width = nvml.nvmlDeviceGetMemoryBusWidth(handle)
        clock = nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_MEM)
    except nvml.NVMLError:
        return None
    return float(width / 8 * clock * 1e6 * 2) or None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
