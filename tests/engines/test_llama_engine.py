"""The worker's side in this process, where it can be watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

from sottovoce.engines.llama.engine import Engine
from sottovoce.engines.llama.settings import LlamaSettings
from sottovoce.interfaces import Question

if TYPE_CHECKING:
    from pathlib import Path

    from sottovoce.engines.serving import Job

TEXT = "[1] Mara: We order the routers now.\n" * 12
QUESTION = Question(text="What was decided?", max_tokens=6, grammar="root ::= [a-z]{40}")


class _Job:
    """Lets ``between`` run whenever it may give way."""

    def __init__(self, between: Callable[[], object] | None = None) -> None:
        self.on_cancel: Callable[[], None] | None = None
        self.between = between

    def check(self) -> None:
        """It is not cancelled."""

    def give_way(self) -> bool:
        if self.between is not None:
            self.between()
        return self.between is not None


def job(between: Callable[[], object] | None = None) -> Job:
    return cast("Job", _Job(between))


@pytest.fixture(params=["llama", "qwen35", "gemma4"])
def engine(request: pytest.FixtureRequest, models: dict[str, Path]) -> Iterator[Engine]:
    engine = Engine(models[request.param], None, LlamaSettings(n_ctx=2048, n_threads=1))
    yield engine
    engine.unload(job())


@pytest.fixture
def computed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of tokens, batch by batch."""
    counts: list[int] = []
    compute = engine._context.compute

    def counting(tokens: Any, *rest: Any) -> None:
        counts.append(len(tokens))
        compute(tokens, *rest)

    monkeypatch.setattr(engine._context, "compute", counting)
    return counts


def answer(engine: Engine, number: int, between: Callable[[], object] | None = None) -> str:
    outputs = engine.ask(job(between), number, [QUESTION])
    return "".join(it.text for step in outputs for it in step)


def test_what_was_read_is_not_read_again(engine: Engine, computed: list[int]) -> None:
    number = engine.open(job(), "")
    engine.append(job(), number, TEXT)
    read = sum(computed)
    assert read == engine.status(job())["tokens"]
    computed.clear()
    first = answer(engine, number)
    asked = len(engine.prompt(job(), number, QUESTION.text)) - read
    assert sum(computed) == asked + QUESTION.max_tokens - 1
    engine.append(job(), number, "[2] Tom: Fine.")
    computed.clear()
    assert answer(engine, number) != first
    assert sum(computed) == asked + QUESTION.max_tokens - 1


def test_giving_way_to_what_computes_nothing_costs_nothing(
    engine: Engine, computed: list[int]
) -> None:
    number = engine.open(job(), "")
    engine.append(job(), number, TEXT)
    computed.clear()
    expected = answer(engine, number)
    alone = sum(computed)
    computed.clear()
    assert answer(engine, number, lambda: engine.count_tokens(job(), "How many?")) == expected
    assert sum(computed) == alone


def test_giving_way_to_another_conversation_loses_nothing(engine: Engine) -> None:
    number, other = engine.open(job(), ""), engine.open(job(), "")
    engine.append(job(), number, TEXT)
    engine.append(job(), other, "[1] Ana: Hello.\n")
    expected, elsewhere = answer(engine, number), answer(engine, other)
    heard: list[str] = []
    assert answer(engine, number, lambda: heard.append(answer(engine, other))) == expected
    assert set(heard) == {elsewhere}
