"""``sotto meetings``: what the library holds, and changing it."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..times import clock
from .asking import confirmed
from .output import (
    meeting_to_json,
    print_json,
    result_to_json,
    show_around,
    show_notes,
    show_transcript,
)

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from pathlib import Path

    from ..host import Host
    from ..library import Meeting

_MEETING = "its id, the beginning of its id, or its title or a part of it"


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "meetings", help="list, show, rename and delete meetings", description="The library."
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    command = actions.add_parser("list", help="list all meetings (the default)")
    command.add_argument("--json", action="store_true", help="print as JSON")
    command.set_defaults(run=run_list)

    command = actions.add_parser("show", help="show a meeting's transcript and notes")
    command.add_argument("meeting", metavar="MEETING", help=_MEETING)
    command.add_argument(
        "--at", metavar="PLACE", help="only what was said there: a time as 12:34, or '#45'"
    )
    command.add_argument("--json", action="store_true", help="print as JSON")
    command.set_defaults(run=run_show)

    command = actions.add_parser("rename", help="give a meeting another title")
    command.add_argument("meeting", metavar="MEETING", help=_MEETING)
    command.add_argument("title", metavar="TITLE")
    command.set_defaults(run=run_rename)

    command = actions.add_parser(
        "rename-speaker", help="rename a speaker everywhere in a meeting's transcript and notes"
    )
    command.add_argument("meeting", metavar="MEETING", help=_MEETING)
    command.add_argument("speaker", metavar="SPEAKER", help="as the transcript shows it")
    command.add_argument("name", metavar="NAME", help="another speaker's name merges the two")
    command.set_defaults(run=run_rename_speaker)

    for action, help in (("tag", "give a meeting tags"), ("untag", "take tags from a meeting")):
        command = actions.add_parser(action, help=help)
        command.add_argument("meeting", metavar="MEETING", help=_MEETING)
        command.add_argument("tags", nargs="+" if action == "untag" else "*", metavar="TAG")
        command.set_defaults(run=run_tag, take=action == "untag")
    command = actions.add_parser(
        "private", help="hide a meeting from assistants and events, or show it again"
    )
    command.add_argument("meeting", metavar="MEETING", help=_MEETING)
    command.add_argument("state", nargs="?", choices=("on", "off"), help="without it: what it is")
    command.set_defaults(run=run_private)

    command = actions.add_parser("delete", help="delete a meeting from the library")
    command.add_argument("meeting", metavar="MEETING", help=_MEETING)
    command.add_argument(
        "--files", action="store_true", help="delete its recording and its exported notes as well"
    )
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.set_defaults(run=run_delete)


def run_list(host: Host, arguments: Namespace) -> int:
    meetings = host.library.meetings()
    if arguments.json:
        print_json([meeting_to_json(meeting) for meeting in meetings])
        return 0
    if not meetings:
        print("No meetings yet. Begin with: sotto process RECORDING")
        return 0
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("Id", "Date", "Length", "Title", "State"):
        table.add_column(column, no_wrap=column != "Title", overflow="fold")
    for meeting in meetings:
        table.add_row(
            meeting.id,
            f"{meeting.recording.started_at:%Y-%m-%d %H:%M}",
            clock(meeting.recording.duration),
            Text(meeting.recording.title),
            _state(meeting),
        )
    Console().print(table)
    return 0


def _state(meeting: Meeting) -> str:
    if "notes" in meeting.stages:
        return "done"
    return "transcribed" if "transcription" in meeting.stages else "begun"


def run_show(host: Host, arguments: Namespace) -> int:
    from ..library.inventions import inventions
    from ..pipeline import Processed, load

    meeting = host.library.find(arguments.meeting)
    if arguments.at is not None:
        return _show_at(host, meeting, arguments.at)
    if "transcription" in meeting.stages and "notes" not in meeting.stages:
        transcript = host.library.transcript(meeting.id)
        if not arguments.json:
            from rich.console import Console

            show_transcript(Console(), transcript, inventions(host.library, meeting.id))
    done: Processed = load(host, meeting)
    if arguments.json:
        print_json(result_to_json(done, [path for _, path in meeting.exports]))
        return 0
    from rich.console import Console

    console = Console()
    show_transcript(console, done.transcript, done.removed)
    console.print()
    show_notes(console, done.notes, done.transcript)
    return 0


def _show_at(host: Host, meeting: Meeting, place: str) -> int:
    from .open import seconds

    transcript = host.library.transcript(meeting.id)
    start = seconds(host, meeting, place)
    last = max((it.end for it in transcript.segments), default=0.0)
    if start > last:
        raise UsageError(f"'{meeting.recording.title}' ends at {clock(last)}")
    spoken = [it.id for it in transcript.segments if it.start < start + 1]
    show_around(transcript, max(spoken, default=0))
    return 0


def run_rename(host: Host, arguments: Namespace) -> int:
    title = " ".join(arguments.title.split())
    if not title:
        raise UsageError("a title cannot be empty")
    meeting = host.library.find(arguments.meeting)
    host.library.rename(meeting.id, title, by_person=True)
    return _changed(meeting)


def run_rename_speaker(host: Host, arguments: Namespace) -> int:
    meeting = host.library.find(arguments.meeting)
    host.library.rename_speaker(meeting.id, arguments.speaker, arguments.name)
    return _changed(meeting)


def _changed(meeting: Meeting) -> int:
    if meeting.exports:
        print(f"Renamed. 'sotto export {meeting.id}' brings the exported notes up to date.")
    return 0


def run_tag(host: Host, arguments: Namespace) -> int:
    """Prints the meeting's tags."""
    meeting = host.library.find(arguments.meeting)
    tags = [" ".join(tag.split()) for tag in arguments.tags]
    if not all(tags):
        raise UsageError("a tag cannot be empty")
    change = host.library.untag if arguments.take else host.library.tag
    change(meeting.id, *tags)
    for tag in host.library.tags(meeting.id):
        print(tag)
    return 0


def run_private(host: Host, arguments: Namespace) -> int:
    from ..library.privacy import is_private, set_private

    meeting = host.library.find(arguments.meeting)
    if arguments.state:
        set_private(host.library, meeting.id, arguments.state == "on")
    print(f"{meeting.id} private: {'on' if is_private(host.library, meeting.id) else 'off'}")
    return 0


def run_delete(host: Host, arguments: Namespace) -> int:
    meeting = host.library.find(arguments.meeting)
    files: list[Path] = []
    if arguments.files:
        files = [it for _, it in meeting.exports if it.exists()]
        if meeting.recording.path.exists():
            files.append(meeting.recording.path)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise UsageError("nothing was deleted: say --yes to delete without being asked")
        print(f"Delete '{meeting.recording.title}' ({meeting.id}) from the library", end="")
        print(" and these files:" if files else "", *files, sep="\n  ")
        if not confirmed("Delete?"):
            print("Nothing was deleted.")
            return 1
    for file in files:
        try:
            file.unlink()
        except OSError as error:
            raise UsageError(
                f"{file} could not be deleted: {error.strerror}; the meeting is still there"
            ) from error
    host.library.delete(meeting.id)
    host.home.lock(meeting.id).unlink(missing_ok=True)
    shutil.rmtree(host.home.contexts / meeting.id, ignore_errors=True)
    return 0
