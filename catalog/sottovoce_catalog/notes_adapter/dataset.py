"""The samples of a recipe, in order, and the hash that the adapter's metadata carries."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import random
from functools import partial
from typing import TYPE_CHECKING, Literal

from . import qmsum, real
from .meeting import window
from .vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from .vocabulary import Split

Sample = tuple[str, str]
"""Lines and answer"""

TEST_SEED = 77
_WORTH_A_POOL = 5000
"""Windows from which on starting processes pays"""
REAL_SHARE = 0.12
"""As many more windows come straight from QMSum, where it is at hand"""


def synthetic(count: int, seed: int, split: Split, talk: Iterable[str] = ()) -> Iterator[Sample]:
    """Each window has a generator of random numbers of its own, so that all cores can write."""
    write = partial(_window, seed, split)
    if count < _WORTH_A_POOL:
        _strew(talk)
        yield from map(write, range(count))
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(initializer=_strew, initargs=(tuple(talk),)) as pool:
        yield from pool.imap(write, range(count), chunksize=500)


_talk: tuple[str, ...] = ()


def _strew(talk: Iterable[str]) -> None:
    global _talk
    _talk = tuple(talk)


def _window(seed: int, split: Split, number: int) -> Sample:
    made = window(random.Random(f"{seed} {split} {number}"), vocabulary(split), _talk)
    return made.text, str(made.answer)


def training(
    count: int, seed: int, archive: Path | None, part: Literal["train", "all"] = "train"
) -> list[Sample]:
    """`count` windows; QMSum's archive adds real sentences in them, and real windows: those of the
    training part, or all of them."""
    talk = qmsum.small_talk(archive) if archive else []
    samples = list(synthetic(count, seed, "train", talk))
    if archive:
        rng = random.Random(f"{seed} order")
        shown = real.stretches(archive, part)
        sizes = [len(it.lines) for it in shown]
        samples += [
            real.variant(rng, vocabulary("train"), it)
            for it in rng.choices(shown, sizes, k=int(count * REAL_SHARE))
        ]
        rng.shuffle(samples)
    return samples


def real_test(archive: Path) -> Iterator[Sample]:
    """Windows of the real meetings that no training saw."""
    for stretch in real.stretches(archive, "test"):
        yield from real.every(stretch)


def digest(samples: Iterable[Sample]) -> str:
    """SHA-256 over the samples as JSON lines."""
    total = hashlib.sha256()
    for sample in samples:
        total.update(json.dumps(sample, ensure_ascii=False).encode() + b"\n")
    return total.hexdigest()
