"""The grammar that an answer obeys: as it is given, or made of a JSON schema."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import llama_cpp
from llama_cpp.llama_grammar import SchemaConverter

from ...errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...interfaces import Question
    from .model import Vocabulary

_DIGITS = 16
"""Of an integer at most, as llama-cpp-python's rule for those without bounds has it"""


def grammar_sampler(question: Question, vocabulary: Vocabulary) -> Any:
    """llama.cpp's sampler for a question's grammar or schema; ``None`` where it has neither.

    Raises ``UsageError`` for what cannot be read.
    """
    if question.grammar is not None and question.json_schema is not None:
        raise UsageError("a question takes a grammar or a JSON schema, not both")
    grammar = question.grammar
    if question.json_schema is not None:
        grammar = from_schema(question.json_schema)
    if grammar is None:
        return None
    sampler = llama_cpp.llama_sampler_init_grammar(vocabulary.pointer, grammar.encode(), b"root")
    if not sampler:
        raise UsageError("the grammar is not valid GBNF with a rule 'root'")
    return sampler


def from_schema(schema: dict[str, Any]) -> str:
    """GBNF for a JSON schema, the bounds of integers included."""
    make: Any = _Converter  # it has no types
    converter = make(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
    try:
        copy = json.loads(json.dumps(schema))  # references are resolved in place
        converter.visit(converter.resolve_refs(copy, "schema"), "")
    except (ValueError, TypeError, KeyError, AssertionError, AttributeError) as error:
        raise UsageError(f"the JSON schema cannot be made a grammar: {error}") from error
    return str(converter.format_grammar())


class _Converter(SchemaConverter):
    """llama-cpp-python's, which leaves the bounds of integers out."""

    def visit(self, schema: dict[str, Any], name: str) -> str:
        low, high = _bounds(schema)
        plain = not {"enum", "const", "$ref", "oneOf", "anyOf"} & set(schema)
        if schema.get("type") != "integer" or not plain or (low is None and high is None):
            return str(super().visit(schema, name))  # type: ignore[no-untyped-call]
        alternatives = " | ".join(_between(low, high))
        if not alternatives:
            raise ValueError(f"no integer lies between {low} and {high}")
        rule = f"({alternatives}) space"
        return str(self._add_rule(name or "root", rule))  # type: ignore[no-untyped-call]


def _bounds(schema: dict[str, Any]) -> tuple[int | None, int | None]:
    lows, highs = [], []
    if (at_least := schema.get("minimum")) is not None:
        lows.append(math.ceil(at_least))
    if (above := schema.get("exclusiveMinimum")) is not None:
        lows.append(math.floor(above) + 1)
    if (at_most := schema.get("maximum")) is not None:
        highs.append(math.floor(at_most))
    if (below := schema.get("exclusiveMaximum")) is not None:
        highs.append(math.ceil(below) - 1)
    return max(lows, default=None), min(highs, default=None)


def _between(low: int | None, high: int | None) -> Iterator[str]:
    """GBNF alternatives for the integers from ``low`` to ``high``, both included."""
    most = 10**_DIGITS - 1
    low, high = max(-most, -most if low is None else low), min(most, most if high is None else high)
    if low < 0 and low <= high:
        for it in _unsigned(max(1, -high), -low):
            yield f'"-" {it}'
    if high >= 0 and low <= high:
        yield from _unsigned(max(0, low), high)


def _unsigned(low: int, high: int) -> Iterator[str]:
    """Number of digits by number of digits."""
    whole = []  # numbers of digits of which all numbers are meant
    for digits in range(len(str(low)), len(str(high)) + 1):
        first, last = 10 ** (digits - 1) if digits > 1 else 0, 10**digits - 1
        if low <= first and last <= high:
            whole.append(digits)
        else:
            yield from _alike(str(max(low, first)), str(min(high, last)))
    if 1 in whole:
        yield "[0-9]"
        whole.remove(1)
    if whole:
        yield f"[1-9] [0-9]{{{whole[0] - 1},{whole[-1] - 1}}}"


def _alike(low: str, high: str) -> Iterator[str]:
    """Of two numbers with as many digits, leading zeros allowed."""
    if not low:
        yield ""
        return
    rest = len(low) - 1
    if set(low[1:]) <= {"0"} and set(high[1:]) <= {"9"}:
        yield _digit(low[0], high[0]) + (f" [0-9]{{{rest}}}" if rest else "")
        return
    if low[0] == high[0]:
        for it in _alike(low[1:], high[1:]):
            yield f"{_digit(low[0], low[0])} {it}"
        return
    for it in _alike(low[1:], "9" * rest):
        yield f"{_digit(low[0], low[0])} {it}"
    if int(low[0]) + 1 < int(high[0]):
        between = _digit(str(int(low[0]) + 1), str(int(high[0]) - 1))
        yield f"{between} [0-9]{{{rest}}}"
    for it in _alike("0" * rest, high[1:]):
        yield f"{_digit(high[0], high[0])} {it}"


def _digit(low: str, high: str) -> str:
    return f'"{low}"' if low == high else f"[{low}-{high}]"
