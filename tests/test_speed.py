"""Estimated speeds against measured ones, all with one set of constants."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sottovoce import speed
from sottovoce.fit import fit
from sottovoce.speed import estimate
from sottovoce.values import Gpu, GpuKind, HardwareProfile, ModelSpec
from sottovoce_catalog import gpu_facts, load_models

from .profiles import GB, H200, LINUX_CPU

MODELS = {it.id: it for it in load_models()}

DOCUMENTED = {
    "qwen3.5-2b": 421,
    "qwen3.5-4b": 274,
    "gemma-4-e4b": 211,
    "qwen3.5-9b": 218,
    "qwen3.6-35b-a3b": 235,
    "qwen3.6-27b": 75,
}
"""Tokens per second on an H200 after 4,096 tokens were read: docs/explanation/fit.md"""

ON_H200 = {
    "starter-notes": (943, None, 0.0),
    "qwen3.5-4b": (298, 2.36, 0.0),
    "qwen3.5-9b": (242, 4.95, 0.53),
    "qwen3.6-27b": (90, 14.4, 0.67),
    "qwen3.6-35b-a3b": (241, None, 0.0),
}
"""The same after nothing was read; GiB of the file and its embedding"""

COMMUNITY = [
    ("Radeon RX 7900 XT", 800, "qwen3.5-4b", 0.43),
    ("Radeon RX 7900 XT", 800, "qwen3.5-9b", 0.62),
    ("Radeon RX 7900 XT", 800, "qwen3.6-27b", 0.66),
    ("Radeon RX 7900 XT", 800, "gemma-4-31b", 0.68),
    ("Apple M4 Pro", 273, "qwen3.5-4b", 0.56),
    ("Apple M4 Pro", 273, "qwen3.5-9b", 0.77),
    ("NVIDIA GB10", 273, "qwen3.5-4b", 0.61),
    ("NVIDIA GB10", 273, "qwen3.5-9b", 0.73),
    ("NVIDIA GB10", 273, "qwen3.6-27b", 0.66),
    ("NVIDIA GeForce RTX 4090", 1008, "qwen3.6-27b", 0.70),
    ("Intel Arc 140V", 136, "qwen3.5-9b-hq", 0.72),
    ("NVIDIA GeForce GTX 1050 Ti", 112, "qwen3.5-4b", 0.33),
    ("NVIDIA GB10", 273, "qwen3.6-35b-a3b", 0.48),
    ("NVIDIA GeForce RTX 4090", 1008, "qwen3.6-35b-a3b", 0.32),
    ("NVIDIA GeForce RTX 5090", 1792, "qwen3.6-35b-a3b", 0.26),
]
"""Device, its GB/s, model, and measured tokens/s times bytes over bandwidth; the bytes are those of
the file, and of the mixture of experts those that a token reads"""


def device(name: str, bandwidth: float) -> HardwareProfile:
    gpu = Gpu(
        name=name,
        memory=64 * GB,
        free=64 * GB,
        kind=GpuKind.DISCRETE,
        backends=("vulkan",),
        bandwidth=bandwidth * 1e9,
    )
    return dataclasses.replace(LINUX_CPU, gpus=(gpu,))


@pytest.mark.parametrize("id", ON_H200)
def test_on_an_h200_what_is_predicted_is_what_was_measured_within_a_quarter(id: str) -> None:
    tokens, size, embedding = ON_H200[id]
    spec = MODELS[id]
    if size is not None:
        spec = dataclasses.replace(spec, read_per_token=int((size - embedding) * GB))
    predicted = estimate(spec, fit(spec, H200), H200).generation.likely
    assert 0.8 <= predicted / tokens <= 1.25


@pytest.mark.parametrize("id", DOCUMENTED)
def test_the_page_on_fit_has_what_is_predicted_for_an_h200(id: str) -> None:
    spec, tokens = MODELS[id], DOCUMENTED[id]
    ratio = estimate(spec, fit(spec, H200), H200).generation.likely / tokens
    assert 0.8 <= ratio <= 1.25
    page = (Path(__file__).parents[1] / "docs" / "explanation" / "fit.md").read_text("utf-8")
    assert f"| {spec.label} | {tokens} | {ratio:.2f} |" in page


def test_the_page_on_fit_has_the_constants() -> None:
    page = (Path(__file__).parents[1] / "docs" / "explanation" / "fit.md").read_text("utf-8")
    layers = [round(speed._GPU_LAYER[it] * 1e6) for it in "fwr"]
    of_layers = "{}, {} or {} µs".format(*layers)
    assert f"(bandwidth × {speed._GPU_EFFICIENCY:.2f}) + layers × {of_layers}" in page
    cpu = f"min(bandwidth × {speed._CPU_EFFICIENCY:.2f}, cores × {speed._CORE / 1e9:.0f} GB/s)"
    assert f"{cpu} + layers × {speed._CPU_LAYER * 1e6:.0f} µs" in page


def community() -> list[tuple[str, float, float, float]]:
    rows = []
    for name, bandwidth, id, share in COMMUNITY:
        spec, hardware = MODELS[id], device(name, bandwidth)
        assert spec.read_per_token is not None
        size = spec.read_per_token if spec.shape and spec.shape.experts else spec.size
        measured = share * bandwidth * 1e9 / size
        shown = estimate(spec, fit(spec, hardware), hardware).generation
        rows.append((f"{name}, {spec.label}", measured, shown.low, shown.high))
    return rows


def test_published_speeds_are_within_the_range_that_is_shown() -> None:
    rows = community()
    within = [low <= measured <= high for _, measured, low, high in rows]
    assert sum(within) / len(rows) >= 0.8, rows
    assert all(high / low <= 1.7 for _, _, low, high in rows), "a range that says nothing"


def on_this_cpu(cores: int, bandwidth: float) -> HardwareProfile:
    return dataclasses.replace(LINUX_CPU, cpu_count=cores, bandwidth=bandwidth)


@pytest.mark.parametrize(
    ("spec", "tokens"),
    [(MODELS["starter-notes"], 80), (MODELS["qwen3.5-2b"], 18)],
    ids=["starter", "2B"],
)
def test_on_two_cores_what_is_predicted_is_what_was_measured(
    spec: ModelSpec, tokens: float
) -> None:
    """The starter, with its adapter; a 2B of random weights at 17.5 to 19."""
    hardware = on_this_cpu(2, 24e9)
    predicted = estimate(spec, fit(spec, hardware), hardware).generation.likely
    assert 0.8 <= predicted / tokens <= 1.25


def test_an_hours_notes_take_as_long_as_reading_and_writing_them() -> None:
    spec = MODELS["qwen3.5-9b"]
    found = estimate(spec, fit(spec, H200), H200)
    assert found.notes.low < found.notes.likely < found.notes.high
    assert found.notes.likely == pytest.approx(
        15_000 / found.prefill.likely + 3_300 / found.generation.likely
    )


def test_the_starter_writes_more_for_an_hours_notes_than_a_model_that_is_asked() -> None:
    spec = MODELS["starter-notes"]
    found = estimate(spec, fit(spec, LINUX_CPU), LINUX_CPU)
    assert found.notes.likely == pytest.approx(
        20_000 / found.prefill.likely + 9_000 / found.generation.likely
    )


def test_a_device_that_nothing_is_known_of_gets_a_wide_range() -> None:
    unknown = dataclasses.replace(H200.gpus[0], name="Something New 1", bandwidth=None)
    hardware = dataclasses.replace(H200, gpus=(unknown,))
    spec = MODELS["qwen3.5-9b"]
    shown = estimate(spec, fit(spec, hardware), hardware).generation
    assert shown.high / shown.low == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("name", "bandwidth"),
    [
        ("Apple M1", 68),
        ("Apple M1 Max", 400),
        ("Apple M5 Max", 614),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", 672),
        ("NVIDIA GeForce RTX 4070", 504),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 576),
        ("NVIDIA H200", 4800),
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", 960),
        ("Some other card", None),
    ],
)
def test_the_table_finds_a_device_by_the_words_of_its_name(
    name: str, bandwidth: float | None
) -> None:
    facts = gpu_facts(name)
    assert (facts.bandwidth / 1e9 if facts else None) == bandwidth


def test_partial_offload_is_between_the_cpu_and_the_card() -> None:
    spec = MODELS["qwen3.6-27b"]
    card = device("NVIDIA GeForce RTX 4080", 717).gpus[0]
    speeds = []
    for gigabytes in (64, 14, 8):
        gpu = dataclasses.replace(card, memory=gigabytes * GB, free=gigabytes * GB)
        hardware = dataclasses.replace(LINUX_CPU, gpus=(gpu,))
        speeds.append(estimate(spec, fit(spec, hardware), hardware).generation.likely)
    speeds.append(estimate(spec, fit(spec, LINUX_CPU), LINUX_CPU).generation.likely)
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[0] > 2 * speeds[1]
