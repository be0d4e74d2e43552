"""Reading ahead: windows of a transcript are answered while the rest is still transcribed.

Who spoke is known for certain at the end only, and so what is read ahead is a guess at the final
windows. Answers are used where a group of final windows is the same to the letter, and else thrown
away: the notes are what they would have been without it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING

from ..errors import EngineError
from .extract import GROUP, SYSTEM, answered, groups, telling_windows
from .windows import lines_of, read_as

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..interfaces import Conversation, TextGenerator
    from ..values import Transcript
    from .extract import Group

UNSURE = 6
"""Lines at the end of what is known so far that may still grow"""


class Ahead:
    """A thread of its own answers; close it, or take its answers, to end it."""

    def __init__(
        self,
        load: Callable[[], TextGenerator],
        lost: Callable[[EngineError], bool] = lambda error: False,
    ) -> None:
        """``load`` gives the model, and is called when there is a first window to read. ``lost`` is
        told of an engine that failed, and says whether ``load`` gives another."""
        self._load = load
        self._lost = lost
        self._waiting: deque[Group] = deque()
        self._seen: set[Group] = set()
        self._answers: dict[Group, list[str]] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._complete = False
        self.since: float | None = None
        """When it was told of a complete transcript, on the monotonic clock"""
        self._thread: threading.Thread | None = None
        self._conversation: Conversation | None = None
        self._error: BaseException | None = None

    def hear(self, transcript: Transcript, *, complete: bool = False) -> None:
        """Take up what is known so far. Returns at once. ``complete``: no more will come, and all
        of it is answered."""
        lines = read_as(lines_of(transcript))
        parts = telling_windows(lines)
        sure = [it for it in parts if it.first + len(it.lines) <= len(lines) - UNSURE]
        # A group that is not full will have more windows.
        found = groups(parts if complete else sure, transcript.speakers)
        whole = [it for it in found if complete or len(it) == GROUP]
        with self._changed:
            self._complete = complete
            self.since = time.monotonic() if complete else None
            if complete:  # what was a wrong guess is not answered any more
                self._waiting = deque(it for it in self._waiting if it in whole)
            for group in whole:
                if group not in self._seen:
                    self._seen.add(group)
                    self._waiting.append(group)
            if self._waiting and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
                self._thread.start()
            self._changed.notify()

    def answers(self) -> Mapping[Group, list[str]]:
        """End the reading, of a complete transcript at its end, and return what was answered.
        Raises what the model raised."""
        self._end(interrupt=False)
        if self._error is not None:
            raise self._error
        return self._answers

    def close(self) -> None:
        self._end(interrupt=True)

    def _end(self, *, interrupt: bool) -> None:
        with self._changed:
            self._ended = True
            self._complete = self._complete and not interrupt
            self._changed.notify()
        if interrupt and self._conversation is not None:
            self._conversation.close()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        group: Group = ()
        try:
            while True:
                try:
                    self._conversation = self._load().open(system=SYSTEM)
                    with closing(self._conversation):
                        while group := group or self._next():
                            self._answers[group] = answered(self._conversation, group)
                            group = ()
                    return
                except EngineError as error:
                    if not self._lost(error):
                        raise
        except BaseException as error:  # noqa: BLE001 - raised again where the answers are taken
            self._error = error

    def _next(self) -> Group:
        with self._changed:
            while not self._waiting and not self._ended:
                self._changed.wait()
            if self._ended and not (self._complete and self._waiting):
                return ()
            return self._waiting.popleft()
