"""How fast a loaded model really is on this device."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import EngineError
from .interfaces import Question

if TYPE_CHECKING:
    from .interfaces import Conversation, TextGenerator

_SENTENCE = "Then Anna said that the second draft of the plan would be ready by the next Friday. "
_QUESTION = "Write down all of it once more, at length, and leave nothing out:"
_READ, _WRITTEN = 512, 48
"""Tokens"""
_SLOW = 2.0
"""Seconds of one round after which a second one is not worth the wait"""


@dataclass(frozen=True, slots=True)
class Measured:
    generation: float
    """Tokens per second that one answer is written at"""
    prefill: float
    """Tokens per second that a transcript is read at"""


def measure_speed(generator: TextGenerator, *, read: int = _READ) -> Measured:
    """The best of up to three rounds, so that what else the machine does weighs less."""
    read = min(read, generator.n_ctx // 2)
    text = _SENTENCE * max(1, read // generator.count_tokens(_SENTENCE))
    tokens = generator.count_tokens(text)
    generation = prefill = 0.0
    with contextlib.closing(generator.open()) as conversation:
        _answer(conversation, generator, 1)  # what a device loads for its first answer is no speed
    for _ in range(3):
        with contextlib.closing(generator.open()) as conversation:
            began = time.perf_counter()
            conversation.append(text)
            reading = time.perf_counter() - began
            first, _ = _answer(conversation, generator, 1)
            whole, written = _answer(conversation, generator, 1 + _WRITTEN)
        if written < 2 or whole <= first:
            raise EngineError("the model ended its answer at once; its speed cannot be measured")
        prefill = max(prefill, tokens / reading)
        generation = max(generation, (written - 1) / (whole - first))
        if time.perf_counter() - began > _SLOW:
            break
    return Measured(generation, prefill)


def _answer(conversation: Conversation, generator: TextGenerator, most: int) -> tuple[float, int]:
    """Seconds that an answer took, and its tokens."""
    began = time.perf_counter()
    pieces = list(conversation.ask([Question(text=_QUESTION, max_tokens=most)]))
    seconds = time.perf_counter() - began
    if pieces and pieces[-1].truncated:
        return seconds, most
    return seconds, generator.count_tokens("".join(it.text for it in pieces))
