"""``sotto notes``: a meeting's notes, taken anew, and their versions."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..values import ModelTask
from .output import checks, print_json, show_notes

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host
    from ..library import Meeting
    from ..notes import Request
    from ..values import MeetingNotes, Transcript


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "notes",
        help="show a meeting's notes, take them anew, compare versions",
        description="Show a meeting's notes. With --template, --model, --notes, --language, "
        "--quotes or --again they are taken anew from the transcript that is there; the earlier "
        "ones are kept as a version.",
    )
    parser.add_argument("meeting", metavar="MEETING", help="id or title")
    add_request(parser)
    parser.add_argument("--again", action="store_true", help="take them anew, as they were asked")
    parser.add_argument("--versions", action="store_true", help="list the versions that are kept")
    parser.add_argument("--version", type=int, metavar="N", help="show this version")
    parser.add_argument(
        "--compare", nargs=2, type=int, metavar=("A", "B"), help="what differs between two versions"
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run)


def add_request(parser: ArgumentParser) -> None:
    """The options that say what notes are wanted; ``request`` reads them."""
    parser.add_argument("--template", metavar="NAME", help="'sotto templates' lists them")
    parser.add_argument("--model", metavar="MODEL", help="the language model for the notes")
    parser.add_argument(
        "--notes", type=Path, metavar="FILE", help="your own notes in Markdown: they lead"
    )
    parser.add_argument("--language", metavar="CODE", help="the notes' language, as 'en' or 'de'")
    parser.add_argument(
        "--quotes", type=int, default=0, metavar="N", help="add N sentences word for word"
    )


def request(host: Host, arguments: Namespace) -> Request:
    """What the options of ``add_request`` ask for. Raises ``UsageError``."""
    from ..notes import Request, own_notes

    own = ""
    if arguments.notes is not None:
        own = own_notes(arguments.notes)
        if not own.strip():
            raise UsageError(f"{arguments.notes}: there are no notes of your own in this file")
    if arguments.quotes < 0:
        raise UsageError("--quotes takes a number from 0")
    return Request(
        template=host.template(arguments.template or "general"),
        language=arguments.language,
        quotes=arguments.quotes,
        own=own,
    )


def run(host: Host, arguments: Namespace) -> int:
    meeting = host.library.find(arguments.meeting)
    transcript = host.library.transcript(meeting.id)
    if arguments.versions:
        return _list(host, meeting, as_json=arguments.json)
    if arguments.compare:
        return _compare(host, meeting, transcript, *arguments.compare)
    anew = (arguments.template, arguments.model, arguments.notes, arguments.language)
    if any(anew) or arguments.quotes or arguments.again:
        notes = _renew(host, meeting, arguments)
    else:
        notes = _version(host, meeting, arguments.version)
    if arguments.json:
        from ..library.codec import notes_to_json

        print_json(notes_to_json(notes))
        return 0
    from rich.console import Console

    show_notes(Console(), notes, transcript)
    return 0


def _renew(host: Host, meeting: Meeting, arguments: Namespace) -> MeetingNotes:
    from ..pipeline import Processor
    from .progress import shown

    with (
        shown() as progress,
        Processor(
            host,
            speech=host.model(ModelTask.TRANSCRIPTION),
            language=host.model(ModelTask.GENERATION, arguments.model),
            report=progress.report,
            request=request(host, arguments),
        ) as processor,
    ):
        progress.begin(meeting.recording.title)
        return processor.renew(meeting).notes


def _version(host: Host, meeting: Meeting, number: int | None) -> MeetingNotes:
    notes = host.library.notes(meeting, number)
    if notes is None:
        known = [str(it) for it, _ in host.library.note_versions(meeting.id)]
        if number is None or not known:
            raise UsageError(
                f"'{meeting.recording.title}' has no notes yet; "
                f"finish it with: sotto process '{meeting.recording.path}'"
            )
        raise UsageError(f"no version {number}; there are {', '.join(known)}")
    return notes


def _list(host: Host, meeting: Meeting, *, as_json: bool) -> int:
    rows = []
    for number, written in host.library.note_versions(meeting.id):
        notes = _version(host, meeting, number)
        made = notes.produced_by[-1].model if notes.produced_by else ""
        rows.append((number, written, notes.template, made))
    if as_json:
        fields = ("version", "written_at", "template", "model")
        print_json(
            [dict(zip(fields, (n, at.isoformat(), *rest), strict=True)) for n, at, *rest in rows]
        )
        return 0
    for number, written, template, made in rows:
        print(f"{number:3}  {written:%Y-%m-%d %H:%M}  {template:15}  {made}")
    return 0


def _compare(host: Host, meeting: Meeting, transcript: Transcript, one: int, two: int) -> int:
    """Prints a diff of the two as text. The exit status is 0 whether they differ or not."""
    before, after = (_text(_version(host, meeting, it), transcript) for it in (one, two))
    names = (f"version {one}", f"version {two}")
    for line in difflib.unified_diff(before, after, *names, lineterm="", n=2):
        print(line)
    return 0


def _text(notes: MeetingNotes, transcript: Transcript) -> list[str]:
    import io

    from rich.console import Console

    console = Console(file=io.StringIO(), width=160)
    show_notes(console, notes, transcript)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    hidden = {*checks(notes)}
    return [line.rstrip() for line in text.splitlines() if line.strip() not in hidden]
