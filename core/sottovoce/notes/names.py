"""Names of people in lines of talk."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .evidence import Line

NOT_NAMES = frozenset(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May"
    " June July August September October November December Christmas Easter Great Good Okay Yes"
    " No Not Sorry Fine Ready Done Over Right Nobody Everybody Everyone Someone English German"
    " French American British Up Down From Still Always So Well But And Then First Second Also"
    " Sure Thanks Thank Agreed Hi Hello Today Tomorrow Maybe Perhaps Now Here There Internet"
    " Who What When Where Why How Could Should Would Can Will Do Does Did Is Are Was It This That"
    " They We You He She".split()
)

_CALLED = re.compile(
    r"(?:^|[.!?,]\s+)(?P<start>[A-Z][^\W\d_]{1,20})(?=,| (?:will|can|could|should|would|needs)\b)"
    r"|,\s+(?P<end>[A-Z][^\W\d_]{1,20})(?=[.?!,]|$)"
    r"|(?<=[a-z] )(?P<middle>[A-Z][^\W\d_]{1,20})(?= (?:will|can|could|should|would|needs|to)\b)"
)


def names_in(lines: Iterable[Line], known: Sequence[str]) -> list[str]:
    """Who may own a task here: the speakers, the meeting's other speakers where they are named,
    and others who are called by name."""
    lines = list(lines)
    text = " ".join(line.text for line in lines)
    names = list(dict.fromkeys(line.speaker for line in lines))
    names += [
        name for name in known if name not in names and re.search(rf"\b{re.escape(name)}\b", text)
    ]
    for line in lines:
        for found in _CALLED.finditer(line.text):
            called = next(group for group in found.groups() if group)
            if called not in NOT_NAMES and not any(
                _alike(called, name) for name in [*names, *known]
            ):
                names.append(called)
    return names


def _alike(one: str, other: str) -> bool:
    """Equal but for one letter: a recogniser's mishearing of a known name."""
    one, other = one.lower(), other.lower()
    if abs(len(one) - len(other)) > 1:
        return False
    short, long = sorted((one, other), key=len)
    if len(short) == len(long):
        return sum(a != b for a, b in zip(short, long, strict=True)) <= 1
    return any(short == long[:i] + long[i + 1 :] for i in range(len(long)))
