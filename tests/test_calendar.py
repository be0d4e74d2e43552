from __future__ import annotations

import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.request import urlopen

import caldav
import icalendar
import keyring
import keyring.backend
import keyring.backends.fail
import pytest

from sottovoce import ActionItem, MeetingNotes, Recording, Statement, Transcript, UsageError
from sottovoce.cli import main
from sottovoce.home import find_home
from sottovoce.host import Host
from sottovoce.library.participants import event_of, participants, save_event
from sottovoce_integrations import calendar_export
from sottovoce_integrations import calendar_sources as calendars
from sottovoce_integrations.calendar_events import best, occurrences
from sottovoce_integrations.calendar_export import CalendarEvents, CalendarFile

BERLIN = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
"""


def event(title: str, start: str, end: str, *more: str, uid: str = "") -> str:
    times = [f"DTSTART{start if start[0] in ';:' else ':' + start}"]
    times += [f"DTEND{end if end[0] in ';:' else ':' + end}"]
    lines = ["BEGIN:VEVENT", f"UID:{uid or title}", "DTSTAMP:20260101T000000Z", *times]
    return "\n".join([*lines, f"SUMMARY:{title}", *more, "END:VEVENT"]) + "\n"


def ics(*events: str) -> str:
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{BERLIN}{''.join(events)}END:VCALENDAR\n"


B = ";TZID=Europe/Berlin:"
WEEKLY = event("W", f"{B}20260302T100000", f"{B}20260302T110000", "RRULE:FREQ=WEEKLY")
MOVED = event("Moved", f"{B}20260310T150000", f"{B}20260310T160000",
              f"RECURRENCE-ID{B}20260309T100000", uid="W")  # fmt: skip
GONE = event("W", f"{B}20260316T100000", f"{B}20260316T110000", "STATUS:CANCELLED",
             f"RECURRENCE-ID{B}20260316T100000")  # fmt: skip
ONE = event("One", "20260310T100000Z", "20260310T110000Z")
TWO = event("Two", "20260310T110000Z", "20260310T120000Z")
SAME = event("Same", "20260310T100000Z", "20260310T110000Z")
DAY = event("Day", ";VALUE=DATE:20260310", ";VALUE=DATE:20260311")
DECLINED = event("No", "20260310T100000Z", "20260310T110000Z",
                 "ATTENDEE;CN=Me;PARTSTAT=DECLINED:mailto:Me@x.org")  # fmt: skip
OTHER = event("Yes", "20260310T100000Z", "20260310T110000Z",
              "ATTENDEE;CN=You;PARTSTAT=DECLINED:mailto:you@x.org")  # fmt: skip
EXCEPT = WEEKLY.replace("FREQ=WEEKLY", f"FREQ=WEEKLY\nEXDATE{B}20260309T100000")
UNTIL = WEEKLY.replace("FREQ=WEEKLY", "FREQ=WEEKLY;UNTIL=20260316T090000Z")
DAILY = event("D", "20200101T090000Z", "20200101T091500Z", "RRULE:FREQ=DAILY")
LAST = event("M", f"{B}20260130T140000", f"{B}20260130T150000",
             "RRULE:FREQ=MONTHLY;BYDAY=-1FR")  # fmt: skip
NIGHT = event("Night", "20260310T233000Z", "20260311T003000Z")
LENGTH = ONE.replace("DTEND:20260310T110000Z", "DURATION:PT1H")
OUTLOOK = ONE.replace("SUMMARY:One", "SUMMARY:Canceled: One")
CANCELLED = ONE.replace("UID", "STATUS:CANCELLED\nUID")
FOLLOWING = event("New", f"{B}20260316T120000", f"{B}20260316T130000",
                  f"RECURRENCE-ID;RANGE=THISANDFUTURE{B}20260316T100000", uid="W")  # fmt: skip

# Events, the recording's start (ISO, with its zone) and minutes, and the titles that fit.
CASES: list[tuple[str, list[str], str, int, list[str]]] = [
    ("plain", [ONE], "2026-03-10T10:00:00+00:00", 60, ["One"]),
    ("other zone", [ONE], "2026-03-10T05:02:00-05:00", 55, ["One"]),
    ("begun early", [ONE], "2026-03-10T09:55:00+00:00", 60, ["One"]),
    ("back to back, first", [ONE, TWO], "2026-03-10T10:01:00+00:00", 64, ["One"]),
    ("back to back, second", [ONE, TWO], "2026-03-10T10:58:00+00:00", 60, ["Two"]),
    ("tie", [ONE, SAME], "2026-03-10T10:00:00+00:00", 60, ["One", "Same"]),
    ("nothing near", [ONE], "2026-03-10T14:00:00+00:00", 60, []),
    ("just before", [ONE], "2026-03-10T09:40:00+00:00", 10, ["One"]),
    ("too far before", [ONE], "2026-03-10T09:00:00+00:00", 10, []),
    ("all day", [DAY], "2026-03-10T10:00:00+00:00", 60, []),
    ("all day and a meeting", [DAY, ONE], "2026-03-10T10:00:00+00:00", 60, ["One"]),
    ("declined", [DECLINED], "2026-03-10T10:00:00+00:00", 60, []),
    ("declined and not", [DECLINED, ONE], "2026-03-10T10:00:00+00:00", 60, ["One"]),
    ("another declined", [OTHER], "2026-03-10T10:00:00+00:00", 60, ["Yes"]),
    ("cancelled", [CANCELLED], "2026-03-10T10:00:00+00:00", 60, []),
    ("cancelled by title", [OUTLOOK], "2026-03-10T10:00:00+00:00", 60, []),
    ("first of a series", [WEEKLY], "2026-03-02T09:00:00+00:00", 60, ["W"]),
    ("later in winter time", [WEEKLY], "2026-03-23T09:00:00+00:00", 60, ["W"]),
    ("in summer time", [WEEKLY], "2026-03-30T08:00:00+00:00", 60, ["W"]),
    ("not at winter's hour", [WEEKLY], "2026-03-30T09:20:00+00:00", 60, []),
    ("back in winter", [WEEKLY], "2026-10-26T09:00:00+00:00", 60, ["W"]),
    ("endless", [DAILY], "2031-07-14T09:00:00+00:00", 15, ["D"]),
    ("moved, its new place", [WEEKLY, MOVED], "2026-03-10T14:00:00+00:00", 60, ["Moved"]),
    ("moved, its old place", [WEEKLY, MOVED], "2026-03-09T09:00:00+00:00", 60, []),
    ("one cancelled", [WEEKLY, GONE], "2026-03-16T09:00:00+00:00", 60, []),
    ("after the cancelled one", [WEEKLY, GONE], "2026-03-23T09:00:00+00:00", 60, ["W"]),
    ("excluded", [EXCEPT], "2026-03-09T09:00:00+00:00", 60, []),
    ("its last", [UNTIL], "2026-03-16T09:00:00+00:00", 60, ["W"]),
    ("after its end", [UNTIL], "2026-03-23T09:00:00+00:00", 60, []),
    ("last Friday", [LAST], "2026-05-29T12:00:00+00:00", 60, ["M"]),
    ("not the last Friday", [LAST], "2026-05-22T12:00:00+00:00", 60, []),
    ("past midnight", [NIGHT], "2026-03-11T00:00:00+00:00", 30, ["Night"]),
    ("a length and no end", [LENGTH], "2026-03-10T10:00:00+00:00", 60, ["One"]),
    ("this and the following", [WEEKLY, FOLLOWING], "2026-03-16T11:00:00+00:00", 60, ["New"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("events", "start", "minutes", "expected"),
    [it[1:] for it in CASES],
    ids=[it[0] for it in CASES],
)
def test_the_right_occurrence(
    events: list[str], start: str, minutes: int, expected: list[str]
) -> None:
    begun = datetime.fromisoformat(start)
    text = ics(*events).replace("\n", "\r\n")
    end = datetime.fromtimestamp(begun.timestamp() + minutes * 60, UTC)
    found = occurrences(text, "work", begun, end, "me@x.org")
    fitting = best(found, begun, minutes * 60)
    assert sorted(it.event.title for it in fitting) == expected
    assert len({(it.event.uid, it.event.starts_at) for it in fitting}) == len(fitting)


def test_thirty_cases() -> None:
    assert len(CASES) >= 30


@pytest.mark.parametrize("text", ["", "no calendar", "BEGIN:VCALENDAR\nBEGIN:VEVENT\n"])
def test_no_calendar_is_refused_or_empty(text: str) -> None:
    now = datetime.now(UTC)
    try:
        assert occurrences(text, "work", now, now) == []
    except UsageError as error:
        assert "'work'" in str(error)  # noqa: PT017


RECORDING = Recording(
    id="cafe0123", title="rec", path=Path("/r.wav"), source="recorded-file",
    started_at=datetime(2026, 3, 9, 9, 2, tzinfo=UTC), duration=3400.0, sha256="cafe0123" * 8,
)  # fmt: skip
NOTES = MeetingNotes(
    recording=RECORDING,
    title="Weekly",
    summary=(Statement(text="We chose blue.", segments=(0,)),),
    action_items=(
        ActionItem(text="Paint it", segments=(0,), assignee="Ana", due=date(2026, 3, 13)),
    ),
)


def test_match_takes_title_attendees_and_agenda(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rich = WEEKLY.replace(
        "SUMMARY", "ATTENDEE;CN=Ana López:mailto:ana@x.org\nDESCRIPTION:Agenda: paint\nSUMMARY"
    )
    file = tmp_path / "work.ics"
    file.write_text(ics(rich))
    with Host(find_home()).library as library:
        library.add(RECORDING)
    assert main(["calendar", "add", "work", "--ics", str(file)]) == 0
    assert main(["calendar", "match", "cafe0123"]) == 0
    with Host(find_home()).library as library:
        found = event_of(library, "cafe0123")
        assert found is not None
        assert (found.title, found.agenda, found.uid) == ("W", "Agenda: paint", "W")
        assert [(it.name, it.email) for it in participants(library, "cafe0123")] == [
            ("Ana López", "ana@x.org")
        ]
        assert library.find("cafe0123").recording.title == "W"
        library.rename("cafe0123", "Mine", by_person=True)
    assert main(["calendar", "match", "cafe0123"]) == 0
    with Host(find_home()).library as library:
        assert library.find("cafe0123").recording.title == "Mine"
    file.write_text(ics(rich, WEEKLY.replace("UID:W", "UID:V").replace("Y:W", "Y:V")))
    capsys.readouterr()
    assert main(["calendar", "match", "cafe0123"]) == 1
    assert "--choose N: 1. " in capsys.readouterr().err
    assert main(["calendar", "match", "cafe0123", "--choose", "2"]) == 0
    assert main(["calendar", "remove", "work"]) == 0
    assert main(["calendar", "match", "cafe0123"]) == 1


def test_a_meeting_finds_its_event_by_itself(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "work.ics"
    file.write_text(ics(WEEKLY, WEEKLY.replace("UID:W", "UID:V").replace("Y:W", "Y:V")))
    with Host(find_home()).library as library:
        library.add(RECORDING)
    heard = Transcript(recording_id="cafe0123", language="en", segments=())
    calendar_export.transcript_ready(heard)  # without a calendar
    assert main(["calendar", "add", "work", "--ics", str(file)]) == 0
    calendar_export.transcript_ready(replace(heard, recording_id="00000000"))  # another library's
    assert not capsys.readouterr().err
    calendar_export.transcript_ready(heard)
    assert "2 events of your calendars fit 'rec'" in capsys.readouterr().err
    file.unlink()
    calendar_export.transcript_ready(heard)
    assert "the calendar was left out" in capsys.readouterr().err
    file.write_text(ics(WEEKLY))
    calendar_export.transcript_ready(heard)
    with Host(find_home()).library as library:
        found = event_of(library, "cafe0123")
        assert found is not None
        assert found.uid == "W"
        assert library.find("cafe0123").recording.title == "W"


def test_tasks_as_a_file(tmp_path: Path) -> None:
    transcript = Transcript(recording_id="cafe0123", language="en", segments=())
    path = CalendarFile().export(NOTES, transcript, tmp_path)
    (todo,) = icalendar.Calendar.from_ical(path.read_bytes()).walk("VTODO")
    assert (str(todo["SUMMARY"]), todo.decoded("DUE")) == ("Ana: Paint it", date(2026, 3, 13))
    assert CalendarFile().export(NOTES, transcript, tmp_path) == path
    path.write_text("edited")
    beside = CalendarFile().export(NOTES, transcript, tmp_path)
    assert (beside != path, path.read_text()) == (True, "edited")


def test_tasks_with_a_date_as_events_of_that_day(tmp_path: Path) -> None:
    undated = ActionItem(text="Some day", segments=(0,))
    done = replace(NOTES.action_items[0], text="Done", done=True)
    notes = replace(NOTES, action_items=(*NOTES.action_items, undated, done))
    transcript = Transcript(recording_id="cafe0123", language="en", segments=())
    path = CalendarEvents().export(notes, transcript, tmp_path)
    (event,) = icalendar.Calendar.from_ical(path.read_bytes()).walk("VEVENT")
    assert str(event["SUMMARY"]) == "Ana: Paint it"
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (
        date(2026, 3, 13),
        date(2026, 3, 14),
    )
    tasks = CalendarFile().export(notes, transcript, tmp_path)
    states = [
        str(it["STATUS"]) for it in icalendar.Calendar.from_ical(tasks.read_bytes()).walk("VTODO")
    ]
    assert states == ["NEEDS-ACTION", "NEEDS-ACTION", "COMPLETED"]
    assert str(event["UID"]) not in tasks.read_text()


class Ring(keyring.backend.KeyringBackend):
    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def ring() -> Iterator[Ring]:
    before = keyring.get_keyring()
    keyring.set_keyring(ring := Ring())
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real CalDAV server on this machine, with a calendar and a tasks list."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "users").write_text("me:secret\n")
    config = tmp_path / "radicale.conf"
    config.write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = htpasswd\ndelay = 0\n"
        f"htpasswd_filename = {tmp_path / 'users'}\nhtpasswd_encryption = plain\n"
        f"[storage]\nfilesystem_folder = {tmp_path / 'store'}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "radicale", "--config", str(config)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(300):
            try:
                urlopen(f"{url}.web/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        with caldav.DAVClient(f"{url}me/", username="me", password="secret") as client:
            principal = client.principal()  # type: ignore[no-untyped-call]
            principal.make_calendar(cal_id="team").save_event(ics(WEEKLY))
            principal.make_calendar(cal_id="tasks", supported_calendar_component_set=["VTODO"])
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("write", ["description", "tasks"])
def test_a_round_trip_with_a_real_server(write: str, server: str, ring: Ring, host: Host) -> None:
    source = calendars.CalendarSource(
        name="team", url=f"{server}me/team/", user="me", write=write, tasks=f"{server}me/tasks/"
    )
    calendars.check(source)
    calendars.keep_secret("team", "secret")
    calendars.save(host.home, {"team": source})
    assert "secret" not in (host.home.config / "calendars.toml").read_text()
    assert calendars.load(host.home) == {"team": source}
    started = RECORDING.started_at
    (found,) = best(calendars.find(source, started, started), started, RECORDING.duration)
    assert (found.event.title, found.event.starts_at) == ("W", datetime(2026, 3, 9, 9, tzinfo=UTC))
    host.library.add(RECORDING)
    calendar_export.notes_ready(NOTES)  # no event is known yet
    save_event(host.library, "cafe0123", found.event)
    for _ in range(2):  # the second time changes nothing
        calendar_export.notes_ready(NOTES)
    later = datetime(2026, 3, 16, 9, tzinfo=UTC)
    with calendars.connected(source, source.tasks) as tasks:
        titles = [str(it.icalendar_component["SUMMARY"]) for it in tasks.todos()]
    with calendars.connected(source, source.url) as calendar:
        (stored,) = calendar.events()
        text = str(stored.data)
    if write == "tasks":
        assert titles == ["Ana: Paint it"]
        assert "blue" not in text
    else:
        assert titles == []
        assert text.count("We chose blue.") == 1
        assert text.count("RECURRENCE-ID") == 1
        assert "RRULE:FREQ=WEEKLY" in text
    assert len(calendars.find(source, later, later)) == 1
    assert len(calendars.find(source, started, started)) == 1
    calendars.keep_secret("team", "wrong")
    with pytest.raises(UsageError, match="refused"):
        calendars.find(source, started, started)


def test_a_calendar_that_cannot_be_read_is_not_added(
    server: str,
    ring: Ring,
    host: Host,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def add(url: str, password: str) -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
        return main(["calendar", "add", "team", "--url", url, "--user", "me", "--password-stdin"])

    assert add(f"{server}me/team/", "wrong") == 1
    assert "refused the user or the password" in capsys.readouterr().err
    assert add(f"{server}me/nowhere/", "secret") == 1
    assert "could not be reached" in capsys.readouterr().err
    text = tmp_path / "work.ics"
    text.write_text("BEGIN:VCALENDAR\nnonsense\n")
    assert main(["calendar", "add", "work", "--ics", str(text)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert (calendars.load(host.home), ring.kept) == ({}, {})
    assert add(f"{server}me/team/", "secret") == 0
    assert list(calendars.load(host.home)) == ["team"]


def test_without_a_keyring_no_password_is_kept(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    try:
        status = main(
            ["calendar", "add", "t", "--url", "https://dav.example.org/t/", "--password-stdin"]
        )
    finally:
        keyring.set_keyring(before)
    assert status == 1
    assert "keyring" in capsys.readouterr().err
    assert calendars.load(find_home()) == {}


@pytest.mark.parametrize("url", ["http://dav.example.org/", "ftp://x/", "nonsense"])
def test_a_password_never_travels_readable(url: str) -> None:
    with pytest.raises(UsageError):
        calendars.check(calendars.CalendarSource(name="x", url=url))
