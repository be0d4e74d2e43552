"""Train the adapter of a recipe: about twelve minutes on one NVIDIA H100."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .model import Llama

log = logging.getLogger(__name__)

Row = tuple[list[int], int]
"""Token ids and the length of the prompt among them"""
_POOL = 64
"""Batches whose rows are sorted by length together"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    epochs: float
    learning_rate: float
    batch_tokens: int
    warmup: int
    minutes: float = math.inf
    """Decay to nothing by then at the latest: for machines too slow for all epochs"""


def batches(rows: Sequence[Row], size: int, seed: int) -> Iterator[list[Row]]:
    """Endless batches of at most `size` tokens, rows of like length together."""
    rng = np.random.default_rng(seed)
    pool = max(1, _POOL * size // max(len(ids) for ids, _ in rows))
    while True:
        order = rng.permutation(len(rows))
        for start in range(0, len(order), pool):
            block = sorted(
                (rows[i] for i in order[start : start + pool]), key=lambda row: len(row[0])
            )
            made: list[list[Row]] = [[]]
            for row in block:
                if made[-1] and len(row[0]) * (len(made[-1]) + 1) > size:
                    made.append([])
                made[-1].append(row)
            for i in rng.permutation(len(made)):
                yield made[i]


def train(
    model: Llama, rows: Sequence[Row], schedule: Schedule, seed: int, save: Callable[[int], None]
) -> int:
    """Run the schedule; returns the steps taken. `save` is called with the step now and then."""
    steps = max(
        1, int(schedule.epochs * sum(len(ids) for ids, _ in rows) / schedule.batch_tokens * 1.05)
    )
    optimiser = torch.optim.AdamW(
        model.parameters, lr=schedule.learning_rate, betas=(0.9, 0.98), weight_decay=0.0
    )
    source = batches(rows, schedule.batch_tokens, seed)
    started = saved = time.monotonic()
    tokens, step, mean = 0, 0, 0.0
    model.merge()
    while True:
        spent = time.monotonic() - started
        progress = max(step / steps, spent / 60 / schedule.minutes)
        if progress >= 1:
            break
        rate = (
            schedule.learning_rate
            * min(1, (step + 1) / schedule.warmup)
            * 0.5
            * (1 + math.cos(math.pi * progress))
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss, count = _loss(model, next(source))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
        torch.nn.utils.clip_grad_norm_(model.parameters, 1.0)
        optimiser.step()
        model.merge()
        tokens, step = tokens + count, step + 1
        mean = loss.item() if step == 1 else 0.95 * mean + 0.05 * loss.item()
        if step % 10 == 0:
            log.info(
                "step %d of %d, loss %.4f, %d tokens/s, %.0f s",
                step,
                steps,
                mean,
                tokens / (time.monotonic() - started),
                spent,
            )
        if time.monotonic() - saved > 240:
            save(step)
            saved = time.monotonic()
    save(step)
    return step


def _loss(model: Llama, rows: Sequence[Row]) -> tuple[torch.Tensor, int]:
    width = max(len(ids) for ids, _ in rows)
    tokens = np.zeros((len(rows), width), np.int64)
    targets = np.full((len(rows), width), -100, np.int64)
    for i, (ids, asked) in enumerate(rows):
        tokens[i, : len(ids)] = ids
        targets[i, asked : len(ids)] = ids[asked:]
    wanted = torch.from_numpy(targets).to(model.device)[:, 1:]
    told = wanted != -100
    hidden = model.hidden(torch.from_numpy(tokens).to(model.device))[:, :-1]
    return F.cross_entropy((hidden[told] @ model.head.T).float(), wanted[told]), tokens.size
