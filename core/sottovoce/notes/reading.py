"""A transcript in a model's context while it is still made: read line by line, asked at any time.

For models that answer over the whole transcript. Who spoke when is certain a few lines later, and
so the last lines are not read yet. What was read is compared with each later state of the
transcript: it is continued where it is its beginning to the letter, and else read anew. The notes
are what they would have been without it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import EngineError
from .ahead import UNSURE
from .parts import FULL
from .schema import HEAD, numbered, room, written_in
from .windows import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ..interfaces import Conversation, TextGenerator
    from ..values import Segment, Transcript
    from .evidence import Line
    from .request import Request


@dataclass(frozen=True, slots=True)
class Context:
    """What is in a model's context at a moment."""

    conversation: Conversation
    lines: Sequence[Line]
    """All that were read, by their numbers; of a long meeting the context has the last of them"""
    segments: Sequence[Segment]
    """Whose ids the lines have"""


@dataclass(frozen=True, slots=True)
class _Known:
    """A state of the transcript, as far as it is certain."""

    system: str
    texts: Sequence[str]
    lines: Sequence[Line]
    segments: Sequence[Segment]


@dataclass(slots=True)
class _Begun:
    """A conversation and what is in its context."""

    conversation: Conversation
    system: str
    first: int
    """The line that it begins with"""
    left: int
    """Tokens that may still be read"""
    texts: list[str] = field(default_factory=list)
    known: _Known | None = None
    """As of the last line"""
    full: bool = False

    @property
    def end(self) -> int:
        """The line after the last that was read."""
        return self.first + len(self.texts)

    def begins(self, known: _Known) -> bool:
        return known.system == self.system and list(known.texts[self.first : self.end]) == (
            self.texts
        )

    def add(self, generator: TextGenerator, known: _Known) -> None:
        more: list[str] = []
        for text in known.texts[self.end :]:
            cost = generator.count_tokens(text) + 1
            if cost > self.left and (more or self.texts):
                self.full = True
                break
            self.left -= cost
            more.append(text)
        if more:
            self.conversation.append("".join([*([] if self.texts else [HEAD]), *more]))
            self.texts += more
        self.known = known


class Reading:
    """A thread of its own reads; close it, or take its conversation, to end it."""

    def __init__(
        self,
        load: Callable[[], TextGenerator],
        started_at: datetime,
        request: Request,
        *,
        lost: Callable[[EngineError], bool] = lambda error: False,
        full: Callable[[int], None] | None = None,
    ) -> None:
        """``load`` gives the model, and is called when there is something to read. ``lost`` is told
        of an engine that failed, and says whether ``load`` gives another.

        A context that is full is left at that: more is not surely of the first part of a long
        meeting. With ``full``, which is told of the segment, it begins anew with what comes then.
        """
        self._load = load
        self._started_at = started_at
        self._request = request
        self._lost = lost
        self._full = full
        self._known: _Known | None = None
        self._begun: _Begun | None = None
        self._first = 0
        self._changed = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self.since: float | None = None
        """As of ``Ahead``; answers are for whoever takes the context"""

    @property
    def lines(self) -> int:
        """How many are in the context so far."""
        begun = self._begun
        return len(begun.texts) if begun else 0

    def hear(self, transcript: Transcript, *, complete: bool = False) -> None:
        """Take up what is known so far. Returns at once."""
        lines = lines_of(transcript)
        sure = len(lines) if complete else len(lines) - UNSURE
        if sure <= 0:
            return
        system = written_in(self._started_at, self._request, transcript.language)
        texts = [numbered(lines, n, n + 1) for n in range(sure)]
        with self._changed:
            self._known = _Known(system, texts, lines, transcript.segments)
            if self._thread is None and not self._ended:
                self._thread = threading.Thread(target=self._run, name="reading", daemon=True)
                self._thread.start()
            self._changed.notify()

    def now(self) -> Context | None:
        """``None`` while nothing was read."""
        with self._changed:
            begun = self._begun
            if begun is None or begun.known is None:
                return None
            known = begun.known
            return Context(begun.conversation, known.lines[: begun.end], known.segments)

    def conversation(self, system: str, text: str) -> Conversation | None:
        """The conversation with this text in its context, what was missing of it added; ``None``
        where what was read is not its beginning. Raises what the model raised."""
        self._end()
        if self._error is not None:
            raise self._error
        begun, self._begun = self._begun, None
        if begun is None:
            return None
        read = "".join([HEAD, *begun.texts])
        begins = begun.first == 0 and begun.texts and system == begun.system
        try:
            if begins and text.startswith(read):
                if rest := text[len(read) :]:
                    begun.conversation.append(rest)
                return begun.conversation
        except BaseException:
            begun.conversation.close()
            raise
        begun.conversation.close()
        return None

    def close(self) -> None:
        with self._changed:
            self._ended = True
            if self._begun is not None:
                self._begun.conversation.close()  # which stops the thread's reading
        self._end()
        self._begun = None

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            while True:
                try:
                    generator = self._load()
                    while (known := self._next()) is not None:
                        self._read(generator, known)
                    return
                except EngineError as error:
                    if not self._lost(error):
                        raise
                    self._forget()
        except BaseException as error:  # noqa: BLE001 - raised again where the context is taken
            self._error = error

    def _next(self) -> _Known | None:
        """What is known, as soon as that is more than what was read."""
        with self._changed:
            while not self._ended and not self._is_more():
                self._changed.wait()
            return None if self._ended else self._known

    def _is_more(self) -> bool:
        known, begun = self._known, self._begun
        if known is None:
            return False
        if begun is None or not begun.begins(known):
            return True
        return not begun.full and len(known.texts) > begun.end

    def _read(self, generator: TextGenerator, known: _Known) -> None:
        begun = self._begun
        if begun is not None and not begun.begins(known):
            self._forget()
            begun = None
        if begun is None:
            begun = self._begin(generator, known)
        begun.add(generator, known)
        if begun.full and self._full is not None:
            self._first = begun.end
            self._forget()
            self._full(known.lines[self._first].segment)

    def _begin(self, generator: TextGenerator, known: _Known) -> _Begun:
        if self._first >= len(known.texts):
            self._first = 0
        space = room(generator, known.system, self._request)
        left = space if self._full is not None else int(FULL * space)
        begun = _Begun(generator.open(system=known.system), known.system, self._first, left)
        with self._changed:
            self._begun = begun
        return begun

    def _forget(self) -> None:
        with self._changed:
            begun, self._begun = self._begun, None
        if begun is not None:
            begun.conversation.close()
