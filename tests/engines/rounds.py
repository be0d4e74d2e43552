"""Loads and unloads models in one process, again and again, which the program itself never does."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import psutil

from sottovoce.engines.llama.engine import Engine
from sottovoce.engines.llama.settings import LlamaSettings
from sottovoce.interfaces import Question

if TYPE_CHECKING:
    from pathlib import Path

    from sottovoce.engines.serving import Job


class Rounds:
    def __init__(self, models: dict[str, Path]) -> None:
        self._models = list(models.values())

    def run(self, job: Job, rounds: int) -> None:
        for i in range(rounds):
            engine = Engine(
                self._models[i % len(self._models)], None, LlamaSettings(n_ctx=512, n_threads=1)
            )
            number = engine.open(job, "Take notes.")
            engine.append(job, number, "Nothing was said.")
            question = Question(text="?", max_tokens=4, grammar='root ::= "a"+')
            for _ in engine.ask(job, number, [question] * 2):
                pass
            engine.unload(job)

    def memory(self, job: Job) -> int:
        # What the allocator keeps for reuse comes and goes by tens of megabytes.
        if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
            trim(0)
        return int(psutil.Process().memory_info().rss)
