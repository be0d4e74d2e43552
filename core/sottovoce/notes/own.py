"""A person's own notes: their structure leads, their words stay, the meeting adds to them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..values import Section, SectionKind, Statement
from .topics import telling

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..values import MeetingNotes
    from .evidence import Line

_FRONT = re.compile(r"\A---\n.*?^---\n", re.S | re.M)
_HEADING = re.compile(r"#{1,6}\s+(?P<title>.+?)\s*#*$")
_BULLET = re.compile(r"(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?")
_UNDER = "Own notes"
"""The title for lines before the first heading"""
_SUPPORTS = 0.5
"""Share of a line's telling words that a place must have to be cited for it"""
_NEAR = 12
"""Lines around a cited one in which what is said belongs to the same point"""
_RARE = 5
"""Lines of a meeting up to which a word in common is enough"""
ADDED = "→ "
"""Before what the meeting adds to a person's line"""


_OURS = re.compile(r"^sottovoce: \w+ [0-9a-f]{16}$", re.M)


def own_notes(path: Path) -> str:
    """What a person wrote into a Markdown file; empty where there is none, or where it is one that
    this program wrote. Raises ``UsageError`` where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: your own notes cannot be read: {error}") from error
    front = _FRONT.match(text.replace("\r\n", "\n"))
    return "" if front and _OURS.search(front[0]) else text


def own_sections(
    markdown: str, notes: MeetingNotes, lines: Sequence[Line]
) -> tuple[list[Section], set[Statement]]:
    """A section for each heading, its lines word for word with the places that they speak of and
    what was decided, promised and asked there; and the statements so placed."""
    stems = [telling(line.text) for line in lines]
    counts = Counter(stem for line in stems for stem in line)
    rare = {stem for stem, count in counts.items() if count <= _RARE}
    found: list[Statement] = [*notes.decisions, *notes.action_items, *notes.open_questions]
    found += notes.key_points
    order = {line.segment: n for n, line in reversed(list(enumerate(lines)))}
    placed: set[Statement] = set()
    sections = []
    for title, wrote in _headings(markdown):
        statements: list[Statement] = []
        for text in wrote:
            at = _place(telling(text), stems, rare)
            cited = () if at is None else lines[at].segments
            statements.append(Statement(text=text, segments=cited))
            for other in found:
                if other not in placed and _belongs(text, other, at, order, rare):
                    placed.add(other)
                    added = f"{ADDED}{_named(other)}"
                    statements.append(Statement(text=added, segments=other.segments))
        sections.append(Section(title=title, kind=SectionKind.OWN, statements=tuple(statements)))
    return [it for it in sections if it.statements], placed


def _named(statement: Statement) -> str:
    assignee = getattr(statement, "assignee", None)
    return f"{assignee}: {statement.text}" if assignee else statement.text


def _headings(markdown: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = [(_UNDER, [])]
    for line in _FRONT.sub("", markdown.replace("\r\n", "\n")).splitlines():
        text = line.strip()
        if heading := _HEADING.match(text):
            found.append((heading["title"], []))
        elif text:
            found[-1][1].append(_BULLET.sub("", text, count=1))
    return found


def _place(wanted: set[str], stems: Sequence[set[str]], rare: set[str]) -> int | None:
    """The line that has most of the words, if it has enough of them or one that is rare."""
    if not wanted or not stems:
        return None
    best = max(range(len(stems)), key=lambda n: (len(wanted & stems[n]), -n))
    common = wanted & stems[best]
    enough = common and (common & rare or len(common) >= _SUPPORTS * len(wanted))
    return best if enough else None


def _belongs(
    text: str, other: Statement, at: int | None, order: dict[int, int], rare: set[str]
) -> bool:
    common = telling(text) & telling(other.text)
    if not common:
        return False
    near = at is not None and any(
        abs(order.get(it, 1 << 30) - at) <= _NEAR for it in other.segments
    )
    return near or len(common) >= 2 or bool(common & rare)
