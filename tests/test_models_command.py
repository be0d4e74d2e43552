"""``sotto models`` and ``sotto device``, as a person runs them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sottovoce.bench import Measured
from sottovoce.cli import device
from sottovoce.cli.device import rows
from sottovoce.cli.models import installed_models
from sottovoce.errors import ModelError
from sottovoce.host import Host
from sottovoce.measured import best_bandwidth, forget_speed, load_speeds, save_speed
from sottovoce_catalog import load_models

from .conftest import sotto
from .headers import write_header
from .profiles import DESKTOP_4080, LAPTOP_4060, LINUX_CPU

SMALL = next(it for it in load_models() if it.id == "qwen3.5-2b")


def test_the_list_has_every_column_and_says_what_is_recommended(home: Path) -> None:
    ran = sotto("models", home=home, COLUMNS="160")
    assert ran.status == 0, ran.err
    if "free. Close other programs" not in ran.out:
        assert "Qwen 3.5 2B" in ran.out
        assert "fit" in ran.out
        assert "starter-speech" in ran.out


def test_the_list_as_json_has_numbers(home: Path) -> None:
    ran = sotto("models", "list", "--json", "--override", home=home)
    assert ran.status == 0, ran.err
    rows = {it["id"]: it for it in ran.json["models"]}
    assert len(rows) == 9
    row = rows["qwen3.5-9b"]
    assert row["size"] == 5_680_522_464
    assert row["memory"]["total"] > row["size"]
    assert row["tokens_per_second"]["low"] < row["tokens_per_second"]["high"]
    assert row["hour_of_notes_seconds"]["likely"] > 0
    assert ran.json["overridden"] is True


def test_the_list_says_what_is_in_use_and_what_of_it_is_not_there(home: Path) -> None:
    assert "In use: Starter speech" in sotto("models", home=home).out
    assert sotto("config", "set", "models.generation", "qwen3.5-2b", home=home).status == 0
    said = " ".join(sotto("models", home=home).out.split())  # whatever the terminal's width
    assert said.endswith("to transcribe, Qwen 3.5 2B (not installed) for notes")
    assert sotto("config", "set", "enabled", "off", home=home).status == 0
    last = sotto("models", home=home).out.splitlines()[-1]
    assert last.startswith("In use: none; local AI is off on this device")


def test_show_tells_what_a_model_takes_and_less_for_a_smaller_context(home: Path) -> None:
    sizes = []
    for options in (["--context", "32768"], ["--context", "16384", "--small-cache"]):
        ran = sotto("models", "show", "qwen3.5-9b", "--json", *options, home=home)
        assert ran.status == 0, ran.err
        sizes.append(ran.json["memory"]["total"])
    assert sizes[1] < sizes[0] - (700 << 20)
    ran = sotto("models", "show", "qwen3.5-9b", home=home, COLUMNS="120")
    assert "a one-hour meeting's notes take about" in ran.out
    assert "unsloth/Qwen3.5-9B-GGUF" in ran.out


def test_show_of_an_installed_model_reads_its_file(home: Path) -> None:
    folder = home / "data" / "models" / SMALL.id
    folder.mkdir(parents=True)
    write_header(dataclasses.replace(SMALL, size=SMALL.size * 11 // 10), folder / "model.gguf")
    ran = sotto("models", "show", SMALL.id, home=home)
    assert ran.status == 0, ran.err
    assert "from the file itself" in ran.out
    assert "yes" in ran.out
    ran = sotto("models", "--json", home=home)
    (row,) = (it for it in ran.json["models"] if it["id"] == SMALL.id)
    assert row["installed"] is True


def test_what_is_installed_is_what_has_a_file_and_is_known(host: Host) -> None:
    for name in ("qwen3.5-27b", ".partial", "something-else"):
        (host.home.models / name).mkdir(parents=True)
        (host.home.models / name / "model.gguf").touch()
    assert installed_models(host) == {"qwen3.5-27b"}


def test_an_archived_model_vanishes_when_its_file_is_deleted(home: Path) -> None:
    folder = home / "data" / "models" / "qwen3.5-27b"
    folder.mkdir(parents=True)
    (folder / "Qwen3.5-27B-Q4_K_M.gguf").touch()

    def listed() -> list[str]:
        return [it["id"] for it in sotto("models", "--json", home=home).json["models"]]

    assert "qwen3.5-27b" in listed()
    (folder / "Qwen3.5-27B-Q4_K_M.gguf").unlink()
    (folder / ".DS_Store").touch()  # a file manager leaves the folder, and this
    assert "qwen3.5-27b" not in listed()
    ran = sotto("models", "install", "qwen3.5-27b", home=home)
    assert ran.status == 1
    assert "archived: it is no longer offered for download" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "qwen9"], "no model 'qwen9'; known: starter-speech, starter-notes"),
        (["bench", "qwen3.5-9b"], "Qwen 3.5 9B is not installed; run: sotto models install"),
        (["bench", "starter-speech"], "only language models are measured"),
        (["show", "qwen3.5-9b", "--context", "9"], "takes a context of 256 to 262144 tokens"),
    ],
)
def test_what_cannot_be_done_is_one_line(home: Path, arguments: list[str], message: str) -> None:
    ran = sotto("models", *arguments, home=home)
    assert ran.status == 1
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1


def test_bench_measures_the_starter_and_estimates_use_it(home: Path) -> None:
    ran = sotto("models", "bench", "starter-notes", "--json", home=home)
    assert ran.status == 0, ran.err
    assert ran.json["generation"] > 0
    ran_show = sotto("models", "show", "starter-notes", "--json", home=home)
    assert ran_show.json["measured"] is True
    assert ran_show.json["tokens_per_second"]["likely"] == pytest.approx(ran.json["generation"])


def test_speeds_of_one_device_say_nothing_of_another(tmp_path: Path) -> None:
    path = tmp_path / "speeds.json"
    save_speed(path, LINUX_CPU, "a", Measured(5.0, 50.0))
    save_speed(path, DESKTOP_4080, "a", Measured(50.0, 500.0))
    save_speed(path, LINUX_CPU, "b", Measured(7.0, 70.0))
    save_speed(path, LINUX_CPU, "a", Measured(6.0, 60.0))
    forget_speed(path, "c")
    busier = dataclasses.replace(LINUX_CPU, available=1, bandwidth=None)
    assert load_speeds(path, busier) == {"a": Measured(6.0, 60.0), "b": Measured(7.0, 70.0)}
    assert load_speeds(path, DESKTOP_4080) == {"a": Measured(50.0, 500.0)}
    forget_speed(path, "a")
    assert load_speeds(path, DESKTOP_4080) == {}
    assert load_speeds(path, LINUX_CPU) == {"b": Measured(7.0, 70.0)}


def test_the_best_bandwidth_counts_however_busy_the_device_is_now(tmp_path: Path) -> None:
    path = tmp_path / "data" / "speeds.json"
    assert best_bandwidth(path, LINUX_CPU, 20e9) == 20e9
    assert best_bandwidth(path, LINUX_CPU, 7e9) == 20e9
    assert best_bandwidth(path, LINUX_CPU, 24e9) == 24e9
    assert best_bandwidth(path, DESKTOP_4080, 7e9) == 7e9
    save_speed(path, LINUX_CPU, "a", Measured(5.0, 50.0))
    assert best_bandwidth(path, LINUX_CPU, 7e9) == 24e9
    (tmp_path / "other.lock").mkdir()
    assert best_bandwidth(tmp_path / "other.json", LINUX_CPU, 7e9) == 7e9  # it cannot be kept


DAMAGED = ["", "[]", '{"x": {"a": {"generation": 1}}}', '{"x": 3}', '{"x": {"bandwidth": 1}}']


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_of_speeds_is_an_error_that_names_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "speeds.json"
    path.write_text(content)
    with pytest.raises(ModelError, match=r"speeds.json is damaged .*; delete it and measure again"):
        load_speeds(path, LINUX_CPU)


def test_device_describes_this_machine(home: Path) -> None:
    ran = sotto("device", home=home, COLUMNS="120")
    assert ran.status == 0, ran.err
    for word in ("System", "Processor", "Memory", "GB/s measured", "Graphics"):
        assert word in ran.out


def test_a_device_is_told_in_words() -> None:
    told = dict(rows(LAPTOP_4060))
    assert told["Processor"] == "Intel Core i7-13700H, 8 cores"
    assert told["Memory"] == "16 GB, 9.0 GB of them free, 50 GB/s measured"
    assert told["Power"] == "mains"
    card = device._gpu(LAPTOP_4060.gpus[0])
    assert card == (
        "NVIDIA GeForce RTX 4060 Laptop GPU, 8.0 GB (memory of its own), 7.5 GB free, 256 GB/s, "
        "driver 581.42, used through vulkan"
    )
    unused = device._gpu(dataclasses.replace(LAPTOP_4060.gpus[0], backends=()))
    assert unused.endswith("not used: this llama.cpp was installed without support for it")
