"""The follow-ups of a meeting as tasks in an .ics file (VTODO, RFC 5545)."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sottovoce import Connection, ExportError, MeetingNotes, NoteExporter, Transcript, hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    import icalendar

_SPACE = uuid.UUID("5a1e37d4-7d0c-4c62-9d0b-2f4a1b6c8e10")


class CalendarFile(NoteExporter):
    name = "calendar"

    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        """Write ``DATE follow-ups ID.ics``. One that is there and differs is left as it is, and
        the tasks go into a new file beside it: a calendar knows them by their ids."""
        text = calendar_of(notes)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stem = f"{notes.recording.started_at:%Y-%m-%d} follow-ups {notes.recording.id}"
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


def calendar_of(notes: MeetingNotes) -> bytes:
    import icalendar

    calendar = icalendar.Calendar()
    calendar.add("PRODID", "-//Sottovoce//EN")
    calendar.add("VERSION", "2.0")
    for item in _todos(notes):
        calendar.add_component(item)
    return bytes(calendar.to_ical())


def todos(notes: MeetingNotes) -> list[tuple[str, str]]:
    """The id and the calendar text of each task; the same task has the same id every time."""
    import icalendar

    found = []
    for item in _todos(notes):
        calendar = icalendar.Calendar()
        calendar.add("PRODID", "-//Sottovoce//EN")
        calendar.add("VERSION", "2.0")
        calendar.add_component(item)
        found.append((str(item["UID"]), calendar.to_ical().decode()))
    return found


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
        todo.add("STATUS", "NEEDS-ACTION")
        items.append(todo)
    return items


@hookimpl(trylast=True)
def register_note_exporters() -> list[NoteExporter]:
    return [CalendarFile()]


@hookimpl
def register_connections() -> list[Connection]:
    from sottovoce.home import find_home

    from .calendar_sources import load

    return [
        Connection(
            host=str(urlsplit(it.url).hostname),
            why=f"the calendar '{it.name}': finds a meeting's event, writes there if told",
        )
        for it in load(find_home()).values()
        if it.url
    ]
