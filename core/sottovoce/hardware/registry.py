"""AMD's and Intel's graphics processors on Windows, from the registry: it answers at once."""

from __future__ import annotations

import sys

from ..values import Gpu, GpuKind

_DISPLAYS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_SMALLEST = 2 << 30
_VENDORS = {"AMD": "amd", "Radeon": "amd", "Intel": "intel", "NVIDIA": "nvidia"}


def find() -> list[Gpu]:
    """All of them, NVIDIA's too; ``gpus.find_gpus`` leaves out what is known better."""
    if sys.platform != "win32":
        return []
    import winreg

    found = []
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _DISPLAYS) as displays:
        for i in range(winreg.QueryInfoKey(displays)[0]):
            name = winreg.EnumKey(displays, i)
            if not name.isdigit():
                continue
            with winreg.OpenKey(displays, name) as key:
                values = {}
                for n in range(winreg.QueryInfoKey(key)[1]):
                    label, value, _ = winreg.EnumValue(key, n)
                    values[label] = value
            if gpu := _read(values):
                found.append(gpu)
    return found


def _read(values: dict[str, object]) -> Gpu | None:
    name = str(values.get("DriverDesc", ""))
    vendor = next((it for word, it in _VENDORS.items() if word in name), None)
    if vendor is None:
        return None
    size = values.get("HardwareInformation.qwMemorySize", 0)
    memory = int.from_bytes(size, "little") if isinstance(size, bytes) else int(str(size) or 0)
    integrated = memory < _SMALLEST
    return Gpu(
        name=name,
        memory=memory,
        kind=GpuKind.INTEGRATED if integrated else GpuKind.DISCRETE,
        vendor=vendor,
        driver=str(values.get("DriverVersion")) if values.get("DriverVersion") else None,
    )
