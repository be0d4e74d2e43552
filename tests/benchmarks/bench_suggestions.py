"""Live suggestions: how soon they are there, and that this does not grow with the meeting.

    python tests/benchmarks/bench_suggestions.py                    the starter, on this processor
    python tests/benchmarks/bench_suggestions.py --model random     random weights of the 9B shape
    python tests/benchmarks/bench_suggestions.py --model FILE.gguf  a model that writes

The same talk is held for 5 and for 60 minutes, and then something is asked and promised. With the
starter the time is that of the whole suggestion; with a model that writes it, of its first token.
"random" is written to a temporary folder (5 GB) and says noise: no suggestion passes the check, and
the speed is that of the real model. A line ends in "ok" or "MISSED".
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sottovoce import Caption, ModelSpec, ModelTask, NotesMethod, SuggestionKind, TextGenerator
from sottovoce.home import VARIABLE, find_home
from sottovoce.host import Host
from sottovoce.live.drafts import Draft, Maker
from sottovoce.live.moments import Moment
from sottovoce.live.places import Places
from sottovoce.live.quoting import Quoting
from sottovoce.live.said import Said
from sottovoce.live.writing import Writing
from sottovoce.notes import Request
from sottovoce.notes.reading import Reading
from sottovoce.values import Transcript

SHORT, LONG = 5, 60
"""Minutes"""
GROWTH, FIRST = 1.5, 0.3
"""Times, and seconds to a first token"""
TOKENS = 270
"""A minute, with who speaks and the numbers of lines"""
RUNS = 7

PLACES = "hotel station office harbour museum school theatre bakery garden library".split()
THINGS = "contract projector router invoice poster carpet engine budget printer window".split()
NAMES = "Anna Henry Maria Tom Olga Peter Nadia Victor".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday".split()


def sentences(seed: int = 1) -> Iterator[str]:
    draw = random.Random(seed)
    while True:
        thing, place, name = draw.choice(THINGS), draw.choice(PLACES), draw.choice(NAMES)
        yield draw.choice([
            f"The {thing} for the {place} costs {draw.randrange(2, 90)} hundred euros this year.",
            f"{name} talked to the {place} about the {thing}, and they were quite content with it.",
            f"I think that the {place} needs another {thing} before {draw.choice(DAYS)}.",
            f"We saw the {thing} last week and it was too large for the {place}.",
        ])  # fmt: skip


def held(tokens: int, count: Callable[[str], int]) -> Said:
    """A meeting of so many tokens."""
    said = Said(["Me", "Them"])
    start = used = 0.0
    for number, text in enumerate(sentences()):
        said.take(Caption(track=number % 2, start=start, end=start + 3.5, text=text, final=True))
        start += 4.0
        used += count(f"[{number}] Them: {text}\n")
        if used >= tokens:
            return said
    raise AssertionError


def closed(said: Said, mine: bool, text: str) -> Moment:
    """What is said next, and the moment that it makes."""
    last = said.segments[-1].end
    said.take(Caption(track=int(not mine), start=last + 1, end=last + 4, text=text, final=True))
    kind = SuggestionKind.TURN if mine else SuggestionKind.QUESTION
    return Moment(kind=kind, about=text, at=last + 4, began=time.monotonic(), own=mine)


def first(drafts: Iterator[Draft | None]) -> float:
    """Seconds to what comes first, with which the work is stopped."""
    began = time.perf_counter()
    with closing(drafts):  # type: ignore[type-var]
        next(drafts)
        return time.perf_counter() - began


def whole(drafts: Iterator[Draft | None]) -> float:
    began = time.perf_counter()
    found = [it for it in drafts if it is not None]
    assert found, "there was nothing to suggest"
    return time.perf_counter() - began


def starter(host: Host, generator: TextGenerator) -> bool:
    asked: dict[int, list[float]] = {}
    promised: dict[int, list[float]] = {}
    meetings = {it: held(it * TOKENS, lambda text: len(text) // 4) for it in (SHORT, LONG)}
    makers: dict[int, Maker] = {
        minutes: Quoting(said, Places(said, host.home.library), lambda: generator, "Me")
        for minutes, said in meetings.items()
    }
    things = itertools.cycle(THINGS)
    for run in range(RUNS + 1):
        thing = next(things)
        for minutes, maker in makers.items():  # in turn, so that what else runs weighs on both
            said = meetings[minutes]
            question = closed(said, False, f"And what does the {thing} for the {PLACES[run]} cost?")
            one = whole(maker.make(question))
            mine = closed(said, True, f"I will send the {thing} to the {PLACES[run]} by Friday.")
            other = whole(maker.make(mine))
            if run:  # the first has what is done once
                asked.setdefault(minutes, []).append(one)
                promised.setdefault(minutes, []).append(other)
    for maker in makers.values():
        maker.close()
    # A question is answered from an index: it is seen at once, however its microseconds compare.
    late = statistics.median(asked[LONG])
    missed = line("a question, found in 60 minutes", late, None, 0.05)
    return line("a promise, after 60 minutes", *medians(promised), GROWTH) or missed


def writer(host: Host, generator: TextGenerator) -> bool:
    """First tokens, over contexts that stand."""
    spent: dict[int, list[float]] = {}
    for minutes in (SHORT, LONG):
        said = held(minutes * TOKENS, generator.count_tokens)
        reading = Reading(
            lambda: generator, datetime.now().astimezone(), Request(), full=lambda segment: None
        )
        segments = tuple(replace(it, id=n) for n, it in enumerate(said.segments))
        reading.hear(Transcript(recording_id="", language="en", segments=segments))
        while reading.lines < len(segments) - 8:
            time.sleep(0.1)
        maker = Writing(said, Places(said, host.home.library), lambda: generator, reading, "Me")
        for run in range(RUNS + 1):
            text = f"And what does the {THINGS[run]} for the {PLACES[run]} cost?"
            took = first(maker.make(closed(said, False, text)))
            if run:
                spent.setdefault(minutes, []).append(took)
        maker.close()
        reading.close()
    late, early = medians(spent)
    missed = line("first token after 60 minutes", late, None, FIRST)
    return line("the same, against after 5 minutes", late, early, GROWTH) or missed


def medians(spent: dict[int, list[float]]) -> tuple[float, float]:
    return statistics.median(spent[LONG]), statistics.median(spent[SHORT])


def line(what: str, late: float, early: float | None, most: float) -> bool:
    """``most`` is of the ratio to ``early``, or in seconds where there is none."""
    if early is None:
        found, shown = late, f"{1000 * late:7.0f} ms   ratio to the limit {late / most:5.2f}"
    else:
        found = late / early
        shown = f"{1000 * late:7.0f} ms : {1000 * early:.0f} ms   ratio {found:5.2f}"
    verdict = "ok" if found <= most else "MISSED"
    print(f"{what:36} {shown}  at most {most:g}  {verdict}", flush=True)
    return found > most


def other(name: str, folder: Path) -> TextGenerator:
    """A model from a file, or of random weights, with room for an hour."""
    from sottovoce.engines.llama.generator import LlamaGenerator
    from sottovoce.engines.llama.settings import LlamaSettings

    path = Path(name)
    if name == "random":
        from tests.benchmarks.random_model import write_random_model

        path = folder / "random.gguf"
        print("writing 5 GB of random weights …", flush=True)
        write_random_model(path)
    spec = ModelSpec(
        id="bench", label=path.name, task=ModelTask.GENERATION, engine="llama", tier="", size=0,
        license="", notes=NotesMethod.SCHEMA,
    )  # fmt: skip
    threads = os.cpu_count() or 2
    settings = LlamaSettings(n_ctx=32_768, n_threads=min(8, threads))
    return LlamaGenerator(spec, path, None, settings, folder / "llama.log")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="'random', or a GGUF file; default: the starter")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = folder
        host = Host(find_home())
        host.home.create()
        host.plugins.load_installed()
        _ = host.library
        try:
            if arguments.model:
                with other(arguments.model, Path(folder)) as generator:
                    return int(writer(host, generator))
            generator = host.load_text_generator(host.starter(ModelTask.GENERATION))
            with closing(generator):
                return int(starter(host, generator))
        finally:
            host.close()


if __name__ == "__main__":
    sys.exit(main())
