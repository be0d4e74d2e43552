"""``sotto process``: recordings in, notes out."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SottovoceError
from ..values import ModelTask
from . import transcribe
from .notes import add_request, request
from .output import left_out, print_json, result_to_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host
    from ..pipeline import Prepared
    from ..transcription import Heard


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "process",
        help="transcribe recordings and write their notes",
        description="Transcribe recordings and write their notes. What is stopped or fails is "
        "taken up where it was by the same command; what is done is not done again.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="audio or video")
    parser.add_argument(
        "--again",
        action="store_true",
        help="transcribe anew what has notes already, and take them anew; what there is stays "
        "until that is done",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def add_options(parser: ArgumentParser) -> None:
    """What is said of how recordings become notes."""
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where the notes are written")
    parser.add_argument(
        "--export",
        action="append",
        metavar="EXPORTER",
        help="how they are written (default: markdown; may be given again)",
    )
    parser.add_argument("--speech", metavar="MODEL", help="the transcription model")
    parser.add_argument(
        "--spoken", metavar="CODE", default="", help="the language that is spoken; else found"
    )
    transcribe.add_request(parser)
    add_request(parser)
    parser.add_argument("--json", action="store_true", help="print transcripts and notes as JSON")


def check(host: Host, arguments: Namespace) -> None:
    """Say what cannot work before the work. Raises ``SottovoceError``."""
    from ..pipeline import check_exporters

    check_exporters(host, arguments.export or [], arguments.to or host.notes_folder)
    host.model(ModelTask.TRANSCRIPTION, arguments.speech)
    host.model(ModelTask.GENERATION, arguments.model)


def run(
    host: Host,
    arguments: Namespace,
    heard: Heard | None = None,
    prepared: Prepared | None = None,
) -> int:
    """``heard`` is the transcript of the one file, where it is there already, and ``prepared`` what
    was read of it."""
    from ..pipeline import Processor, check_exporters, export
    from .progress import shown

    folder = arguments.to or host.notes_folder
    exporters = check_exporters(host, arguments.export or ["markdown"], folder)
    speech = host.model(ModelTask.TRANSCRIPTION, arguments.speech)
    language = host.model(ModelTask.GENERATION, arguments.model)
    results: list[dict[str, Any]] = []
    failed = 0
    with (
        shown() as progress,
        Processor(
            host,
            speech=speech,
            language=language,
            report=progress.report,
            request=request(host, arguments),
            hearing=transcribe.request(arguments, arguments.spoken),
        ) as processor,
    ):
        for file in arguments.files:
            progress.begin(file.name)
            try:
                if getattr(arguments, "again", False):
                    done = processor.again(file)
                else:
                    done = processor.process(file, heard, prepared)
                paths = export(host, done, folder, exporters)
            except SottovoceError as error:
                # One bad file does not keep the others waiting.
                failed += 1
                print(f"sotto: {error}", file=sys.stderr)
                continue
            if done.removed:
                print(f"sotto: {file.name}: {left_out(done.removed)}", file=sys.stderr)
            if arguments.json:
                results.append(result_to_json(done, paths))
            else:
                for path in paths:
                    print(path, flush=True)
    if arguments.json:
        print_json(results)
    return 1 if failed else 0


def again_in_background(host: Host, arguments: Namespace) -> Path:
    """Begin ``sotto process --again`` for the one file, at low priority; it lives on when this
    process ends. The file that it writes what it has to say to."""
    (file,) = arguments.files
    command = [sys.executable, "-m", "sottovoce", "process", "--again", str(file)]
    for name in ("to", "speech", "spoken", "speakers", "vocabulary", "template", "model", "notes",
                 "language", "quotes"):  # fmt: skip
        if (value := getattr(arguments, name)) not in (None, "", 0):
            command += [f"--{name}", str(value)]
    for exporter in arguments.export or ():
        command += ["--export", exporter]
    if arguments.translate:
        command.append("--translate")
    told = host.home.log / "second-pass.log"
    quiet: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        quiet = {"creationflags": flags}
    with told.open("a", encoding="utf-8") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **quiet
        )
    if sys.platform != "win32":
        with suppress(OSError):  # it has ended already, and said why
            os.setpriority(os.PRIO_PROCESS, process.pid, 10)
    return told
