"""The built-in commands, as a plugin like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..hookspecs import hookimpl
from . import config, demo, device, export, meetings, models, plugins, privacy, process, setup

if TYPE_CHECKING:
    from argparse import ArgumentParser, _SubParsersAction


@hookimpl(tryfirst=True)
def register_commands(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    for command in (
        setup,
        demo,
        process,
        meetings,
        export,
        models,
        device,
        config,
        plugins,
        privacy,
    ):
        command.add(subparsers)
