"""What makes suggestions and answers out of what was said."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..values import Evidence
    from .moments import Moment


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
