"""Resolving "by next Monday" against the day of the meeting."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

_DAYS = {name.lower(): n for n, name in enumerate(calendar.day_name)}
_MONTHS = {name.lower(): n for n, name in enumerate(calendar.month_name) if name}
_COUNTS = {
    word: n
    for n, word in enumerate("zero one two three four five six seven eight nine ten".split())
} | {"a": 1, "an": 1, "couple of": 2}
_ORDINALS = {
    word: n
    for n, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
        " thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
        " twenty-first twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth"
        " twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first".split(),
        1,
    )
}
_DAY = (
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)?|(?P<ordinal>"
    + "|".join(sorted(_ORDINALS, key=len, reverse=True))
    + ")"
)
_MONTH = r"(?P<month>" + "|".join(_MONTHS) + ")"
_FRIDAY = 4


_DEADLINE = re.compile(
    r"\b(?:today|tonight|tomorrow|this (?:morning|afternoon|evening|week|month)|next (?:week|month)"
    r"|(?:by|before|until|till|no later than) (?:the |next |this )?(?!the\b|way\b)\w+"
    rf"(?: (?:{'|'.join(_MONTHS)}|of the \w+|morning|afternoon|evening|meeting|week|month))?"
    rf"|(?:on|next|this) (?:{'|'.join(_DAYS)})"
    r"|in (?:a|an|one|two|three|four|five|six|\d+) (?:days?|weeks?|months?)"
    r"|as soon as possible|right away|immediately|over the weekend)\b",
    re.I,
)


def deadline_in(text: str) -> str:
    """The first words of a text that set a deadline; empty where none do."""
    found = _DEADLINE.search(text.replace("to-day", "today"))
    return found[0] if found else ""


def resolve(text: str, today: date) -> date | None:
    """The last day that the words allow; ``None`` where they name no day ("soon").

    A bare weekday is the next one after ``today``; "this week" and "the end of the week" end on
    Friday.
    """
    said = re.sub(r"\s+", " ", text.lower().replace("twenty ", "twenty-").replace("to-", "to"))
    if re.search(r"\b(today|tonight|this (morning|afternoon|evening)|noon|end of the day)\b", said):
        return today
    if re.search(r"\bday after tomorrow\b", said):
        return today + timedelta(2)
    if re.search(r"\btomorrow\b", said):
        return today + timedelta(1)
    if found := re.search(
        rf"\bin (?:about )?(?P<n>\d+|{'|'.join(_COUNTS)}) (?P<unit>day|week|month)s?\b", said
    ):
        count = int(found["n"]) if found["n"].isdigit() else _COUNTS[found["n"]]
        if found["unit"] == "month":
            return _in_months(today, count)
        return today + timedelta(count * (7 if found["unit"] == "week" else 1))
    for pattern in (rf"\b{_MONTH} (?:the )?(?:{_DAY})\b", rf"\b(?:{_DAY}) (?:of )?{_MONTH}\b"):
        if found := re.search(pattern, said):
            return _next_date(_day(found), _MONTHS[found["month"]], today)
    if found := re.search(r"\b(?P<name>" + "|".join(_DAYS) + r")\b", said):
        ahead = (_DAYS[found["name"]] - today.weekday() - 1) % 7 + 1
        return today + timedelta(ahead)
    monday = today - timedelta(today.weekday())
    if re.search(r"\bnext week\b", said):
        return monday + timedelta(7 + _FRIDAY)
    if re.search(r"\b(this|the) week\b", said):
        friday = monday + timedelta(_FRIDAY)
        return friday if friday >= today else monday + timedelta(6)
    if re.search(r"\bweekend\b", said):
        return monday + timedelta(6)
    if re.search(r"\bnext month\b", said):
        return _month_end(_in_months(today.replace(day=1), 1))
    if re.search(r"\b(this|the) month\b", said):
        return _month_end(today)
    if found := re.search(rf"\bthe (?:{_DAY})\b", said):
        day = _day(found)
        for ahead in range(3):
            month = _in_months(today.replace(day=1), ahead)
            if day <= _month_end(month).day and month.replace(day=day) >= today:
                return month.replace(day=day)
    return None


def _day(found: re.Match[str]) -> int:
    return int(found["day"]) if found["day"] else _ORDINALS[found["ordinal"]]


def _next_date(day: int, month: int, today: date) -> date | None:
    for year in range(today.year, today.year + 5):  # a 29th of February may be years away
        try:
            if (found := date(year, month, day)) >= today:
                return found
        except ValueError:
            continue
    return None


def _in_months(day: date, count: int) -> date:
    year, month = divmod(day.month - 1 + count, 12)
    first = date(day.year + year, month + 1, 1)
    return first.replace(day=min(day.day, _month_end(first).day))


def _month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])
