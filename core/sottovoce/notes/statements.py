"""Statements of what a model that was asked wrote: with their evidence, and none twice."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from ..values import ActionItem, Statement
from .dates import resolve
from .evidence import content_words, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .checked import Checker

_SAME = 0.8
"""Share of the shorter statement's content words that two have in common which say the same"""
_NEAR = 3
"""Lines around the evidence in which an owner or a deadline is said"""
_LATEST = timedelta(days=731)


def statement(
    item: dict[str, Any], checker: Checker, first: int, end: int, today: date
) -> Statement | None:
    """What the model said of the lines from ``first`` up to ``end``, with its evidence, or ``None``
    where the speech does not support it. A task is an ``ActionItem``."""
    text = clean(str(item["text"]))
    evidence = checker.evidence(text, item["lines"], first, end)
    if evidence is None:
        return None
    segments = tuple(n for it in evidence.lines for n in checker.lines[it].segments)
    made = Statement(text=text, segments=tuple(dict.fromkeys(segments)), verified=evidence.verified)
    return _action(item, made, evidence.lines, checker, today) if "assignee" in item else made


def _action(
    item: dict[str, Any], made: Statement, evidence: Sequence[int], checker: Checker, today: date
) -> ActionItem:
    """A task; without an owner who neither speaks nor is named there, or a date nobody set."""
    near = checker.lines[max(0, evidence[0] - _NEAR) : evidence[-1] + _NEAR]
    said = {it for line in near for it in words(f"{line.speaker} {line.text}")}
    assignee, due = clean(item["assignee"]), clean(item["due"])
    if not words(assignee) or not set(words(assignee)) <= said:
        assignee = ""
    if not words(due) or not content_words(due) <= content_words(" ".join(said)):
        due = ""
    return ActionItem(
        text=made.text.rstrip("."),
        segments=made.segments,
        verified=made.verified,
        assignee=assignee or None,
        due=_day(due, item.get("date", ""), today) if due else None,
        due_text=due or None,
    )


def _day(due: str, given: str, today: date) -> date | None:
    """The day that the words mean; where they are not English, the day that the model says."""
    if (day := resolve(due, today)) is not None or not given:
        return day
    try:
        day = date.fromisoformat(given)
    except ValueError:
        return None
    return day if today <= day <= today + _LATEST else None


def add(found: list[Statement], new: Sequence[Statement]) -> bool:
    """Add what was not said before; of what was, its places. Whether there was anything."""
    grew = False
    for statement in new:
        at = next((n for n, it in enumerate(found) if _same(it, statement)), None)
        if at is None:
            found.append(statement)
            grew = True
        else:
            segments = tuple(sorted({*found[at].segments, *statement.segments}))
            found[at] = replace(found[at], segments=segments)
    return grew


def _same(one: Statement, other: Statement) -> bool:
    mine, theirs = content_words(one.text), content_words(other.text)
    if getattr(one, "assignee", None) != getattr(other, "assignee", None):
        return False
    return len(mine & theirs) >= _SAME * max(1, min(len(mine), len(theirs)))


def clean(text: str) -> str:
    """One line without control characters, and without line numbers that were written into it."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"\s*\[[\d, ]+\]$", "", text)
