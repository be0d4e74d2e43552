"""When there is something to suggest: a question of the others, the end of a turn."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..notes.evidence import words
from ..speech.echo import MICROPHONE
from ..values import SuggestionKind

if TYPE_CHECKING:
    from ..values import Segment

_SENTENCE = re.compile(r"[^.!?]+[.!?]*")
_ASKS = re.compile(
    r"^(?:(?:so|and|but|okay|ok|well|now|then|right|yes|hello|hi|please|alright)\b[, ]*)*"
    r"(?:who|what|which|whose|how|when|where|why|(?:do|does|did|can|could|will|would|should|have"
    r"|has|are|is|was|were) (?:you|we|it|they|he|she|there|the|your|that|this|anyone|anybody))\b",
    re.I,
)
"""Recognisers do not always hear the question mark"""
_LEAST = 3
"""Words of a question, and of a turn that there is anything to say about"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    kind: SuggestionKind
    about: str
    """What was said, or is asked"""
    at: float
    """Seconds into the recording"""
    began: float
    """When it came, on the monotonic clock"""
    own: bool = False
    """The person said it"""


def moment(segment: Segment, now: float) -> Moment | None:
    """What a segment gives occasion to."""
    own = (segment.speaker or "").casefold() in MICROPHONE
    if len(words(segment.text)) < _LEAST:
        return None
    asked = None if own else question(segment.text)
    return Moment(
        kind=SuggestionKind.QUESTION if asked else SuggestionKind.TURN,
        about=asked or segment.text,
        at=segment.end,
        began=now,
        own=own,
    )


def question(text: str) -> str:
    """The last question in what was said; empty where nothing is asked."""
    for sentence in reversed(_SENTENCE.findall(text)):
        sentence = sentence.strip()
        if len(words(sentence)) >= _LEAST and (sentence.endswith("?") or _ASKS.match(sentence)):
            return str(sentence)
    return ""
