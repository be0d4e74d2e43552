"""``sotto search``: who said it, in which meeting, and where."""

from __future__ import annotations

import argparse
from datetime import date
from typing import TYPE_CHECKING, Any

from ..times import clock
from .output import place, print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from rich.text import Text

    from ..host import Host
    from ..library import Hit

_AROUND = 160
"""Characters of a long segment that are shown on either side of the first match"""


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "search",
        help="find words in the transcripts of all meetings",
        description="Find the segments that have all of the words, in any order. Words in "
        "quotation marks are found in this order only. Case and accents do not count.",
    )
    parser.add_argument("words", nargs="+", metavar="WORD")
    parser.add_argument("--since", type=day, metavar="DATE", help="first day, as 2026-03-31")
    parser.add_argument("--until", type=day, metavar="DATE", help="last day")
    parser.add_argument("--speaker", metavar="NAME", help="a speaker's name or a part of it")
    parser.add_argument(
        "--tag", action="append", default=[], metavar="TAG", help="may be given again"
    )
    parser.add_argument("--meeting", metavar="MEETING", help="in this one only")
    parser.add_argument("--limit", type=count, default=20, metavar="N", help="default: 20")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run)


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no date like 2026-03-31") from None


def count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1")
    return int(text)


def run(host: Host, arguments: Namespace) -> int:
    from ..library import Query

    words = " ".join(f'"{it}"' if " " in it and '"' not in it else it for it in arguments.words)
    hits = host.library.search(
        Query(
            text=words,
            since=arguments.since,
            until=arguments.until,
            speaker=arguments.speaker,
            tags=tuple(arguments.tag),
            meeting=host.library.find(arguments.meeting).id if arguments.meeting else None,
            limit=arguments.limit,
        )
    )
    if arguments.json:
        print_json([_json(hit) for hit in hits])
        return 0
    if not hits:
        print("Nobody said that in these meetings.")
        return 0
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for hit in hits:
        line = Text()
        line.append(clock(hit.start), style=f"bold link {place(hit.recording, hit.start)}")
        line.append(f"  {hit.title}", style="cyan")
        line.append(f"  {hit.started_at:%Y-%m-%d}  {hit.meeting_id} #{hit.segment}", style="dim")
        console.print(line)
        console.print(_snippet(hit))
    return 0


def _snippet(hit: Hit) -> Text:
    """The segment, or what stands around the first match in a long one, its matches in bold."""
    from rich.text import Text

    first = hit.matches[0][0] if hit.matches else 0
    start, end = max(0, first - _AROUND), min(len(hit.text), first + _AROUND)
    shown = Text(f"    {hit.speaker or 'Speaker'}: {'…' if start else ''}")
    said = Text(hit.text)
    for begin, stop in hit.matches:
        said.stylize("bold yellow", begin, stop)
    shown.append_text(said[start:end])
    return shown.append("…" if end < len(hit.text) else "")


def _json(hit: Hit) -> dict[str, Any]:
    return {
        "meeting": hit.meeting_id,
        "title": hit.title,
        "started_at": hit.started_at.isoformat(),
        "segment": hit.segment,
        "start": round(hit.start, 3),
        "end": round(hit.end, 3),
        "speaker": hit.speaker,
        "text": hit.text,
        "matches": [list(it) for it in hit.matches],
        "place": place(hit.recording, hit.start),
    }
