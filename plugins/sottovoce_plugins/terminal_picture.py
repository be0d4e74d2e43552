"""How a meeting looks on a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sottovoce import LiveState, SuggestionKind, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import ConsoleDimensions, RenderableType
    from rich.panel import Panel
    from rich.text import Text

    from sottovoce import Evidence, LiveCaption, LiveView, Suggestion

_QUIET = -60.0
"""dBFS at which a meter begins"""
_METER = 10
"""Cells of a meter"""
_WIDE = 100
"""Columns beyond which a line is hard to read"""
_CARD = 20
"""Lines from which there is room for a card"""
_SIGNS = {
    LiveState.RECORDING: ("● Recording", "bold red"),
    LiveState.PAUSED: ("‖ Paused", "bold yellow"),
    LiveState.FINISHING: ("○ Finishing", "bold"),
    LiveState.ENDED: ("○ Ended", "bold"),
}
_COLOURS = {"me": "cyan", "them": "yellow"}
_KINDS = {SuggestionKind.QUESTION: "You were asked", SuggestionKind.ANSWER: "Answer"}
_KEYS = "p pause|m mark|n note|? ask|s suggest|g suggestions|q end"
_TYPING = "Enter keeps it|Esc leaves it"


@dataclass(slots=True)
class Entry:
    """A line that the person is typing."""

    what: str
    done: Callable[[str], None]
    text: str = ""


def now(view: LiveView, size: ConsoleDimensions, entry: Entry | None, keys: bool) -> RenderableType:
    """What changes: what is being said, the newest suggestion, the state, the keys."""
    from rich.console import Group
    from rich.text import Text

    width = min(size.width, _WIDE)
    parts: list[RenderableType] = [_saying(it, width) for it in view.saying]
    if view.suggestions and size.height >= _CARD:
        parts += [Text(), _card(view.suggestions[-1], width)]
    elif view.suggestions:
        parts.append(_first(next(lines_of(view.suggestions[-1])), width, 2))
    else:
        parts.append(Text())
    if entry is not None:
        typed = Text.assemble((f"{entry.what} ", "bold green"), entry.text, ("▏", "green"))
        parts += [_tail(typed, width, len(entry.what) + 1), _keys(_TYPING, width)]
    else:
        parts.append(_status(view, width))
        if keys:
            more = "x dismiss|" if view.suggestions else ""
            parts.append(_keys(more + _KEYS, width))
    return Group(*parts)


def caption(it: LiveCaption, width: int | None) -> Text:
    """Broken into lines for a terminal of a width, or one line."""
    from rich.text import Text

    if width is None:
        return Text(f"{clock(it.start)} {it.speaker}: {it.text}")
    margin = f"{clock(it.start):>7}  "
    text = Text.assemble(
        (margin, "dim"), (f"{it.speaker:<4} ", f"bold {_colour(it.speaker)}"), it.text
    )
    return _hanging(text, min(width, _WIDE), len(margin) + max(4, len(it.speaker)) + 1)


def notice(text: str) -> Text:
    from rich.text import Text

    return Text(f"sotto: {text}", style="yellow")


def mark(seconds: float) -> Text:
    from rich.text import Text

    return Text(f"{clock(seconds):>7}  ★ marked", style="dim")


def lines_of(suggestion: Suggestion) -> Iterator[Text]:
    """A suggestion where there is no room for a card."""
    from rich.text import Text

    yield Text(f"→ {suggestion.text}", style="bold green")
    for it in suggestion.evidence:
        yield Text(f"    {_place(it)}", style="dim")


def _saying(it: LiveCaption, width: int) -> Text:
    from rich.text import Text

    margin = 9 + max(4, len(it.speaker)) + 1
    text = Text(" " * 9)
    text.append(f"{it.speaker:<4} ", style=_colour(it.speaker))
    text.append(f"{it.text} …", style="dim")
    return _tail(text, width, margin)


def _card(it: Suggestion, width: int) -> Panel:
    from rich.box import ROUNDED
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    rows: list[Text] = []
    if it.about:
        rows.append(Text(f"“{it.about}”", style="dim", no_wrap=True, overflow="ellipsis"))
    rows.append(_first(Text(it.text or "…", style="bold" if it.complete else ""), width - 4, 4))
    for evidence in it.evidence[-2:]:
        rows.append(Text(_place(evidence), style="dim", no_wrap=True, overflow="ellipsis"))
    title = Text(_KINDS.get(it.kind, "Suggestion"), style="bold green")
    return Panel(
        Group(*rows), title=title, title_align="left", box=ROUNDED, border_style="green",
        padding=(0, 1), width=width,
    )  # fmt: skip


def _place(it: Evidence) -> str:
    where = it.meeting or clock(it.start)
    return f"{where}  {it.speaker}: {it.text}" if it.speaker else f"{where}  {it.text}"


def _status(view: LiveView, width: int) -> Text:
    from rich.text import Text

    left = Text.assemble(_SIGNS[view.state], (f"  {clock(view.seconds)}", "bold"))
    for speaker, level in view.levels:
        if speaker in view.missing:
            left.append(f"   {speaker} ✕ not recorded", style="bold yellow")
            continue
        part = 0.0 if level is None else max(0.0, min(1.0, (level - _QUIET) / -_QUIET))
        full = round(part * _METER)
        left.append(f"   {speaker} ", style=_colour(speaker))
        left.append("━" * full, style=_colour(speaker))
        left.append("━" * (_METER - full), style="bright_black")
    right = Text(style="dim")
    if view.marks:
        right.append(f"★ {view.marks}   ")
    right.append(f"suggestions {view.suggesting}")
    room = width - len(left) - len(right)
    if room >= 2:
        return left + Text(" " * room) + right
    return left + Text("\n") + right


def _keys(keys: str, width: int) -> Text:
    from rich.text import Text

    text = Text(style="dim")
    for it in keys.split("|"):
        key, _, what = it.partition(" ")
        if len(text.plain.rsplit("\n", 1)[-1]) + len(it) > width:
            text.append("\n")
        text.append(key, style="bold")
        text.append(f" {what}  ")
    text.rstrip()
    return text


def _hanging(text: Text, width: int, margin: int) -> Text:
    """Broken into lines that begin at a margin, but for the first."""
    from rich.console import Console

    if width < margin + 20:
        return text
    head, rest = text[:margin], text[margin:]
    lines = rest.wrap(Console(width=width), width - margin)
    for number, line in enumerate(lines):
        line.rstrip()
        head.append("\n" + " " * margin if number else "")
        head.append_text(line)
    return head


def _first(text: Text, width: int, most: int) -> Text:
    """The first lines of it."""
    from rich.console import Console
    from rich.text import Text

    lines = list(text.wrap(Console(width=width), width))
    if len(lines) > most:
        lines = lines[:most]
        lines[-1].truncate(width - 1)
        lines[-1].rstrip()
        lines[-1].append("…")
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)


def _tail(text: Text, width: int, margin: int) -> Text:
    """The last that fits a line, behind the margin: the beginning was read."""
    room = width - margin
    rest = text[margin:]
    if len(rest) <= room:
        return text
    head = text[:margin]
    head.append("… ", style="dim")
    return head.append_text(rest[len(rest) - max(1, room - 2) :])


def _colour(speaker: str) -> str:
    return _COLOURS.get(speaker.casefold(), "magenta")
