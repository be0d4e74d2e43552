"""``python -m sottovoce_catalog.notes_adapter.evaluate MODEL.gguf ADAPTER.gguf``: the honest test.

Windows of domains, names and phrasings that training never saw; with QMSum's archive also windows
of real meetings that it never saw. Whole meetings, with the host's checks: ``make eval``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import dataset
from .contract import prompt
from .score import Score

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .dataset import Sample


class Reader:
    """The starter model with an adapter, answering greedily."""

    def __init__(self, model: Path, adapter: Path | None, threads: int) -> None:
        from llama_cpp import Llama

        self._llama: Any = Llama(
            str(model),
            lora_path=str(adapter) if adapter else None,
            n_ctx=2048,
            n_threads=threads,
            verbose=False,
        )

    def __call__(self, lines: str, longest: int = 300) -> str:
        done = self._llama.create_completion(
            prompt(lines), max_tokens=longest, temperature=0.0, stop=["<|im_end|>"]
        )
        return str(done["choices"][0]["text"])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sottovoce_catalog.notes_adapter.evaluate", description=__doc__
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--qmsum", type=Path, help="qmsum_train.jsonl.xz")
    parser.add_argument("--show", action="store_true", help="every window, its truth and answer")
    options = parser.parse_args()
    reader = Reader(options.model, options.adapter, options.threads)
    if options.windows:
        made = dataset.synthetic(options.windows, dataset.TEST_SEED, "test")
        _score("synthetic", reader, made, show=options.show)
    if options.qmsum:
        _score("real", reader, dataset.real_test(options.qmsum), show=options.show)


def _score(name: str, reader: Reader, samples: Iterable[Sample], *, show: bool) -> None:
    score, started = Score(), time.monotonic()
    for text, truth in samples:
        answer = reader(text)
        score.add(text, truth, answer)
        if show:
            sys.stdout.write(f"{text}\n-- truth\n{truth}\n-- answer\n{answer}\n\n")
    spent = (time.monotonic() - started) / max(1, score.windows)
    sys.stdout.write(f"{name}\n{score}\n{spent:.2f} s a window\n")


if __name__ == "__main__":
    main()
