"""The calendar: a meeting's event is found, its follow-ups are tasks (VTODO, RFC 5545)."""

from __future__ import annotations

import logging
import os
import uuid
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sottovoce import (
    Connection,
    ExportError,
    MeetingNotes,
    NoteExporter,
    Recording,
    Transcript,
    UsageError,
    hookimpl,
)
from sottovoce.home import find_home

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import icalendar

    from sottovoce.library import Library, Meeting

    from .calendar_sources import CalendarSource

log = logging.getLogger(__name__)

_SPACE = uuid.UUID("5a1e37d4-7d0c-4c62-9d0b-2f4a1b6c8e10")


class CalendarFile(NoteExporter):
    """Follow-ups as tasks."""

    name = "calendar"
    _what = "follow-ups"

    def _components(self, notes: MeetingNotes) -> Sequence[icalendar.Component]:
        return _todos(notes)

    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        """Write ``DATE follow-ups ID.ics``. One that is there and differs is left as it is, and
        the tasks go into a new file beside it: a calendar knows them by their ids."""
        text = calendar_of(self._components(notes))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stem = f"{notes.recording.started_at:%Y-%m-%d} {self._what} {notes.recording.id}"
            path, number = folder / f"{stem}.ics", 2
            while path.exists() and path.read_bytes() != text:
                path = folder / f"{stem} ({number}).ics"
                number += 1
            if not path.exists():
                part = path.with_suffix(".part")
                with part.open("wb") as file:
                    file.write(text)
                    os.fsync(file.fileno())
                part.replace(path)
        except OSError as error:
            raise ExportError(
                f"{error.filename or folder}: the tasks could not be written: {error.strerror}; "
                "the notes are safe in the library: run 'sotto export' when that is mended"
            ) from error
        return path


class CalendarEvents(CalendarFile):
    """Follow-ups that have a date as events of that day, for calendars that take no tasks."""

    name = "calendar-events"
    _what = "follow-up events"

    def _components(self, notes: MeetingNotes) -> Sequence[icalendar.Component]:
        return _days(notes)


def calendar_of(components: Sequence[icalendar.Component]) -> bytes:
    import icalendar

    calendar = icalendar.Calendar()
    calendar.add("PRODID", "-//Sottovoce//EN")
    calendar.add("VERSION", "2.0")
    for item in components:
        calendar.add_component(item)
    return bytes(calendar.to_ical())


def todos(notes: MeetingNotes) -> list[tuple[str, str]]:
    """The id and the calendar text of each task; the same task has the same id every time."""
    return [(str(it["UID"]), calendar_of([it]).decode()) for it in _todos(notes)]


def _todos(notes: MeetingNotes) -> list[icalendar.Todo]:
    import icalendar

    items = []
    for item in notes.action_items:
        todo = icalendar.Todo()
        key = f"{notes.recording.id} {item.assignee} {item.text}"
        todo.add("UID", str(uuid.uuid5(_SPACE, key)))
        todo.add("DTSTAMP", notes.recording.started_at)
        todo.add("SUMMARY", f"{item.assignee}: {item.text}" if item.assignee else item.text)
        if item.due:
            todo.add("DUE", item.due)
        todo.add("DESCRIPTION", f"From the meeting '{notes.title}'")
        todo.add("STATUS", "COMPLETED" if item.done else "NEEDS-ACTION")
        items.append(todo)
    return items


def _days(notes: MeetingNotes) -> list[icalendar.Event]:
    import icalendar

    events = []
    for todo in _todos(notes):
        if "DUE" not in todo or todo["STATUS"] == "COMPLETED":
            continue
        event = icalendar.Event()
        event.add("UID", f"{todo['UID']}-day")
        event.add("DTSTAMP", notes.recording.started_at)
        event.add("SUMMARY", todo["SUMMARY"])
        event.add("DTSTART", todo.decoded("DUE"))
        event.add("DTEND", todo.decoded("DUE") + timedelta(days=1))
        event.add("DESCRIPTION", todo["DESCRIPTION"])
        event.add("TRANSP", "TRANSPARENT")  # the day is not taken by it
        events.append(event)
    return events


@hookimpl(trylast=True)
def register_note_exporters() -> list[NoteExporter]:
    return [CalendarFile(), CalendarEvents()]


@hookimpl
def recording_started(recording: Recording) -> None:
    """Find the event before the transcription, which is told its attendees' names.

    What hinders it is said when the transcript is ready, once.
    """
    _with_calendars(recording.id, partial(_match, say=log.info), say=log.info)


@hookimpl
def transcript_ready(transcript: Transcript) -> None:
    """Find the event before the notes are taken, which use its attendees and agenda."""
    _with_calendars(transcript.recording_id, _match)


@hookimpl
def notes_ready(notes: MeetingNotes) -> None:
    """Write into the calendar, where the person switched that on."""
    _with_calendars(notes.recording.id, partial(_write_back, notes))


def _match(
    library: Library,
    meeting: Meeting,
    sources: dict[str, CalendarSource],
    *,
    say: Callable[..., None] = log.warning,
) -> None:
    from sottovoce.library.participants import event_of

    from . import calendar_sources

    if event_of(library, meeting.id):
        return
    found = calendar_sources.fitting(sources, meeting)
    if len(found) == 1:
        calendar_sources.remember(library, meeting, found[0])
    elif found:
        say(
            "%d events of your calendars fit '%s'; choose with: sotto calendar match %s",
            len(found),
            meeting.recording.title,
            meeting.id,
        )


def _write_back(
    notes: MeetingNotes, library: Library, meeting: Meeting, sources: dict[str, CalendarSource]
) -> None:
    from sottovoce.library.participants import event_of

    from . import calendar_sources

    event = event_of(library, meeting.id)
    source = sources.get(event.calendar) if event else None
    if event is None or source is None or not source.write:
        return
    for occurrence in calendar_sources.find(source, event.starts_at, event.ends_at):
        if (occurrence.event.uid, occurrence.event.starts_at) == (event.uid, event.starts_at):
            calendar_sources.write_back(source, occurrence, notes)


def _with_calendars(
    meeting_id: str,
    work: Callable[[Library, Meeting, dict[str, CalendarSource]], None],
    *,
    say: Callable[..., None] = log.warning,
) -> None:
    """A calendar that cannot be asked is said in a line, and the job goes on without it."""
    from sottovoce.library import Library

    from .calendar_sources import load

    home = find_home()
    sources = load(home)
    if not sources or not home.library.exists():
        return
    with closing(Library(home.library)) as library:
        try:
            meeting = library.find(meeting_id)
        except UsageError:
            return  # of another library, such as that of the sample
        try:
            work(library, meeting, sources)
        except UsageError as error:
            say("the calendar was left out: %s", error)


@hookimpl
def register_connections() -> list[Connection]:
    from .calendar_sources import load

    return [
        Connection(
            host=str(urlsplit(it.url).hostname),
            why=f"the calendar '{it.name}': finds a meeting's event, writes there if told",
        )
        for it in load(find_home()).values()
        if it.url
    ]
