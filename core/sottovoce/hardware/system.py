"""Processor, memory, power."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import psutil

_PLATFORMS = {"linux": "linux", "darwin": "macos", "win32": "windows", "ios": "ios"}
_CGROUP = Path("/sys/fs/cgroup")


def platform_name() -> str:
    return _PLATFORMS.get(sys.platform, sys.platform)


def architecture() -> str:
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "aarch64": "arm64"}.get(machine, machine)


def physical_cores() -> int:
    """Cores that this process may use, as far as its container lets it."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    process = psutil.Process()
    allowed = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else cores
    return max(1, min(cores, allowed, _cgroup_cores() or cores))


def _cgroup_cores() -> int | None:
    """Of the control group that a container is: its share of time, "200000 100000" for two."""
    quota, _, period = _cgroup_text("cpu.max").partition(" ")
    return -(-int(quota) // int(period)) if quota.isdigit() and period.isdigit() else None


def total_memory() -> int:
    """Bytes, as far as this process may have them."""
    total = int(psutil.virtual_memory().total)
    return min(total, _cgroup_number("memory.max") or total)


def available_memory() -> int:
    """Bytes that can be had without others being moved out of memory."""
    available = int(psutil.virtual_memory().available)
    limit, used = _cgroup_number("memory.max"), _cgroup_number("memory.current")
    return available if limit is None or used is None else min(available, max(0, limit - used))


def _cgroup_number(name: str) -> int | None:
    """Of the control group that a container is; ``None`` where there is no limit."""
    text = _cgroup_text(name)
    return int(text) if text.isdigit() else None


def _cgroup_text(name: str) -> str:
    try:
        return (_CGROUP / name).read_text().strip()
    except OSError:
        return ""


def on_battery() -> bool | None:
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return None if battery is None or battery.power_plugged is None else not battery.power_plugged


def processor_name() -> str:
    match sys.platform:
        case "linux":
            return _from_cpuinfo() or platform.processor() or platform.machine()
        case "darwin":
            return sysctl("machdep.cpu.brand_string") or platform.processor()
        case "win32":
            return _from_registry() or platform.processor()
        case _:
            return platform.processor()


def _from_cpuinfo() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    names = [it.partition(":")[2].strip() for it in lines if it.startswith("model name")]
    return names[0] if names else ""


def _from_registry() -> str:
    """As the maker calls it: ``platform.processor`` has only family and stepping."""
    if sys.platform != "win32":
        return ""
    import winreg

    try:
        with winreg.OpenKey(
            winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        ) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    except OSError:
        return ""


def sysctl(name: str) -> str:
    """A value of the macOS kernel; empty where there is none of that name."""
    done = subprocess.run(
        ["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
