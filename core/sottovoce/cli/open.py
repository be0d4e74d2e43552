"""``sotto open``: a recording in a player, at the place that a citation names."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..times import clock
from .output import place

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from pathlib import Path

    from ..host import Host
    from ..library import Meeting

_PLAYERS = {
    "mpv": "--start={}",
    "vlc": "--start-time={}",
    "ffplay": "-ss {} -autoexit -loglevel error",
}
"""Players that can begin at a second, and how they are told to"""
_TRANSCRIPTS = frozenset({".vtt", ".srt", ".sbv", ".txt", ".docx"})
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})")
_PLACE = "a time as 12:34, or a segment as '#45'"


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "open",
        help="play a meeting's recording from a place",
        description="Play a meeting's recording from a place that a note, an answer or a search "
        "names: with mpv, VLC or ffplay where one of them is installed, else in the web browser.",
    )
    parser.add_argument("meeting", metavar="MEETING", help="id or title")
    parser.add_argument("place", nargs="?", default="0:00", metavar="PLACE", help=_PLACE)
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    meeting = host.library.find(arguments.meeting)
    play(meeting.recording.path, seconds(host, meeting, arguments.place))
    return 0


def seconds(host: Host, meeting: Meeting, text: str) -> float:
    """Where a place is that a person typed. Raises ``UsageError``."""
    if found := _CLOCK.fullmatch(text):
        hours, minutes, rest = (int(it or 0) for it in found.groups())
        return float(hours * 3600 + minutes * 60 + rest)
    if not text.removeprefix("#").isdecimal():
        raise UsageError(f"'{text}' is no place; say {_PLACE}")
    segments = host.library.transcript(meeting.id).segments
    number = int(text.removeprefix("#"))
    if number >= len(segments):
        raise UsageError(
            f"there is no segment {number}; the last one of '{meeting.recording.title}' is "
            f"{len(segments) - 1}"
        )
    return segments[number].start


def play(recording: Path, start: float) -> None:
    """Raises ``UsageError`` where the recording is gone or nothing can play it."""
    if not recording.exists():
        raise UsageError(f"{recording}: the recording is not there any more")
    if recording.suffix.lower() in _TRANSCRIPTS:
        raise UsageError(f"{recording}: of this meeting there is a transcript and no recording")
    for name, options in _PLAYERS.items():
        if player := shutil.which(name):
            print(f"{recording.name} from {clock(start)}, with {name}", file=sys.stderr)
            command = [player, *options.format(round(start)).split(), str(recording)]
            if subprocess.run(command, check=False).returncode:
                raise UsageError(f"{recording}: {name} could not play it")
            return
    import webbrowser

    if not webbrowser.open(place(recording, start)):
        raise UsageError(
            "there is no player here (mpv, VLC, ffplay) and no web browser; the place is "
            f"{place(recording, start)}"
        )
