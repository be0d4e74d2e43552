"""What is known of graphics processors and their drivers: ``gpus.toml``, ``advisories.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sottovoce.values import Gpu, HardwareProfile

_FLOP_PER_BYTE = 30.0
"""Of a device whose computing power is not known; most have more"""


@dataclass(frozen=True, slots=True)
class GpuFacts:
    bandwidth: float
    """Bytes per second"""
    compute: float
    """Floating-point operations per second that a prompt is read with"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """A driver that is known to break something."""

    message: str
    vendor: str
    backend: str
    platform: str
    gpu: str
    """Regular expression for the name"""
    since: str
    fixed: str

    def concerns(self, gpu: Gpu, platform: str) -> bool:
        if gpu.driver is None or not re.search(self.gpu, gpu.name):
            return False
        if (gpu.vendor, platform) != (self.vendor, self.platform):
            return False
        version = _version(gpu.driver)
        return self.backend in gpu.backends and _version(self.since) <= version < _version(
            self.fixed
        )


def gpu_facts(name: str) -> GpuFacts | None:
    """What the table says of a device with this name."""
    words = set(re.findall(r"[a-z0-9]+", name.lower()))
    known = [key for key in _gpus() if set(key.split()) <= words]
    return _gpus()[max(known, key=lambda key: len(key.split()))] if known else None


def compute_of(bandwidth: float) -> float:
    """A guess at the computing power of a device of which only the bandwidth is known."""
    return _FLOP_PER_BYTE * bandwidth


def advisories(hardware: HardwareProfile) -> tuple[str, ...]:
    """What there is to say of this device's drivers, each once."""
    found = [
        f"{gpu.name}: {advisory.message}"
        for gpu in hardware.gpus
        for advisory in load_advisories()
        if advisory.concerns(gpu, hardware.platform)
    ]
    return tuple(dict.fromkeys(found))


@cache
def load_advisories() -> tuple[Advisory, ...]:
    return tuple(Advisory(**table) for table in _read("advisories.toml")["advisories"])


@cache
def _gpus() -> dict[str, GpuFacts]:
    found = {}
    for name, table in _read("gpus.toml")["gpus"].items():
        bandwidth = table["bandwidth"] * 1e9
        found[name] = GpuFacts(bandwidth, table.get("compute", 0) * 1e12 or compute_of(bandwidth))
    return found


def _read(file: str) -> dict[str, Any]:
    return tomllib.loads((files("sottovoce_catalog") / file).read_text(encoding="utf-8"))


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))
