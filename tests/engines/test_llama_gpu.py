"""On a GPU: run by `python -m pytest -m gpu`, with a llama.cpp that was built for it."""

from __future__ import annotations

import importlib.util
import time
from typing import TYPE_CHECKING

import pytest
from tests.engines.test_llama import (
    ENDLESS,
    LINES,
    LONG,
    Load,
    answer,
    cancelled_append,
    distance,
    every_architecture,
    logits,
)

if TYPE_CHECKING:
    from sottovoce.engines.llama.generator import LlamaGenerator

pytestmark = pytest.mark.gpu


@pytest.fixture
def generators(generators: Load) -> Load:
    if importlib.util.find_spec("llama_cpp") is None:
        pytest.skip("llama-cpp-python is not installed")

    def load(architecture: str) -> LlamaGenerator:
        generator = generators(architecture)
        if not generator.status()["devices"]:
            pytest.skip("this llama.cpp was built for no GPU")
        return generator

    return load


@every_architecture
def test_on_a_gpu_forks_agree_with_a_fresh_prefill(generators: Load, architecture: str) -> None:
    generator = generators(architecture)
    with generator.open(system="Take notes.") as grown, generator.open(system="Take notes.") as new:
        for part in (LONG, LINES):
            grown.append(part)
            answer(grown)
        new.append(LONG + LINES)
        assert distance(logits(grown), logits(new)) < 1e-2 or answer(grown) == answer(new)


@every_architecture
def test_on_a_gpu_a_cancel_acts_within_a_batch_and_the_next_answer_is_right(
    generators: Load, architecture: str
) -> None:
    generator = generators(architecture)
    with generator.open(system="Take notes.") as conversation:
        conversation.append(LONG)
        expected = logits(conversation)
        delays = []
        for i in range(20):
            with generator.open(system="Take notes.") as other:
                # On a fast card nothing may be left to cancel by then.
                if (delay := cancelled_append(other, i * 0.0005)) is not None:
                    delays.append(delay)
            pieces = conversation.ask([ENDLESS] * 3)
            next(pieces)
            began = time.monotonic()
            pieces.close()  # type: ignore[attr-defined]
            delays.append(time.monotonic() - began)
            assert distance(logits(conversation), expected) < 1e-2
        assert max(delays) < 0.5
