"""Whether a model fits a device, and where its layers go. ``docs/explanation/fit.md`` tells how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from .engines.llama.settings import settings_of
from .memory import Memory, Part, required, weights_of_spec
from .values import GpuKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .engines.llama.settings import LlamaSettings
    from .gguf import Weights
    from .values import Gpu, HardwareProfile, ModelShape, ModelSpec

_GREAT = 0.85
"""Of the room, what a great fit leaves the rest of for whatever else wants some"""
_SHOWN = 0.8
"""Of a device's whole memory, beyond which a model that does not fit is not even listed"""
_DISPLAY = 0.92
"""Of a graphics card's memory, what is left where nothing says how much is free"""
_IDLE = 0.6
"""Of the system's memory, the same"""
_DRIVER = {"cuda": 620 << 20, "rocm": 400 << 20, "vulkan": 150 << 20, "sycl": 300 << 20}
"""Bytes that a process has on a device before its first model: contexts, kernels, workspaces"""
_PHONE = 7 << 30
"""Bytes of memory of the smallest phone: 8 GB, of which the system keeps a little from all"""


class Verdict(StrEnum):
    GREAT = "Great fit"
    TIGHT = "Tight fit"
    WONT = "Won't fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    verdict: Verdict
    memory: Memory
    """As placed"""
    gpu_layers: int
    """Of the model's layers and its output, those on the GPU; the last ones"""
    gpu: Gpu | None
    """``None`` where all is on the CPU"""
    slow: bool
    """Whether layers run on the CPU, or other programs have to be moved out of memory"""
    evicts: bool = False
    """Whether the latter"""
    listed: bool = True
    """Whether it is worth showing: ``False`` for what would bring the device down"""
    reason: str = ""
    """What is wrong, where it is not a great fit"""


def fit(
    spec: ModelSpec,
    hardware: HardwareProfile,
    *,
    settings: LlamaSettings | None = None,
    shape: ModelShape | None = None,
    weights: Weights | None = None,
) -> Fit:
    """How a model fits. ``shape`` and ``weights`` are those of its file where that is here.

    ``settings.n_gpu_layers`` are the most layers that go to a GPU, where it is not ``None``.
    Raises ``ValueError`` for a model of no known shape.
    """
    shape = shape or spec.shape
    if shape is None:
        raise ValueError(f"the model '{spec.id}' has no shape")
    weights = weights or weights_of_spec(spec)
    settings = settings or settings_of(spec)
    gpus = usable_gpus(hardware)
    if not gpus or settings.n_gpu_layers == 0:
        return _on_cpu(required(shape, weights, settings, 0), hardware)
    if gpus[0].kind is GpuKind.DISCRETE:
        return _on_cards(shape, weights, settings, gpus, hardware)
    return _in_one_memory(shape, weights, settings, gpus[0], hardware)


def usable_gpus(hardware: HardwareProfile) -> tuple[Gpu, ...]:
    """Those that llama.cpp would put layers on: cards, or else the device that shares memory."""
    reached = [it for it in hardware.gpus if it.backends]
    cards = tuple(it for it in reached if it.kind is GpuKind.DISCRETE)
    if cards or not reached:
        return cards
    shared = next((it for it in reached if it.kind is GpuKind.UNIFIED), reached[0])
    if shared.kind is GpuKind.INTEGRATED and hardware.platform == "windows":
        return ()
    return (shared,)


def blocking_reason(models: Iterable[ModelSpec], hardware: HardwareProfile) -> str | None:
    """Why no model of the hub can be used on this device; ``None`` where some can."""
    if hardware.platform == "ios" and hardware.memory < _PHONE:
        return (
            f"{hardware.name or 'This device'} has {gigabytes(hardware.memory)} of memory: "
            "an iPhone 15 Pro or later, or an iPad with an M chip, is needed."
        )
    if hardware.platform == "windows" and not usable_gpus(hardware):
        return _no_card(hardware)
    fits = [fit(it, hardware) for it in models if hardware.platform in it.platforms]
    if all(it.verdict is Verdict.WONT for it in fits):
        least = min((it.memory.total for it in fits), default=0)
        return (
            f"The smallest model takes {gigabytes(least)} of memory, and this device has "
            f"{gigabytes(_free(hardware))} free. Close other programs and look again."
        )
    return None


def _no_card(hardware: HardwareProfile) -> str:
    cards = [it for it in hardware.gpus if it.kind is GpuKind.DISCRETE]
    if cards:
        return (
            f"{cards[0].name} cannot be used: llama.cpp was installed without Vulkan and CUDA. "
            "docs/how-to/gpu.md says how to install it for your card."
        )
    names = " and ".join(it.name for it in hardware.gpus)
    return (
        "On Windows the models need a graphics card with memory of its own, from NVIDIA, AMD or "
        f"Intel{f'; this device has {names}, which borrows memory' if names else ''}."
    )


