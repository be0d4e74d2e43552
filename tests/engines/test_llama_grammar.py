from __future__ import annotations

import itertools
import re

import pytest

from sottovoce.engines.llama.grammar import from_schema
from sottovoce.errors import UsageError


def integers(**bounds: float) -> re.Pattern[str]:
    """A regular expression of what the grammar for such an integer allows."""
    grammar = from_schema({"type": "integer", **bounds})
    (rule,) = (line for line in grammar.splitlines() if line.startswith("root ::= "))
    text = rule.removeprefix("root ::= ").removesuffix(" space")
    return re.compile(text.replace('"', "").replace(" ", ""))


@pytest.mark.parametrize(
    ("low", "high"),
    [(1, 12), (0, 9), (0, 0), (7, 7), (95, 1203), (-5, 137), (-120, -7), (10, 99), (1000, 1000)],
)
def test_an_integer_keeps_within_its_bounds(low: int, high: int) -> None:
    allowed = integers(minimum=low, maximum=high)
    found = [it for it in range(-1500, 1500) if allowed.fullmatch(str(it))]
    assert found == list(range(low, high + 1))
    assert not any(allowed.fullmatch(text) for text in ("", "-0", "00", "007", "-", "1.5"))


def test_one_bound_is_enough_and_others_exclude_their_own_value() -> None:
    numbers = [0, 1, 9, 10, 11, 99, 100, 123_456_789, 10**15]
    for value in numbers:
        assert bool(integers(minimum=10).fullmatch(str(value))) == (value >= 10)
        assert bool(integers(exclusiveMinimum=10).fullmatch(str(value))) == (value > 10)
        assert bool(integers(maximum=10).fullmatch(str(value))) == (value <= 10)
        assert bool(integers(exclusiveMaximum=10).fullmatch(str(value))) == (value < 10)
        assert bool(integers(minimum=9.5, maximum=99.9).fullmatch(str(value))) == (
            9.5 <= value <= 99.9
        )
    assert integers(maximum=10).fullmatch("-12345")


def test_bounds_count_in_lists_and_references_too() -> None:
    line = {"type": "integer", "minimum": 0, "maximum": 3}
    nested = {
        "type": "object",
        "properties": {"lines": {"type": "array", "items": {"$ref": "#/$defs/line"}}},
        "$defs": {"line": line},
    }
    for schema in ({"type": "array", "items": line}, nested):
        assert "[0-3]" in from_schema(schema)
        assert "integral-part" not in from_schema(schema)


def test_a_schema_that_nothing_obeys_is_refused_and_none_is_changed() -> None:
    with pytest.raises(UsageError, match="no integer lies between 3 and 2"):
        from_schema({"type": "integer", "minimum": 3, "maximum": 2})
    schema = {"$defs": {"a": {"type": "integer"}}, "$ref": "#/$defs/a"}
    before = repr(schema)
    from_schema(schema)
    assert repr(schema) == before


def test_names_of_rules_do_not_collide() -> None:
    bounded = [{"type": "integer", "maximum": it} for it in (5, 6)]
    grammar = from_schema({"type": "array", "items": bounded})
    names = [line.split(" ::= ")[0] for line in grammar.splitlines()]
    assert all(one != other for one, other in itertools.combinations(names, 2))
