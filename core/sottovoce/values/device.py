"""What this device is, and what is allowed on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Feature(StrEnum):
    """What can be turned off on a device."""

    SUMMARIES = "summaries"
    NOTES = "notes"
    CHAT = "chat"
    SUGGESTIONS = "suggestions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Somewhere that a plugin would connect to, or where it waits for connections."""

    host: str
    why: str
    """Whom it serves, and what is sent"""
    listens: bool = False
    """It waits for connections, from this machine alone: the host is 127.0.0.1"""


class GpuKind(StrEnum):
    DISCRETE = "discrete"
    """Memory of its own"""
    INTEGRATED = "integrated"
    """Borrows system memory through a driver, as on most PCs"""
    UNIFIED = "unified"
    """One memory with the CPU: Apple silicon, GB10"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    name: str
    memory: int
    """Bytes that a program may use at most; on Apple silicon the wired limit"""
    free: int | None = None
    """Bytes not in use now; ``None`` where nothing tells"""
    kind: GpuKind = GpuKind.DISCRETE
    vendor: str = ""
    """``nvidia``, ``amd``, ``intel``, ``apple``, or empty"""
    backends: tuple[str, ...] = ()
    """What this machine's llama.cpp reaches it through: ``cuda``, ``metal``, ``vulkan``, ``rocm``;
    empty where it was built for none of them"""
    bandwidth: float | None = None
    """Bytes per second between its memory and its processors"""
    driver: str | None = None
    """Version"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareProfile:
    """What a device has, as far as choosing and loading a model depends on it."""

    cpu_count: int
    """Physical cores that this process may use"""
    memory: int
    """Bytes"""
    gpus: tuple[Gpu, ...] = ()
    platform: str = "linux"
    """``linux``, ``macos``, ``windows``, ``ios``"""
    architecture: str = "x86_64"
    """``x86_64`` or ``arm64``"""
    name: str = ""
    """Of the processor or the device: "Apple M4 Pro", "iPhone 15 Pro" """
    available: int | None = None
    """Bytes of memory that programs can have without others being moved out; ``None`` unknown"""
    bandwidth: float | None = None
    """Bytes per second between memory and CPU, measured"""
    on_battery: bool | None = None
    """``None`` where there is no battery"""
