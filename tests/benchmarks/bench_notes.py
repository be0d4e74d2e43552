"""Notes of long meetings: time per thousand words over that of 5,000 words, and memory.

Made-up talk; without a model the program's own part is measured, with --model the whole.
--generations counts, of 200 answers of a model cut off at random, those that keep their form, and
of 200 of a model of random weights those that keep to the JSON schemas.

    python tests/benchmarks/bench_notes.py [--model starter-notes] [--words 5000,35000,200000]
    python tests/benchmarks/bench_notes.py --generations
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.test_adversarial import holds, noise
from tests.test_details import talk
from tests.test_notes import RECORDING

from sottovoce import ModelTask, Question, Transcript
from sottovoce.host import start
from sottovoce.notes import Request, take_notes
from sottovoce.notes.compose import compose
from sottovoce.notes.extract import SYSTEM, Extraction, grammar
from sottovoce.notes.names import names_in
from sottovoce.notes.windows import lines_of, windows

LIMIT = 1.3
_GENERATIONS = 200


def meeting(words: int) -> Transcript:
    """Turns of sixteen words in three subjects that come again."""
    return talk(words // 16)


def measure(words: int, model: str) -> tuple[float, float, int, str]:
    """Seconds, those of the processor, the peak memory of this process or the model's in MiB, and
    what came of it."""
    spoken = meeting(words)
    before = time.process_time()
    began = time.perf_counter()
    if model:
        host = start()
        host.home.create()
        spec = host.model(ModelTask.GENERATION, model)
        with closing(host.load_text_generator(spec)) as generator:
            began = time.perf_counter()
            notes = take_notes(RECORDING, spoken, lambda: generator)
        host.close()
    else:
        notes = compose(RECORDING, spoken, Extraction((), tuple(lines_of(spoken)), 0), Request())
    seconds = time.perf_counter() - began
    used = [resource.getrusage(it) for it in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    computed = sum(it.ru_utime + it.ru_stime for it in used) - before
    peak = max(it.ru_maxrss for it in used)
    found = f"{len(notes.topics)} topics, {len(notes.key_points)} key points"
    return seconds, computed, peak // 1024, found


def generations(model: str) -> int:
    """Of 200 answers, cut off at random, those whose every line has the form."""
    host = start()
    host.home.create()
    draw = random.Random(1)
    parts = windows(lines_of(meeting(6_000)))
    good = 0
    spec = host.model(ModelTask.GENERATION, model)
    with closing(host.load_text_generator(spec)) as generator:
        for first in range(0, _GENERATIONS, 40):
            chosen = [draw.choice(parts) for _ in range(40)]
            questions = [
                Question(
                    text=f"{part.text}\n\nNotes:",
                    grammar=grammar(part, ()),
                    max_tokens=draw.choice([1, 5, 20, 60, 320]),
                    temperature=draw.choice([0.0, 0.0, 0.8]),
                    seed=first + n,
                )
                for n, part in enumerate(chosen)
            ]
            answers = [""] * len(questions)
            with closing(generator.open(system=SYSTEM)) as conversation:
                for piece in conversation.ask(questions):
                    answers[piece.question] += piece.text
                    if piece.last and piece.truncated:
                        answers[piece.question] = answers[piece.question].rpartition("\n")[0]
            for answer, part in zip(answers, chosen, strict=True):
                for row in filter(None, answer.split("\n")):
                    holds(row, len(part.lines), names_in(part.lines, ()))
                good += 1
    host.close()
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="also through this model")
    parser.add_argument("--words", default="5000,35000,200000")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--generations", action="store_true")
    arguments = parser.parse_args()
    if arguments.one:
        print(*measure(arguments.one, arguments.model), sep="\t")
        return 0
    if arguments.generations:
        name = arguments.model or "starter-notes"
        print(f"{name}: {generations(name)} of {_GENERATIONS} hold the form", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            held, whole = noise(Path(folder), _GENERATIONS)
        print(f"random weights: {held} of {_GENERATIONS} hold the schema ({whole} whole items)")
        return 0
    base = computed_base = None
    for words in map(int, arguments.words.split(",")):
        command = [sys.executable, __file__, "--one", str(words), "--model", arguments.model]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, computed, memory, found = done.stdout.rstrip("\n").split("\t")
        rate, computed_rate = float(seconds) / words, float(computed) / words
        base, computed_base = base or rate, computed_base or computed_rate
        print(
            f"notes of {words:7,} words: {float(seconds):8.1f} s, {rate / base:.2f} of the time "
            f"per word, {computed_rate / computed_base:.2f} of the processor's (aim: at most "
            f"{LIMIT}), {memory} MiB, {found}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
