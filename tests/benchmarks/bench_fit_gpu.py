"""Computed memory and speed against a graphics card's own word, on models with random weights.

    python tests/benchmarks/bench_fit_gpu.py [--folder /tmp] [--models ID…] [--n-ctx 16384]

For each shape: a file of the real size is written, loaded by the engine, made to read 4,096 tokens
and to write some; then what NVIDIA's library says of the memory used is compared with what was
computed before, and the tokens per second with what was predicted. Needs a CUDA device and a
llama.cpp built for it. A line ends in "ok" or "MISSED".
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.random_model import write_random_model

from sottovoce.bench import measure_speed
from sottovoce.engines.llama.generator import LlamaGenerator
from sottovoce.engines.llama.settings import LlamaSettings
from sottovoce.engines.llama.sizing import measure
from sottovoce.fit import driver_memory, fit, usable_gpus
from sottovoce.gguf import read_header, shape_of, weights_of
from sottovoce.hardware import detect
from sottovoce.speed import estimate

MODELS = ["qwen3.5-2b", "qwen3.5-4b", "gemma-4-e4b", "qwen3.5-9b", "qwen3.5-9b-hq",
          "qwen3.6-35b-a3b", "qwen3.6-27b"]  # fmt: skip
MIB = 1 << 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--n-ctx", type=int, default=16_384)
    arguments = parser.parse_args()
    hardware = detect()
    print(hardware)
    if not usable_gpus(hardware):
        print("skipped: there is no GPU that this llama.cpp was built for")
        return 0
    missed = 0
    for id in arguments.models:
        path = arguments.folder / f"random-{id}.gguf"
        try:
            missed += compare(id, path, arguments.n_ctx)
        finally:
            path.unlink(missing_ok=True)
    return int(missed > 0)


def compare(id: str, path: Path, n_ctx: int) -> int:
    began = time.perf_counter()
    spec = write_random_model(path, id)
    header = read_header(path)
    settings = LlamaSettings(n_ctx=n_ctx, n_threads=4)
    print(
        f"{spec.label}: {path.stat().st_size / 2**30:.2f} GiB written "
        f"in {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    hardware = detect()
    placed = fit(spec, hardware, settings=settings, shape=shape_of(header),
                 weights=weights_of(header))  # fmt: skip
    assert placed.gpu is not None
    predicted = estimate(spec, placed, hardware)
    settings = dataclasses.replace(settings, n_gpu_layers=placed.gpu_layers)
    planned = measure(path, settings)
    time.sleep(1.0)  # what ended gives its memory back a moment later
    before = used()
    began = time.perf_counter()
    with LlamaGenerator(spec, path, None, settings, path.with_suffix(".log")) as generator:
        loading = time.perf_counter() - began
        loaded = used() - before
        speed = measure_speed(generator, read=4096)
        taken = used() - before
    computed = placed.memory.gpu
    driver = driver_memory(placed.gpu)
    print(f"  loaded in {loading:.1f} s; {placed.gpu_layers} layers on the GPU; {placed.verdict}")
    print(f"  MiB computed: weights {computed.weights / MIB:.0f}, kv {computed.kv / MIB:.0f}, "
          f"state {computed.state / MIB:.0f}, compute {computed.compute / MIB:.0f}, "
          f"driver {driver / MIB:.0f}")  # fmt: skip
    print(f"  MiB planned by llama.cpp: weights {planned.gpu.weights / MIB:.0f}, "
          f"kv {planned.gpu.kv / MIB:.0f}, state {planned.gpu.state / MIB:.0f}, "
          f"compute {planned.gpu.compute / MIB:.0f}; after loading {loaded / MIB:.0f}, "
          f"unexplained {(taken - computed.total) / MIB:.0f}")  # fmt: skip
    return sum(
        [
            line(
                "llama.cpp's plan, MiB", computed.total / MIB, planned.gpu.total / MIB, 0.97, 1.03
            ),
            line(
                "the device's word, MiB", (computed.total + driver) / MIB, taken / MIB, 0.95, 1.05
            ),
            line("generation, tokens/s", predicted.generation.likely, speed.generation, 0.8, 1.25),
            line("prefill, tokens/s", predicted.prefill.likely, speed.prefill, 0.5, 2.0),
        ]
    )


def line(what: str, computed: float, found: float, least: float, most: float) -> bool:
    ratio = computed / found
    good = least <= ratio <= most
    print(f"  {what:24} computed {computed:9.1f}   found {found:9.1f}   ratio {ratio:5.3f}  "
          f"{least:g} to {most:g}  {'ok' if good else 'MISSED'}", flush=True)  # fmt: skip
    return not good


def used() -> int:
    """Bytes of all cards in use."""
    import pynvml  # type: ignore[import-untyped]

    pynvml.nvmlInit()
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return sum(int(pynvml.nvmlDeviceGetMemoryInfo(it).used) for it in handles)
    finally:
        pynvml.nvmlShutdown()


if __name__ == "__main__":
    sys.exit(main())
