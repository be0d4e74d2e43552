"""``sotto plugins``: what is installed, what each plugin adds, and what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import new_plugin
from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host

_REGISTERING = (
    "register_audio_sources",
    "register_note_exporters",
    "register_suggestion_overlays",
    "register_models",
)


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "plugins", help="list the plugins and what failed in them", description="The plugins."
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
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
        hooks = ", ".join(row["hooks"]) or "not loaded"
        console.print(Text(f"  {hooks}", style="dim"))
        for failure in row["failures"]:
            line = f"  failed during {failure['during']}: {failure['error']} ({failure['at']})"
            console.print(Text(line, style="red"))
    return 0
