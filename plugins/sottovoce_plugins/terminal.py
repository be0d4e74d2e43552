"""A meeting on the terminal: what is said, what is suggested, and keys."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sottovoce import LiveState, SuggestionOverlay, hookimpl

from . import terminal_picture as picture
from .keys import keys
from .shown import after

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from sottovoce import LiveControls, LiveView, Suggestion

    from .keys import Keys


class Terminal(SuggestionOverlay):
    """What was said goes by on standard error; under it is what changes. Where that is no terminal,
    there are lines alone."""

    name = "terminal"

    def open(self, controls: LiveControls) -> None:
        from rich.console import Console

        self._controls = controls
        self._console = Console(stderr=True, highlight=False)
        self._drawn = self._console.is_terminal and not self._console.is_dumb_terminal
        self._live = self._new()
        self._size = self._console.size
        self._turn = threading.RLock()
        self._view: LiveView | None = None
        self._entry: picture.Entry | None = None
        self._printed: set[tuple[float, str]] = set()
        self._notices: tuple[str, ...] = ()
        self._keys: Keys | None = None
        if not self._drawn:
            self._console.print("recording; end it with SIGINT")
            return
        self._live.start()
        self._keys = keys(self._key)
        if self._keys is not None:
            self._keys.start()

    def update(self, view: LiveView) -> None:
        with self._turn:
            before, self._view = self._view, view
            self._resize()
            for notice in after(self._notices, view.notices):
                self._print(picture.notice(notice))
            self._notices = view.notices
            for caption in view.captions:  # one may come between those that were printed
                if (caption.start, caption.speaker) not in self._printed:
                    self._printed.add((caption.start, caption.speaker))
                    width = self._console.width if self._drawn else None
                    self._print(picture.caption(caption, width))
            if before is not None and view.marks > before.marks:
                self._print(picture.mark(view.seconds))
            self._draw()

    def show(self, suggestion: Suggestion) -> None:
        if suggestion.complete and not self._drawn:
            for line in picture.lines_of(suggestion):
                self._print(line)

    def close(self) -> None:
        if self._keys is not None:
            self._keys.close()
        with self._turn:
            self._live.stop()

    def _new(self) -> Live:
        from rich.live import Live

        return Live(
            console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop"
        )

    def _resize(self) -> None:
        """Begin the screen anew where it has another size: what was drawn is broken anyhow."""
        size = self._console.size
        if size == self._size or not self._drawn or self._view is None:
            return
        self._size = size
        self._live.stop()
        self._console.clear()
        self._live = self._new()
        self._printed = {(it.start, it.speaker) for it in self._view.captions[: -size.height]}
        self._live.start()

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)

    def _draw(self) -> None:
        if self._drawn and self._view is not None:
            now = picture.now(self._view, self._console.size, self._entry, self._keys is not None)
            self._live.update(now, refresh=True)

    def _key(self, key: str) -> None:
        with self._turn:
            if self._entry is not None:
                self._type(self._entry, key)
            else:
                self._do(key)
            self._draw()

    def _do(self, key: str) -> None:
        controls, view = self._controls, self._view
        match key:
            case "q":
                controls.end()
            case "p":
                paused = view is not None and view.state is LiveState.PAUSED
                controls.resume() if paused else controls.pause()
            case "m":
                controls.mark()
            case "n":
                self._entry = picture.Entry("Note", controls.note)
            case "?":
                self._entry = picture.Entry("Ask", controls.ask)
            case "s":
                controls.suggest()
            case "g":
                controls.toggle_suggestions()
            case "x" | "esc" if view is not None and view.suggestions:
                controls.dismiss(view.suggestions[-1].id)

    def _type(self, entry: picture.Entry, key: str) -> None:
        match key:
            case "enter":
                self._entry = None
                if entry.text.strip():
                    entry.done(entry.text.strip())
            case "esc":
                self._entry = None
            case "back":
                entry.text = entry.text[:-1]
            case "clear":
                entry.text = ""
            case _:
                entry.text += key


@hookimpl
def register_suggestion_overlays() -> list[SuggestionOverlay]:
    return [Terminal()]
