"""``sotto device``: what this device has, as far as models depend on it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host
    from ..values import Gpu, HardwareProfile

_KINDS = {
    "discrete": "memory of its own",
    "integrated": "borrows system memory",
    "unified": "one memory with the CPU",
}
_PLATFORMS = {"linux": "Linux", "macos": "macOS", "windows": "Windows", "ios": "iOS"}


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "device",
        help="show this device's hardware and what is wrong with its drivers",
        description="The hardware, as far as models depend on it.",
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    from sottovoce_catalog import advisories

    from .models import measured_hardware

    hardware = measured_hardware(host)
    warnings = advisories(hardware)
    if arguments.json:
        print_json(dataclasses.asdict(hardware) | {"advisories": list(warnings)})
        return 0
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in rows(hardware):
        table.add_row(Text(name, style="dim"), Text(value))
    console = Console()
    console.print(table)
    for warning in warnings:
        console.print(Text(f"Warning: {warning}", style="yellow"))
    return 0


def rows(hardware: HardwareProfile) -> list[tuple[str, str]]:
    from ..fit import gigabytes

    platform = _PLATFORMS.get(hardware.platform, hardware.platform)
    memory = gigabytes(hardware.memory)
    if hardware.available is not None:
        memory += f", {gigabytes(hardware.available)} of them free"
    if hardware.bandwidth:
        memory += f", {hardware.bandwidth / 1e9:.0f} GB/s measured"
    found = [
        ("System", f"{platform}, {hardware.architecture}"),
        ("Processor", f"{hardware.name}, {hardware.cpu_count} cores"),
        ("Memory", memory),
    ]
    found += [("Graphics", _gpu(it)) for it in hardware.gpus]
    if not hardware.gpus:
        found.append(("Graphics", "none found; models run on the CPU"))
    if hardware.on_battery is not None:
        found.append(("Power", "battery" if hardware.on_battery else "mains"))
    return found


def _gpu(gpu: Gpu) -> str:
    from ..fit import gigabytes

    size = f"{gigabytes(gpu.memory)} ({_KINDS[gpu.kind]})" if gpu.memory else _KINDS[gpu.kind]
    parts = [gpu.name, size]
    if gpu.free is not None:
        parts.append(f"{gigabytes(gpu.free)} free")
    if gpu.bandwidth:
        parts.append(f"{gpu.bandwidth / 1e9:.0f} GB/s")
    if gpu.driver:
        parts.append(f"driver {gpu.driver}")
    parts.append(f"used through {' and '.join(gpu.backends)}" if gpu.backends else "not used: this "
                 "llama.cpp was installed without support for it")  # fmt: skip
    return ", ".join(parts)
