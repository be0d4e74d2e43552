"""Speech made readable: without its fillers and false starts, and otherwise word for word."""

from __future__ import annotations

import re

from .evidence import NUMBERS, words

_FILLERS = re.compile(
    r"(?:,\s*)?(?<![\w'’])(?:u[hm]+|e[rhm]+|a[hw]|m+-?h*m+|h+m+|uh-huh|mm-hmm|you know|i mean)"
    r"(?![\w'’-])\s*,?",
    re.I,
)
_BEGUN = re.compile(r"(?<!\w)\w{1,4}-(?=\s|$)")
"""A word that was begun: "th- the"; without the hyphen where it can be no word"""
_STUTTER = re.compile(
    r"(?<![\w'’])(?:([bcdfghjklmnpqrstvwxz]{1,3})\s+(?=\1)|([eiou])\s+(?=\2[a-z]))"
)
_TWICE = re.compile(r"\b([\w'’]+(?:\s[\w'’]+){0,2})(?:[\s,-]+\1)+(?![\w'’])", re.I)
_OPENING = re.compile(
    r"^(?:(?:yeah|yes|yep|no|okay|ok|right|alright|well|so|but|and|or|oh|then|also|like|anyway|now|"
    r"because|cause|just|actually|basically|sure|good|great|fine|exactly)\b[\s,.!]*)+",
    re.I,
)


def _once(found: re.Match[str]) -> str:
    """Numbers are said twice on purpose: "five five one"."""
    return found[0] if _must_stay(found[1]) else found[1]


def _must_stay(text: str) -> bool:
    return any(word in NUMBERS or word.isdigit() for word in words(text))


def readable(text: str) -> str:
    """Fillers, words begun and not ended, and immediate repetitions left out; nothing is added."""
    text = _STUTTER.sub("", _BEGUN.sub(" ", _FILLERS.sub(" ", text)))
    while (shorter := _TWICE.sub(_once, text)) != text:
        text = shorter
    text = " ".join(text.split())
    return re.sub(r"\s+([,.;:?!])", r"\1", text).strip(" ,")


def said(text: str) -> str:
    """A statement's words without what only opens a turn ("Okay, so …")."""
    text = readable(text)
    opened = _OPENING.sub("", text)
    text = opened if len(opened.split()) >= 3 else text
    return text[:1].upper() + text[1:]
