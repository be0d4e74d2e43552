"""The watched folder: how late a note is, and what watching costs while nothing happens.

    python tests/benchmarks/bench_watch.py [--only delay idle]

The delay is held against what the same recording takes with engines that are loaded already. A
line ends in "ok" or "MISSED".
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.audio import decode, encode
from tests.conftest import SAMPLE, command

from sottovoce.home import VARIABLE, find_home
from sottovoce.host import Host
from sottovoce.pipeline import Processor, export
from sottovoce.values import ModelTask

ROUNDS = 5
FILES, SHARE, MEMORY, LATE = 50_000, 0.01, 150, 1.5
IDLE = 60.0
"""Seconds over which idleness is measured"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=("delay", "idle"), default=("delay", "idle"))
    wanted = parser.parse_args().only
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = str(Path(folder) / "home")
        find_home().create()
        if "delay" in wanted:
            missed += delay(Path(folder))
        if "idle" in wanted:
            missed += idle(Path(folder), [])
            missed += idle(Path(folder), ["--poll"])
    return int(missed > 0)


def delay(folder: Path) -> bool:
    """Ten-second files, in turn through a warm processor and through the watched folder."""
    speech = decode(SAMPLE)
    made = [
        encode(folder / f"{i}.flac", [speech[i * 80_000 : i * 80_000 + 160_000]], codec="flac")
        for i in range(2 * ROUNDS + 2)
    ]
    warm = processed(made[0::2], folder / "warm")
    drop, out = folder / "drop", folder / "out"
    drop.mkdir()
    process = start(drop, "--to", out)
    try:
        watched = []
        for number, it in enumerate(made[1::2]):
            data = it.read_bytes()
            with (drop / it.name).open("wb") as file:
                file.write(data)
            began = time.perf_counter()
            while len(list(out.glob("*.md"))) <= number:
                if time.perf_counter() - began > 60:
                    raise RuntimeError(f"no note of {it.name} after a minute")
                time.sleep(0.01)
            watched.append(time.perf_counter() - began)
    finally:
        process.kill()
        process.wait()
    # The first loads the engines.
    late = sum(watched[1:]) / len(watched[1:]) - sum(warm[1:]) / len(warm[1:])
    return line("a note later than by 'sotto process', warm, s", late, LATE)


def processed(files: Sequence[Path], out: Path) -> list[float]:
    host = Host(find_home())
    host.plugins.load_installed()
    times = []
    with Processor(
        host,
        speech=host.model(ModelTask.TRANSCRIPTION, None),
        language=host.model(ModelTask.GENERATION, None),
        report=lambda progress: None,
    ) as processor:
        for it in files:
            began = time.perf_counter()
            export(host, processor.process(it), out, ["markdown"])
            times.append(time.perf_counter() - began)
    host.close()
    return times


def idle(folder: Path, more: list[str]) -> bool:
    tree = folder / "tree"
    if not tree.exists():
        for i in range(FILES):
            place = tree / f"{i // 500}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{i}.jpg").touch()
    process = start(tree, "--recursive", *more)
    try:
        measured = psutil.Process(process.pid)
        calm(measured)  # after the first look
        before, began = measured.cpu_times(), time.perf_counter()
        time.sleep(IDLE)
        after = measured.cpu_times()
        share = (after.user + after.system - before.user - before.system) / (
            time.perf_counter() - began
        )
        memory = measured.memory_info().rss / 2**20
    finally:
        process.kill()
        process.wait()
    how = "polled" if more else "by events"
    return line(f"{FILES:,} files {how}, share of a core", share, SHARE) | line(
        f"{FILES:,} files {how}, MiB", memory, MEMORY
    )


def calm(process: psutil.Process) -> None:
    """Wait until it did nothing for a quarter of a minute: on a busy machine it may only wait."""
    used, quiet = 0.0, 0
    while quiet < 3:
        time.sleep(5)
        times = process.cpu_times()
        before, used = used, times.user + times.system
        quiet = quiet + 1 if used - before < 0.1 else 0


def start(folder: Path, *more: str | Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        command("watch", folder, "--no-notify", *more), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def line(what: str, found: float, most: float) -> bool:
    """Print it; whether it is too much."""
    verdict = "ok" if found <= most else "MISSED"
    print(f"{what:50} {found:8.3f}   ratio to the limit {found / most:5.2f}  "
          f"at most {most:g}  {verdict}", flush=True)  # fmt: skip
    return found > most


if __name__ == "__main__":
    sys.exit(main())
