"""The picker on a library of devices: golden tables, and what has to be true of them.

python -m tests.test_picker      writes the tables anew, to be read before they are committed
"""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest

from sottovoce.bench import Measured
from sottovoce.cli.picker import picker_row, show_picker
from sottovoce.fit import Verdict, fit
from sottovoce.picker import Choice, Picker, pick
from sottovoce.values import EngineSettings, GpuKind, HardwareProfile
from sottovoce_catalog import load_models

from .profiles import (
    DESKTOP_4080,
    GB,
    H200,
    INTEL_INTEGRATED,
    IPHONE_14,
    IPHONE_15_PRO,
    LAPTOP_4060,
    LINUX_CPU,
    MACBOOK_AIR_8,
    MACBOOK_AIR_16,
    MACBOOK_PRO_24,
    MACBOOK_PRO_36,
    MACBOOK_PRO_128,
    PROFILES,
    card,
)

GOLDEN = Path(__file__).with_name("picker_golden.txt")
MODELS = load_models()
COMPACT = {"Qwen 3.5 2B", "Qwen 3.5 4B", "Gemma 4 E2B"}
NINE = {it.label for it in MODELS if it.repository and it.shape and not it.archived}


def table(name: str, picker: Picker) -> str:
    lines = [f"## {name}", *([picker.blocked] if picker.blocked else [])]
    rows = [picker_row(it)[:-1] for it in picker.choices]
    for row in rows:
        widths = (17, 4, 7, 7, 30, 9, 16)
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    return "\n".join(it.rstrip() for it in lines) + "\n"


def tables() -> str:
    return "\n".join(table(name, pick(MODELS, it)) for name, it in PROFILES.items())


def test_the_picker_on_every_device_is_the_golden_table() -> None:
    assert tables() == GOLDEN.read_text(encoding="utf-8")


def shown(hardware: HardwareProfile, *, override: bool = False) -> dict[str, Choice]:
    return {it.spec.label: it for it in pick(MODELS, hardware, override=override).choices}


def recommended(hardware: HardwareProfile) -> str | None:
    best = pick(MODELS, hardware).recommended
    return best.spec.label if best else None


def usable(hardware: HardwareProfile) -> set[str]:
    return {label for label, it in shown(hardware).items() if it.fit.verdict is not Verdict.WONT}


def test_a_mac_of_8_gb_gets_the_compact_tier_and_nothing_larger() -> None:
    assert usable(MACBOOK_AIR_8) == COMPACT
    assert recommended(MACBOOK_AIR_8) in COMPACT
    assert not set(shown(MACBOOK_AIR_8)) & {"Qwen 3.5 9B", "Qwen 3.5 9B HQ", "Qwen 3.6 27B"}


def test_a_mac_of_16_gb_gets_the_standard_tier() -> None:
    assert recommended(MACBOOK_AIR_16) in ("Qwen 3.5 9B", "Gemma 4 E4B")
    assert shown(MACBOOK_AIR_16)["Qwen 3.5 9B HQ"].label == "Tight fit + Slow"
    assert "Qwen 3.6 27B" not in shown(MACBOOK_AIR_16)


@pytest.mark.parametrize("hardware", [MACBOOK_PRO_128, H200], ids=["M5 Max", "H200"])
def test_a_large_machine_gets_all_nine_as_great_fits(hardware: HardwareProfile) -> None:
    assert {it.label for it in shown(hardware).values()} == {"Great fit"}
    assert set(shown(hardware)) == NINE
    assert recommended(hardware) == "Qwen 3.6 27B"


def test_an_rtx_4080_gets_9b_hq_as_a_great_fit_and_27b_slow() -> None:
    rows = shown(DESKTOP_4080)
    assert rows["Qwen 3.5 9B HQ"].label == "Great fit"
    assert rows["Qwen 3.6 27B"].label == "Tight fit + Slow"
    assert 0 < rows["Qwen 3.6 27B"].fit.gpu_layers < 65
    assert recommended(DESKTOP_4080) == "Qwen 3.5 9B HQ"


def test_windows_with_integrated_graphics_gets_the_reason_and_no_list() -> None:
    picker = pick(MODELS, INTEL_INTEGRATED)
    assert picker.choices == ()
    assert picker.blocked is not None
    assert "Windows" in picker.blocked
    assert "Iris" in picker.blocked


def test_a_card_that_llama_cpp_was_not_built_for_is_named_with_what_to_do() -> None:
    unused = dataclasses.replace(DESKTOP_4080.gpus[0], backends=())
    blocked = pick(MODELS, dataclasses.replace(DESKTOP_4080, gpus=(unused,))).blocked
    assert blocked is not None
    assert "RTX 4080" in blocked
    assert "docs/how-to/gpu.md" in blocked


