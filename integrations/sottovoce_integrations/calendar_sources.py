"""The calendars that a person added: files and CalDAV servers, their settings and their secrets."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sottovoce import UsageError, allow_hosts
from sottovoce.library.participants import save_event, save_participants

from .calendar_events import NOTES_MARK, WINDOW, Occurrence, best, occurrences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import caldav

    from sottovoce import MeetingNotes
    from sottovoce.home import Home
    from sottovoce.library import Library, Meeting

_SERVICE = "sottovoce"
WRITES = ("description", "tasks")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarSource:
    name: str
    path: str = ""
    """Of an .ics file; else empty"""
    url: str = ""
    """Of one calendar on a CalDAV server"""
    user: str = ""
    email: str = ""
    """The person's own address: tells the events that they declined"""
    write: str = ""
    """What notes are written into: "description", "tasks" or nothing"""
    tasks: str = ""
    """The URL of the tasks list, where it is not the calendar"""


def load(home: Home) -> dict[str, CalendarSource]:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        text = _file(home).read_text(encoding="utf-8")
        return {
            name: CalendarSource(name=name, **table)
            for name, table in tomlkit.parse(text).unwrap().items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, TOMLKitError, TypeError) as error:
        raise UsageError(f"{_file(home)} cannot be read: {error}") from error


