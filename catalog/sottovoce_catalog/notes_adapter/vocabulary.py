"""The plain data files behind the synthetic meetings, and what fills their slots."""

from __future__ import annotations

import re
import tomllib
from calendar import month_name
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import random

Split = Literal["train", "test"]

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = tuple(month_name)[1:]
PARTS = ("morning", "afternoon", "evening")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ORDINALS = _listed(
    """first second third fifth seventh eighth ninth tenth twelfth fifteenth eighteenth twentieth
    thirtieth"""
)
_ONES = _listed(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen"""
)
_TENS = _listed("_ _ twenty thirty forty fifty sixty seventy eighty ninety")


@dataclass(frozen=True, slots=True)
class Topic:
    title: str
    tasks: tuple[str, ...]
    facts: tuple[str, ...]
    decisions: tuple[str, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything that one split of the data may say."""

    domains: tuple[tuple[Topic, ...], ...]
    phrases: dict[str, dict[str, tuple[str, ...]]]
    people: tuple[str, ...]
    surnames: tuple[str, ...]
    roles: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]


def _read(name: str) -> str:
    return (files(__package__) / "data" / name).read_text(encoding="utf-8")


def _domains(text: str) -> tuple[tuple[Topic, ...], ...]:
    domains: list[list[Topic]] = []
    title, parts = "", dict[str, tuple[str, ...]]()
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("=="):
            domains.append([])
        elif line.startswith("# ") and domains:
            title, parts = line[2:], {}
        elif line[:2] in {"T ", "F ", "D ", "Q "}:
            parts[line[0]] = tuple(part.strip() for part in line[2:].split(";"))
            if line[0] == "Q":
                domains[-1].append(Topic(title, parts["T"], parts["F"], parts["D"], parts["Q"]))
    return tuple(map(tuple, domains))


@cache
def vocabulary(split: Split) -> Vocabulary:
    names: dict[str, str] = tomllib.loads(_read("names.toml"))[split]
    phrases: dict[str, Any] = tomllib.loads(_read(f"phrases_{split}.toml"))
    slots = {
        key: _bar(names[key])
        for key in ("firms", "places", "when", "verbs", "choices", "nouns", "adjectives")
    }
    return Vocabulary(
        domains=_domains(_read(f"domains_{split}.txt")),
        phrases={
            group: {key: tuple(value) for key, value in table.items()}
            for group, table in phrases.items()
        },
        people=tuple(names["people"].split()),
        surnames=tuple(names["surnames"].split()),
        roles=_bar(names["roles"]),
        slots=slots,
    )


@cache
def misheard() -> dict[str, tuple[str, ...]]:
    """What a small recogniser writes instead of a word."""
    rows = (row.split(": ") for row in _read("misheard.txt").splitlines() if ": " in row)
    return {word: tuple(heard.split(", ")) for word, heard in rows}


def number(rng: random.Random, low: int = 2, high: int = 99) -> str:
    """A number as people say it or as a recogniser writes it."""
    n = rng.randint(low, high)
    return spelled(n) if rng.random() < 0.6 else str(n)


def spelled(n: int) -> str:
    if n < 20:
        return _ONES[n]
    if n < 100:
        return _TENS[n // 10] + (f" {_ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{_ONES[n // 100]} hundred" + (f" {spelled(n % 100)}" if n % 100 else "")
    return f"{spelled(n // 1000)} thousand" + (f" {spelled(n % 1000)}" if n % 1000 else "")


def fill(rng: random.Random, words: Vocabulary, text: str) -> str:
    """`text` with each slot of the data files drawn anew."""

    def draw(match: re.Match[str]) -> str:
        match match[1]:
            case "n":
                return number(rng)
            case "few":
                return number(rng, 2, 9)
            case "pct":
                return f"{number(rng)} percent"
            case "money":
                amount = rng.choice(
                    (rng.randint(2, 99), 100 * rng.randint(1, 99), 1000 * rng.randint(1, 90))
                )
                unit = rng.choice(("euros", "dollars", "pounds", "francs"))
                return f"{spelled(amount) if rng.random() < 0.6 else amount} {unit}"
            case "day":
                return rng.choice(DAYS)
            case "month":
                return rng.choice(MONTHS)
            case "ord":
                return rng.choice(ORDINALS)
            case "part":
                return rng.choice(PARTS)
            case "firm":
                return rng.choice(words.slots["firms"])
            case "place":
                return rng.choice(words.slots["places"])
        return match[0]

    return re.sub(r"\{(\w+)\}", draw, text)


def _bar(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace("\n", "").split("|"))
