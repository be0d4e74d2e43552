"""AMD's and Intel's graphics processors on Linux, from what the kernel says of them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from ..values import Gpu, GpuKind

_ROOT = Path("/sys/class/drm")
_VENDORS = {"0x1002": "amd", "0x8086": "intel"}
NAMELESS = defaultdict(str, amd="AMD graphics", intel="Intel graphics")
"""What a device is called that says only who made it, by its vendor"""
_SMALLEST = 2 << 30
"""Bytes of memory of its own below which a device borrows the system's"""
_PART_OF_PROCESSOR = "0000:00:02.0"
"""Where Intel's processors have theirs on the PCI bus"""


def find(root: Path = _ROOT) -> list[Gpu]:
    if not root.is_dir():
        return []
    cards = sorted(it for it in root.iterdir() if it.name.startswith("card") and "-" not in it.name)
    found = (_read(card / "device") for card in cards)
    return [gpu for gpu in found if gpu is not None]


def _read(device: Path) -> Gpu | None:
    vendor = _VENDORS.get(_text(device / "vendor"))
    if vendor is None:
        return None
    total = int(_text(device / "mem_info_vram_total") or 0)
    used = int(_text(device / "mem_info_vram_used") or 0)
    borrowed = int(_text(device / "mem_info_gtt_total") or 0)
    integrated = total < _SMALLEST
    if vendor == "intel":  # its drivers do not tell; what is part of the processor has one place
        integrated = device.resolve().name == _PART_OF_PROCESSOR
    name = _text(device / "product_name") or NAMELESS[vendor]
    return Gpu(
        name=name,
        memory=total + borrowed if integrated else total,
        free=total - used if total and not integrated else None,
        kind=GpuKind.INTEGRATED if integrated else GpuKind.DISCRETE,
        vendor=vendor,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
