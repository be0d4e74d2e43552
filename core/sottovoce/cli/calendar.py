"""``sotto calendar``: the calendars to look in, and which event a meeting was."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .asking import typed

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from sottovoce_integrations.calendar_events import Occurrence

    from ..host import Host


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "calendar",
        help="add calendars, and find the event that a meeting was",
        description="Calendars give a meeting its title, its attendees and its agenda.",
    )
    parser.set_defaults(run=run_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    command = actions.add_parser("add", help="add an .ics file or a CalDAV calendar")
    command.add_argument("name", metavar="NAME")
    where = command.add_mutually_exclusive_group(required=True)
    where.add_argument("--ics", type=Path, metavar="FILE", help="a calendar file")
    where.add_argument("--url", metavar="URL", help="of the calendar on its CalDAV server")
    command.add_argument("--user", default="", help="on the server; the password is asked for")
    command.add_argument("--password-stdin", action="store_true", help="read it from there")
    command.add_argument("--email", default="", help="yours: tells what you declined")
    command.add_argument(
        "--write", choices=["description", "tasks"], default="",
        help="after a match, write the notes into the event's description or tasks into a list",
    )  # fmt: skip
    command.add_argument("--tasks", default="", metavar="URL", help="of the tasks list")
    command.set_defaults(run=run_add)

    command = actions.add_parser("list", help="list the calendars (the default)")
    command.set_defaults(run=run_list)

    command = actions.add_parser("remove", help="forget a calendar and its password")
    command.add_argument("name", metavar="NAME")
    command.set_defaults(run=run_remove)

    command = actions.add_parser("match", help="find the event that a meeting was")
    command.add_argument("meeting", metavar="MEETING", help="id or title")
    command.add_argument("--choose", type=int, metavar="N", help="of several, this one")
    command.set_defaults(run=run_match)


def run_add(host: Host, arguments: Namespace) -> int:
    from sottovoce_integrations import calendar_sources as calendars

    sources = calendars.load(host.home)
    if arguments.name in sources:
        raise UsageError(f"there is a calendar '{arguments.name}' already; remove it first")
    if arguments.ics is not None and (arguments.write or arguments.tasks or arguments.user):
        raise UsageError("--write, --tasks and --user are for a calendar on a server")
    if arguments.ics is not None and not arguments.ics.is_file():
        raise UsageError(f"{arguments.ics}: there is no such file")
    source = calendars.CalendarSource(
        name=arguments.name,
        path=str(arguments.ics.absolute()) if arguments.ics else "",
        url=arguments.url or "",
        user=arguments.user,
        email=arguments.email,
        write=arguments.write,
        tasks=arguments.tasks,
    )
    calendars.check(source)
    if source.url:
        calendars.keep_secret(source.name, _password(arguments))
    now = datetime.now().astimezone()
    try:
        calendars.find(source, now, now)  # a wrong address or password is said now
    except UsageError:
        if source.url:
            calendars.forget_secret(source.name)
        raise
    calendars.save(host.home, {**sources, source.name: source})
    return 0


def _password(arguments: Namespace) -> str:
    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise UsageError("the password is asked for on a terminal; or give --password-stdin")
    return typed(f"Password of {arguments.user} at {arguments.url}:", hidden=True)


def run_list(host: Host, arguments: Namespace) -> int:
    from sottovoce_integrations import calendar_sources as calendars

    for source in calendars.load(host.home).values():
        writes = f"  writes {source.write}" if source.write else ""
        print(f"{source.name}  {source.path or source.url}{writes}")
    return 0


def run_remove(host: Host, arguments: Namespace) -> int:
    from sottovoce_integrations import calendar_sources as calendars

    sources = calendars.load(host.home)
    source = sources.pop(arguments.name, None)
    if source is None:
        raise UsageError(f"no calendar '{arguments.name}'; 'sotto calendar' lists them")
    if source.url:
        calendars.forget_secret(source.name)
    calendars.save(host.home, sources)
    return 0


def run_match(host: Host, arguments: Namespace) -> int:
    from sottovoce_integrations import calendar_sources as calendars

    meeting = host.library.find(arguments.meeting)
    sources = calendars.load(host.home)
    if not sources:
        raise UsageError("no calendar yet; add one with: sotto calendar add NAME --ics FILE")
    fitting = calendars.fitting(sources, meeting)
    if not fitting:
        raise UsageError(f"no event of your calendars fits '{meeting.recording.title}'")
    chosen = fitting[0] if len(fitting) == 1 else _chosen(fitting, arguments.choose)
    event = chosen.event
    calendars.remember(host.library, meeting, chosen)
    print(f"{event.starts_at:%Y-%m-%d %H:%M}  {event.title}")
    source = sources[event.calendar]
    notes = host.library.notes(host.library.find(meeting.id))
    if source.write and notes is not None:
        calendars.write_back(source, chosen, notes)
    return 0


def _chosen(fitting: list[Occurrence], number: int | None) -> Occurrence:
    lines = [
        f"{n}. {it.event.starts_at:%H:%M}-{it.event.ends_at:%H:%M} {it.event.title}"
        f" ({it.event.calendar})"
        for n, it in enumerate(fitting, 1)
    ]
    if number is None:
        if not sys.stdin.isatty():
            raise UsageError(f"{len(fitting)} events fit; say --choose N: {'; '.join(lines)}")
        print(*lines, sep="\n")
        answer = typed("Which one was it?").strip()
        number = int(answer) if answer.isdecimal() else 0
    if not 1 <= number <= len(fitting):
        raise UsageError(f"choose 1 to {len(fitting)}: {'; '.join(lines)}")
    return fitting[number - 1]
