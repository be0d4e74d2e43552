"""Predicted speed on this machine's CPU against what is measured, in the same run.

    python tests/benchmarks/bench_fit_cpu.py [--folder /tmp]

The starter model, and one of the shape and size of Qwen 3.5 2B with random weights (1.3 GB). Wants
an otherwise idle machine: it asks what the machine can do, and threads that wait for each other
lose more by another program than the bandwidth does. A line ends in "ok" or "MISSED".
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.random_model import write_random_model

from sottovoce.bench import measure_speed
from sottovoce.engines.llama.files import loaded_files
from sottovoce.engines.llama.generator import LlamaGenerator
from sottovoce.engines.llama.settings import LlamaSettings
from sottovoce.fit import fit
from sottovoce.gguf import read_header, shape_of, weights_of
from sottovoce.hardware import detect, measure_bandwidth
from sottovoce.speed import estimate
from sottovoce.values import ModelSpec
from sottovoce_catalog import load_models


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    folder = parser.parse_args().folder
    starter = next(it for it in load_models() if it.id == "starter-notes")
    missed = 0
    missed += compare(starter, loaded_files(starter)[0], folder, 512)
    path = folder / "random-qwen3.5-2b.gguf"
    try:
        missed += compare(write_random_model(path, "qwen3.5-2b"), path, folder, 64)
    finally:
        path.unlink(missing_ok=True)
    return int(missed > 0)


def compare(spec: ModelSpec, path: Path, folder: Path, read: int) -> bool:
    header = read_header(path)
    hardware = dataclasses.replace(detect(), gpus=())
    settings = LlamaSettings(n_ctx=2048, n_threads=hardware.cpu_count, n_gpu_layers=0)
    log = folder / "bench-fit.log"
    bandwidth = measure_bandwidth()
    with contextlib.closing(LlamaGenerator(spec, path, None, settings, log)) as generator:
        found = measure_speed(generator, read=read)
    bandwidth = (bandwidth + measure_bandwidth()) / 2
    hardware = dataclasses.replace(hardware, bandwidth=bandwidth)
    exact = {"shape": shape_of(header), "weights": weights_of(header)}
    placed = fit(spec, hardware, settings=settings, **exact)  # type: ignore[arg-type]
    predicted = estimate(spec, placed, hardware, **exact)  # type: ignore[arg-type]
    print(f"{spec.label}, {hardware.cpu_count} cores, {bandwidth / 1e9:.0f} GB/s")
    for what, computed, measured, least, most in (
        ("generation", predicted.generation.likely, found.generation, 0.8, 1.25),
        ("prefill", predicted.prefill.likely, found.prefill, 0.5, 2.0),
    ):
        ratio = computed / measured
        verdict = "ok" if least <= ratio <= most else "MISSED"
        print(f"  {what:11} predicted {computed:6.1f} tokens/s   measured {measured:6.1f}   "
              f"ratio {ratio:5.2f}  {least:g} to {most:g}  {verdict}", flush=True)  # fmt: skip
        if what == "generation":
            missed = verdict == "MISSED"
    return missed


if __name__ == "__main__":
    sys.exit(main())
