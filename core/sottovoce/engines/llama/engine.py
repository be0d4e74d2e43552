"""The worker's side: one model, its conversations, and whose turn it is."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import llama_cpp

from ...errors import ContextTooSmallError, EngineError, SottovoceError
from . import saved
from .context import Context
from .forks import Forks, Output
from .model import Model
from .native import NativeLog, devices
from .prompt import shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ...interfaces import Question
    from ..serving import Job
    from .context import State
    from .settings import LlamaSettings


@dataclass(slots=True, eq=False)
class _Held:
    """A conversation. It is on sequence 0 while it is the resident one."""

    tokens: list[int]
    tail: list[int]
    computed: int = 0
    """How many of the tokens the state holds, on sequence 0 or stored"""
    stored: State | None = None
    checkpoint: State | None = None
    """The recurrent layers' state after ``computed`` tokens"""


class Engine:
    """Served by a worker, and so its methods take a job. Each of them leaves it usable."""

    def __init__(self, path: Path, adapter: Path | None, settings: LlamaSettings) -> None:
        self._log = NativeLog()
        llama_cpp.llama_backend_init()
        self._model = Model(path, adapter, settings, self._log)
        try:
            self._context = Context(self._model, settings, self._log)
        except BaseException:
            self._model.close()
            raise
        self._vocabulary = self._model.vocabulary
        self._held: dict[int, _Held] = {}
        self._resident: _Held | None = None
        self._forks: list[Forks] = []
        """Of the call that runs and of those that gave way to it"""
        self._current: Job | None = None
        self._turn = threading.Lock()
        self._next = 0

    def unload(self, job: Job) -> None:
        self._context.close()
        self._model.close()

    def status(self, job: Job) -> dict[str, Any]:
        resident = self._resident
        return {
            "n_ctx": self._context.n_ctx,
            "tokens": resident.computed if resident else 0,
            "conversations": len(self._held),
            "devices": devices(),
            "version": llama_cpp.__version__,
        }

    def count_tokens(self, job: Job, text: str) -> int:
        return len(self._vocabulary.tokenize(text))

    def open(self, job: Job, system: str) -> int:
        prompt = shape(self._model, system)
        return self._hold(_Held(prompt.head, prompt.tail))

    def close(self, job: Job, number: int) -> None:
        held = self._held.pop(number, None)
        if held is self._resident and not self._forks:
            self._resident = None
            self._context.clear()

    def append(self, job: Job, number: int, text: str) -> None:
        held = self._held[number]
        tokens = self._vocabulary.tokenize(text)
        self._fits(len(held.tokens) + len(tokens), "the text")
        self._take_turn(job)
        before = len(held.tokens)
        held.tokens += tokens
        try:
            self._compute(held, job)
        except BaseException:
            del held.tokens[before:]
            raise

    def ask(self, job: Job, number: int, questions: Sequence[Question]) -> Iterator[list[Output]]:
        held = self._held[number]
        prompts = [self._vocabulary.tokenize(question.text) + held.tail for question in questions]
        for question, prompt in zip(questions, prompts, strict=True):
            room = len(held.tokens) + len(prompt) + question.max_tokens
            self._fits(room, "the context with the question and its answer")
        self._take_turn(job)
        forks = Forks(self._context, self._vocabulary, questions, prompts)
        self._forks.append(forks)
        try:
            while forks.unfinished:
                if job.give_way():
                    self._go_on(job)
                self._compute(held, job)
                self._keep_checkpoint(held)
                self._context.trim(forks.room)
                if outputs := forks.step(held.computed):
                    yield outputs
        except SottovoceError:
            self._mend()
            raise
        finally:
            self._forks.remove(forks)
            forks.close()

    def logits(self, job: Job, number: int, text: str) -> list[float]:
        """Of the first token of an answer to this question."""
        held = self._held[number]
        self._take_turn(job)
        self._compute(held, job)
        self._keep_checkpoint(held)
        tokens = self._vocabulary.tokenize(text) + held.tail
        self._context.trim(len(tokens))
        self._context.fork(0, 1)
        try:
            self._context.extend(1, held.computed, tokens[:-1])
            end = held.computed + len(tokens) - 1
            self._context.compute(tokens[-1:], [end], [1], [0])
            return [float(value) for value in self._context.logits(0)]
        except SottovoceError:
            self._mend()
            raise
        finally:
            self._context.drop(1)

    def prompt(self, job: Job, number: int, text: str) -> list[int]:
        """All tokens that an answer to this question would follow."""
        held = self._held[number]
        return held.tokens + self._vocabulary.tokenize(text) + held.tail

    def save(self, job: Job, number: int, path: Path, identity: dict[str, Any]) -> None:
        """Write a conversation to a file, for ``restore``."""
        held = self._held[number]
        self._take_turn(job)
        self._compute(held, job)
        saved.write(path, identity, held.tokens, held.tail, self._context.state())

    def restore(self, job: Job, path: Path, identity: dict[str, Any]) -> int:
        tokens, tail, state = saved.read(path, identity)
        self._fits(len(tokens), "the saved context")
        return self._hold(_Held(tokens, tail, len(tokens), state))

    def _hold(self, held: _Held) -> int:
        self._next += 1
        self._held[self._next] = held
        return self._next

    def _fits(self, tokens: int, what: str) -> None:
        if tokens > self._context.n_ctx:
            raise ContextTooSmallError(
                f"{what} takes {tokens} tokens and the model's context holds "
                f"{self._context.n_ctx}; ask about less, or choose a larger context"
            )

    def _take_turn(self, job: Job) -> None:
        """Make this job the one that a cancel stops, and the context free of others' forks."""
        for forks in self._forks:
            forks.pause()
        self._go_on(job)

    def _go_on(self, job: Job) -> None:
        """After it gave way, perhaps only to what computes nothing: its forks may be there yet."""
        with self._turn:
            self._current = job
            self._context.resume()

        def stop() -> None:
            with self._turn:
                if self._current is job:
                    self._context.stop()

        job.on_cancel = stop
        job.check()

    def _compute(self, held: _Held, job: Job) -> None:
        """Bring a conversation onto sequence 0, all its tokens computed, or leave it as it was.

        More urgent jobs are let in between two batches.
        """
        self._move_in(held)
        if held.computed == len(held.tokens):
            return
        self._keep_checkpoint(held)
        start, checkpoint = held.computed, held.checkpoint
        try:
            while held.computed < len(held.tokens):
                end = min(held.computed + self._context.n_batch, len(held.tokens))
                self._context.extend(0, held.computed, held.tokens[held.computed : end])
                held.computed, held.checkpoint = end, None
                if job.give_way():
                    self._go_on(job)
                    self._move_in(held)
            self._context.wait()
        except BaseException:
            self._take_back(held, start, checkpoint)
            raise

    def _move_in(self, held: _Held) -> None:
        if self._resident is held:
            return
        old = self._resident
        if old is not None and old.computed and old in self._held.values():
            old.stored = self._context.state()
        self._resident = None
        self._context.clear()
        if held.stored is not None:
            self._context.restore(held.stored)
            held.stored = None
        elif held.computed:
            held.computed = 0
        self._resident = held

    def _keep_checkpoint(self, held: _Held) -> None:
        if self._model.recurrent and held.computed and held.checkpoint is None:
            held.checkpoint = self._context.state(partial=True)

    def _take_back(self, held: _Held, start: int, checkpoint: State | None) -> None:
        """Undo an append that was stopped half-way, back to its first ``start`` tokens."""
        self._context.resume()
        if held not in self._held.values():
            return  # it was closed meanwhile
        self._move_in(held)
        self._context.dirty = False
        if start and held.computed >= start and self._go_back(start, checkpoint):
            held.computed, held.checkpoint = start, checkpoint
        else:
            self._context.clear()
            held.computed, held.checkpoint = 0, None  # it is computed anew when it is needed

    def _mend(self) -> None:
        """Put back the recurrent layers of sequence 0, which an aborted batch may have moved."""
        held, dirty = self._resident, self._context.dirty
        self._context.dirty = False
        if not dirty or not self._model.recurrent or held is None or not held.computed:
            return
        self._context.resume()
        for sequence in range(1, self._context.n_forks + 1):
            self._context.drop(sequence)
        if not self._go_back(held.computed, held.checkpoint):
            raise EngineError("the context has no checkpoint to go back to")

    def _go_back(self, length: int, checkpoint: State | None) -> bool:
        """Cut sequence 0 to a length. ``False`` where what is left cannot be continued."""
        if not self._model.recurrent:
            return self._context.cut(length)
        if checkpoint is None:
            return False
        self._context.restore(checkpoint, partial=True)
        self._context.cut(length)
        return True
