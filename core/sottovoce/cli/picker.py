"""How the models look to a person who chooses: a table, or two lines each where it is narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console
    from rich.table import Table

    from ..picker import Choice, Picker
    from ..speed import Range, Speed
    from ..values import ModelSpec

_WIDEST = 400
_PIPED = 160
"""Columns of what nobody looks at in a terminal"""


def wide_console() -> Console:
    """As wide as the terminal; what goes to a file or a pipe is not cut to one's usual width."""
    import os
    import sys

    from rich.console import Console

    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=_PIPED if piped else None, highlight=False)


def show_picker(console: Console, picker: Picker, *, numbered: bool = False) -> None:
    """The language models, with what there is to say before and after them."""
    from rich.measure import Measurement
    from rich.text import Text

    for advisory in picker.advisories:
        console.print(Text(f"Warning: {advisory}", style="yellow"))
    if picker.blocked:
        console.print(Text(picker.blocked, style="bold"))
        if not picker.choices:
            console.print(
                "The starter models work all the same, and need no download. "
                "'sotto models --override' lists the others."
            )
            return
    if picker.overridden:
        console.print("You asked for all models, also those that this device is not made for.")
    table = _table(picker.choices, numbered)
    options = console.options.update(width=_WIDEST)
    if Measurement.get(console, options, table).maximum <= console.width:
        console.print(table)
    else:
        for n, choice in enumerate(picker.choices, 1):
            first, second = _lines(choice)
            indent = "   " if numbered else " "
            number = f"{n}  " if numbered else ""
            console.print(Text(number).append(first, style="bold"))
            console.print(Text(f"{indent}{second}"), soft_wrap=True)
    if picker.advice:
        console.print(Text(f"\n{picker.advice}", style="bold"))


def _table(choices: Sequence[Choice], numbered: bool) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    numbers = ["No"] * numbered
    columns = ("Model", "", "Disk", "Memory", "Fit", "Tokens/s", "An hour's notes", "Id")
    for column in (*numbers, *columns):
        right = column in ("No", "Disk", "Memory", "Tokens/s")
        table.add_column(column, no_wrap=True, justify="right" if right else "left")
    for n, choice in enumerate(choices, 1):
        table.add_row(*[str(n)] * numbered, *picker_row(choice))
    return table


def picker_row(choice: Choice) -> tuple[str, ...]:
    """What a person reads of a model, column by column."""
    from ..fit import Verdict, gigabytes

    spec, fits = choice.spec, choice.fit.verdict is not Verdict.WONT
    return (
        spec.label,
        "★" * spec.stars,
        gigabytes(spec.size),
        gigabytes(choice.fit.memory.total),
        _marks(choice),
        (tokens(choice.speed) + " measured" * choice.speed.measured) if fits else "",
        minutes(choice.speed.notes) if fits else "",
        spec.id,
    )


def _lines(choice: Choice) -> tuple[str, str]:
    label, stars, disk, memory, marks, speed, notes, id = picker_row(choice)
    parts = [f"{disk} disk", f"{memory} memory"]
    if speed:
        parts += [speed.replace(" ", " tokens/s ") if " " in speed else f"{speed} tokens/s"]
        parts += [f"an hour's notes {notes}"]
    return " ".join(filter(None, (label, stars, f"({id})", marks))), ", ".join(parts)


def _marks(choice: Choice) -> str:
    marks = [choice.label]
    marks += ["Recommended"] * choice.recommended + ["installed"] * choice.installed
    return ", ".join(marks)


def tokens(speed: Speed) -> str:
    low, high = (rounded(it) for it in (speed.generation.low, speed.generation.high))
    return f"{low}–{high}"


def rounded(value: float) -> str:
    if value < 10:
        return f"{value:.1f}"
    return f"{value:.0f}" if value < 100 else f"{round(value, -1):.0f}"


def minutes(seconds: Range) -> str:
    """``about 2–4 min``."""
    if seconds.high < 90:
        low, high = max(5, round(seconds.low / 5) * 5), max(10, round(seconds.high / 5) * 5)
        return f"about {low}–{high} s"
    low, high = max(1, round(seconds.low / 60)), round(seconds.high / 60)
    return f"about {low} min" if low == high else f"about {low}–{high} min"


def show_transcription(
    console: Console,
    models: Sequence[ModelSpec],
    installed: Collection[str],
    *,
    numbered: bool = False,
) -> None:
    from rich.table import Table

    from ..fit import gigabytes

    table = Table(box=None, pad_edge=False)
    numbers = ["No"] * numbered
    for column in (*numbers, "Transcription", "Disk", "", "Id"):
        # The label gives way where it is narrow: what is typed is the id.
        right = "right" if column in ("No", "Disk") else "left"
        table.add_column(column, no_wrap=column != "Transcription", justify=right)  # type: ignore[arg-type]
    for n, spec in enumerate(models, 1):
        here = "installed" if spec.id in installed else spec.tier if spec.package else ""
        table.add_row(*[str(n)] * numbered, spec.label, gigabytes(spec.size), here, spec.id)
    console.print(table)
