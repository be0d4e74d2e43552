"""``python -m sottovoce_catalog.notes_adapter.evaluate MODEL.gguf ADAPTER.gguf``: the honest test.

Windows of domains, names and phrasings that training never saw; with ``--meeting`` the notes of
real meetings, to be read beside their lines.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from . import dataset
from .extraction import Reader, extract, turns_as_lines
from .score import Score


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sottovoce_catalog.notes_adapter.evaluate", description=__doc__
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--meeting", type=Path, action="append", default=[], help="a QMSum meeting as JSON"
    )
    parser.add_argument(
        "--show", action="store_true", help="every window with its truth and answer"
    )
    options = parser.parse_args()
    reader = Reader(options.model, options.adapter, options.threads)
    say = sys.stdout.write
    if options.windows:
        score, started = Score(), time.monotonic()
        for text, truth in dataset.synthetic(options.windows, dataset.TEST_SEED, "test"):
            answer = reader(text)
            score.add(text, truth, answer)
            if options.show:
                say(f"{text}\n--- truth\n{truth}\n--- answer\n{answer}\n\n")
        say(f"{score}\n{(time.monotonic() - started) / options.windows:.2f} s a window\n")
    for path in options.meeting:
        lines = turns_as_lines(json.loads(path.read_text(encoding="utf-8"))["meeting_transcripts"])
        say(f"\n{path.stem}: {len(lines)} lines\n")
        for note in extract(reader, lines):
            say(f"{note}\n    {lines[note.line]}\n")


if __name__ == "__main__":
    main()
