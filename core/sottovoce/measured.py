"""Speeds that were measured, kept by device: they say nothing of another one."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import filelock

from .bench import Measured
from .errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from .values import HardwareProfile


def device_key(hardware: HardwareProfile) -> str:
    """The same for as long as nothing is changed that a model's speed depends on."""
    gpus = [f"{it.name} ({'/'.join(it.backends)})" for it in hardware.gpus if it.backends]
    memory = round(hardware.memory / 2**30)
    return ", ".join([hardware.name, f"{hardware.cpu_count} cores", f"{memory} GB", *gpus])


def load_speeds(path: Path, hardware: HardwareProfile) -> dict[str, Measured]:
    """By the id of the model. Raises ``ModelError`` where the file is damaged."""
    rows = _read(path).get(device_key(hardware), {})
    return {id: Measured(row["generation"], row["prefill"]) for id, row in rows.items()}


def save_speed(path: Path, hardware: HardwareProfile, id: str, measured: Measured) -> None:
    """Keep a speed in place of what was measured before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_suffix(".lock")):
        devices = _read(path)
        row = {"generation": measured.generation, "prefill": measured.prefill}
        devices.setdefault(device_key(hardware), {})[id] = row
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(devices, indent=2), encoding="utf-8")
        temporary.replace(path)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("not an object")
        for rows in found.values():
            for row in rows.values():
                Measured(float(row["generation"]), float(row["prefill"]))
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is damaged ({error}); delete it and measure again") from error
    return found
