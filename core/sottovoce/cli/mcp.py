"""``sotto mcp``: the library for a local assistant, over standard input and output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import MissingExtraError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "mcp",
        help="let a local assistant search and read your meetings (an MCP server)",
        description="A server of the Model Context Protocol over standard input and output, which "
        "an assistant starts. It reads the library and cannot change it; 'sotto meetings private "
        "MEETING on' hides a meeting from it.",
    )
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    from importlib.metadata import version

    try:
        from sottovoce_integrations.mcp_server import make_server
    except ModuleNotFoundError as error:
        raise MissingExtraError("mcp", "mcp") from error
    make_server(host.home.library, version("sottovoce")).run("stdio")
    return 0
