"""The host's side: a model in a worker process, and conversations with it."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
from importlib import metadata
from typing import TYPE_CHECKING, Any

from ... import device
from ...errors import Cancelled, EngineError, MissingExtraError, UsageError
from ...fit import fit
from ...gguf import read_header, shape_of, weights_of
from ...home import find_home
from ...interfaces import Conversation, Piece, Priority, TextGenerator
from ..worker import Worker
from . import saved
from .files import loaded_files
from .settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ...interfaces import Question
    from ...values import EngineSettings, HardwareProfile, ModelSpec
    from .settings import LlamaSettings

_AT_ONCE = 9
"""The priority of what computes nothing"""
_GRACE = 3.0
"""Seconds that a model may need for the batch it is in, where a GPU cannot be stopped within one"""
_LOADING = 600.0
"""Seconds after which a model that loads is given up"""


def load(
    spec: ModelSpec,
    hardware: HardwareProfile,
    settings: LlamaSettings | None = None,
) -> LlamaGenerator:
    """Load the model that a specification names.

    ``settings`` default to what ``device.toml`` says, and else to what fits the hardware.
    """
    if importlib.util.find_spec("llama_cpp") is None:
        raise MissingExtraError("llama-cpp-python", "llm")
    path, adapter = loaded_files(spec)
    settings = settings or settings_for(
        spec, path, hardware, device.load(find_home().device).engine
    )
    log_file = find_home().engine_log("llama")
    return LlamaGenerator(spec, path, adapter, settings, log_file)


def settings_for(
    spec: ModelSpec,
    path: Path,
    hardware: HardwareProfile,
    chosen: EngineSettings | None = None,
) -> LlamaSettings:
    """What a model is loaded with unless the person chose: as many layers on the GPU as fit it."""
    settings = settings_of(spec, chosen)
    if chosen is None or chosen.n_threads is None:
        settings = dataclasses.replace(settings, n_threads=max(1, hardware.cpu_count))
    if settings.n_gpu_layers is not None:
        return settings
    header = read_header(path)
    placed = fit(
        spec, hardware, settings=settings, shape=shape_of(header), weights=weights_of(header)
    )
    return dataclasses.replace(settings, n_gpu_layers=placed.gpu_layers)


class LlamaGenerator(TextGenerator):
    """A GGUF model in a process of its own, which ends with ``close`` or with this process."""

    def __init__(
        self,
        spec: ModelSpec,
        path: Path,
        adapter: Path | None,
        settings: LlamaSettings,
        log_file: Path,
    ) -> None:
        self.spec = spec
        self.version = f"llama-cpp-python {metadata.version('llama-cpp-python')}"
        self._files = (path, adapter)
        self._settings = settings
        self.worker = Worker(
            "sottovoce.engines.llama.engine:Engine",
            path,
            adapter,
            settings,
            name="language model",
            log_file=log_file,
            deadline=_LOADING,
            grace=_GRACE,
        )
        self.n_ctx: int = self.status()["n_ctx"]

    def status(self) -> dict[str, Any]:
        """What the model's process says of itself: tokens held, conversations, devices."""
        status: dict[str, Any] = self.worker.call("status", priority=_AT_ONCE)
        return status | {"pid": self.worker.pid}

    def count_tokens(self, text: str) -> int:
        return int(self.worker.call("count_tokens", text, priority=_AT_ONCE))

    def open(self, *, system: str = "", priority: Priority = Priority.NOTES) -> LlamaConversation:
        number = self.worker.call("open", system, priority=_AT_ONCE)
        return LlamaConversation(self, number, priority)

    def restore(self, path: Path) -> LlamaConversation:
        number = self.worker.call("restore", path, self._identity(), priority=_AT_ONCE)
        return LlamaConversation(self, number)

    def save(self, number: int, path: Path, priority: Priority) -> None:
        self.worker.call("save", number, path, self._identity(), priority=priority)

    def close(self) -> None:
        self.worker.close()

    def _identity(self) -> dict[str, Any]:
        """What has to be the same for a saved context to mean anything."""
        return {
            "version": self.version,
            "kv_type": self._settings.kv_type,
            "files": [saved.fingerprint(path) for path in self._files if path],
        }


class LlamaConversation(Conversation):
    def __init__(
        self, generator: LlamaGenerator, number: int, priority: Priority = Priority.NOTES
    ) -> None:
        self._generator = generator
        self.worker = generator.worker
        self.number = number
        self._priority = priority
        self._closed = False

    def append(self, text: str) -> None:
        self._check()
        self.worker.call("append", self.number, text, priority=self._priority, group=self)

    def ask(
        self, questions: Sequence[Question], *, deadline: float | None = None
    ) -> Iterator[Piece]:
        self._check()
        if not questions:
            return
        # What is appended later is for questions as urgent as those that were asked.
        self._priority = max(question.priority for question in questions)
        steps = self.worker.stream(
            "ask",
            self.number,
            tuple(questions),
            deadline=deadline,
            priority=self._priority,
            group=self,
        )
        with contextlib.closing(steps):
            for outputs in steps:
                for output in outputs:
                    yield Piece(**output._asdict())

    def save(self, path: Path) -> None:
        self._check()
        self._generator.save(self.number, path, self._priority)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.worker.interrupt(self)
        with contextlib.suppress(EngineError, Cancelled):
            self.worker.call("close", self.number, priority=_AT_ONCE)

    def _check(self) -> None:
        if self._closed:
            raise UsageError("the conversation is closed; open another one")
