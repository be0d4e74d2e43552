"""``sotto export``: notes from the library to files, again or elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SottovoceError, UsageError
from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host
    from ..library.library import Meeting


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "export",
        help="write notes from the library to files",
        description="Write the notes of meetings to files. A note that you edited is left as it "
        "is; when the notes changed since, they are written beside it.",
    )
    parser.add_argument("meetings", nargs="*", metavar="MEETING", help="id or title")
    parser.add_argument("--all", action="store_true", help="every meeting that has notes")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where they are written")
    parser.add_argument(
        "--with",
        dest="exporters",
        action="append",
        metavar="EXPORTER",
        help="how they are written (default: as before, or markdown; may be given again)",
    )
    parser.add_argument("--json", action="store_true", help="print the paths as JSON")
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    from ..pipeline import check_exporters, export, load

    if arguments.all == bool(arguments.meetings):
        raise UsageError("name the meetings to export, or say --all")
    if arguments.all:
        meetings = [it for it in host.library.meetings() if "notes" in it.stages]
    else:
        meetings = [host.library.find(wanted) for wanted in arguments.meetings]
    named = check_exporters(host, arguments.exporters or [])
    written: list[str] = []
    failed = 0
    for meeting in meetings:
        try:
            done = load(host, meeting)
            paths = []
            for exporter in named or ([] if arguments.to else _again(meeting)) or ["markdown"]:
                folder = arguments.to or _before(meeting, exporter) or host.notes_folder
                paths += export(host, done, folder, [exporter])
        except SottovoceError as error:
            failed += 1
            print(f"sotto: {error}", file=sys.stderr)
            continue
        written += map(str, paths)
        if not arguments.json:
            print(*paths, sep="\n")
    if arguments.json:
        print_json(written)
    return 1 if failed else 0


def _again(meeting: Meeting) -> list[str]:
    """The exporters that wrote the meeting before."""
    return list(dict.fromkeys(name for name, _ in meeting.exports))


def _before(meeting: Meeting, exporter: str) -> Path | None:
    """Where an exporter wrote the meeting last."""
    return next((path.parent for name, path in meeting.exports if name == exporter), None)
