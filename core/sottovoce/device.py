"""``device.toml``: what the person chose for local AI on this device, and the gate that asks it.

The file names the device that it was written on. On another one it is refused: the right models
depend on the hardware, so nothing of it is to be synced.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import locked, replace_text
from .errors import ConfigError
from .values import EngineSettings, Feature, ModelTask

if TYPE_CHECKING:
    from collections.abc import Mapping

_ABOUT = (
    "Local AI on this device. 'sotto config' shows and changes it, and so may you.\n"
    "It is bound to this device and refused on others: do not sync it."
)
_KV_TYPES = ("f16", "q8_0")
_DEVICES = ("cpu", "cuda")
KEYS: dict[str, tuple[type, str]] = {
    "enabled": (bool, "whether anything is transcribed or written on this device at all"),
    "features.summaries": (bool, "whether notes have a summary"),
    "features.notes": (bool, "whether notes are taken of what was transcribed"),
    "features.chat": (bool, "whether questions about meetings are answered"),
    "features.suggestions": (bool, "whether something is suggested during a meeting"),
    "models.transcription": (str, "the model that transcribes"),
    "models.generation": (str, "the language model"),
    "engine.n_ctx": (int, "tokens that the language model has room for"),
    "engine.n_threads": (int, "threads that it computes with"),
    "engine.n_gpu_layers": (int, "layers that are put on the graphics card"),
    "engine.kv_type": (str, f"of keys and values: {' or '.join(_KV_TYPES)}"),
    "speech.language": (str, "the language that is spoken, where it need not be found"),
    "speech.vocabulary": (list, "names and terms that the transcription is to know"),
    "speech.device": (str, f"where Whisper computes: {' or '.join(_DEVICES)}"),
    "speech.profiles": (bool, "whether people are recognised by the voices that were learned"),
    "notes.folder": (str, "where notes are written: a folder, or a vault"),
    "plugins.off": (list, "plugins that are not loaded"),
}
"""Every key, its type, and what it is"""
_LOWEST = {"engine.n_ctx": 256, "engine.n_threads": 1, "engine.n_gpu_layers": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """What ``device.toml`` says; without the file, these defaults."""

    enabled: bool = True
    features: frozenset[Feature] = frozenset(Feature) - {Feature.SUGGESTIONS}
    """Those that are on. Suggestions keep the machine busy, and so are asked for."""
    models: Mapping[ModelTask, str] = field(default_factory=dict)
    """Ids, for the tasks for which the person chose"""
    engine: EngineSettings = field(default_factory=EngineSettings)
    notes: Path | None = None
    plugins_off: tuple[str, ...] = ()
    speech_language: str = ""
    """ISO 639-1"""
    speech_vocabulary: tuple[str, ...] = ()
    speech_device: str = ""
    """As CTranslate2 names it; empty: the best that there is"""
    speech_profiles: bool = False


@lru_cache
def identity() -> str:
    """This device, as a hash of its machine id and hardware. It is never sent anywhere."""
    import psutil

    # In steps of 4 GiB: what the firmware keeps of the memory differs a little between starts.
    memory = round(psutil.virtual_memory().total / (4 << 30))
    parts = (_machine_id(), _processor(), platform.machine(), str(memory))
    return hashlib.sha256("\n".join(("sottovoce", *parts)).encode()).hexdigest()[:32]


def _machine_id() -> str:
    if sys.platform == "darwin":
        command = ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [it for it in done.stdout.splitlines() if "IOPlatformUUID" in it]
        return lines[0].partition("=")[2].strip(' "') if lines else platform.node()
    if sys.platform == "win32":
        import winreg

        key = winreg.OpenKey(
            winreg.HKEY_LOCAL_MACHINE,
            r"SOFTWARE\Microsoft\Cryptography",
            access=winreg.KEY_READ | winreg.KEY_WOW64_64KEY,
        )
        return str(winreg.QueryValueEx(key, "MachineGuid")[0])
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        if path.is_file() and (text := path.read_text(errors="replace").strip()):
            return text
    return platform.node()


def _processor() -> str:
    from .hardware.system import processor_name

    return processor_name()


def load(path: Path) -> DeviceConfig:
    """What the file says. Raises ``ConfigError`` where it is damaged or another device's."""
    table = _read(path)
    if not table:
        return DeviceConfig()
    if table.get("device") != identity():
        raise ConfigError(
            f"{path} was written on another device, or before this one's hardware changed; which "
            "models are right depends on the hardware, so choose for this one: 'sotto setup', or "
            "'sotto config reset' for the defaults"
        )
    values = _flat(path, table)
    return DeviceConfig(
        enabled=values.get("enabled", True),
        features=frozenset(
            it for it in Feature if values.get(f"features.{it}", it is not Feature.SUGGESTIONS)
        ),
        models={it: values[key] for it in ModelTask if (key := f"models.{it}") in values},
        engine=EngineSettings(
            **{key.partition(".")[2]: it for key, it in values.items() if key.startswith("engine.")}
        ),
        notes=Path(values["notes.folder"]).expanduser() if "notes.folder" in values else None,
        plugins_off=tuple(values.get("plugins.off", ())),
        speech_language=values.get("speech.language", ""),
        speech_vocabulary=tuple(values.get("speech.vocabulary", ())),
        speech_device=values.get("speech.device", ""),
        speech_profiles=values.get("speech.profiles", False),
    )


