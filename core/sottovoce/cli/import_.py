"""``sotto import``: meetings that another program recorded or transcribed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SottovoceError, UsageError
from ..values import ModelTask
from .output import print_json, result_to_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Iterable, Iterator

    from ..host import Host
    from ..interfaces import TranscriptImporter


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "import",
        help="take meetings over from Zoom, Teams, Meet or subtitle files",
        description="Take meetings over from other programs: their transcripts with speakers and "
        "times, or their recordings, which are transcribed. Files that belong to one meeting "
        "become one meeting. Nothing is moved or changed.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where the notes are written")
    parser.add_argument(
        "--export",
        action="append",
        metavar="EXPORTER",
        help="how they are written (default: markdown; may be given again)",
    )
    parser.add_argument("--speech", metavar="MODEL", help="the transcription model")
    parser.add_argument("--model", metavar="MODEL", help="the language model for the notes")
    parser.add_argument("--json", action="store_true", help="print transcripts and notes as JSON")
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
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
        Processor(host, speech=speech, language=language, report=progress.report) as processor,
    ):
        for found in _meetings(host, arguments.paths):
            if isinstance(found, SottovoceError):
                failed += 1
                print(f"sotto: {found}", file=sys.stderr)
                continue
            importer, path = found
            progress.begin(path.name)
            try:
                done = processor.process_imported(importer.read(path), importer)
                paths = export(host, done, folder, exporters)
            except SottovoceError as error:
                failed += 1
                print(f"sotto: {error}", file=sys.stderr)
                continue
            if arguments.json:
                results.append(result_to_json(done, paths))
            else:
                print(*paths, sep="\n", flush=True)
    if arguments.json:
        print_json(results)
    return 1 if failed else 0


def _meetings(
    host: Host, paths: Iterable[Path]
) -> Iterator[tuple[TranscriptImporter, Path] | SottovoceError]:
    """Each meeting once, whichever of its files were named; what is none, as an error."""
    seen: set[Path] = set()
    for path in paths:
        path = path.expanduser().absolute()
        if not path.exists():
            yield UsageError(f"{path}: there is no such file or folder")
            continue
        found = _found(host, path, seen)
        if not found and not any(path == it or path in it.parents for it in seen):
            what = "folder holds no meeting" if path.is_dir() else "file is no transcript"
            yield UsageError(
                f"{path}: this {what} of a program known here; 'sotto process' takes recordings"
            )
        yield from found


def _found(host: Host, path: Path, seen: set[Path]) -> list[tuple[TranscriptImporter, Path]]:
    claimed = host.importer(path)
    if claimed is not None:
        if claimed[1] in seen:
            return []
        seen.add(claimed[1])
        return [claimed]
    if not path.is_dir():
        return []
    try:
        inside = sorted(it for it in path.iterdir() if not it.name.startswith("."))
    except OSError as error:
        raise UsageError(f"{path}: it cannot be listed: {error.strerror}") from error
    return [one for it in inside for one in _found(host, it, seen)]
