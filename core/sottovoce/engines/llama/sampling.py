"""How the next token of one answer is chosen."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import llama_cpp
import numpy as np

from .grammar import grammar_sampler

if TYPE_CHECKING:
    from ...interfaces import Question
    from .context import Context
    from .model import Vocabulary

_LAST_N = 64
"""Tokens that ``repeat_penalty`` looks back on"""
_TOP_K, _TOP_P, _MIN_P = 40, 0.95, 0.05
"""What is drawn from, where the temperature is not 0; llama.cpp's own defaults"""

_TOKEN = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Sampler:
    """Close it to give its memory back."""

    def __init__(self, question: Question, vocabulary: Vocabulary) -> None:
        """Raises ``UsageError`` for a grammar or a schema that cannot be read."""
        self._vocabulary = vocabulary
        self._grammar = grammar_sampler(question, vocabulary)
        self._likeliest = question.temperature <= 0.0 and question.repeat_penalty == 1.0
        """Whether the token with the highest logit is taken, whatever came before"""
        self._chain = llama_cpp.llama_sampler_chain_init(
            llama_cpp.llama_sampler_chain_default_params()
        )
        for sampler in _samplers(question, vocabulary):
            llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def pick(self, context: Context, output: int) -> int:
        """The next token after the ``output``-th token of the batch that was computed last."""
        if self._grammar is None:
            if self._likeliest:  # llama.cpp would first make a record of every token
                return int(context.logits(output).argmax())
            return int(llama_cpp.llama_sampler_sample(self._chain, context.pointer, output))
        # Trying a whole vocabulary against a grammar costs more than a token of a small model, and
        # the likeliest token is nearly always allowed: so that one is tried first, alone.
        logits = context.logits(output)
        token = self._choose(logits, checked=False)
        if not self._allows(token):
            token = self._choose(logits, checked=True)
        llama_cpp.llama_sampler_accept(self._grammar, token)
        llama_cpp.llama_sampler_accept(self._chain, token)
        return token

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._chain)
        if self._grammar is not None:
            llama_cpp.llama_sampler_free(self._grammar)

    def _choose(self, logits: np.ndarray[Any, Any], *, checked: bool) -> int:
        if self._likeliest and not checked:
            return int(logits.argmax())
        tokens = np.empty(len(logits), _TOKEN)
        tokens["id"] = np.arange(len(logits), dtype=np.int32)
        tokens["logit"] = logits
        tokens["p"] = 0
        candidates = _candidates(tokens)
        if checked:
            llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(candidates))
        return int(candidates.data[candidates.selected].id)

    def _allows(self, token: int) -> bool:
        tokens = np.array([(token, 1.0, 0.0)], _TOKEN)
        candidates = _candidates(tokens)
        llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
        return bool(np.isfinite(candidates.data[0].logit))


def _candidates(tokens: np.ndarray[Any, Any]) -> llama_cpp.llama_token_data_array:
    return llama_cpp.llama_token_data_array(
        data=tokens.ctypes.data_as(llama_cpp.llama_token_data_p),
        size=len(tokens),
        selected=-1,
        sorted=False,
    )


def _samplers(question: Question, vocabulary: Vocabulary) -> list[Any]:
    samplers = []
    if question.repeat_penalty != 1.0:
        samplers.append(
            llama_cpp.llama_sampler_init_penalties(
                vocabulary.size, _LAST_N, question.repeat_penalty, 0.0, 0.0
            )
        )
    if question.temperature <= 0.0:
        return [*samplers, llama_cpp.llama_sampler_init_greedy()]
    return [
        *samplers,
        llama_cpp.llama_sampler_init_top_k(_TOP_K),
        llama_cpp.llama_sampler_init_top_p(_TOP_P, 1),
        llama_cpp.llama_sampler_init_min_p(_MIN_P, 1),
        llama_cpp.llama_sampler_init_temp(question.temperature),
        llama_cpp.llama_sampler_init_dist(question.seed),
    ]
