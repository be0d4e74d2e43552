"""What an answer is made of, in the order in which it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .passages import Passage


@dataclass(frozen=True, slots=True)
class Words:
    """Text as it is written."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """The end of a sentence: what it rests on."""

    passages: tuple[Passage, ...]
    verified: bool = True
    """Whether the cited speech has the sentence's words, and all its names and numbers"""
    quoted: bool = False
    """Whether the passages are the answer, as they were said, and no model wrote anything"""


@dataclass(frozen=True, slots=True)
class NotSaid:
    """Nothing in the meeting answers the question."""
