"""A meeting on the terminal: what is said, what is suggested, and keys."""

from __future__ import annotations

import os
import select
import sys
import threading
from typing import TYPE_CHECKING, Any

from sottovoce import LiveState, SuggestionOverlay, clock, hookimpl

if TYPE_CHECKING:
    from rich.text import Text

    from sottovoce import LiveCaption, LiveControls, LiveView, Suggestion

_BARS = "▁▂▃▄▅▆▇█"
_QUIET = -60.0
"""dBFS that show as the lowest bar"""
_SIGNS = {
    LiveState.RECORDING: ("● REC", "bold red"),
    LiveState.PAUSED: ("⏸ PAUSED", "bold yellow"),
    LiveState.FINISHING: ("ending …", "bold"),
    LiveState.ENDED: ("ended", "bold"),
}
_KEYS = "p pause · m mark · n note · ? ask · s suggest · g suggestions · q end"


class Terminal(SuggestionOverlay):
    """Lines that stay on standard error, and under them what changes."""

    name = "terminal"

    def open(self, controls: LiveControls) -> None:
        from rich.console import Console
        from rich.live import Live

        self._controls = controls
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._turn = threading.RLock()
        self._typing = False
        self._view: LiveView | None = None
        self._printed: set[tuple[float, str]] = set()
        self._noticed = 0
        self._notices: tuple[str, ...] = ()
        self._marks = 0
        self._keys: _Keys | None = None
        if self._console.is_terminal:
            self._live.start()
        else:
            self._console.print("recording; end it with SIGINT")
        if sys.platform != "win32" and sys.stdin.isatty():
            self._keys = _Keys(self._key)

    def update(self, view: LiveView) -> None:
        with self._turn:
            self._view = view
            if self._typing:
                return
            self._lines(view)
            if self._console.is_terminal:
                self._live.update(_status(view), refresh=True)

    def show(self, suggestion: Suggestion) -> None:
        if not suggestion.complete:
            return
        from rich.text import Text

        with self._turn:
            self._console.print(Text(f"→ {suggestion.text}", style="bold green"))
            for it in suggestion.evidence:
                where = f"{it.meeting} " if it.meeting else ""
                self._console.print(
                    Text(f"    {where}{clock(it.start)} {it.speaker}: {it.text}", style="green")
                )

    def close(self) -> None:
        if self._keys is not None:
            self._keys.close()
        self._live.stop()

    def _lines(self, view: LiveView) -> None:
        from rich.text import Text

        for notice in _after(self._notices, view.notices):
            self._console.print(Text(f"sotto: {notice}", style="yellow"))
        self._notices = view.notices
        for it in view.captions:
            if (it.start, it.speaker) not in self._printed:
                self._printed.add((it.start, it.speaker))
                self._console.print(_caption(it), soft_wrap=True)
        if view.marks > self._marks:
            self._console.print(f"{clock(view.seconds)} ★ marked", style="dim")
        self._marks = view.marks

    def _key(self, key: str) -> None:
        controls = self._controls
        match key:
            case "q":
                controls.end()
            case "p":
                paused = self._view is not None and self._view.state is LiveState.PAUSED
                controls.resume() if paused else controls.pause()
            case "m":
                controls.mark()
            case "n":
                controls.note(self._typed("Note: "))
            case "?":
                controls.ask(self._typed("Ask: "))
            case "s":
                controls.suggest()
            case "g":
                controls.toggle_suggestions()
            case "x" if self._view is not None and self._view.suggestions:
                controls.dismiss(self._view.suggestions[-1].id)

    def _typed(self, prompt: str) -> str:
        assert self._keys is not None
        with self._turn:
            self._typing = True
            self._live.stop()
        try:
            return self._keys.line(prompt)
        finally:
            with self._turn:
                self._typing = False
                self._live.start()


class _Keys:
    """Gives keys as they are pressed, from a thread of its own."""

    def __init__(self, pressed: Any) -> None:
        import termios
        import tty

        self._file = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._file)
        self._pressed = pressed
        self._ended = False
        tty.setcbreak(self._file)
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended = True
        self._usual()

    def line(self, prompt: str) -> str:
        import tty

        self._usual()
        try:
            sys.stderr.write(prompt)
            sys.stderr.flush()
            return os.read(self._file, 4096).decode(errors="replace")
        finally:
            if not self._ended:
                tty.setcbreak(self._file)

    def _usual(self) -> None:
        import termios

        termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)

    def _run(self) -> None:
        while not self._ended:
            if select.select([self._file], [], [], 0.2)[0]:
                # Past Python's buffer, into which two quick keys would both go.
                self._pressed(os.read(self._file, 1).decode(errors="ignore"))


def _after(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """What is new of notices of which only the latest are kept."""
    for count in range(min(len(old), len(new)), 0, -1):
        if old[-count:] == new[:count]:
            return new[count:]
    return new


def _status(view: LiveView) -> Text:
    from rich.text import Text

    text = Text.assemble(_SIGNS[view.state], f" {clock(view.seconds)}")
    for speaker, level in view.levels:
        text.append(f"  {speaker} {_bar(level)}")
    text.append(f"   suggestions {view.suggesting}", style="dim")
    text.append(f"\n{_KEYS}", style="dim")
    for it in view.saying:
        text.append(f"\n{it.speaker}: {it.text} …", style="dim")
    return text


def _caption(it: LiveCaption) -> Text:
    from rich.text import Text

    style = "bold" if it.speaker == "Me" else "bold cyan"
    return Text.assemble((f"{clock(it.start)} ", "dim"), (f"{it.speaker}: ", style), it.text)


def _bar(level: float | None) -> str:
    if level is None:
        return "·"
    place = (level - _QUIET) / -_QUIET * len(_BARS)
    return _BARS[max(0, min(len(_BARS) - 1, int(place)))]


@hookimpl
def register_suggestion_overlays() -> list[SuggestionOverlay]:
    return [Terminal()]
