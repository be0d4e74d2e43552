"""What reads along in a meeting: it answers, suggests, and has the notes prepared at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..transcription import Heard
    from ..values import Suggestion


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the language model has read and answered by the end of a meeting."""


class Assistant:
    suggesting: str = "off"
    suggestions: tuple[Suggestion, ...] = ()

    def ask(self, question: str) -> None: ...
    def suggest(self) -> None: ...
    def toggle(self) -> None: ...
    def dismiss(self, suggestion: int) -> None: ...
    def end(self, heard: Heard | None) -> Prepared | None: ...
