"""The places that a question may be answered by: in this meeting, in one's notes, in earlier ones.

What is looked at does not grow with the meeting: of every word the latest places, and what stands
beside them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..chat.passages import Passage, asked, of_meetings
from ..library.library import Library, Meeting
from ..notes.evidence import Line
from ..notes.topics import telling
from ..notes.windows import lines_of
from ..values import Evidence, Recording, Transcript
from .moments import question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .said import Said

_LATEST = 30
"""Places of a word"""
_JUST = 15.0
"""Seconds for which what was said needs no reminder"""
_EARLIER = 12
"""Places in earlier meetings that are compared"""
OWN = "your notes"
AGENDA = "the agenda"


def here(title: str = "") -> Meeting:
    """Stands for what is in no library: the meeting that goes on, a person's notes."""
    now = datetime.now().astimezone()
    recording = Recording(id="", title=title, path=Path(), source="", started_at=now)
    return Meeting(recording=recording, titled_by_person=False, language="", stages=(), exports=())


class Places:
    """Used from one thread, which closes it."""

    def __init__(
        self, said: Said, library: Path, written: Callable[[], Mapping[str, str]] = dict
    ) -> None:
        """``written`` gives what was written for the meeting so far, in Markdown, by what that
        is."""
        self._said = said
        self._path = library
        self._library: Library | None = None
        self._here = here()
        self._lines: list[Passage] = []
        self._where: dict[str, list[int]] = defaultdict(list)
        self._until = -1.0
        self._written = written

    def close(self) -> None:
        if self._library is not None:
            self._library.close()
            self._library = None

    def here(self, asks: str, before: float, count: int = 2) -> list[Passage]:
        """Of this meeting, what was said before a time."""
        self._take_up(before)
        near = {
            number
            for word in asked(asks)
            for place in self._where[word][-_LATEST:]
            for number in range(max(0, place - 1), min(len(self._lines), place + 2))
        }
        return best(asks, [self._lines[it] for it in sorted(near)], count)

    def elsewhere(self, asks: str, count: int = 2) -> list[Passage]:
        """Of the person's notes and the agenda, else of earlier meetings."""
        if found := best(asks, list(_lines(self._written())), count):
            return found
        if not asked(asks):
            return []
        if self._library is None:
            self._library = Library(self._path)
        return best(asks, of_meetings(self._library, asks, count=_EARLIER), count)

    def _take_up(self, before: float) -> None:
        for segment in self._said.since(self._until):
            if segment.end > before - _JUST:
                break
            self._until = segment.start
            one = Transcript(recording_id="", language="", segments=(segment,))
            for line in lines_of(one):
                for word in telling(line.text):
                    self._where[word].append(len(self._lines))
                self._lines.append(Passage(self._here, line, segment.start))


def _lines(written: Mapping[str, str]) -> Iterator[Passage]:
    for what, text in written.items():
        meeting = here(what)
        rows = (row.strip(" -*#\t") for row in text.splitlines())
        for number, row in enumerate(filter(None, rows)):
            yield Passage(meeting, Line(number, "", row), 0.0)


def best(asks: str, passages: Sequence[Passage], count: int) -> list[Passage]:
    """The passages that have most of what is asked for, the best first; none where none has half.

    Plainer than what answers in ``sotto ask``: among so few lines no word is known to be rare, and
    a person sees at a glance whether a line helps. A question answers none.
    """
    wanted = asked(asks)
    found = [telling(it.line.text) & wanted for it in passages]
    common = Counter(word for it in found for word in it)
    ranked = []
    for n, (passage, has) in enumerate(zip(passages, found, strict=True)):
        around = has.union(*found[max(0, n - 1) : n + 2])
        if not has or 2 * len(around) < len(wanted) or question(passage.line.text):
            continue
        ranked.append((len(has) + len(around) / 2 + sum(1 / common[it] for it in has), n))
    ranked.sort(key=lambda it: (-it[0], -it[1]))
    kept = [n for score, n in ranked if score >= ranked[0][0] / 2][:count]
    return [passages[n] for n in kept]


def evidence(passages: Iterable[Passage]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            start=it.start,
            speaker=it.line.speaker,
            text=it.line.text,
            meeting=it.meeting.recording.title,
        )
        for it in passages
    )


def quoted(passages: Sequence[Passage], most: int = 160) -> str:
    """What the first of them says, short enough to be read at a glance."""
    text = passages[0].line.text
    if len(text) > most:
        text = f"{text[:most].rpartition(' ')[0]} …"
    return f"“{text}”"
