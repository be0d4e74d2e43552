"""The built-in commands, as a plugin like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..hookspecs import hookimpl
from . import (
    ask,
    calendar,
    config,
    demo,
    device,
    events,
    export,
    import_,
    jobs,
    live,
    mcp,
    meetings,
    models,
    notes,
    open,
    plugins,
    privacy,
    process,
    record,
    search,
    setup,
    templates,
    transcribe,
    voices,
    watch,
)

if TYPE_CHECKING:
    from argparse import ArgumentParser, _SubParsersAction


@hookimpl(tryfirst=True)
def register_commands(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    for command in (
        setup,
        demo,
        process,
        transcribe,
        record,
        live,
        import_,
        watch,
        jobs,
        meetings,
        voices,
        notes,
        ask,
        open,
        search,
        templates,
        export,
        calendar,
        events,
        mcp,
        models,
        device,
        config,
        plugins,
        privacy,
    ):
        command.add(subparsers)
