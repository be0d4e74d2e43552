"""``sotto privacy``: what stays on this machine, and what could connect, where, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from pathlib import Path

    from rich.text import Text

    from ..host import Host
    from ..values import Connection


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "privacy",
        help="show what stays here, and what could connect",
        description="What stays on this machine and where, and what could connect: to which host, "
        "and why. Put together from the settings and the plugins as they are now.",
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    stays, guard = _stays(host), _guard()
    connections = host.plugins.collect_named("register_connections")
    connects = _connects() + [_row(*it) for it in connections if not it[1].listens]
    listens = [_row(*it) for it in connections if it[1].listens]
    if arguments.json:
        print_json({"stays": stays, "connects": connects, "listens": listens, "guard": guard})
        return 0
    from rich.console import Console
    from rich.text import Text

    console = Console()
    console.print(Text("Stays on this machine", style="bold"))
    for row in stays:
        size = f"{row['bytes'] / 2**20:,.1f} MB" if row["bytes"] else "none yet"
        # Not cut where the terminal ends: a path is there to be copied.
        console.print(Text(f"  {row['what']} ({size}): {row['path']}"), soft_wrap=True)
    console.print(Text("\nCould connect", style="bold"))
    if not connects:
        console.print("  nothing")
    for row in connects:
        console.print(_line(row), soft_wrap=True)
    if listens:
        console.print(Text("\nCould be connected to, from this machine alone", style="bold"))
    for row in listens:
        console.print(_line(row), soft_wrap=True)
    console.print(Text("\nEverything else is refused", style="bold"))
    for who, how in (("this program", guard["host"]), ("its engines", guard["workers"])):
        console.print(Text(f"  {who}: {how}"), soft_wrap=True)
    return 0


def _stays(host: Host) -> list[dict[str, Any]]:
    home = host.home
    kept = {
        "meetings: transcripts, notes, voices": home.library,
        f"voice profiles ({'on' if _recognises(host) else 'off'})": home.voices,
        "recordings": home.recordings,
        "notes": host.notes_folder,
        "what models have read of meetings": home.contexts,
        "models": home.models,
        "settings": home.config,
        "logs": home.log,
    }
    return [{"what": what, "path": str(path), "bytes": _size(path)} for what, path in kept.items()]


def _recognises(host: Host) -> bool:
    from ..errors import ConfigError

    try:
        return host.config.speech_profiles
    except ConfigError:  # of another device, or damaged: then nothing is computed at all
        return False


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(it.lstat().st_size for it in path.rglob("*") if it.is_file())


def _line(row: dict[str, str]) -> Text:
    from rich.text import Text

    return Text(f"  {row['host']}  {row['why']} ({row['who']})")


def _row(plugin: str, connection: Connection) -> dict[str, str]:
    return {"host": connection.host, "why": connection.why, "who": f"plugin '{plugin}'"}


def _connects() -> list[dict[str, str]]:
    from ..store import hub

    rows = []
    if not hub.is_offline():
        why = "downloads models when you ask for one: sends their names, and a token if gated"
        rows.append({"host": hub.hub_host(), "why": why, "who": "sotto models install"})
        why = "the storage that it sends downloads to"
        rows.append({"host": f"where {hub.hub_host()} points", "why": why, "who": "the same"})
        for proxy in hub.proxy_hosts():
            why = "the proxy that this system is set up for"
            rows.append({"host": proxy, "why": why, "who": "the same"})
    return rows


def _guard() -> dict[str, str]:
    from ..guard import worker_network

    closed = {
        "kernel": "no network: the kernel refuses it (seccomp)",
        "python": "no network: refused in Python (the kernel's filter is not to be had here)",
    }
    return {
        "host": "connects nowhere but to the above; this machine itself is open to it. It can be "
        "reached from this machine alone",
        "workers": closed[worker_network()],
    }
