"""Graphics processors, from all that knows something of them."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from sottovoce_catalog import gpu_facts

from ..values import Gpu, GpuKind
from . import apple, ggml, nvml, registry, sysfs
from .sysfs import NAMELESS
from .system import sysctl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .ggml import Device

_VENDORS = {"NVIDIA": "nvidia", "AMD": "amd", "Radeon": "amd", "Intel": "intel", "Apple": "apple"}


def find_gpus(platform: str, architecture: str, chip: str, memory: int) -> tuple[Gpu, ...]:
    """The best first: those with memory of their own, and the most of it."""
    devices = ggml.find()
    known = nvml.find(memory)
    if platform == "macos" and architecture == "arm64":
        total = next((it.total for it in devices if it.backend == "metal"), None)
        known = [apple.gpu(chip, memory, sysctl("iogpu.wired_limit_mb"), total)]
    known += [it for it in (*sysfs.find(), *registry.find()) if it.vendor != "nvidia" or not known]
    return merge(known, devices)


def merge(known: Sequence[Gpu], devices: Sequence[Device]) -> tuple[Gpu, ...]:
    """What was found of each device, with what llama.cpp reaches it through."""
    left = list(devices)
    found = []
    for gpu in known:
        same = [it for it in left if _same(gpu, it)]
        if any(it.name == gpu.name for it in same):
            same = [it for it in same if it.name == gpu.name]
        # Of several alike each takes one device of each way to reach it.
        mine = list({it.backend: it for it in reversed(same)}.values())
        for device in mine:
            left.remove(device)
        found.append(_with(gpu, mine))
    while left:
        first = left[0]
        mine = list({it.backend: it for it in left if it.name == first.name}.values())
        for device in mine:
            left.remove(device)
        vendor = next((it for word, it in _VENDORS.items() if word in first.name), "")
        kind = GpuKind.INTEGRATED if first.integrated else GpuKind.DISCRETE
        bare = Gpu(name=first.name, memory=first.total, free=first.free, kind=kind, vendor=vendor)
        found.append(_with(bare, mine))
    return tuple(sorted(found, key=lambda it: (it.kind is GpuKind.INTEGRATED, -it.memory)))


def _same(gpu: Gpu, device: Device) -> bool:
    words = set(re.findall(r"\w+", gpu.name.lower()))
    if gpu.vendor == "apple":
        return device.backend == "metal"
    if words == set(re.findall(r"\w+", device.name.lower())):
        return True
    named = gpu_facts(gpu.name) is not None
    vendor = next((it for word, it in _VENDORS.items() if word in device.name), "")
    alike = device.integrated == (gpu.kind is not GpuKind.DISCRETE)
    return vendor == gpu.vendor and alike and (not named or gpu_facts(device.name) is not None)


def _with(gpu: Gpu, devices: Sequence[Device]) -> Gpu:
    """The table knows bandwidths better than clocks do: HBM and GDDR count clocks differently."""
    names = (gpu.name, *(it.name for it in devices))
    facts = next((it for name in names if (it := gpu_facts(name))), None)
    asks = gpu.free is None and gpu.kind is GpuKind.DISCRETE
    return dataclasses.replace(
        gpu,
        name=max(names, key=lambda it: (gpu_facts(it) is not None, it != NAMELESS[gpu.vendor])),
        memory=gpu.memory or max((it.total for it in devices), default=0),
        free=min((it.free for it in devices), default=None) if asks else gpu.free,
        backends=tuple(sorted({it.backend for it in devices})),
        bandwidth=facts.bandwidth if facts else gpu.bandwidth,
    )
