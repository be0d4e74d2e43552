"""The built-in commands, as a plugin like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..hookspecs import hookimpl
from . import (
    ask,
    demo,
    device,
    export,
    meetings,
    models,
    notes,
    plugins,
    process,
    search,
    templates,
)

if TYPE_CHECKING:
    from argparse import ArgumentParser, _SubParsersAction


@hookimpl(tryfirst=True)
def register_commands(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    for command in (
        demo,
        process,
        meetings,
        notes,
        ask,
        search,
        templates,
        export,
        models,
        device,
        plugins,
    ):
        command.add(subparsers)
