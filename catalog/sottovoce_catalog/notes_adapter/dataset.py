"""The samples of a recipe, in order, and the hash that the adapter's metadata carries."""

from __future__ import annotations

import hashlib
import json
import random
from typing import TYPE_CHECKING

from . import qmsum, qmsum_decisions
from .meeting import window
from .vocabulary import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from .vocabulary import Split

Sample = tuple[str, str]
"""Lines and answer"""

TEST_SEED = 77
REAL_SHARE = 0.04
"""Of the training windows come straight from QMSum, where it is at hand"""


def synthetic(count: int, seed: int, split: Split, talk: Iterable[str] = ()) -> Iterator[Sample]:
    rng = random.Random(f"{seed} {split}")
    words, said = vocabulary(split), tuple(talk)
    for _ in range(count):
        made = window(rng, words, said)
        yield made.text, str(made.answer)


def training(count: int, seed: int, archive: Path | None) -> list[Sample]:
    """`count` windows; QMSum's archive adds real sentences in them, and real windows."""
    talk = qmsum.small_talk(archive) if archive else []
    samples = list(synthetic(count, seed, "train", talk))
    if archive:
        real = qmsum_decisions.windows(archive)
        rng = random.Random(f"{seed} order")
        samples += [real[i % len(real)] for i in range(int(count * REAL_SHARE) if real else 0)]
        rng.shuffle(samples)
    return samples


def digest(samples: Iterable[Sample]) -> str:
    """SHA-256 over the samples as JSON lines."""
    total = hashlib.sha256()
    for sample in samples:
        total.update(json.dumps(sample, ensure_ascii=False).encode() + b"\n")
    return total.hexdigest()
