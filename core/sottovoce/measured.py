"""What was measured on this device, kept by device: it says nothing of another one."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from .atomic import locked, replace_text
from .bench import Measured
from .errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from .values import HardwareProfile

log = logging.getLogger(__name__)

_BETTER = 1.02
"""Times what is kept, from which on a bandwidth is worth writing down"""


def device_key(hardware: HardwareProfile) -> str:
    """The same for as long as nothing is changed that a model's speed depends on."""
    gpus = [f"{it.name} ({'/'.join(it.backends)})" for it in hardware.gpus if it.backends]
    memory = round(hardware.memory / 2**30)
    return ", ".join([hardware.name, f"{hardware.cpu_count} cores", f"{memory} GB", *gpus])


def load_speeds(path: Path, hardware: HardwareProfile) -> dict[str, Measured]:
    """By the id of the model. Raises ``ModelError`` where the file is damaged."""
    rows = _of(_read(path), hardware)["models"]
    return {id: Measured(row["generation"], row["prefill"]) for id, row in rows.items()}


def save_speed(path: Path, hardware: HardwareProfile, id: str, measured: Measured) -> None:
    """Keep a speed in place of what was measured before. Raises ``ModelError``."""
    with locked(path, ModelError):
        devices = _read(path)
        row = {"generation": measured.generation, "prefill": measured.prefill}
        _of(devices, hardware)["models"][id] = row
        replace_text(path, json.dumps(devices, indent=2), ModelError)


def forget_speed(path: Path, id: str) -> None:
    """Drop what was measured of a model, on all devices: its id may mean another file later."""
    if not path.exists():
        return
    with locked(path, ModelError):
        devices = _read(path)
        for device in devices.values():
            device["models"].pop(id, None)
        replace_text(path, json.dumps(devices, indent=2), ModelError)


def best_bandwidth(path: Path, hardware: HardwareProfile, now: float) -> float:
    """The best that memory was measured at here, this time included, in bytes per second.

    Other programs can only make it less than it is: without this the list of models would change
    with whatever else runs. Raises ``ModelError`` where the file is damaged.
    """
    kept = float(_of(_read(path), hardware)["bandwidth"])
    if now <= kept * _BETTER:
        return max(now, kept)
    try:
        with locked(path, ModelError):
            devices = _read(path)
            _of(devices, hardware)["bandwidth"] = now
            replace_text(path, json.dumps(devices, indent=2), ModelError)
    except ModelError as error:
        log.info("the bandwidth is not kept: %s", error)  # it is as good for this time
    return now


def _of(devices: dict[str, Any], hardware: HardwareProfile) -> dict[str, Any]:
    row: dict[str, Any] = devices.setdefault(device_key(hardware), {"bandwidth": 0.0, "models": {}})
    return row


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("not an object")
        for device in found.values():
            float(device["bandwidth"])
            for row in device["models"].values():
                Measured(float(row["generation"]), float(row["prefill"]))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is damaged ({error}); delete it and measure again") from error
    return found
