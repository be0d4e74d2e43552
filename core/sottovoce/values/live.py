"""What is shown while a meeting goes on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SuggestionKind(StrEnum):
    """What a suggestion was made for."""

    QUESTION = "question"
    """The others asked something"""
    TURN = "turn"
    """Somebody came to the end of what they had to say"""
    REQUEST = "request"
    """The person asked for one"""
    ANSWER = "answer"
    """The person asked a question of their own about the meeting"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A place that something rests on, word for word."""

    start: float
    speaker: str
    text: str
    meeting: str = ""
    """The title of an earlier meeting, "your notes", "the agenda"; empty for the meeting that is
    going on"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    text: str
    timestamp: float
    """Seconds into the recording, where that was said which it is about"""
    id: int = 0
    """A later one of the same id replaces it"""
    kind: SuggestionKind = SuggestionKind.REQUEST
    about: str = ""
    """What was said or asked"""
    evidence: tuple[Evidence, ...] = ()
    complete: bool = True
    """False while it is being written"""


class LiveState(StrEnum):
    RECORDING = "recording"
    PAUSED = "paused"
    FINISHING = "finishing"
    """The recording has ended; what was said last is still being heard"""
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCaption:
    start: float
    speaker: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveView:
    """All that is shown of a meeting that is going on, at one moment."""

    title: str
    """Empty where the person gave none"""
    state: LiveState
    seconds: float
    """Recorded so far"""
    levels: tuple[tuple[str, float | None], ...]
    """Speaker and dBFS of each side; ``None`` for silence"""
    missing: tuple[str, ...] = ()
    """Speakers whose device is gone: they are not recorded until it is back"""
    captions: tuple[LiveCaption, ...] = ()
    """What was said to its end, the latest last; of a long meeting the last 200"""
    saying: tuple[LiveCaption, ...] = ()
    """What is being said"""
    suggestions: tuple[Suggestion, ...] = ()
    """Those that hold now, the newest last: stale ones are gone"""
    suggesting: str = "off"
    """Whether there are suggestions: "on", "off", or how they are limited and why"""
    marks: int = 0
    notices: tuple[str, ...] = ()
    """What the person has to know, the latest last"""
