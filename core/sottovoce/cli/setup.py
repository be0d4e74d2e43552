"""``sotto setup``: the first run. Looks at the hardware, recommends, downloads, remembers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .. import device
from ..errors import ConfigError, ModelError, SottovoceError, UsageError
from ..values import ModelTask
from .asking import typed

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Callable

    from rich.console import Console

    from ..host import Host
    from ..picker import Picker
    from ..values import ModelSpec

_STARTERS = {ModelTask.GENERATION: "starter-notes", ModelTask.TRANSCRIPTION: "starter-speech"}
_T = TypeVar("_T")


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "setup",
        help="choose models for this device, download them, and say where notes go",
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
    from rich.text import Text

    from .device import rows
    from .models import installed_models, look, measured_hardware
    from .picker import show_picker, show_transcription, wide_console

    asks = not arguments.yes
    if asks and not sys.stdin.isatty():
        raise UsageError("there is nobody to ask: say --yes, with --model and --vault as you like")
    now = _settings(host)
    console = wide_console()
    console.print(Text("1. This device", style="bold"))
    for name, value in rows(measured_hardware(host)):
        console.print(Text(f"   {name}: {value}"))
    console.print(Text("\n2. The language model, which writes the notes", style="bold"))
    installed = installed_models(host)
    picker = look(host, installed)
    show_picker(console, picker, numbered=asks)
    language = _language(host, picker, arguments.model, now, asks)
    speech = host.models.get(now.models.get(ModelTask.TRANSCRIPTION, ""))
    if arguments.speech:
        speech = _of(host, ModelTask.TRANSCRIPTION, arguments.speech)
    elif asks:
        console.print(Text("\n3. The speech model, which transcribes", style="bold"))
        heard = [it for it in host.models.values() if it.task is ModelTask.TRANSCRIPTION]
        show_transcription(console, heard, installed, numbered=True)
        speech = _speech(host, heard, speech)
    folder = _folder(host, arguments.vault, now, asks, console)
    _finish(host, console, [it for it in (language, speech) if it is not None], folder)
    return 0


def _settings(host: Host) -> device.DeviceConfig:
    """What holds now; the defaults where another device's file does. Raises for a damaged one."""
    if device.plugins_off(host.home.device) is None:
        device.load(host.home.device)
    try:
        return host.config
    except ConfigError:
        return device.DeviceConfig()


def _language(
    host: Host, picker: Picker, wanted: str | None, now: device.DeviceConfig, asks: bool
) -> ModelSpec:
    starter = _of(host, ModelTask.GENERATION, _STARTERS[ModelTask.GENERATION])
    best = picker.recommended.spec if picker.recommended else starter
    if wanted is None and asks:
        print("\n   More stars write better notes. 0 is the starter, which needs no download.")
        kept = host.models.get(now.models.get(ModelTask.GENERATION, ""), best)

        def read(answer: str) -> ModelSpec:
            if not answer:
                return kept
            listed = [starter, *(it.spec for it in picker.choices)]
            return _numbered(listed, answer) or _of(host, ModelTask.GENERATION, answer)

        return _ask(f"Which one? Its number or id, or Enter for {_short(kept)}:", read)
    match wanted:
        case None | "recommended":
            if picker.recommended is None:
                print("   It stays with the starter.")
            return best
        case "starter":
            return starter
        case _:
            return _of(host, ModelTask.GENERATION, wanted)


def _speech(host: Host, heard: list[ModelSpec], now: ModelSpec | None) -> ModelSpec:
    kept = now or _of(host, ModelTask.TRANSCRIPTION, _STARTERS[ModelTask.TRANSCRIPTION])

    def read(answer: str) -> ModelSpec:
        if not answer:
            return kept
        return _numbered([kept, *heard], answer) or _of(host, ModelTask.TRANSCRIPTION, answer)

    print("\n   The starter hears English only; Whisper hears nearly any language.")
    return _ask(f"Which one? Its number or id, or Enter for {_short(kept)}:", read)


def _short(spec: ModelSpec) -> str:
    return spec.label.partition(" (")[0]


def _numbered(listed: list[ModelSpec], answer: str) -> ModelSpec | None:
    if not answer.isascii() or not answer.isdigit():
        return None
    if int(answer) >= len(listed):
        raise UsageError(f"there is no number {answer}")
    return listed[int(answer)]


def _ask(question: str, read: Callable[[str], _T]) -> _T:
    """Ask until the answer is one."""
    while True:
        answer = typed(f"   {question}").strip()
        try:
            return read(answer)
        except (ModelError, UsageError) as error:
            print(f"   {error}")


def _of(host: Host, task: ModelTask, id: str) -> ModelSpec:
    spec = host.models.get(id)
    if spec is None or spec.task is not task:
        known = ", ".join(it.id for it in host.models.values() if it.task is task)
        raise ModelError(f"no {task} model '{id}'; known: {known}")
    return spec


def _folder(
    host: Host, wanted: Path | None, now: device.DeviceConfig, asks: bool, console: Console
) -> Path | None:
    """The folder for notes; ``None`` for the one that is set."""
    if wanted is not None:
        return _existing(wanted)
    if not asks:
        return None
    from rich.text import Text

    console.print(Text("\n4. Where notes go", style="bold"))
    kept = now.notes or host.home.notes
    console.print(Text(f"   Now: {kept}"), soft_wrap=True)
    return _ask(
        "A folder, such as an Obsidian vault, or Enter for that one:",
        lambda answer: _existing(Path(answer)) if answer else None,
    )


def _existing(folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; create it first")
    return folder


def _finish(host: Host, console: Console, chosen: list[ModelSpec], folder: Path | None) -> None:
    """Download what is missing, and write down what was chosen: models once they are here."""
    from rich.text import Text

    missing = [it for it in chosen if it.package is None and it.id not in host.store.installed()]
    try:
        if missing:
            console.print(Text("\n5. Download", style="bold"))
        for spec in missing:
            _download(host, console, spec)
    except SottovoceError:
        here = [it for it in chosen if it not in missing or it.id in host.store.installed()]
        _remember(host, here, folder)
        console.print("   What else you chose is kept. 'sotto setup' goes on with the download.")
        raise
    _remember(host, chosen, folder)
    made = {it.task: it.label for it in chosen}
    console.print(Text(f"\nDone. Notes are taken by {made[ModelTask.GENERATION]}.", style="bold"))
    console.print(Text(f"Settings: {host.home.device}"), soft_wrap=True)
    if not device.load(host.home.device).enabled:
        console.print("Local AI is off here; turn it on with: sotto config set enabled on")
    console.print("Begin with: sotto demo, or sotto process RECORDING, or sotto record")


def _remember(host: Host, chosen: list[ModelSpec], folder: Path | None) -> None:
    changes: dict[str, Any] = {f"models.{it.task}": it.id for it in chosen}
    if folder is not None:
        changes["notes.folder"] = None if folder == host.home.notes else str(folder)
    device.change(host.home.device, changes, anew=True)


def _download(host: Host, console: Console, spec: ModelSpec) -> None:
    from ..fit import gigabytes
    from .install import install

    console.print(f"   {spec.label}, {gigabytes(spec.size)}")
    install(host, spec)