def test_a_card_that_is_not_used_on_linux_is_spoken_of_above_the_list() -> None:
    unused = dataclasses.replace(H200.gpus[0], backends=())
    picker = pick(MODELS, dataclasses.replace(H200, gpus=(unused,)))
    assert picker.blocked is None
    assert [it.split(":")[0] for it in picker.advisories] == ["NVIDIA H200 is not used"]
    assert pick(MODELS, H200).advisories == ()


def test_linux_and_macs_with_intel_may_use_the_cpu_and_say_that_it_is_slow() -> None:
    intel_mac = dataclasses.replace(LINUX_CPU, platform="macos")
    for hardware in (LINUX_CPU, intel_mac):
        labels = {it.label for it in shown(hardware).values()}
        assert labels <= {"Great fit + Slow", "Tight fit + Slow", "Won't fit"}
        assert recommended(hardware) is not None


def test_phones_get_the_compact_tier_from_the_iphone_15_pro_on() -> None:
    assert set(shown(IPHONE_15_PRO)) == COMPACT
    assert pick(MODELS, IPHONE_14).choices == ()
    assert "iPhone 15 Pro" in (pick(MODELS, IPHONE_14).blocked or "")


@pytest.mark.parametrize("name", PROFILES)
def test_what_is_recommended_is_the_best_great_fit_and_never_a_tight_one(name: str) -> None:
    picker = pick(MODELS, PROFILES[name])
    marked = [it for it in picker.choices if it.recommended]
    assert len(marked) <= 1
    for best in marked:
        assert best.fit.verdict is Verdict.GREAT
        better = [it for it in picker.choices if it.spec.quality > best.spec.quality]
        assert all(
            it.fit.verdict is not Verdict.GREAT
            or (it.fit.slow and not best.fit.slow)
            or it.speed.notes.likely > 600
            for it in better
        )


def test_a_model_of_which_nobody_knows_how_good_it_is_is_not_recommended() -> None:
    own = [dataclasses.replace(it, quality=0) for it in MODELS]
    assert pick(own, H200).recommended is None
    assert pick([*own, MODELS[9]], H200).recommended is not None


def test_a_mac_whose_memory_others_have_says_slow() -> None:
    busy = dataclasses.replace(MACBOOK_AIR_16, available=3 * GB)
    assert shown(busy)["Qwen 3.5 9B"].label == "Great fit + Slow"
    # It is moved out once; a model that takes more than half of the memory would be every time.
    assert recommended(busy) == "Qwen 3.5 9B"
    roomy = dataclasses.replace(MACBOOK_PRO_24, available=4 * GB)
    assert recommended(roomy) == "Qwen 3.5 9B HQ"
    larger = dataclasses.replace(MACBOOK_PRO_36, available=12 * GB)
    assert shown(larger)["Qwen 3.6 27B"].label == "Great fit + Slow"
    assert recommended(larger) == "Qwen 3.5 9B HQ"


def test_no_memory_for_the_smallest_model_is_a_reason_with_the_numbers() -> None:
    full = dataclasses.replace(LINUX_CPU, available=GB)
    assert pick(MODELS, full).blocked == (
        "The smallest model takes 1.8 GB of memory, and this device has 1.0 GB free. "
        "Close other programs and look again."
    )


def test_a_person_can_have_all_of_them_listed_and_the_list_says_so() -> None:
    picker = pick(MODELS, INTEL_INTEGRATED, override=True)
    assert {it.spec.label for it in picker.choices} == NINE
    assert picker.overridden
    assert picker.blocked
    assert picker.recommended is None


def test_an_archived_model_is_offered_only_while_it_is_on_the_device() -> None:
    assert "Qwen 3.5 27B" not in shown(H200)
    picker = pick(MODELS, H200, installed={"qwen3.5-27b"})
    (archived,) = (it for it in picker.choices if it.spec.archived)
    assert archived.installed
    assert not archived.recommended


def test_an_installed_model_is_listed_even_where_it_would_not_be_offered() -> None:
    picker = pick(MODELS, MACBOOK_AIR_8, installed={"qwen3.6-27b"})
    (row,) = (it for it in picker.choices if it.installed)
    assert row.spec.id == "qwen3.6-27b"
    assert row.fit.verdict is Verdict.WONT


