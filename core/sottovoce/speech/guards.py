"""Guards against invention: what a speech model writes where nobody said it.

Whisper learned from subtitles: over silence and music it writes their credits, and now and then it
falls into a loop. What is removed here is counted by kind, and shown.
"""

from __future__ import annotations

import re
import zlib
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..values import Word


class Invention(StrEnum):
    """What was removed."""

    SILENCE = "text on silence"
    CREDITS = "subtitle credits"
    REPETITION = "repetitions"


NO_SPEECH = 0.6
"""Probability of no speech above which a doubtful window is silence, as Whisper has it"""
DOUBTFUL = -1.0
"""Mean log probability of the tokens below which a window is doubtful (there, too)"""
REPETITIVE = 2.4
"""How much shorter text may become by compression (there, too)"""

_CREDITS = re.compile(
    r"amara\.?org|subtitles? (?:by|made by|provided by|created by)\b|captions? by\b|"
    r"(?:transcript(?:ion|ed)?|translated) by [a-z]+\b.{0,30}$|"
    r"untertitel (?:im auftrag|der|von|durch)\b|untertitelung (?:des|aufgrund|im auftrag)\b|"
    r"sous-titr(?:es|age)\b.{0,40}(?:par|soci[ée]t[ée]|st['’])|"
    r"subt[ií]tulos? (?:realizados |creados |por )|legendas? (?:pela|por)\b|"
    r"sottotitoli (?:creati|e revisione|a cura)|ondertitel(?:d|ing)\b|napisy (?:stworzone|by)\b|"
    r"редактор субтитров|субтитры (?:сделал|создавал|подогнал)|продолжение следует|"
    r"字幕(?:由|提供|志愿者|by)|請不吝點贊|ご視聴ありがとうございました|자막 (?:제공|by)",
    re.I,
)
"""Nobody says these in a meeting; they are what the models were seen to write on silence"""
_FAREWELLS = re.compile(
    r"^\W*(?:thank(?:s| you)(?: (?:so|very) much)?(?: for (?:watching|listening|viewing).*)?|"
    r"(?:please )?(?:like and )?subscribe.*|see you (?:next time|in the next (?:video|one)).*|"
    r"bye(?:[ -]bye)?|you|vielen dank(?: für(?:s| das) zu(?:schauen|hören).*)?|"
    r"merci d'avoir regardé.*|gracias por ver.*|music|applause|♪+)\W*$",
    re.I,
)
"""Said by people too, and so removed only where the model itself is in doubt"""
_HESITATION = re.compile(r"uh+|um+|h?m+|h|ah+|oh+|eh+|er+m?", re.I)
"""What an engine hears in a sound that is no word"""
_CLEARLY_SPEECH = 0.9
"""Certainty of the voice activity detector (``Run.certainty``) below which it is no voice either"""
_DOUBT = 0.5
"""Mean probability of the words below which such a line is none that anybody said"""
_MOST = 3
"""Times that the same words may follow each other; a person says "no, no, no" """
_LONGEST_LOOP = 12
"""Words"""


def is_credit(text: str, confidence: float | None, no_speech: float = 0.0) -> bool:
    """Whether a line is a subtitle's, and nobody's in the room."""
    if _CREDITS.search(text):
        return len(text) < 160
    doubt = no_speech > NO_SPEECH or (confidence is not None and confidence < _DOUBT)
    return doubt and bool(_FAREWELLS.match(text))


def is_noise(text: str, certainty: float) -> bool:
    """Whether text is a mere sound, heard where it is not certain that anybody made it."""
    words = re.findall(r"[^\W_]+", text)
    mere = bool(words) and all(_HESITATION.fullmatch(word) for word in words)
    return mere and certainty < _CLEARLY_SPEECH


def compression(text: str) -> float:
    """How many times shorter the text is once compressed: a loop compresses well."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def loops(words: Sequence[str]) -> list[tuple[int, int]]:
    """The places of words, first and past the last, that only repeat what goes before them.

    A phrase may stand ``_MOST`` times in a row, one of four words and more twice.
    """
    plain = [re.sub(r"\W", "", word).casefold() for word in words]
    cut: list[tuple[int, int]] = []
    at = 0
    while at < len(plain):
        for length in range(1, _LONGEST_LOOP + 1):
            phrase = plain[at : at + length]
            if len(phrase) < length or not any(phrase):
                break
            again = 1
            while plain[at + again * length : at + (again + 1) * length] == phrase:
                again += 1
            most = _MOST if length < 4 else 2
            if again > most:
                cut.append((at + most * length, at + again * length))
                at += again * length - 1
                break
        at += 1
    return cut


def without_loops(words: Sequence[Word]) -> tuple[tuple[Word, ...], int]:
    """The words without what a loop added, and how many loops there were."""
    cut = loops([word.text for word in words])
    gone = {place for first, last in cut for place in range(first, last)}
    return tuple(it for place, it in enumerate(words) if place not in gone), len(cut)


def text_without_loops(text: str) -> tuple[str, int]:
    """As ``without_loops``, of an engine that gives no word times."""
    words = text.split()
    cut = loops(words)
    gone = {place for first, last in cut for place in range(first, last)}
    return " ".join(it for place, it in enumerate(words) if place not in gone), len(cut)
