"""The built-in commands, as a plugin like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..hookspecs import hookimpl
from . import calendar, demo, export, import_, meetings, plugins, process

if TYPE_CHECKING:
    from argparse import ArgumentParser, _SubParsersAction


@hookimpl(tryfirst=True)
def register_commands(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    for command in (demo, process, import_, meetings, export, calendar, plugins):
        command.add(subparsers)