def plugins_off(path: Path) -> tuple[str, ...] | None:
    """The plugins that are off, also in another device's file; ``None`` where it is damaged."""
    try:
        return tuple(_flat(path, _read(path)).get("plugins.off", ()))
    except ConfigError:
        return None


def values(path: Path) -> dict[str, Any]:
    """What is set, by key. Raises ``ConfigError`` as ``load`` does."""
    load(path)
    return _flat(path, _read(path))


def parse(key: str, text: str) -> Any:
    """The value of a key from what a person typed. Raises ``ConfigError``."""
    kind, _ = _kind(key)
    if kind is list:
        return [it.strip() for it in text.split(",") if it.strip()]
    if kind is bool:
        if text.lower() in ("true", "on", "yes", "false", "off", "no"):
            return text.lower() in ("true", "on", "yes")
        raise ConfigError(f"{key} is on or off, not '{text}'")
    if kind is int:
        if not text.isascii() or not text.isdigit():
            raise ConfigError(f"{key} is a whole number, not '{text}'")
        return _checked(key, int(text))
    return _checked(key, text)


def change(path: Path, changes: Mapping[str, Any], *, anew: bool = False) -> None:
    """Set keys (``None`` removes one) and keep the rest, a person's comments included.

    ``anew`` binds the file to this device whosever it was, without the models and settings that
    were chosen for that one. Raises ``ConfigError``.
    """
    import tomlkit

    with locked(path, ConfigError):
        if not anew:
            load(path)  # a damaged or foreign file is not written over
        table = _read(path) if path.exists() else {}
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if table else tomlkit.document()
        if not table:
            for line in _ABOUT.splitlines():
                document.add(tomlkit.comment(line))
        if table and table.get("device") != identity():
            for section in ("models", "engine"):  # chosen for other hardware
                document.pop(section, None)
        document["device"] = identity()
        for key, value in changes.items():
            _kind(key)
            section, _, name = key.rpartition(".")
            if section and section not in document:
                document[section] = tomlkit.table()
            target: Any = document[section] if section else document
            if value is None:
                target.pop(name, None)
            else:
                target[name] = value
        _flat(path, tomllib.loads(text := tomlkit.dumps(document)))
        replace_text(path, text, ConfigError)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is damaged: {error}; mend it, or go back to the defaults with "
            "'sotto config reset'"
        ) from error


def _flat(path: Path, table: dict[str, Any]) -> dict[str, Any]:
    """By key, each known and of its type."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found.update({f"{name}.{inner}": it for inner, it in value.items()})
        elif name != "device":
            found[name] = value
    try:
        return {key: _checked(key, value) for key, value in found.items()}
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}; mend it, or 'sotto config reset'") from error


def _kind(key: str) -> tuple[type, str]:
    if key not in KEYS:
        raise ConfigError(f"there is no setting '{key}'; known: {', '.join(KEYS)}")
    return KEYS[key]


def _checked(key: str, value: Any) -> Any:
    kind: Any = _kind(key)[0]
    names_only = not isinstance(value, list) or all(isinstance(it, str) for it in value)
    if type(value) is not kind or not names_only:
        names = {bool: "true or false", int: "a whole number", str: "text", list: "a list of names"}
        raise ConfigError(f"{key} is {value!r}, and not {names[kind]}")
    if key in _LOWEST and value < _LOWEST[key]:
        raise ConfigError(f"{key} is {value}, and {_LOWEST[key]} is the least")
    if key == "engine.kv_type" and value not in _KV_TYPES:
        raise ConfigError(f"{key} is '{value}', and not {' or '.join(_KV_TYPES)}")
    if key == "speech.device" and value not in _DEVICES:
        raise ConfigError(f"{key} is '{value}', and not {' or '.join(_DEVICES)}")
    if kind is str and not value:
        raise ConfigError(f"{key} is empty")
    return value
