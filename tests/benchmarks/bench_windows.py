"""The starter over many windows: what of its notes is foreign to them, and seconds for each.

Windows of meetings in the form of docs/how-to/evaluate.md, where a folder is named, and then
held-out synthetic ones, up to --windows. Counted are, in what the model wrote and in what the
program kept of it: owners who neither speak in the window nor are named there, lines that it has
not, numbers that nobody said in it. The time is also given as a ratio to 1.5 s for ten lines.

    python tests/benchmarks/bench_windows.py [--windows 1000] [--meetings FOLDER]
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.eval.meetings import read

from sottovoce import ModelTask
from sottovoce.host import start
from sottovoce.notes import numbers
from sottovoce.notes.checks import checked
from sottovoce.notes.evidence import NUMBERS, Line, words
from sottovoce.notes.extract import SYSTEM, answered, groups, parse, telling_windows
from sottovoce.notes.windows import Window, lines_of, read_as
from sottovoce_catalog.notes_adapter import dataset
from sottovoce_catalog.notes_adapter.contract import parse_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sottovoce.notes.extract import Note

LIMIT = 1.5
"""Seconds for a window of ten lines on two cores"""
Part = tuple[Window, list[Line], tuple[str, ...]]
"""A window, the lines of its meeting, and the meeting's speakers"""


def parts(meetings: Path | None, count: int) -> Iterator[Part]:
    for path in sorted(meetings.glob("*.json")) if meetings else ():
        if (transcript := read(path).transcript) is not None:
            lines = read_as(lines_of(transcript))
            for window in telling_windows(lines):
                yield window, lines, tuple(transcript.speakers)
    for text, _ in dataset.synthetic(count, dataset.TEST_SEED, "test"):
        lines = [Line(n, it.speaker, it.text) for n, it in enumerate(parse_lines(text))]
        yield Window(0, tuple(lines)), lines, ()


def foreign(note: Note, at: list[int], window: Window, lines: list[Line]) -> Iterator[str]:
    """What is wrong with a note that rests on the lines ``at``. What a task points to may lie up to
    five lines before its window."""
    end = window.first + len(window.lines)
    near = window.lines
    said = " ".join(f"{it.speaker} {it.text}" for it in near)
    for owner in filter(None, note.owner.split(", ")):
        if owner not in {it.speaker for it in near} and not set(words(owner)) <= set(words(said)):
            yield "owners"
    first = window.first - (5 if note.kind == "T" else 0)
    if not all(max(0, first) <= it < min(len(lines), end) for it in at):
        yield "lines"
    told = f"{note.text} {note.when}"
    spelled = {NUMBERS[it] for it in words(told) if it in NUMBERS} - numbers.said(said)
    if numbers.unsaid(told, numbers.said(said)) or spelled:
        yield "numbers"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=1000)
    parser.add_argument("--meetings", type=Path)
    arguments = parser.parse_args()
    host = start()
    host.home.create()
    spec = host.model(ModelTask.GENERATION, "starter-notes")
    written, kept = Counter[str](), Counter[str]()
    seconds: list[float] = []
    ten: list[float] = []
    wanted = list(parts(arguments.meetings, arguments.windows))[: arguments.windows]
    with (
        closing(host.load_text_generator(spec)) as generator,
        closing(generator.open(system=SYSTEM)) as conversation,
    ):
        at = 0
        while at < len(wanted):
            known = wanted[at][2]
            some = [it for it in wanted[at : at + 4] if it[2] == known]
            (group,) = groups([window for window, _, _ in some], known)
            began = time.perf_counter()
            answers = answered(conversation, group)
            took = (time.perf_counter() - began) / len(some)
            seconds += [took] * len(some)
            if all(len(window.lines) == 10 for window, _, _ in some):
                ten += [took] * len(some)
            for (window, lines, _), answer in zip(some, answers, strict=True):
                for row in re.findall(r"^[TDQK]\|(\d+)\|", answer, re.M):
                    written["lines"] += not 1 <= int(row) <= len(window.lines)
                for note in parse(answer):
                    written["notes"] += 1
                    place = window.first + note.lines[0] - 1
                    written.update(it for it in foreign(note, [place], window, lines))
                    if (found := checked(note, window, lines)) is not None:
                        kept["notes"] += 1
                        kept.update(foreign(found, list(found.lines), window, lines))
            at += len(some)
            if at % 100 < 4:
                print(f"{at} windows, {sum(seconds) / at:.2f} s each", file=sys.stderr, flush=True)
    host.close()
    for what, counts in (("written", written), ("kept", kept)):
        told = ", ".join(f"{counts[it]} {it}" for it in ("owners", "lines", "numbers"))
        print(f"{what:8} {counts['notes']:6} notes of {len(seconds)} windows; foreign: {told}")
    for name, taken in (("all windows", seconds), ("windows of ten lines", ten)):
        if taken:
            mean, slow = sum(taken) / len(taken), sorted(taken)[int(0.95 * len(taken))]
            print(
                f"{name}: {mean:.2f} s each, {mean / LIMIT:.2f} of {LIMIT} s "
                f"(95 of 100 take at most {slow:.2f} s)"
            )
    return int(sum(kept[it] for it in ("owners", "lines", "numbers")) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
