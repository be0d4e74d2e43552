"""Answers of a model under a JSON schema, whole or cut off by the limit of tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..interfaces import Conversation, Question

_DECODER = json.JSONDecoder(strict=False)  # a grammar lets control characters into strings


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    truncated: bool = False


def answers(conversation: Conversation, questions: Sequence[Question]) -> list[Answer]:
    """In the order of the questions, which are forks of one batch."""
    texts = [""] * len(questions)
    truncated = [False] * len(questions)
    for piece in conversation.ask(questions):
        texts[piece.question] += piece.text
        truncated[piece.question] |= piece.truncated
    return [Answer(*it) for it in zip(texts, truncated, strict=True)]


def items(answer: Answer) -> list[dict[str, Any]]:
    """The items of a JSON list; of one that was cut off, those that are whole.

    Raises ``EngineError`` for what is no list: the grammar was not obeyed.
    """
    return _items(answer.text, answer.text.find("[") + 1, answer.truncated)


def written_object(answer: Answer) -> dict[str, Any]:
    """A JSON object; of one that was cut off, the fields that are whole, and of the last list the
    items that are. Raises ``EngineError`` for what is no object."""
    at = answer.text.find("{") + 1
    if at == 0:
        if answer.truncated or not answer.text.strip():
            return {}
        raise EngineError("the model's answer is no JSON object, although its grammar asks for one")
    fields: dict[str, Any] = {}
    while (at := _next(answer.text, at, '"')) >= 0:
        try:
            name, at = _DECODER.raw_decode(answer.text, at)
            at = answer.text.index(":", at) + 1
            at += len(answer.text[at:]) - len(answer.text[at:].lstrip())
            if answer.text[at : at + 1] == "[":
                fields[name] = _items(answer.text, at + 1, truncated=True)
            value, at = _DECODER.raw_decode(answer.text, at)
        except ValueError:
            break  # cut off by the token limit: what is before it is whole
        fields[name] = value
    return fields


def _items(text: str, at: int, truncated: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if at == 0:
        if truncated:
            return []
        raise EngineError("the model's answer is no JSON list, although its grammar asks for one")
    while (at := _next(text, at, "{")) >= 0:
        try:
            item, at = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError:
            break
        found.append(item)
    return found


def _next(text: str, at: int, sign: str) -> int:
    while at < len(text) and text[at] in ", \n\t\r":
        at += 1
    return at if text[at : at + 1] == sign else -1
