"""Stretches of real meetings, with their notes (data/real_notes.txt).

The talk comes from QMSum's archive (MIT) and is not kept in the repository. The host reads ten
lines at a time, and from any line on: so each stretch gives as many windows as it has lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from . import qmsum
from .contract import Answer, Gist, Line, Note, content_words, parse_answer, unsupported

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from .vocabulary import Split, Vocabulary

SIZE = 10
"""Lines of a window"""
_RENAMED = 0.4
"""Of the windows get other labels for their speakers"""
_TEST = re.compile(r"ES2012|IS1008|TS3005|Bro02|education_2")
"""Groups of meetings that are only measured with: those of the measured meetings, and two more"""


@dataclass(frozen=True, slots=True)
class Real:
    lines: tuple[Line, ...]
    notes: tuple[Note, ...]
    titles: tuple[tuple[int, str], ...]
    """Each with the number of its first line"""


def _labelled() -> Iterator[tuple[str, int, int, list[str]]]:
    text = (files(__package__) / "data/real_notes.txt").read_text("utf-8")
    for part in text.split("\n== ")[1:]:
        head, *rows = part.strip().splitlines()
        meeting, first, last = head.split()
        yield meeting, int(first), int(last), rows


@cache
def stretches(archive: Path, split: Split | Literal["all"]) -> tuple[Real, ...]:
    """The labelled stretches of one split, in the order of the file."""
    rows = list(_labelled())
    transcripts = qmsum.lines(archive, frozenset(meeting for meeting, *_ in rows))
    found = []
    for meeting, first, last, notes in rows:
        if split != "all" and bool(_TEST.match(meeting)) != (split == "test"):
            continue
        titles = [row.split("|") for row in notes if row.startswith("G|")]
        found.append(
            Real(
                tuple(transcripts[meeting][first : last + 1]),
                parse_answer("\n".join(row for row in notes if not row.startswith("G|"))).notes,
                tuple((int(line), title) for _, line, title in titles),
            )
        )
    return tuple(found)


def every(real: Real) -> Iterator[tuple[str, str]]:
    """The windows of a stretch one after the other, as they are."""
    for start in range(0, len(real.lines), SIZE - 2):
        yield _shown(real, start, min(start + SIZE, len(real.lines)), {})


def variant(rng: random.Random, words: Vocabulary, real: Real) -> tuple[str, str]:
    """Lines and answer of one showing."""
    start = rng.randint(0, max(0, len(real.lines) - SIZE))
    end = min(start + SIZE, len(real.lines))
    names: dict[str, str] = {}
    if rng.random() < _RENAMED:
        labels = list(dict.fromkeys(line.speaker for line in real.lines))
        names = dict(zip(labels, rng.sample(words.people, len(labels)), strict=True))
    return _shown(real, start, end, names)


def _shown(real: Real, start: int, end: int, names: dict[str, str]) -> tuple[str, str]:
    lines = real.lines[start:end]
    offset = 1 - lines[0].number
    numbers = {line.number for line in lines}
    speakers = {line.speaker for line in lines}
    said = " ".join(line.text for line in lines)
    shown = tuple(
        Line(line.number + offset, names.get(line.speaker, line.speaker), line.text)
        for line in lines
    )
    notes = tuple(
        replace(
            note,
            line=note.line + offset,
            owner=", ".join(
                names.get(it, it) for it in note.owners if it in speakers or it in said
            ),
        )
        for note in real.notes
        if note.line in numbers and _borne_out(note, lines)
    )
    title = _title(real, lines)
    gist = Gist(title, f"{shown[0].speaker} talks about {_lower(title)}.") if title else None
    return "\n".join(map(str, shown)), str(Answer(notes, gist))


def _borne_out(note: Note, lines: tuple[Line, ...]) -> bool:
    """Whether the window has most of a note's words, so that it is not cut off from them."""
    words = content_words(note.what)
    return len(unsupported(note, lines, reach=4) & words) <= len(words) // 3


def _title(real: Real, lines: tuple[Line, ...]) -> str:
    """The title of most of these lines, of those whose words are said in them."""
    said = frozenset(word for line in lines for word in content_words(line.text))
    best, most = "", 0
    for n, (first, title) in enumerate(real.titles):
        after = real.titles[n + 1][0] if n + 1 < len(real.titles) else lines[-1].number + 1
        common = min(after, lines[-1].number + 1) - max(first, lines[0].number)
        if common > most and content_words(title) <= said:
            best, most = title, common
    return best


def _lower(title: str) -> str:
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]