def save(home: Home, sources: dict[str, CalendarSource]) -> None:
    import tomlkit

    fields = ("path", "url", "user", "email", "write", "tasks")
    text = tomlkit.dumps(
        {
            name: {it: getattr(source, it) for it in fields if getattr(source, it)}
            for name, source in sources.items()
        }
    )
    part = _file(home).with_suffix(".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(_file(home))
    except OSError as error:
        raise UsageError(f"{_file(home)} cannot be written: {error.strerror}") from error


def _file(home: Home) -> Path:
    return home.config / "calendars.toml"


def check(source: CalendarSource) -> None:
    """Refuse an address over which the password would travel readable."""
    for url in filter(None, (source.url, source.tasks)):
        parts = urlsplit(url)
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not parts.hostname or parts.scheme not in ("https", "http"):
            raise UsageError(f"'{url}' is no address of a calendar; it begins with https://")
        if parts.scheme == "http" and not local:
            raise UsageError(f"{url}: without https the password could be read on the way")
    if source.tasks and urlsplit(source.tasks).hostname != urlsplit(source.url).hostname:
        raise UsageError("the tasks list must be on the calendar's own host")


@contextmanager
def _keyring() -> Iterator[Any]:
    import keyring
    import keyring.errors

    try:
        yield keyring
    except keyring.errors.PasswordDeleteError:
        return
    except keyring.errors.KeyringError as error:
        raise UsageError(
            "the password cannot be kept: this system has no keyring that is open "
            f"({' '.join(str(error).split())[:120]}); "
            "set one up (Secret Service, KWallet, Keychain)"
        ) from error


def keep_secret(name: str, password: str) -> None:
    with _keyring() as ring:
        ring.set_password(_SERVICE, f"caldav {name}", password)


def forget_secret(name: str) -> None:
    with _keyring() as ring:
        ring.delete_password(_SERVICE, f"caldav {name}")


@contextmanager
def connected(source: CalendarSource, url: str) -> Iterator[caldav.Calendar]:
    """All that connects: to the host of ``source.url`` and nowhere else."""
    import caldav
    import caldav.lib.error
    import requests

    with _keyring() as ring:
        password = ring.get_password(_SERVICE, f"caldav {source.name}")
    if password is None:
        raise UsageError(
            f"the keyring has no password for '{source.name}': remove the calendar and add it again"
        )
    host = str(urlsplit(source.url).hostname)
    try:
        with (
            allow_hosts(host, why=f"the calendar '{source.name}'"),
            caldav.DAVClient(url, username=source.user, password=password, timeout=30) as client,
        ):
            client.session.max_redirects = 0  # a redirection may lead to another host
            client.session.trust_env = False
            yield client.calendar(url=url)  # type: ignore[no-untyped-call]
    except caldav.lib.error.AuthorizationError as error:
        raise UsageError(f"{url}: the server refused the user or the password") from error
    except (caldav.lib.error.DAVError, requests.RequestException) as error:
        why = " ".join(str(error).split())[:200]
        raise UsageError(f"{url}: the calendar could not be reached: {why}") from error


def find(source: CalendarSource, start: datetime, end: datetime) -> list[Occurrence]:
    """The meetings of one calendar around a stretch of time. Raises ``UsageError``."""
    if source.path:
        try:
            text = Path(source.path).read_bytes()
        except OSError as error:
            raise UsageError(f"{source.path}: it cannot be read: {error.strerror}") from error
        return occurrences(text, source.name, start, end, source.email)
    found: list[Occurrence] = []
    with connected(source, source.url) as calendar:
        event: caldav.Event
        for event in calendar.search(start=start - WINDOW, end=end + WINDOW, event=True):
            found += occurrences(event.data, source.name, start, end, source.email)
    return found


def fitting(sources: dict[str, CalendarSource], meeting: Meeting) -> list[Occurrence]:
    """The occurrences that a meeting may have been, more than one only where they tie."""
    start = meeting.recording.started_at
    end = start + timedelta(seconds=meeting.recording.duration)
    found = [one for it in sources.values() for one in find(it, start, end)]
    return best(found, start, meeting.recording.duration)


def remember(library: Library, meeting: Meeting, chosen: Occurrence) -> None:
    """Give a meeting its event: attendees, agenda, and its title unless a person gave one."""
    save_event(library, meeting.id, chosen.event)
    save_participants(library, meeting.id, chosen.attendees)
    if chosen.event.title and not meeting.titled_by_person:
        library.rename(meeting.id, chosen.event.title, by_person=True)


def write_back(source: CalendarSource, occurrence: Occurrence, notes: MeetingNotes) -> None:
    """Write a meeting's notes where the person switched that on. Written again, they replace."""
    if source.write == "tasks":
        from .calendar_export import todos

        with connected(source, source.tasks or source.url) as calendar:
            for uid, text in todos(notes):
                if not _has_todo(calendar, uid):
                    calendar.save_todo(text)
    elif source.write == "description":
        with connected(source, source.url) as calendar:
            _describe(calendar, occurrence, notes)


def _has_todo(calendar: caldav.Calendar, uid: str) -> bool:
    import caldav.lib.error

    try:
        calendar.todo_by_uid(uid)
    except caldav.lib.error.NotFoundError:
        return False
    return True


def _describe(calendar: caldav.Calendar, occurrence: Occurrence, notes: MeetingNotes) -> None:
    """Into the one occurrence's description; of a series the others stay as they are."""
    stored = calendar.event_by_uid(occurrence.event.uid)
    whole = stored.icalendar_instance
    events = list(whole.walk("VEVENT"))
    start = occurrence.event.starts_at
    own = next((it for it in events if "RRULE" not in it and it.start == start), None)
    if own is None:
        master = next((it for it in events if "RRULE" in it or "RDATE" in it), None)
        if master is None:
            raise UsageError(f"'{occurrence.event.title}' was moved meanwhile: match it again")
        first = master["DTSTART"].dt
        local = start.astimezone(first.tzinfo) if first.tzinfo else start.replace(tzinfo=None)
        own = master.copy(recursive=True)
        for name in ("RRULE", "RDATE", "EXDATE", "DTSTART", "DTEND", "DURATION"):
            own.pop(name, None)
        own.add("RECURRENCE-ID", local)
        own.add("DTSTART", local)
        own.add("DTEND", local + (occurrence.event.ends_at - start))
        whole.add_component(own)
    agenda = str(own.get("DESCRIPTION", "")).partition(NOTES_MARK)[0].rstrip()
    lines = [it.text for it in notes.summary]
    lines += [f"Decided: {it.text}" for it in notes.decisions]
    lines += [
        f"To do: {f'{it.assignee}: ' if it.assignee else ''}{it.text}" for it in notes.action_items
    ]
    own.pop("DESCRIPTION", None)
    own.add("DESCRIPTION", "\n".join([agenda, "", NOTES_MARK, *lines]).lstrip())
    stored.icalendar_instance = whole
    stored.save()