def test_what_was_measured_comes_before_what_was_estimated() -> None:
    picker = pick(MODELS, LINUX_CPU, measured={"qwen3.5-9b": Measured(6.0, 30.0)})
    (row,) = (it for it in picker.choices if it.spec.id == "qwen3.5-9b")
    assert row.speed.measured
    assert row.speed.generation.likely == 6.0
    assert picker_row(row)[5].endswith(" measured")
    slow = pick(MODELS, H200, measured={"qwen3.6-27b": Measured(1.0, 10.0)})
    assert slow.recommended is not None
    assert slow.recommended.spec.id != "qwen3.6-27b"


def test_what_the_person_chose_for_the_engine_is_what_the_list_reckons_with() -> None:
    def row(hardware: HardwareProfile, **chosen: Any) -> Choice:
        choices = pick(MODELS, hardware, engine=EngineSettings(**chosen)).choices
        return next(it for it in choices if it.spec.id == "qwen3.5-9b")

    usual = row(DESKTOP_4080)
    assert usual.label == "Great fit"
    room = [row(DESKTOP_4080, n_ctx=it).fit.memory.gpu.kv for it in (16_384, 32_768, 65_536)]
    assert room == [usual.fit.memory.gpu.kv // 2, usual.fit.memory.gpu.kv, 2 * room[1]]
    longest = row(DESKTOP_4080, n_ctx=10_000_000, kv_type="q8_0").fit.memory
    assert longest.gpu.kv + longest.cpu.kv == usual.fit.memory.gpu.kv * 8 * 34 // 64
    for hardware in (DESKTOP_4080, MACBOOK_PRO_24):
        half = row(hardware, n_gpu_layers=16)
        assert (half.fit.gpu_layers, half.fit.slow) == (16, True)
        none = row(hardware, n_gpu_layers=0)
        assert (none.fit.gpu, none.fit.slow) == (None, True)
        assert row(hardware, n_gpu_layers=99).fit == row(hardware).fit


@pytest.mark.parametrize("gigabytes", [4, 6, 8, 10, 12, 16, 20, 24, 32, 48])
def test_the_layers_on_a_card_are_as_many_as_it_holds(gigabytes: int) -> None:
    hardware = dataclasses.replace(
        LINUX_CPU, memory=64 * GB, available=60 * GB, gpus=(card("RTX", gigabytes, 500),)
    )
    for spec in MODELS:
        if spec.shape is None:
            continue
        placed = fit(spec, hardware)
        room = hardware.gpus[0].free
        assert room is not None
        assert placed.memory.gpu.total <= room
        if placed.gpu_layers <= spec.shape.layers:
            assert placed.slow
            assert placed.verdict is not Verdict.GREAT
            more = dataclasses.replace(hardware, gpus=(card("RTX", gigabytes * 1.5, 500),))
            assert fit(spec, more).gpu_layers > placed.gpu_layers


def test_two_cards_hold_what_one_does_not() -> None:
    one = dataclasses.replace(LINUX_CPU, gpus=(card("NVIDIA GeForce RTX 3090", 16, 936),))
    two = dataclasses.replace(LINUX_CPU, gpus=(card("NVIDIA GeForce RTX 3090", 16, 936),) * 2)
    assert shown(one)["Qwen 3.6 27B"].fit.slow
    assert not shown(two)["Qwen 3.6 27B"].fit.slow


def test_a_device_that_shares_memory_counts_only_where_there_is_no_card() -> None:
    rows = shown(LAPTOP_4060)
    gpu = rows["Qwen 3.5 2B"].fit.gpu
    assert gpu is not None
    assert gpu.kind is GpuKind.DISCRETE


def test_where_none_is_recommended_the_list_says_why() -> None:
    slow = dataclasses.replace(LINUX_CPU, cpu_count=2, bandwidth=10e9)
    assert pick(MODELS, slow).advice.startswith(
        "None is recommended: with those of the catalog that fit"
    )
    tight = dataclasses.replace(LINUX_CPU, memory=4 * GB, available=int(1.95 * GB))
    assert pick(MODELS, tight).advice == "None is recommended: none fits with room to spare."
    assert pick(MODELS, H200).advice == "Recommended: Qwen 3.6 27B"
    assert pick(MODELS, INTEL_INTEGRATED).advice == ""


@pytest.mark.parametrize("width", [72, 80, 100, 120, 160])
def test_no_terminal_is_too_narrow_to_read_all_of_a_model(width: int) -> None:
    from rich.console import Console

    console = Console(width=width, record=True, file=io.StringIO())
    show_picker(console, pick(MODELS, H200, installed={"qwen3.5-9b-hq"}), numbered=True)
    text = console.export_text()
    assert "…" not in text
    for row in (picker_row(it) for it in pick(MODELS, H200).choices):
        for cell in row:
            assert cell in text


if __name__ == "__main__":
    GOLDEN.write_text(tables(), encoding="utf-8")
