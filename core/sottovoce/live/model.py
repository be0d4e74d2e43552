"""The language model of a meeting: loaded once, begun anew where it died."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from ..errors import Cancelled, EngineError, SottovoceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..interfaces import TextGenerator

log = logging.getLogger(__name__)

_TIMES = 3
"""Times that it is loaded again"""


class LiveModel:
    """Threads share it."""

    def __init__(self, load: Callable[[], TextGenerator], say: Callable[[str], None]) -> None:
        self._load = load
        self._say = say
        self._turn = threading.RLock()
        self._generator: TextGenerator | None = None
        self._broken: SottovoceError | None = None
        self._lost = 0

    @property
    def broken(self) -> bool:
        """Whether it can be had no more in this meeting."""
        return self._broken is not None

    def get(self) -> TextGenerator:
        """Raises what loading raises, and then always."""
        with self._turn:
            if self._broken is not None:
                raise self._broken
            if self._generator is None:
                try:
                    self._generator = self._load()
                except SottovoceError as error:
                    self._break(error)
                    raise
            return self._generator

    def lost(self, error: EngineError) -> bool:
        """Told by whoever it failed: whether ``get`` gives it again."""
        with self._turn:
            if self._broken is not None:
                return False
            if not self._answers():
                self._lost += 1
                if self._lost > _TIMES:
                    self._break(error)
                    return False
                self._say(f"the language model stopped: {error}; it is begun anew")
            return True

    def _answers(self) -> bool:
        """Whether it works; one that does not is forgotten. Another thread may have begun it anew
        since it failed this one."""
        if self._generator is None:
            return True
        try:
            self._generator.count_tokens("yes")
        except (EngineError, Cancelled):
            self._generator.close()
            self._generator = None
            return False
        return True

    def _break(self, error: SottovoceError) -> None:
        self._broken = error
        self._say(f"no suggestions and answers: {error}; the recording and its captions go on")

    def take(self) -> TextGenerator | None:
        """Hand it over, to be closed by who takes it; ``None`` where it was never needed."""
        with self._turn:
            generator, self._generator = self._generator, None
            self._broken = self._broken or Cancelled("the meeting has ended")
            return generator

    def close(self) -> None:
        if (generator := self.take()) is not None:
            generator.close()
