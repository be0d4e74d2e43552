"""Speech made readable: without its fillers and false starts, and otherwise word for word.

What is left out must not change what was said: "No one came" is not "one came", and the German
"er" (he) and "um" (at) are no fillers. So words of English are taken out of English only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .evidence import NUMBERS, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .evidence import Line

SENTENCE_ENDS = (".", "!", "…", "。", "！", "۔", "।", "?", "？", "؟")

_SOUNDS = r"m+-?h*m+|h+m+|uh-huh|mm-hmm|[äeö]h+m+|äh+|u[hm]{2,}"
"""Fillers that are words of no language"""
_FILLER = r"(?:,\s*)?(?<![\w'’])(?:{})(?![\w'’-])\s*,?"
_FILLERS = re.compile(_FILLER.format(_SOUNDS), re.I)
_ENGLISH_FILLERS = re.compile(
    _FILLER.format(
        rf"{_SOUNDS}|u[hm]+|e[rhm]+|a[hw]"
        r"|(?<!do )(?<!did )(?<!if )(?<!as )(?<!let )(?<!what )(?<!that )(?<!how )you know"
        r"(?! (?:that|what|how|why|who|where|when|whether|if|the|it|this|him|her|them|about|of)\b)"
        r"|(?<!what )(?<!that )i mean(?! (?:what|that|it|to|the|by)\b)"
    ),
    re.I,
)
_BEGUN = re.compile(r"(?<!\w)\w{1,4}-(?=\s|$)")
"""A word that was begun: "th- the"; without the hyphen where it can be no word"""
_STUTTER = re.compile(
    r"(?<![\w'’])(?:([bcdfghjklmnpqrstvwxz]{1,3})\s+(?=\1)|([eiou])\s+(?=\2[a-z]))"
)
_TWICE = re.compile(r"\b([\w'’]+(?:\s[\w'’]+){0,2})(?:[\s,-]+\1)+(?![\w'’])", re.I)
_MEANT_TWICE = frozenset("had no bye half".split())
_OPENING = re.compile(
    r"^(?:"
    # With a comma or a full stop after it, whatever opens a turn stands outside of the sentence …
    r"(?:(?:so|and|but|well|then|now|oh)\s+)*"
    r"(?:yeah|yes|yep|no|nope|okay|ok|right|alright|well|so|but|and|or|oh|then|also|like|anyway|now"
    r"|because|cause|actually|basically|sure|good|great|fine|exactly)\s*[,.!]+\s*"
    # … and without one, only these can.
    r"|(?:yeah|yep|okay|ok|oh)\s+"
    r"|(?:(?:so|and|but|well|then|now|because|cause)\s+)+(?=(?:I|we|you|he|she|it|they|this|that|these"
    r"|those|there|the|a|an|my|our|your|if|when|what|in|on|at|for|to|basically|actually)(?:'|\b))"
    r"|(?:basically|actually)\s+(?=(?:I|we|you|he|she|it|they|the|this|that)(?:'|\b))"
    r")+",
    re.I,
)


def _once(found: re.Match[str]) -> str:
    """Numbers are said twice on purpose ("five five one"), and "had had" is grammar."""
    return found[0] if _must_stay(found[1]) else found[1]


def _must_stay(text: str) -> bool:
    said = words(text)
    return any(map(_counts, said)) or (len(said) == 1 and said[0] in _MEANT_TWICE)


def _counts(word: str) -> bool:
    return word in NUMBERS or word in ("hundred", "thousand", "million") or word.isdigit()


def readable(text: str, language: str = "en") -> str:
    """Fillers, words begun and not ended, and immediate repetitions left out; nothing is added.

    ``language`` is ISO 639-1; where it is not known ("") the words are taken for English.
    """
    fillers = _ENGLISH_FILLERS if english(language) else _FILLERS
    text = _BEGUN.sub(" ", fillers.sub(" ", text))
    if english(language):
        text = _STUTTER.sub("", text)
    while (shorter := _TWICE.sub(_once, text)) != text:
        text = shorter
    text = " ".join(text.split())
    return re.sub(r"\s+([,.;:?!])", r"\1", text).strip(" ,")


def said(text: str, language: str = "en") -> str:
    """A statement's words without what only opens a turn ("Okay, so …")."""
    text = readable(text, language)
    if english(language):
        opened = _OPENING.sub("", text)
        text = opened if len(opened.split()) >= 3 else text
    return text[:1].upper() + text[1:]


def size(text: str) -> int:
    """Words, about; two characters of a script that does not part them count as one."""
    plain = text.isascii()
    return len(text.split()) + (0 if plain else sum("\u3040" <= c <= "\u9fff" for c in text) // 2)


_MOST = 60
"""Words of a sentence that is shown whole"""


def sentence(at: int, lines: Sequence[Line]) -> str:
    """A line as a sentence: with the beginning and the end that lie in the lines around it; where
    that is too long, "…" shows what is left out."""
    first, end = extent(at, lines)
    text = " ".join(line.text for line in lines[first:end])
    text = said(text, lines[at].language) or text
    before = "… " if first and goes_on(lines[first - 1], lines[first]) else ""
    after = " …" if end < len(lines) and goes_on(lines[end - 1], lines[end]) else ""
    return f"{before}{text}{after}"


def extent(at: int, lines: Sequence[Line]) -> tuple[int, int]:
    """The first line of the sentence that a line is a part of, and the one after its last."""
    first, end = at, at + 1
    length = size(lines[at].text)
    while first and goes_on(lines[first - 1], lines[first]):
        length += size(lines[first - 1].text)
        if length > _MOST:
            break
        first -= 1
    while end < len(lines) and goes_on(lines[end - 1], lines[end]):
        length += size(lines[end].text)
        if length > _MOST:
            break
        end += 1
    return first, end


def goes_on(line: Line, following: Line) -> bool:
    return line.segment == following.segment and not line.text.endswith(SENTENCE_ENDS)


def english(language: str) -> bool:
    return language in ("", "en")
