"""``sotto demo``: the main job on the bundled sample meeting, computed anew each time."""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from ..values import ModelTask
from .output import print_json, result_to_json, show_notes, show_transcript

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="transcribe the bundled sample meeting and take its notes",
        description="Transcribe the bundled sample meeting with the starter models and take its "
        "notes. It leaves your own library alone.",
    )
    parser.add_argument("--json", action="store_true", help="print transcript and notes as JSON")
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    from rich.console import Console

    from ..host import Host as DemoHost
    from ..pipeline import Processor, export
    from .progress import shown

    folder = host.home.data / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    demo = DemoHost(replace(host.home, data=folder), host.plugins)
    sample = files("sottovoce") / "sample" / "meeting.opus"
    try:
        with (
            as_file(sample) as recording,
            shown() as progress,
            Processor(
                demo,
                speech=demo.starter(ModelTask.TRANSCRIPTION),
                language=demo.starter(ModelTask.GENERATION),
                report=progress.report,
            ) as processor,
        ):
            progress.begin("the sample meeting")
            done = processor.process(recording)
            (path,) = export(demo, done, demo.home.notes, ["markdown"])
    finally:
        demo.close()
    if arguments.json:
        print_json(result_to_json(done, [path]))
        return 0
    console = Console()
    show_transcript(console, done.transcript)
    console.print()
    show_notes(console, done.notes, done.transcript)
    console.print("\nThe note, with links into the recording:")
    print(path)
    return 0
