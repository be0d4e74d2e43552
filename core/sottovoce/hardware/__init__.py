"""What this device has: processor, memory, graphics processors, drivers, power.

system.py      processor, cores, memory, battery, platform
bandwidth.py   how fast memory is, measured
gpus.py        graphics processors, put together from the next four
nvml.py        NVIDIA's management library
ggml.py        what this machine's llama.cpp can compute on
sysfs.py       AMD and Intel on Linux
registry.py    AMD and Intel on Windows
apple.py       Apple silicon
"""

from __future__ import annotations

from ..values import HardwareProfile
from .bandwidth import measure_bandwidth
from .gpus import find_gpus
from .system import (
    architecture,
    available_memory,
    on_battery,
    physical_cores,
    platform_name,
    processor_name,
    total_memory,
)

__all__ = ["detect", "measure_bandwidth"]


def detect() -> HardwareProfile:
    """This device now. Memory bandwidth is not in it: measuring it takes a moment."""
    platform = platform_name()
    memory = total_memory()
    name = processor_name()
    return HardwareProfile(
        cpu_count=physical_cores(),
        memory=memory,
        gpus=find_gpus(platform, architecture(), name, memory),
        platform=platform,
        architecture=architecture(),
        name=name,
        available=available_memory(),
        on_battery=on_battery(),
    )
