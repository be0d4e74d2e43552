"""Suggestions of a model that writes no prose: places that answer, and what was promised.

What is quoted was said or noted; what is extracted was checked against its lines as for the notes.
"""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

from ..interfaces import Priority, Question
from ..notes.checks import checked
from ..notes.extract import SYSTEM, grammar, parse
from ..notes.windows import Window, lines_of, read_as
from ..values import SuggestionKind, Transcript
from .drafts import NOT_SAID, Asking, Draft
from .moments import question
from .places import evidence, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..chat.passages import Passage
    from ..interfaces import TextGenerator
    from ..notes.evidence import Line
    from ..notes.extract import Note
    from ..values import Evidence, Segment
    from .moments import Moment
    from .places import Places
    from .said import Said

_LINES = 4
"""That are read for what was just promised or decided"""
_SEGMENTS = 12
_MOST_TOKENS = 160
_TELLS = 3
"""Words that say something, from which what was said may be compared with earlier meetings"""
_PROMISES = re.compile(
    r"\b(?:I will|I'll|I can|I shall|I could|I am going to|I'm going to)\b", re.I
)
_WANTS = re.compile(
    r"\b(?:please|(?:can|could|will|would|should) (?:you|we)|you (?:will|should|must|need to"
    r"|have to)|let's|let us|we will|we'll|decided?|agreed?)\b",
    re.I,
)


class Quoting(Asking):
    def __init__(
        self, said: Said, places: Places, load: Callable[[], TextGenerator], me: str
    ) -> None:
        """``me`` is the speaker who is helped."""
        super().__init__(places, load)
        self._said = said
        self._me = me

    def make(self, moment: Moment) -> Iterator[Draft | None]:
        match moment.kind:
            case SuggestionKind.QUESTION:
                yield self._found(moment.about, moment.at)
            case SuggestionKind.TURN if moment.own:
                if _PROMISES.search(moment.about):
                    yield from self._noted(moment.about)
            case SuggestionKind.TURN:
                if _WANTS.search(moment.about):
                    yield from self._noted(moment.about)
                else:
                    yield self._related(moment.about)
            case _:
                yield from self._requested(moment.at)

    def answer(self, question: str) -> Iterator[Draft | None]:
        yield self._found(question, float("inf"), 4) or Draft(NOT_SAID, ())

    def _requested(self, at: float) -> Iterator[Draft | None]:
        """The last question of the others, else what was promised or decided, else what is known
        of what was said last."""
        segments = self._said.latest(_SEGMENTS)
        for segment in reversed(segments):
            if segment.speaker != self._me and (asks := question(segment.text)):
                if draft := self._found(asks, at):
                    yield draft
                    return
                break
        made = False
        for draft in self._noted(""):
            made = made or draft is not None
            yield draft
        if not made:
            yield self._related(" ".join(it.text for it in segments[-4:]))

    def _found(self, asks: str, at: float, most: int = 2) -> Draft | None:
        here, elsewhere = self._places.here(asks, at, most), self._places.elsewhere(asks, most)
        words = [_introduced(found) for found in (here, elsewhere) if found]
        return Draft(" · ".join(words), evidence([*here, *elsewhere])) if words else None

    def _related(self, text: str) -> Draft | None:
        from ..chat.passages import asked

        if len(asked(text)) < _TELLS:
            return None
        found = self._places.elsewhere(text, 1)
        return Draft(_introduced(found), evidence(found)) if found else None

    def _noted(self, about: str) -> Iterator[Draft | None]:
        """What was promised, asked for or decided in the last lines, as the notes would have it."""
        segments = self._said.latest(_SEGMENTS)
        transcript = Transcript(recording_id="", language="", segments=tuple(segments))
        lines = read_as(lines_of(transcript))
        window = Window(max(0, len(lines) - _LINES), tuple(lines[-_LINES:]))
        if not window.lines:
            return
        asked = Question(
            text=f"{window.text}\n\nNotes:",
            grammar=grammar(window, transcript.speakers),
            max_tokens=_MOST_TOKENS,
            priority=Priority.LIVE,
        )
        answer = ""
        pieces = self._conversation(SYSTEM).ask([asked])
        with closing(pieces):  # type: ignore[type-var]
            for piece in pieces:
                answer += piece.text
                yield None
        found = [it for note in parse(answer) if (it := checked(note, window, lines))]
        latest = sorted(found, key=lambda it: it.lines[-1])
        for note in reversed(latest):
            said = [lines[it].text for it in note.lines]
            if about and not any(it in about or about in it for it in said):
                continue  # it was said before
            if text := self._worded(note):
                yield Draft(text, _lines(note, lines, segments))
                return

    def _worded(self, note: Note) -> str:
        when = f" ({note.when})" if note.when and note.when not in note.text else ""
        match note.kind, note.owner:
            case "T", self._me:
                return f"You take on: {note.text}{when}"
            case "T", "":
                return f"To do: {note.text}{when}"
            case "T", owner:
                return f"{owner} takes on: {note.text}{when}"
            case "D", _:
                return f"Decided: {note.text}"
            case "Q", _:
                return f"Still open: {note.text}"
        return ""


def _introduced(found: Sequence[Passage]) -> str:
    first = found[0]
    meeting = first.meeting.recording
    if meeting.id:
        where = f"{meeting.title}, {meeting.started_at:%Y-%m-%d}"
        return f"{where}, {first.line.speaker}: {quoted(found)}"
    return f"{first.line.speaker or meeting.title.capitalize()}: {quoted(found)}"


def _lines(note: Note, lines: Sequence[Line], segments: Sequence[Segment]) -> tuple[Evidence, ...]:
    from ..values import Evidence

    return tuple(
        Evidence(
            start=segments[lines[it].segment].start,
            speaker=lines[it].speaker,
            text=lines[it].text,
        )
        for it in note.lines
    )
