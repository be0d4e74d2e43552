"""``sotto config``: what local AI may do on this device, and with what."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import device
from ..errors import ConfigError, UsageError
from ..values import Feature, ModelTask
from .asking import confirmed
from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "config",
        help="show and change what is set on this device",
        description="What local AI may do on this device, and with what: device.toml.",
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run_show)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    command = actions.add_parser("show", help="show every setting (the default)")
    command.add_argument("--json", action="store_true", help="print as JSON")
    command.set_defaults(run=run_show)

    command = actions.add_parser("get", help="print one setting")
    command.add_argument("key", metavar="KEY")
    command.set_defaults(run=run_get)

    command = actions.add_parser("set", help="change one setting")
    command.add_argument("key", metavar="KEY")
    command.add_argument("value", metavar="VALUE", help="a list is separated by commas")
    command.set_defaults(run=run_set)

    command = actions.add_parser("reset", help="go back to the default, of one setting or of all")
    command.add_argument("key", nargs="?", metavar="KEY")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.set_defaults(run=run_reset)


def _effective(host: Host) -> dict[str, Any]:
    """Every key with what holds; ``None`` where that is found out when it is needed."""
    chosen = device.values(host.home.device)
    defaults: dict[str, Any] = {
        "enabled": True,
        **{f"features.{it}": it in device.DeviceConfig().features for it in Feature},
        **{f"models.{it}": f"starter-{_STARTER[it]}" for it in ModelTask},
        "engine.kv_type": "f16",
        "speech.vocabulary": [],
        "speech.profiles": False,
        "notes.folder": str(host.home.notes),
        "plugins.off": [],
    }
    return {key: chosen.get(key, defaults.get(key)) for key in device.KEYS}


_STARTER = {ModelTask.TRANSCRIPTION: "speech", ModelTask.GENERATION: "notes"}


def run_show(host: Host, arguments: Namespace) -> int:
    settings = _effective(host)
    if arguments.json:
        print_json({"file": str(host.home.device), "settings": settings})
        return 0
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    chosen = device.values(host.home.device)
    table = Table(box=None, pad_edge=False)
    for column in ("Setting", "Value", "Meaning"):
        table.add_column(column, overflow="fold")
    for key, value in settings.items():
        style = "bold" if key in chosen else ""
        table.add_row(Text(key), Text(_shown(key, value), style=style), Text(device.KEYS[key][1]))
    console = Console()
    console.print(table)
    where = host.home.device
    there = "" if where.exists() else " (not there yet: these are the defaults)"
    console.print(Text(f"\n{where}{there}"), soft_wrap=True)
    return 0


_FOUND = {
    "engine.n_ctx": "the model's own",
    "engine.n_threads": "the processor's cores",
    "engine.n_gpu_layers": "as many as fit",
    "speech.language": "found by listening",
    "speech.device": "the best there is",
}
"""What holds where nothing is set, as a person reads it"""


def _shown(key: str, value: Any) -> str:
    match value:
        case None:
            return _FOUND[key]
        case bool():
            return "on" if value else "off"
        case list():
            return ", ".join(value) or "none"
        case _:
            return str(value)


def run_get(host: Host, arguments: Namespace) -> int:
    settings = _effective(host)
    if arguments.key not in settings:
        raise ConfigError(f"there is no setting '{arguments.key}'; known: {', '.join(device.KEYS)}")
    print(_shown(arguments.key, settings[arguments.key]))
    return 0


def run_set(host: Host, arguments: Namespace) -> int:
    value = device.parse(arguments.key, arguments.value)
    if arguments.key == "notes.folder":
        value = _existing_folder(value)
    section, _, name = arguments.key.partition(".")
    if section == "models":
        _check_model(host, ModelTask(name), value)
    if arguments.key == "plugins.off":
        check_plugins(host, value)
    device.change(host.home.device, {arguments.key: value})
    return 0


def _existing_folder(typed: str) -> str:
    folder = Path(typed).expanduser().absolute()
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}; create it first")
    return str(folder)


def _check_model(host: Host, task: ModelTask, id: str) -> None:
    spec = host.models.get(id)
    if spec is None or spec.task is not task:
        known = ", ".join(it.id for it in host.models.values() if it.task is task)
        raise ConfigError(f"no {task} model '{id}'; known: {known}")
    if spec.package is None and id not in host.store.installed():
        print(f"sotto: it is not installed yet: sotto models install {id}", file=sys.stderr)


def check_plugins(host: Host, names: list[str]) -> None:
    """Raises ``ConfigError`` for what is no plugin, or cannot be turned off."""
    known = host.plugins.origins()
    for name in names:
        if name == "commands":
            raise ConfigError("'commands' is this command itself and cannot be off")
        if name not in known:
            raise ConfigError(f"no plugin '{name}'; installed: {', '.join(known)}")


def run_reset(host: Host, arguments: Namespace) -> int:
    if arguments.key is not None:
        device.change(host.home.device, {arguments.key: None})
        return 0
    path = host.home.device
    if not path.exists():
        print("Nothing was set.")
        return 0
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise UsageError("nothing was changed: say --yes to reset without being asked")
        if not confirmed(f"Put all of {path} back to the defaults?"):
            print("Nothing was changed.")
            return 1
    kept = path.with_name(path.name + ".before")
    path.replace(kept)
    print(f"The defaults hold again. What was set is in {kept}")
    return 0
