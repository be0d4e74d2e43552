"""``sotto plugins``: what is installed, what each plugin adds, and what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import device
from ..errors import UsageError
from . import new_plugin
from .config import check_plugins
from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host

_REGISTERING = (
    "register_audio_sources",
    "register_note_exporters",
    "register_suggestion_overlays",
    "register_models",
    "register_connections",
)


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "plugins", help="list the plugins and what failed in them", description="The plugins."
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    for name, help in (("off", "do not load plugins any more"), ("on", "load them again")):
        command = actions.add_parser(name, help=help)
        command.add_argument("plugins", nargs="+", metavar="NAME")
        command.set_defaults(run=run_switch, on=name == "on")
    new_plugin.fill(actions.add_parser("new", help="write the package of a new plugin"))


def run(host: Host, arguments: Namespace) -> int:
    for hook in _REGISTERING:
        host.plugins.collect(hook)
    failures = host.failures()
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "distribution": origin,
            "hooks": host.plugins.hooks_of(name),
            "failures": [it for it in failures if it["plugin"] == name],
            "off": name in host.plugins.off,
        }
        for name, origin in host.plugins.origins().items()
    ]
    if arguments.json:
        print_json(rows)
        return 0
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for row in rows:
        console.print(Text.assemble((str(row["name"]), "bold"), f"  {row['distribution']}"))
        hooks = "off" if row["off"] else ", ".join(row["hooks"]) or "not loaded"
        console.print(Text(f"  {hooks}", style="dim"))
        for failure in row["failures"]:
            line = f"  failed during {failure['during']}: {failure['error']} ({failure['at']})"
            console.print(Text(line, style="red"))
    return 0


def run_switch(host: Host, arguments: Namespace) -> int:
    """Turn plugins off or on, from the next command on."""
    off = list(host.config.plugins_off)
    if arguments.on:
        if missing := [it for it in arguments.plugins if it not in off]:
            raise UsageError(f"'{missing[0]}' is not off; 'sotto plugins' shows what is")
        off = [it for it in off if it not in arguments.plugins]
    else:
        check_plugins(host, arguments.plugins)
        off = sorted({*off, *arguments.plugins})
    device.change(host.home.device, {"plugins.off": off or None})
    return 0
