"""What makes suggestions and answers out of what was said."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..interfaces import Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..interfaces import Conversation, TextGenerator
    from ..values import Evidence
    from .moments import Moment
    from .places import Places


NOT_SAID = "That was not said so far, nor in an earlier meeting."


@dataclass(frozen=True, slots=True)
class Draft:
    """A suggestion, or as much of an answer as is there."""

    text: str
    evidence: tuple[Evidence, ...]
    complete: bool = True


class Maker(ABC):
    """Used from one thread, which closes it; only ``stop`` is called from others."""

    @abstractmethod
    def make(self, moment: Moment) -> Iterator[Draft | None]:
        """One suggestion at most, without evidence none. ``None`` comes whenever the work may be
        stopped, which closing the iterator does."""

    @abstractmethod
    def answer(self, question: str) -> Iterator[Draft | None]:
        """An answer as it grows; its last draft is complete."""

    @abstractmethod
    def stop(self) -> None:
        """Have the engine stop what is being made: the thread that waits gets ``Cancelled``."""

    @abstractmethod
    def close(self) -> None: ...


class Asking(Maker):
    """One that has a conversation of its own with the model, begun when it is needed."""

    def __init__(self, places: Places, load: Callable[[], TextGenerator]) -> None:
        self._places = places
        self._load = load
        self._own: Conversation | None = None

    def _conversation(self, system: str) -> Conversation:
        conversation = self._own
        if conversation is None:
            self._own = conversation = self._load().open(system=system, priority=Priority.LIVE)
        return conversation

    def stop(self) -> None:
        conversation, self._own = self._own, None
        if conversation is not None:
            conversation.close()

    def close(self) -> None:
        self.stop()
        self._places.close()
