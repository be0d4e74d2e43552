"""A library of devices, as ``sottovoce.hardware.detect`` would describe them on an ordinary day."""

from __future__ import annotations

from sottovoce.hardware.apple import default_limit
from sottovoce.values import Gpu, GpuKind, HardwareProfile

GB = 1 << 30


def mac(chip: str, gigabytes: int, cores: int, free: float, bandwidth: float) -> HardwareProfile:
    gpu = Gpu(
        name=chip,
        memory=default_limit(gigabytes * GB),
        kind=GpuKind.UNIFIED,
        vendor="apple",
        backends=("metal",),
        bandwidth=bandwidth * 1e9,
    )
    return HardwareProfile(
        cpu_count=cores,
        memory=gigabytes * GB,
        gpus=(gpu,),
        platform="macos",
        architecture="arm64",
        name=chip,
        available=int(free * GB),
        bandwidth=bandwidth * 0.8e9,
        on_battery=False,
    )


def card(name: str, gigabytes: float, bandwidth: float, backend: str = "cuda") -> Gpu:
    return Gpu(
        name=name,
        memory=int(gigabytes * GB),
        free=int(gigabytes * 0.94 * GB),  # the desktop has the rest
        vendor="nvidia",
        backends=(backend,),
        bandwidth=bandwidth * 1e9,
        driver="581.42",
    )


MACBOOK_AIR_8 = mac("Apple M2", 8, 8, 4.0, 100)
MACBOOK_AIR_16 = mac("Apple M4", 16, 10, 10.0, 120)
MACBOOK_PRO_24 = mac("Apple M4 Pro", 24, 12, 16, 273)
MACBOOK_PRO_36 = mac("Apple M3 Max", 36, 14, 26, 400)
MACBOOK_PRO_128 = mac("Apple M5 Max", 128, 18, 110, 614)

DESKTOP_4080 = HardwareProfile(
    cpu_count=8,
    memory=32 * GB,
    gpus=(card("NVIDIA GeForce RTX 4080", 16, 717),),
    platform="windows",
    name="AMD Ryzen 7 7800X3D",
    available=22 * GB,
    bandwidth=60e9,
)
DESKTOP_7900_XTX = HardwareProfile(
    cpu_count=12,
    memory=64 * GB,
    gpus=(
        Gpu(name="AMD Radeon RX 7900 XTX", memory=24 * GB, free=int(23.2 * GB), vendor="amd",
            backends=("vulkan",), bandwidth=960e9, driver="32.0.21025.1024"),
    ),
    platform="windows",
    name="AMD Ryzen 9 9900X",
    available=50 * GB,
    bandwidth=70e9,
)  # fmt: skip
LAPTOP_4060 = HardwareProfile(
    cpu_count=8,
    memory=16 * GB,
    gpus=(
        card("NVIDIA GeForce RTX 4060 Laptop GPU", 8, 256, "vulkan"),
        Gpu(name="Intel(R) UHD Graphics", memory=8 * GB, kind=GpuKind.INTEGRATED, vendor="intel",
            backends=("vulkan",)),
    ),
    platform="windows",
    name="Intel Core i7-13700H",
    available=9 * GB,
    bandwidth=50e9,
    on_battery=False,
)  # fmt: skip
INTEL_INTEGRATED = HardwareProfile(
    cpu_count=10,
    memory=16 * GB,
    gpus=(
        Gpu(name="Intel(R) Iris(R) Xe Graphics", memory=8 * GB, kind=GpuKind.INTEGRATED,
            vendor="intel", backends=("vulkan",)),
    ),
    platform="windows",
    name="Intel Core i7-1260P",
    available=9 * GB,
    bandwidth=45e9,
    on_battery=True,
)  # fmt: skip
LINUX_CPU = HardwareProfile(
    cpu_count=8,
    memory=32 * GB,
    name="AMD Ryzen 7 5700G",
    available=26 * GB,
    bandwidth=40e9,
)
H200 = HardwareProfile(
    cpu_count=16,
    memory=128 * GB,
    gpus=(
        Gpu(name="NVIDIA H200", memory=int(139.8 * GB), free=int(139.3 * GB), vendor="nvidia",
            backends=("cuda",), bandwidth=4.8e12, driver="570.124"),
    ),
    name="Intel Xeon Platinum 8568Y+",
    available=120 * GB,
    bandwidth=200e9,
)  # fmt: skip


def phone(name: str, chip: str, gigabytes: float, limit: float) -> HardwareProfile:
    """``limit`` is what the system lets one program have, in GiB."""
    gpu = Gpu(
        name=f"Apple {chip}",
        memory=int(limit * GB),
        kind=GpuKind.UNIFIED,
        vendor="apple",
        backends=("metal",),
    )
    return HardwareProfile(
        cpu_count=6,
        memory=int(gigabytes * GB),
        gpus=(gpu,),
        platform="ios",
        architecture="arm64",
        name=name,
        available=int(limit * GB),
        on_battery=True,
    )


IPHONE_15_PRO = phone("iPhone 15 Pro", "A17 Pro", 7.5, 5.0)
IPHONE_14 = phone("iPhone 14", "A15", 5.6, 3.2)

PROFILES = {
    "MacBook Air, 8 GB": MACBOOK_AIR_8,
    "MacBook Air, 16 GB": MACBOOK_AIR_16,
    "MacBook Pro M4 Pro, 24 GB": MACBOOK_PRO_24,
    "MacBook Pro M3 Max, 36 GB": MACBOOK_PRO_36,
    "MacBook Pro M5 Max, 128 GB": MACBOOK_PRO_128,
    "Desktop with an RTX 4080, Windows": DESKTOP_4080,
    "Desktop with an RX 7900 XTX, Windows": DESKTOP_7900_XTX,
    "Laptop with 8 GB of graphics memory, Windows": LAPTOP_4060,
    "Intel integrated graphics, Windows": INTEL_INTEGRATED,
    "Linux without a graphics card": LINUX_CPU,
    "NVIDIA H200, Linux": H200,
    "iPhone 15 Pro": IPHONE_15_PRO,
    "iPhone 14": IPHONE_14,
}