def gigabytes(size: float) -> str:
    """In GiB, with one place below ten; in MiB below a tenth."""
    value = size / 2**30
    if value < 0.1:
        return f"{size / 2**20:.0f} MB"
    return f"{value:.1f} GB" if value < 9.95 else f"{value:.0f} GB"


def _free(hardware: HardwareProfile) -> int:
    """Bytes of system memory that can be had without moving others out."""
    if hardware.available is not None:
        return hardware.available
    return int(hardware.memory * _IDLE)


def _on_cpu(memory: Memory, hardware: HardwareProfile) -> Fit:
    room = _free(hardware)
    verdict = _verdict(memory.total, room)
    return Fit(
        verdict=verdict,
        memory=memory,
        gpu_layers=0,
        gpu=None,
        slow=True,
        listed=verdict is not Verdict.WONT or memory.total <= hardware.memory * _SHOWN,
        reason=_lacks(memory.total, room, "memory") if verdict is Verdict.WONT else "",
    )


def _on_cards(
    shape: ModelShape,
    weights: Weights,
    settings: LlamaSettings,
    gpus: tuple[Gpu, ...],
    hardware: HardwareProfile,
) -> Fit:
    room = sum(_room(it) for it in gpus)
    free = _free(hardware)
    for layers in range(_most_layers(shape, settings), 0, -1):
        memory = required(shape, weights, settings, layers)
        if memory.gpu.total <= room:
            break
    else:
        layers, memory = 0, required(shape, weights, settings, 0)
    whole = layers > shape.layers
    in_system = memory.cpu.total
    verdict = _verdict(memory.gpu.total, room) if whole else Verdict.TIGHT
    reason = ""
    if not whole:
        reason = f"{layers} of {shape.layers + 1} layers go to the graphics card"
    if in_system > free:
        verdict = Verdict.WONT
        reason = _lacks(in_system, free, "memory beside the graphics card's")
    everything = hardware.memory * _SHOWN + sum(it.memory for it in gpus)
    return Fit(
        verdict=verdict,
        memory=memory,
        gpu_layers=layers,
        gpu=gpus[0] if layers else None,
        slow=not whole,
        listed=verdict is not Verdict.WONT or memory.total <= everything,
        reason=reason,
    )


def _in_one_memory(
    shape: ModelShape,
    weights: Weights,
    settings: LlamaSettings,
    gpu: Gpu,
    hardware: HardwareProfile,
) -> Fit:
    layers = _most_layers(shape, settings)
    memory = required(shape, weights, settings, layers)
    if gpu.vendor == "apple" and shape.tied:
        # Metal and the CPU see the same pages of the file, so that no copy is made.
        part = memory.cpu
        memory = Memory(
            memory.gpu,
            Part(part.weights - weights.token_embedding, part.kv, part.state, part.compute),
        )
    need, free = memory.total, _free(hardware)
    limit = gpu.memory if gpu.vendor == "apple" else min(gpu.memory, hardware.memory)
    verdict = _verdict(need, limit)
    evicts = need > free
    reason = ""
    if verdict is Verdict.WONT:
        reason = _lacks(need, limit, "memory that the GPU may use")
    elif evicts:
        reason = "other programs have to be moved out of memory"
    return Fit(
        verdict=verdict,
        memory=memory,
        gpu_layers=layers,
        gpu=gpu,
        slow=evicts or layers <= shape.layers,
        evicts=evicts,
        listed=verdict is not Verdict.WONT or need <= hardware.memory * _SHOWN,
        reason=reason,
    )


def _most_layers(shape: ModelShape, settings: LlamaSettings) -> int:
    whole = shape.layers + 1
    return whole if settings.n_gpu_layers is None else min(whole, settings.n_gpu_layers)


def _room(gpu: Gpu) -> int:
    """Bytes of a card that a model may have."""
    free = gpu.free if gpu.free is not None else int(gpu.memory * _DISPLAY)
    return max(0, free - driver_memory(gpu))


def driver_memory(gpu: Gpu) -> int:
    """Bytes that its driver takes for a process, whatever the model."""
    return max((_DRIVER.get(it, 0) for it in gpu.backends), default=0)


def _verdict(need: int, room: int) -> Verdict:
    if need <= room * _GREAT:
        return Verdict.GREAT
    return Verdict.TIGHT if need <= room else Verdict.WONT


def _lacks(need: int, room: int, what: str) -> str:
    return f"it takes {gigabytes(need)} of {what}, and there is {gigabytes(room)}"
