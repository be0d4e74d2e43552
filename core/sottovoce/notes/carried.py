"""What stayed to be done after the meeting before, and whether this one says that it was done."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from .topics import telling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..library import Library, Meeting
    from ..values import ActionItem, MeetingNotes
    from .evidence import Line

_DONE = re.compile(
    r"\b(?:done|did|finished|completed?|already|sent|ordered|booked|wrote|written|called|fixed|paid"
    r"|delivered|arrived|(?:has|have|is|was|were) been|(?:I|we|he|she|they)(?:'ve| have| has)"
    r"|(?:I|we|he|she|they) \w+ed)\b",
    re.I,
)
_NOT_DONE = re.compile(
    r"\b(?:not|n't|never|still|yet|will|going to|tomorrow|next)\b|n't\b|'ll\b", re.I
)
_TELLING = 4
"""Letters of a title that may be a series'"""
_SHARE = 0.6
"""Of an item's telling words that the line which settles it has"""


def series(title: str) -> str:
    """What the titles of a series' meetings have in common: all but dates and numbers."""
    return " ".join(re.findall(r"[^\W\d_]+", title.casefold()))


def previous_notes(library: Library, meeting: Meeting) -> MeetingNotes | None:
    """The notes of the meeting before this one that has the same title but for dates and numbers;
    ``None`` where there is none, or the title is too short to tell a series."""
    mine = series(meeting.recording.title)
    if len(mine) < _TELLING:
        return None
    earlier = (
        other
        for other in library.meetings()
        if other.recording.started_at < meeting.recording.started_at
        and other.id != meeting.id
        and "notes" in other.stages
        and series(other.recording.title) == mine
    )
    latest = next(earlier, None)
    return library.notes(latest) if latest else None


def left_open(previous: MeetingNotes) -> list[ActionItem]:
    """What is to be done after a meeting, by its notes."""
    return [*(it for it in previous.carried if not it.done), *previous.action_items]


def carried(
    previous: MeetingNotes,
    lines: Sequence[Line],
    settled: Mapping[int, tuple[int, ...]] | None = None,
) -> tuple[ActionItem, ...]:
    """The open items of the meeting before; one that this meeting speaks of as done is checked off
    and cites the place. The others cite nothing: their speech is in the other meeting.

    ``settled`` are items, by their place among those left open, that a model found to be done, with
    the lines that say so: in languages other than English nothing else can tell.
    """
    found = [_looked_up(item, lines) for item in left_open(previous)]
    for number, places in (settled or {}).items():
        if not found[number].done:
            segments = tuple(dict.fromkeys(it for n in places for it in lines[n].segments))
            found[number] = replace(found[number], done=True, segments=segments)
    return tuple(found)


def _looked_up(item: ActionItem, lines: Sequence[Line]) -> ActionItem:
    wanted = telling(item.text)
    for line in lines:
        common = len(wanted & telling(line.text))
        settled = _DONE.search(line.text) and not _NOT_DONE.search(line.text)
        if wanted and common >= _SHARE * len(wanted) and settled and not line.text.endswith("?"):
            return replace(item, done=True, segments=line.segments)
    return replace(item, done=False, segments=())
