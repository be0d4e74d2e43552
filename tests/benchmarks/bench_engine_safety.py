"""What the language engine does when it is stopped, killed, and loaded again and again.

    python tests/benchmarks/bench_engine_safety.py

On the tiny models of the tests, on the CPU. Each line has a limit, and ends in "ok" or "MISSED".
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import llama_cpp  # noqa: F401 - before NumPy, as in bench_engine
import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.bench_engine import ENDLESS, Bench, cancelled_append, load, timed

from sottovoce.engines.llama.generator import LlamaGenerator
from sottovoce.engines.worker import Worker
from sottovoce.errors import WorkerDiedError
from sottovoce.interfaces import Question

LINES = "[1] Mara: We order the routers now.\n[2] Tom: I will do that by Monday.\n"
CANCELS, KILLS, ROUNDS = 100, 50, 200
GROWTH = 8 << 20
"""Bytes by which allocators come and go"""


def main() -> int:
    # Here, as every worker imports this file: what this brings is not for them.
    from tests.tiny_models import ARCHITECTURES, tiny_model

    missed: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = {it: tiny_model(it, folder) for it in ARCHITECTURES}
        for path in models.values():
            bench = Bench(path, 1, 1, folder, missed)
            cancels(bench, path, folder)
        kills(bench, models["qwen35"], folder)
        rounds(bench, models, folder)
    for name in missed:
        sys.stdout.write(f"missed: {name}\n")
    return int(bool(missed))


def cancels(bench: Bench, path: Path, folder: Path) -> None:
    """At random moments, while reading and while answering; then the next answer."""
    moments, wrong = random.Random(3), 0
    delays: list[float] = []
    with load(path, folder, 8192, 1) as generator:
        expected = answer(generator)
        while len(delays) < CANCELS:
            moment = moments.uniform(0.002, 0.05)
            with generator.open() as conversation:
                conversation.append(LINES * 4)
                if len(delays) % 2:
                    delays += cancelled_append(conversation, LINES * 90, moment)
                else:
                    pieces = conversation.ask([endless()] * 3)
                    next(pieces)
                    time.sleep(moment)
                    delays.append(timed(pieces.close))  # type: ignore[attr-defined]
            wrong += answer(generator) != expected
    delays.sort()
    p95 = delays[CANCELS * 95 // 100 - 1]
    bench.line("cancel, p95 in ms", f"{p95 * 1e3:.1f} of {CANCELS}", p95 / 0.1, most=1)
    bench.line("wrong answers after a cancel", f"{wrong} of {CANCELS}", wrong, most=0)


def endless() -> Question:
    return Question(text="?", max_tokens=800, grammar=ENDLESS)


def answer(generator: LlamaGenerator) -> str:
    with generator.open() as conversation:
        conversation.append(LINES * 4)
        question = Question(text="What was decided?", max_tokens=8)
        return "".join(piece.text for piece in conversation.ask([question]))


def kills(bench: Bench, path: Path, folder: Path) -> None:
    """Of the worker at random moments while it reads and answers, and what the host is told."""
    moments, told = random.Random(7), 0
    delays: list[float] = []
    host = psutil.Process()
    before = None
    for i in range(KILLS + 2):
        if i == 2:
            before = (host.num_threads(), open_files(host), host.memory_info().rss)
        with load(path, folder, 4096, 1) as generator:
            killed: list[float] = []
            kill = threading.Timer(moments.uniform(0, 0.2), end, (generator.worker.pid, killed))
            kill.start()
            try:
                with generator.open() as conversation:
                    conversation.append(LINES * 40)
                    for _ in conversation.ask([endless()] * 3):
                        pass
            except WorkerDiedError as error:
                told += i >= 2 and error.exit_code == -signal.SIGKILL
                delays.append(time.perf_counter() - killed[0])
            kill.join()
    assert before is not None
    zombies = [it for it in host.children() if it.status() == psutil.STATUS_ZOMBIE]
    threads, files, memory = before
    bench.line("kills that are typed errors", f"{told} of {KILLS}", told / KILLS, least=1)
    slowest = max(delays)
    bench.line("slowest of them, in ms", f"{slowest * 1e3:.0f}", slowest, most=1)
    # The reply threads of the workers before these may still have been ending when counted.
    left = len(zombies) + max(0, host.num_threads() - threads) + max(0, open_files(host) - files)
    bench.line("zombies, threads and files left", f"{left}", left, most=0)
    grown = host.memory_info().rss - memory
    bench.line("memory grown, MiB", f"{grown / 2**20:.1f}", grown / GROWTH, most=1)


def end(pid: int, killed: list[float]) -> None:
    killed.append(time.perf_counter())
    os.kill(pid, signal.SIGKILL)


def open_files(process: psutil.Process) -> int:
    return int(process.num_fds() if hasattr(process, "num_fds") else process.num_handles())


def rounds(bench: Bench, models: dict[str, Path], folder: Path) -> None:
    """Load, answer, unload, in one process, which the program itself never does."""
    with Worker(
        "tests.engines.rounds:Rounds", models, name="rounds", log_file=folder / "log"
    ) as worker:
        worker.call("run", 20)
        before = worker.call("memory")
        worker.call("run", ROUNDS)
        grown = worker.call("memory") - before
    bench.line(
        f"memory grown in {ROUNDS} rounds, MiB", f"{grown / 2**20:.1f}", grown / GROWTH, most=1
    )


if __name__ == "__main__":
    sys.exit(main())
