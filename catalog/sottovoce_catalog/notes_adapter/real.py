"""Windows of real meetings, with notes that a person took (data/real_notes.toml).

The talk comes from QMSum's archive (MIT) and is not kept in the repository. There are few of them,
so each one is shown under other names, from another line on and more or less of it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from . import qmsum
from .contract import Answer, Gist, Line, Note, parse_answer
from .extraction import turns_as_lines

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from .vocabulary import Vocabulary

_RENAMED = 0.6
"""Of the windows get other labels for their speakers"""


@dataclass(frozen=True, slots=True)
class Real:
    lines: tuple[Line, ...]
    notes: tuple[Note, ...]
    title: str


@cache
def windows(archive: Path) -> tuple[Real, ...]:
    """The labelled windows, in the order of the file."""
    rows = tomllib.loads((files(__package__) / "data/real_notes.toml").read_text("utf-8"))
    transcripts: dict[str, list[Line]] = {row["meeting"]: [] for row in rows["windows"]}
    for meeting in qmsum.meetings(archive):
        if meeting["id"] in transcripts:
            transcripts[meeting["id"]] = turns_as_lines(meeting["meeting_transcripts"])
    found = []
    for row in rows["windows"]:
        first, last = row["lines"]
        notes = row["notes"].strip()
        body, _, title = notes.rpartition("G|") if "G|" in notes else (notes, "", "")
        lines = tuple(transcripts[row["meeting"]][first : last + 1])
        found.append(Real(lines, parse_answer(body).notes, title))
    return tuple(found)


def variant(rng: random.Random, words: Vocabulary, real: Real) -> tuple[str, str]:
    """Lines and answer of one showing."""
    start, end = 0, len(real.lines)
    if rng.random() < 0.5:
        most = len(real.lines) // 3
        start = rng.randint(0, most)
        end -= rng.randint(0, most)
    lines = real.lines[start:end]
    offset = rng.choice((1, 1, 1, rng.randint(1, 900))) - lines[0].number
    names = {line.speaker: line.speaker for line in lines}
    if rng.random() < _RENAMED:
        names = dict(zip(names, rng.sample(words.people, len(names)), strict=True))
    numbers = {line.number for line in lines}
    said = " ".join(line.text for line in lines)
    shown = tuple(Line(line.number + offset, names[line.speaker], line.text) for line in lines)
    notes = tuple(
        replace(
            note,
            line=note.line + offset,
            owner=", ".join(names.get(owner, owner) for owner in note.owners),
        )
        for note in real.notes
        if note.line in numbers and all(it in names or it in said for it in note.owners)
    )
    title = real.title if _said(real.title, said) else ""
    gist = Gist(title, f"{shown[0].speaker} talks about {_lower(title)}.") if title else None
    return "\n".join(map(str, shown)), str(Answer(notes, gist))


def _said(title: str, said: str) -> bool:
    return bool(title) and set(re.findall(r"\w+", title.lower())) <= set(
        [*re.findall(r"\w+", said.lower()), "a", "the"]
    )


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]
