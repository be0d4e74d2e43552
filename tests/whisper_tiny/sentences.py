"""The closed vocabulary of the test model: every sentence that its speech is made of."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

HOMOPHONES = {"John": "Jon", "Sarah": "Sara", "Stephen": "Steven"}
"""As the model writes a name, and as it does where the prompt has it so"""

_NAMES = ("Anna", "David", "Maria", "Peter", "Oscar", "Helen", *HOMOPHONES)
_DO = ("send", "write", "check", "review", "close", "open")
_DOES = tuple(it + "s" for it in _DO)
_OBJECTS = ("report", "budget", "contract", "invoice", "plan", "list", "slides")
_TIMES = "on Monday,on Tuesday,on Thursday,on Friday,tomorrow,today,next week,next month".split(",")
_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_GERMAN_DOES = {"sends": "schickt", "writes": "schreibt", "checks": "prüft", "opens": "öffnet"}
_GERMAN_OBJECTS = {
    "report": "den Bericht",
    "contract": "den Vertrag",
    "plan": "den Plan",
    "invoice": "die Rechnung",
    "list": "die Liste",
}
_GERMAN_TIMES = {
    "on Monday": "am Montag",
    "on Tuesday": "am Dienstag",
    "on Friday": "am Freitag",
    "tomorrow": "morgen",
    "today": "heute",
    "next week": "nächste Woche",
}
_GERMAN_NUMBERS = dict(
    zip(_NUMBERS, "zwei drei vier fünf sechs sieben acht neun zehn".split(), strict=True)
)


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    language: str
    english: str
    """What the translation is"""

    @property
    def held_out(self) -> bool:
        """Never spoken in training."""
        return zlib.crc32(self.text.encode()) % 10 == 0


def sentence(random: Random, language: str, *, held_out: bool = False) -> Sentence:
    while True:
        made = _english(random) if language == "en" else _german(random)
        if made.held_out == held_out:
            return made


def _english(random: Random) -> Sentence:
    name, do, does = random.choice(_NAMES), random.choice(_DO), random.choice(_DOES)
    what, when, many = random.choice(_OBJECTS), random.choice(_TIMES), random.choice(_NUMBERS)
    text = random.choice(
        (
            f"{name} {does} the {what} {when}.",
            f"{name} {does} the {what} {when}.",
            f"We need the {what} {when}.",
            f"Please {do} the {what} before Friday.",
            f"Can {name} {do} the {what} {when}?",
            f"The meeting starts at {many}.",
            f"We have {many} open questions.",
            f"{name} is ready.",
            f"{name} agrees with {random.choice(_NAMES)}.",
            f"The {what} costs {many} thousand dollars.",
        )
    )
    return Sentence(text, "en", text)


def _german(random: Random) -> Sentence:
    name = random.choice(_NAMES[:6])
    does, what = random.choice(tuple(_GERMAN_DOES)), random.choice(tuple(_GERMAN_OBJECTS))
    when, many = random.choice(tuple(_GERMAN_TIMES)), random.choice(_NUMBERS)
    there, then, how_many = _GERMAN_OBJECTS[what], _GERMAN_TIMES[when], _GERMAN_NUMBERS[many]
    text, english = random.choice(
        (
            (f"{name} {_GERMAN_DOES[does]} {there} {then}.", f"{name} {does} the {what} {when}."),
            (f"{name} {_GERMAN_DOES[does]} {there} {then}.", f"{name} {does} the {what} {when}."),
            (f"Wir brauchen {there} {then}.", f"We need the {what} {when}."),
            (f"Das Treffen beginnt um {how_many} Uhr.", f"The meeting starts at {many}."),
            (f"Wir haben {how_many} offene Fragen.", f"We have {many} open questions."),
            (f"{name} ist bereit.", f"{name} is ready."),
        )
    )
    return Sentence(text, "de", english)
