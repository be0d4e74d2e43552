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
        help="how they are written (default: markdown; may be given again)",
    )
    parser.add_argument("--json", action="store_true", help="print the paths as JSON")
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    from ..pipeline import export, load

    if arguments.all == bool(arguments.meetings):
        raise UsageError("name the meetings to export, or say --all")
    if arguments.all:
        meetings = [it for it in host.library.meetings() if "notes" in it.stages]
    else:
        meetings = [host.library.find(wanted) for wanted in arguments.meetings]
    written: list[str] = []
    failed = 0
    for meeting in meetings:
        folder = arguments.to or _before(meeting.exports) or host.notes_folder
        try:
            paths = export(host, load(host, meeting), folder, arguments.exporters or ["markdown"])
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


def _before(exports: tuple[tuple[str, Path], ...]) -> Path | None:
    """Where the meeting was exported to last."""
    return exports[-1][1].parent if exports else None
