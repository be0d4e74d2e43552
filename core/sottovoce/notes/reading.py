"""Filling a model's context while the rest of the meeting is still transcribed.

Who spoke is certain at the end only. So what was read is compared with each later state of the
transcript: it is continued where it is its beginning to the letter, and else read anew. The notes
are what they would have been without it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .ahead import UNSURE
from .parts import FULL
from .schema import HEAD, numbered, room, told
from .windows import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..interfaces import Conversation, TextGenerator
    from ..values import Recording, Transcript
    from .request import Request


@dataclass(slots=True)
class _Begun:
    """A conversation and what is in its context."""

    conversation: Conversation
    system: str
    left: int
    """Tokens that surely belong to the first part and are not taken yet"""
    lines: list[str] = field(default_factory=list)
    full: bool = False

    def begins(self, system: str, lines: Sequence[str]) -> bool:
        return system == self.system and list(lines[: len(self.lines)]) == self.lines

    def add(self, generator: TextGenerator, lines: Sequence[str]) -> None:
        more = []
        for line in lines[len(self.lines) :]:
            cost = generator.count_tokens(line) + 1
            if cost > self.left:
                self.full = True
                break
            self.left -= cost
            more.append(line)
        if more:
            self.conversation.append("".join([*([] if self.lines else [HEAD]), *more]))
            self.lines += more


class Reading:
    """A thread of its own reads; close it, or take its conversation, to end it."""

    def __init__(
        self, load: Callable[[], TextGenerator], recording: Recording, request: Request
    ) -> None:
        """``load`` gives the model, and is called when there is something to read."""
        self._load = load
        self._recording = recording
        self._request = request
        self._wanted: tuple[str, list[str]] = ("", [])
        """The system's text and the lines that are known so far"""
        self._begun: _Begun | None = None
        self._changed = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def lines(self) -> int:
        """How many are in the context so far."""
        return len(self._begun.lines) if self._begun else 0

    def hear(self, transcript: Transcript) -> None:
        """Take up what is known so far. Returns at once."""
        lines = lines_of(transcript)
        sure = len(lines) - UNSURE
        if sure <= 0:
            return
        spoken = transcript.language
        language = self._request.language or self._request.template.language or spoken
        system, _ = told(self._recording, language, self._request, spoken)
        with self._changed:
            self._wanted = (system, [numbered(lines, n, n + 1) for n in range(sure)])
            if self._thread is None and not self._ended:
                self._thread = threading.Thread(target=self._run, name="reading", daemon=True)
                self._thread.start()
            self._changed.notify()

    def conversation(self, system: str, text: str) -> Conversation | None:
        """The conversation with this text in its context, what was missing of it added; ``None``
        where what was read is not its beginning. Raises what the model raised."""
        self._end()
        if self._error is not None:
            raise self._error
        begun, self._begun = self._begun, None
        if begun is None:
            return None
        read = "".join([HEAD, *begun.lines])
        try:
            if begun.lines and system == begun.system and text.startswith(read):
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
            generator = self._load()
            while True:
                with self._changed:
                    while not self._ended and not self._is_more():
                        self._changed.wait()
                    if self._ended:
                        return
                    system, lines = self._wanted
                self._read(generator, system, lines)
        except BaseException as error:  # noqa: BLE001 - raised again where the context is taken
            self._error = error

    def _is_more(self) -> bool:
        """Whether what is known is not what is read."""
        system, lines = self._wanted
        if self._begun is None or not self._begun.begins(system, lines):
            return True
        return not self._begun.full and len(lines) > len(self._begun.lines)

    def _read(self, generator: TextGenerator, system: str, lines: Sequence[str]) -> None:
        if self._begun is not None and not self._begun.begins(system, lines):
            self._begun.conversation.close()
            self._begun = None
        if self._begun is None:
            _, sections = told(self._recording, "", self._request, "")
            left = int(FULL * room(generator, system, sections))
            self._begun = _Begun(generator.open(system=system), system, left)
        self._begun.add(generator, lines)
