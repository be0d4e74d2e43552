"""Whose turn it is to be suggested: what is stale is stopped, and what comes too late not shown."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING

from ..errors import Cancelled, EngineError, SottovoceError
from ..notes.evidence import words
from ..values import Suggestion, SuggestionKind
from .moments import Moment, moment
from .power import pace, power

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..values import Evidence, Segment
    from .drafts import Draft, Maker
    from .power import Pace, Power
    from .said import Said

log = logging.getLogger(__name__)

_FRESH = 20.0
"""Seconds after which nobody waits for a suggestion that nobody asked for"""
_MOVED_ON = 5.0
"""Seconds after which another of its kind takes the place of what is being made"""
_PAUSE = 0.6
"""Seconds without speech that end a turn"""
_ANSWERED = 8
"""Words with which a person answers a question"""
_HOLDS = {
    SuggestionKind.QUESTION: 60.0,
    SuggestionKind.TURN: 45.0,
    SuggestionKind.REQUEST: 120.0,
    SuggestionKind.ANSWER: 600.0,
}
"""Seconds for which it is shown"""
_SHOWN = 4
"""At one time"""
_POWER = 10.0
"""Seconds from one look at the battery to the next"""
_ASKED = (SuggestionKind.REQUEST, SuggestionKind.ANSWER)


class Suggester:
    """A thread of its own works; close it to end that."""

    def __init__(
        self,
        said: Said,
        make: Callable[[], Maker],
        say: Callable[[str], None],
        lost: Callable[[EngineError], bool],
        *,
        on: bool = False,
        power: Callable[[], Power] = power,
    ) -> None:
        """``make`` is called on the thread; ``say`` is told what a person has to know; ``lost`` of
        an engine that failed, and says whether there is another."""
        self._said = said
        self._make = make
        self._say = say
        self._lost = lost
        self._on = on
        self._power = power
        self._looked = -_POWER
        self._pace = pace(power())
        self._ids = itertools.count(1)
        self._moment: Moment | None = None
        """What came last that nobody asked for"""
        self._asked: deque[tuple[int, Moment]] = deque()
        self._answered = 0.0
        """When the person last said more than a few words"""
        self._last = -1e9
        """When something was last suggested unasked"""
        self._held: dict[int, tuple[float, Suggestion]] = {}
        self._told: set[str] = set()
        self._gone: set[int] = set()
        self._maker: Maker | None = None
        self._working: tuple[int, Moment] | None = None
        self._ended = False
        self._changed = threading.Condition()
        said.listeners.append(self._hear)
        self._thread = threading.Thread(target=self._run, name="suggester", daemon=True)
        self._thread.start()

    @property
    def on(self) -> bool:
        return self._on

    def turn(self, on: bool) -> None:
        with self._changed:
            self._on = on
            self._moment = None
            self._changed.notify()
        self._interrupt()

    @property
    def shown(self) -> str:
        """Whether there are suggestions, or how many and why."""
        return self._now().shown if self._on else "off"

    @property
    def suggestions(self) -> tuple[Suggestion, ...]:
        """Those that hold, the newest last."""
        now = time.monotonic()
        with self._changed:
            held = [it for at, it in self._held.values() if now - at < _HOLDS[it.kind]]
        return tuple(held[-_SHOWN:])

    def ask(self, question: str, at: float) -> None:
        self._want(SuggestionKind.ANSWER, question, at)

    def suggest(self, at: float) -> None:
        self._want(SuggestionKind.REQUEST, "", at)

    def dismiss(self, suggestion: int) -> None:
        with self._changed:
            self._gone.add(suggestion)
            self._held.pop(suggestion, None)
        self._interrupt()

    def close(self) -> None:
        """What is being made is stopped."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._interrupt()
        self._thread.join()

    def _want(self, kind: SuggestionKind, about: str, at: float) -> None:
        number = next(self._ids)
        wanted = Moment(kind=kind, about=about, at=at, began=time.monotonic())
        self._put(number, wanted, "", (), complete=False)
        with self._changed:
            self._asked.append((number, wanted))
            self._changed.notify()
        self._interrupt()

    def _hear(self, segment: Segment) -> None:
        now = time.monotonic()
        found = moment(segment, now)
        with self._changed:
            if found is None or not self._on:
                return
            if found.own and len(words(segment.text)) >= _ANSWERED:
                self._answered = now
            waiting = self._moment
            if (
                waiting is not None
                and waiting.kind is SuggestionKind.QUESTION
                and found.kind is SuggestionKind.TURN
                and not self._stale(waiting)
            ):
                return  # the question is what help is wanted with
            self._moment = found
            self._changed.notify()
        self._interrupt()

    def _interrupt(self) -> None:
        """Stop the engine where nobody waits any more for what it makes."""
        with self._changed:
            working, maker = self._working, self._maker
        if working is not None and maker is not None and self._overtaken(*working):
            maker.stop()

    def _now(self) -> Pace:
        if time.monotonic() - self._looked >= _POWER:
            self._looked = time.monotonic()
            self._pace = pace(self._power())
        return self._pace

    def _run(self) -> None:
        try:
            while (wanted := self._next()) is not None:
                self._working = wanted
                self._try(*wanted)
                self._working = None
        finally:
            if self._maker is not None:
                self._maker.close()

    def _try(self, number: int, now: Moment) -> None:
        try:
            self._maker = self._maker or self._make()
            self._work(self._maker, number, now)
        except SottovoceError as error:
            stopped = isinstance(error, Cancelled) or self._overtaken(number, now)
            if stopped:
                log.info("a suggestion was stopped: %s", error)
            elif isinstance(error, EngineError):
                self._maker = None
                if self._lost(error) and now.kind in _ASKED:
                    with self._changed:
                        self._asked.appendleft((number, now))
                    return
            else:
                self._say(str(error))
            self._drop(number)

    def _next(self) -> tuple[int, Moment] | None:
        with self._changed:
            while not self._ended:
                if self._asked:
                    return self._asked.popleft()
                wait = None
                if self._moment is not None:
                    if self._stale(self._moment) or self._moment.kind not in self._now().kinds:
                        self._moment = None
                        continue
                    wait = self._due(self._moment) - time.monotonic()
                    if wait <= 0:
                        found, self._moment = self._moment, None
                        return next(self._ids), found
                self._changed.wait(wait)
        return None

    def _due(self, now: Moment) -> float:
        """When work on it may begin: a turn may go on, and suggestions are not to follow close."""
        due = max(now.began, self._last + self._now().every)
        if now.kind is SuggestionKind.TURN:
            due = max(due, now.began + _PAUSE)
            if not now.own and self._said.saying():
                due = max(due, time.monotonic() + _PAUSE)
        return due

    def _stale(self, now: Moment) -> bool:
        if self._ended:
            return True
        if now.kind in _ASKED:
            return False
        if not self._on or time.monotonic() - now.began > _FRESH:
            return True
        return now.kind is SuggestionKind.QUESTION and self._answered > now.began

    def _overtaken(self, number: int, now: Moment) -> bool:
        """Whether nobody wants any more what is being made."""
        with self._changed:
            if number in self._gone or self._stale(now):
                return True
            if now.kind in _ASKED:
                return False
            newer = self._moment
            return bool(self._asked) or (
                newer is not None
                and newer.kind in (SuggestionKind.QUESTION, now.kind)
                and (newer.kind is not now.kind or newer.began - now.began > _MOVED_ON)
            )

    def _work(self, maker: Maker, number: int, now: Moment) -> None:
        asked = now.kind is SuggestionKind.ANSWER
        drafts = maker.answer(now.about) if asked else maker.make(now)
        shown = False
        with closing(drafts):  # type: ignore[type-var]
            for draft in drafts:
                if self._overtaken(number, now):
                    log.info("a suggestion is stopped: it is stale")
                    self._drop(number)
                    return
                if draft is not None:
                    shown = self._show(number, now, draft) or shown
        if not shown:
            self._drop(number)
            if now.kind is SuggestionKind.REQUEST:
                self._say("there is nothing to suggest about what was just said")

    def _show(self, number: int, now: Moment, draft: Draft) -> bool:
        unasked = now.kind not in _ASKED
        if unasked:
            if draft.text in self._told:
                return False  # it was suggested before
            self._told.add(draft.text)
            self._last = time.monotonic()
        self._put(number, now, draft.text, draft.evidence, complete=draft.complete)
        return True

    def _put(
        self, number: int, now: Moment, text: str, evidence: tuple[Evidence, ...], *, complete: bool
    ) -> None:
        suggestion = Suggestion(
            id=number, text=text, timestamp=now.at, kind=now.kind, about=now.about,
            evidence=evidence, complete=complete,
        )  # fmt: skip
        with self._changed:
            if number not in self._gone:
                self._held[number] = (time.monotonic(), suggestion)

    def _drop(self, number: int) -> None:
        with self._changed:
            self._held.pop(number, None)
