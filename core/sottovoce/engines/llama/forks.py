"""Several questions, answered as forks of sequence 0 in one batch."""

from __future__ import annotations

import codecs
import collections
from typing import TYPE_CHECKING, NamedTuple

from ...errors import ContextTooSmallError
from .sampling import Sampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...interfaces import Question
    from .context import Context
    from .model import Vocabulary


class Output(NamedTuple):
    """The fields of a ``Piece``, as they travel."""

    question: int
    text: str
    last: bool = False
    truncated: bool = False


class _Fork:
    def __init__(
        self, number: int, question: Question, tokens: list[int], vocabulary: Vocabulary
    ) -> None:
        self.number = number
        self.sampler = Sampler(question, vocabulary)
        self.tokens = tokens
        """The question's, then the answer's"""
        self.left = question.max_tokens
        self.room = len(tokens) + question.max_tokens
        """Cells of the context that it may come to fill"""
        self.computed = 0
        self.sequence = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._vocabulary = vocabulary

    def take(self, token: int) -> Output | None:
        """Add a token to the answer. ``None`` while it makes no whole character."""
        if self._vocabulary.ends(token):
            return Output(self.number, self._decoder.decode(b"", final=True), last=True)
        self.tokens.append(token)
        self.left -= 1
        piece = self._vocabulary.piece(token)
        if self.left == 0:
            text = self._decoder.decode(piece, final=True)
            return Output(self.number, text, last=True, truncated=True)
        text = self._decoder.decode(piece)
        return Output(self.number, text) if text else None


class Forks:
    """The questions of one call. A fork that finishes gives its sequence to the next question."""

    def __init__(
        self,
        context: Context,
        vocabulary: Vocabulary,
        questions: Sequence[Question],
        prompts: Sequence[list[int]],
    ) -> None:
        self._context = context
        self._vocabulary = vocabulary
        self._waiting: collections.deque[_Fork] = collections.deque()
        self._running: list[_Fork] = []
        try:
            for number, (question, tokens) in enumerate(zip(questions, prompts, strict=True)):
                self._waiting.append(_Fork(number, question, tokens, vocabulary))
        except BaseException:
            self.close()
            raise

    @property
    def room(self) -> int:
        """Cells that the forks may come to need at one time, besides those of sequence 0."""
        if self._running:
            return 0  # it was seen to before the first of them
        rooms = sorted(fork.room for fork in self._waiting)
        return sum(rooms[-self._context.n_forks :])

    @property
    def unfinished(self) -> bool:
        return bool(self._waiting or self._running)

    def step(self, base: int) -> list[Output]:
        """Compute one batch and return what came of it. ``base`` is the length of sequence 0."""
        self._admit(base)
        if not self._running:  # the context has grown since the questions were asked
            raise ContextTooSmallError("the context has no room left for the question")
        tokens: list[int] = []
        positions: list[int] = []
        sequences: list[int] = []
        asking: list[tuple[_Fork, int]] = []
        # The answers under way come first: each has one token to compute, where a new question
        # may fill the batch.
        for fork in sorted(self._running, key=lambda fork: len(fork.tokens) - fork.computed):
            part = fork.tokens[fork.computed : fork.computed + self._context.n_batch - len(tokens)]
            start = base + fork.computed
            tokens += part
            positions += range(start, start + len(part))
            sequences += [fork.sequence] * len(part)
            fork.computed += len(part)
            if part and fork.computed == len(fork.tokens):
                asking.append((fork, len(tokens) - 1))
        self._context.compute(tokens, positions, sequences, [output for _, output in asking])
        results = []
        for fork, output in asking:
            result = fork.take(fork.sampler.pick(self._context, output))
            if result is not None:
                results.append(result)
                if result.last:
                    self._finish(fork)
        return results

    def pause(self) -> None:
        """Leave the context. What runs starts over later from its tokens, and loses none."""
        for fork in reversed(self._running):
            self._context.drop(fork.sequence)
            fork.computed = 0
            self._waiting.appendleft(fork)
        self._running.clear()

    def close(self) -> None:
        self.pause()
        for fork in self._waiting:
            fork.sampler.close()
        self._waiting.clear()

    def _admit(self, base: int) -> None:
        used = base + sum(fork.room for fork in self._running)
        free = sorted(
            set(range(1, self._context.n_forks + 1)) - {fork.sequence for fork in self._running}
        )
        while self._waiting and free and used + self._waiting[0].room <= self._context.n_ctx:
            fork = self._waiting.popleft()
            fork.sequence = free.pop(0)
            self._context.fork(0, fork.sequence)
            self._running.append(fork)
            used += fork.room

    def _finish(self, fork: _Fork) -> None:
        self._context.drop(fork.sequence)
        self._running.remove(fork)
        fork.sampler.close()
