"""What a person notes and marks while a meeting goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..capture.finish import OWN
from ..errors import RecordingError
from ..times import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class OwnNotes:
    """A Markdown file in the recording's folder, written with every line, which comes to lie
    beside the recording: its notes then follow it."""

    def __init__(self, folder: Path, said_at: Callable[[float], str]) -> None:
        """``said_at`` gives what was said at a time, as far as it is known; a mark becomes that."""
        self._folder = folder
        self._said_at = said_at
        self._lines: list[tuple[float, str]] = []
        self.marks = 0

    def mark(self, seconds: float) -> None:
        """Raises ``RecordingError`` where it could not be written, as ``note`` does."""
        self.marks += 1
        self._add(seconds, "")

    def note(self, seconds: float, text: str) -> None:
        if text.strip():
            self._add(seconds, " ".join(text.split()))

    @property
    def text(self) -> str:
        """What was noted, a line each."""
        return "\n".join(text for _, text in self._lines if text)

    def _add(self, seconds: float, text: str) -> None:
        self._lines.append((seconds, text))
        self.write()

    def write(self) -> None:
        """Anew, with what is known of what was said by now."""
        if not self._lines:
            return
        rows = [
            f"- {text or self._said_at(seconds) or f'Important, at {clock(seconds)}'}"
            for seconds, text in self._lines
        ]
        part = self._folder / f".{OWN}.part"
        try:
            part.write_text("\n".join(rows) + "\n", encoding="utf-8")
            part.replace(self._folder / OWN)
        except OSError as error:
            raise RecordingError(
                f"your notes could not be written: {error.strerror}; they are: " + "; ".join(rows)
            ) from error
