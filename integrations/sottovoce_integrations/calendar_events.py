"""Finding the event that a recording belongs to, in a calendar (iCalendar, RFC 5545)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sottovoce import UsageError
from sottovoce.library.participants import MeetingEvent, Participant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icalendar import Event

WINDOW = timedelta(hours=2)
_NEAR = timedelta(minutes=15)
_CLEAR = 1.25
"""How many times better the best event must fit than the next, not to be asked about"""


@dataclass(frozen=True, slots=True)
class Occurrence:
    event: MeetingEvent
    attendees: tuple[Participant, ...]


def occurrences(
    text: str | bytes, calendar: str, start: datetime, end: datetime, me: str = ""
) -> list[Occurrence]:
    """The meetings in a calendar within two hours of a stretch of time, overrides applied.

    All-day and cancelled events are left out, and those that ``me``, an e-mail address, declined.
    Times without a zone are this machine's. Raises ``UsageError`` where the text is no calendar.
    """
    import icalendar
    import recurring_ical_events  # type: ignore[import-untyped]

    try:
        parsed = icalendar.Calendar.from_ical(text)
        query = recurring_ical_events.of(parsed, skip_bad_series=True)
        events = query.between(start - WINDOW, end + WINDOW)
        meetings = [it for event in events if (it := _occurrence(event, calendar, me))]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise UsageError(f"calendar '{calendar}' cannot be read: {error}") from error
    found = {(it.event.uid, it.event.starts_at): it for it in meetings}
    return sorted(found.values(), key=lambda it: (it.event.starts_at, it.event.uid))


def _occurrence(event: Event, calendar: str, me: str) -> Occurrence | None:
    start, end = event.start, event.end
    if not (isinstance(start, datetime) and isinstance(end, datetime)):
        return None
    title = " ".join(str(event.get("SUMMARY", "")).split())
    # Outlook keeps a cancelled meeting and writes it into the title.
    if str(event.get("STATUS", "")).upper() == "CANCELLED" or title.startswith(
        ("Canceled:", "Cancelled:")
    ):
        return None
    attendees = []
    listed = event.get("ATTENDEE", [])
    for it in listed if isinstance(listed, list) else [listed]:
        address = str(it).removeprefix("mailto:").removeprefix("MAILTO:")
        if me and address.casefold() == me.casefold() and it.params.get("PARTSTAT") == "DECLINED":
            return None
        if it.params.get("CUTYPE", "INDIVIDUAL") in ("INDIVIDUAL", "UNKNOWN"):
            name = str(it.params.get("CN", "")).strip() or address
            attendees.append(Participant(name, address if "@" in address else ""))
    return Occurrence(
        MeetingEvent(
            calendar=calendar,
            uid=str(event.get("UID", "")),
            starts_at=start.astimezone(),
            ends_at=max(start, end).astimezone(),
            title=title,
            agenda=str(event.get("DESCRIPTION", "")).partition(NOTES_MARK)[0].strip(),
        ),
        tuple(dict.fromkeys(attendees)),
    )


NOTES_MARK = "-- Notes by Sottovoce --"
"""What was written into a description begins with it, and is no agenda"""


def best(found: Sequence[Occurrence], started_at: datetime, seconds: float) -> list[Occurrence]:
    """The occurrence that a recording fits: one, none, or all those that fit about as well.

    By the share that recording and event have in common of the time that either takes; where none
    overlaps, the one that begins or ends within a quarter of an hour of it.
    """
    ended_at = started_at + timedelta(seconds=max(60.0, seconds))
    scores = []
    for it in found:
        start, end = it.event.starts_at, it.event.ends_at
        common = (min(end, ended_at) - max(start, started_at)).total_seconds()
        whole = (max(end, ended_at) - min(start, started_at)).total_seconds()
        if common > 0:
            scores.append((common / whole, it))
    if not scores:
        near = [
            it
            for it in found
            if min(abs(it.event.starts_at - ended_at), abs(started_at - it.event.ends_at)) <= _NEAR
        ]
        return near
    top = max(score for score, _ in scores)
    return [it for score, it in sorted(scores, key=lambda s: -s[0]) if score * _CLEAR > top]
