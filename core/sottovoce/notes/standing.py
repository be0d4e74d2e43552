"""A transcript in a model's context while it grows: read line by line, and asked at any time.

For models that answer over the whole transcript. Who spoke when is certain a few lines later, and
so the last lines are not read yet. One that is longer than the context is read in parts; when one
is full, the notes of it are taken at once, and the next begins. Where what was read turns out to be
otherwise, the part is read anew: the notes are what they would have been without it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Cancelled, EngineError
from .schema import BEGINNING, answers_to, cost_of, numbered, plan
from .windows import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..interfaces import Conversation, TextGenerator
    from ..values import Segment, Transcript
    from .evidence import Line
    from .request import Request
    from .schema import Plan

_UNSURE = 6
"""Lines at the end of what is known so far that may still grow"""


@dataclass(frozen=True, slots=True)
class Context:
    """What is in a model's context at a moment."""

    conversation: Conversation
    lines: Sequence[Line]
    """All that were read, by their numbers; of a long meeting the context has the last of them"""
    segments: Sequence[Segment]
    """Whose ids the lines have"""


class Standing:
    """A thread of its own reads; ``answers`` or ``close`` ends it."""

    def __init__(
        self,
        load: Callable[[], TextGenerator],
        request: Request,
        *,
        lost: Callable[[EngineError], bool] = lambda error: False,
        full: Callable[[int], None] = lambda line: None,
    ) -> None:
        """``lost`` is told of an engine that failed, and says whether ``load`` gives another;
        ``full`` of the line from which the context begins anew."""
        self._load = load
        self._lost = lost
        self._full = full
        self._plan = plan(request)
        self._new: Transcript | None = None
        self._lines: Sequence[Line] = ()
        self._segments: Sequence[Segment] = ()
        self._first = 0
        """The line that the part in the context begins with"""
        self._read = ""
        self._used = 0
        self._room = 0
        self._conversation: Conversation | None = None
        self._done: dict[str, list[str]] = {}
        """Answers by the text of a part"""
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None
        self.since: float | None = None
        """As of ``Ahead``; the last answers are for whoever takes the context"""
        self._thread = threading.Thread(target=self._run, name="standing", daemon=True)
        self._thread.start()

    def hear(self, transcript: Transcript, *, complete: bool = False) -> None:
        """Take up what is known so far. Returns at once."""
        with self._changed:
            self._new = transcript
            self._changed.notify()

    def now(self) -> Context | None:
        """``None`` while nothing was read."""
        with self._changed:
            if self._conversation is None:
                return None
            return Context(self._conversation, self._lines[: self._count], self._segments)

    def answers(self) -> Standing:
        """End the reading. Raises what the model raised."""
        self._end()
        if self._error is not None:
            raise self._error
        return self

    def answers_of(self, asked: Plan, text: str) -> list[str] | None:
        """What was answered before on a part."""
        return self._done.get(text) if self._like(asked) else None

    def take(self, asked: Plan, text: str) -> Conversation | None:
        """The context, completed to this text, where it has the beginning of it. It is closed by
        who takes it."""
        conversation, self._conversation = self._conversation, None
        if conversation is None:
            return None
        if not self._like(asked) or not _continues(self._read, text):
            conversation.close()
            return None
        if rest := text[len(self._read) :]:
            conversation.append(rest if self._read else f"{BEGINNING}{rest}")
        return conversation

    def close(self) -> None:
        if self._conversation is not None:
            self._conversation.close()
        self._end()

    def _like(self, asked: Plan) -> bool:
        return (asked.system, asked.sections) == (self._plan.system, self._plan.sections)

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            while (transcript := self._next()) is not None:
                try:
                    self._take_up(transcript)
                except EngineError as error:
                    if not self._lost(error):
                        raise
                    self._forget(self._first)
                    with self._changed:
                        self._new = self._new or transcript
        except Cancelled:
            pass  # closed
        except BaseException as error:  # noqa: BLE001 - raised again where the answers are taken
            self._error = error

    def _next(self) -> Transcript | None:
        with self._changed:
            while self._new is None and not self._ended:
                self._changed.wait()
            found, self._new = self._new, None
            return None if self._ended else found

    def _take_up(self, transcript: Transcript) -> None:
        lines = lines_of(transcript)
        sure = max(0, len(lines) - _UNSURE)
        if not _continues(self._read, numbered(lines, self._first, max(sure, self._first))):
            before = self._first and numbered(lines, 0, self._first)
            known = before and "\n".join(self._done) == before
            self._forget(self._first if known else 0)
        with self._changed:
            self._lines, self._segments = lines, transcript.segments
        for n in range(self._count, sure):
            self._append(lines, n)

    @property
    def _count(self) -> int:
        """The lines that were read."""
        return self._first + (self._read.count("\n") + 1 if self._read else 0)

    def _append(self, lines: Sequence[Line], n: int) -> None:
        generator = self._load()
        if not self._room:
            self._room = self._plan.room(generator)
        cost = cost_of(generator, lines, n)
        if self._used + cost > self._room and n > self._first:
            assert self._conversation is not None
            questions = self._plan.questions(titled=self._first > 0)
            self._done[self._read] = answers_to(self._conversation, questions)
            self._forget(n)
            self._full(lines[n].segment)
        if self._conversation is None:
            opened = generator.open(system=self._plan.system)
            with self._changed:
                self._conversation = opened
        text = numbered(lines, n, n + 1)
        self._conversation.append(f"\n{text}" if self._read else f"{BEGINNING}{text}")
        with self._changed:
            self._read += f"\n{text}" if self._read else text
        self._used += cost

    def _forget(self, first: int) -> None:
        """Begin anew with that line."""
        with self._changed:
            conversation, self._conversation = self._conversation, None
            self._first, self._read, self._used = first, "", 0
        if first == 0:
            self._done.clear()
        if conversation is not None:
            conversation.close()


def _continues(read: str, text: str) -> bool:
    """Whether a text has all that was read, and goes on after it with another line or ends."""
    return text.startswith(read) and (not read or text[len(read) : len(read) + 1] in ("", "\n"))
