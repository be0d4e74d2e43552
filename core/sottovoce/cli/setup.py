"""``sotto setup``: the first run. Looks at the hardware, recommends, downloads, remembers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import device
from ..errors import ModelError, UsageError
from ..values import ModelTask

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from rich.console import Console

    from ..host import Host
    from ..picker import Picker
    from ..values import ModelSpec

_STARTER = "starter-notes"


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "setup",
        help="choose a model for this device, download it, and say where notes go",
        description="The first run: looks at the hardware, recommends a model, downloads it, and "
        "asks where notes go. With --yes it takes what is recommended and asks nothing.",
    )
    parser.add_argument(
        "--model", metavar="MODEL", help="an id, 'recommended', or 'starter' for no download"
    )
    parser.add_argument("--speech", metavar="MODEL", help="the transcription model")
    parser.add_argument("--vault", type=Path, metavar="FOLDER", help="where notes are written")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    from rich.console import Console
    from rich.text import Text

    from ..picker import pick
    from .models import installed_models, measured_hardware, show_picker

    asks = not arguments.yes
    if asks and not sys.stdin.isatty():
        raise UsageError("there is nobody to ask: say --yes, with --model and --vault as you like")
    console = Console()
    hardware = measured_hardware(host)
    console.print(Text("1. This device", style="bold"))
    cards = ", ".join(it.name for it in hardware.gpus) or "no graphics processor of use"
    console.print(
        Text(f"   {hardware.name}, {hardware.memory / 2**30:.0f} GB of memory, {cards}\n")
    )
    console.print(Text("2. The language model", style="bold"))
    picker = pick(host.models.values(), hardware, installed=installed_models(host))
    show_picker(console, picker)
    language = _language(host, picker, arguments.model, asks)
    speech = _of(host, ModelTask.TRANSCRIPTION, arguments.speech) if arguments.speech else None
    console.print(Text("\n3. Where notes go", style="bold"))
    folder = _folder(host, arguments.vault, asks)
    wanted = [it for it in (language, speech) if it is not None and it.package is None]
    missing = [it for it in wanted if it.id not in host.store.installed()]
    if missing:
        console.print(Text("\n4. Download", style="bold"))
        for spec in missing:
            _download(host, console, spec)
    changes: dict[str, Any] = {"models.generation": language.id}
    if speech is not None:
        changes["models.transcription"] = speech.id
    if folder is not None:
        changes["notes.folder"] = str(folder)
    # Written last: what it names is there by then.
    device.change(host.home.device, changes, anew=True)
    console.print(Text(f"\nDone. Notes are taken by {language.label}.", style="bold"))
    console.print(Text(f"Settings: {host.home.device}"), soft_wrap=True)
    console.print("Begin with: sotto demo, or sotto process RECORDING")
    return 0


def _language(host: Host, picker: Picker, wanted: str | None, asks: bool) -> ModelSpec:
    best = picker.recommended.spec.id if picker.recommended else _STARTER
    if wanted is None and asks:
        ids = [it.spec.id for it in picker.choices]
        wanted = _ask("   Which one", best, [*ids, _STARTER])
    match wanted:
        case None | "recommended":
            if picker.recommended is None:
                print("   None is recommended for this device: it stays with the starter.")
            return _of(host, ModelTask.GENERATION, best)
        case "starter":
            return _of(host, ModelTask.GENERATION, _STARTER)
        case _:
            return _of(host, ModelTask.GENERATION, wanted)


def _ask(question: str, default: str, choices: list[str] | None = None) -> str:
    from rich.prompt import Prompt

    try:
        return Prompt.ask(question, choices=choices, default=default)
    except EOFError:
        raise UsageError("nothing was chosen, and nothing was changed") from None


def _of(host: Host, task: ModelTask, id: str) -> ModelSpec:
    spec = host.models.get(id)
    if spec is None or spec.task is not task:
        known = ", ".join(it.id for it in host.models.values() if it.task is task)
        raise ModelError(f"no {task} model '{id}'; known: {known}")
    return spec


def _folder(host: Host, wanted: Path | None, asks: bool) -> Path | None:
    """The folder for notes; ``None`` for the program's own."""
    if wanted is None and asks:
        typed = _ask("   A folder, such as a vault", str(host.home.notes))
        wanted = None if typed == str(host.home.notes) else Path(typed)
    if wanted is None:
        return None
    folder = wanted.expanduser().absolute()
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; create it first")
    return folder


def _download(host: Host, console: Console, spec: ModelSpec) -> None:
    from ..fit import gigabytes
    from .install import install

    console.print(f"   {spec.label}, {gigabytes(spec.size)}")
    install(host, spec)
