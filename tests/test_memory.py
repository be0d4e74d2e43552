"""Computed memory against llama.cpp's own, on headers of every shape in the catalog."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sottovoce.engines.llama.settings import LlamaSettings
from sottovoce.errors import ModelError
from sottovoce.gguf import (
    IncompleteHeaderError,
    parse_header,
    read_header,
    shape_of,
    weights_of,
)
from sottovoce.memory import required, weights_of_spec
from sottovoce_catalog import load_models
from tests.headers import list_tensors, write_header
from tests.profiles import DESKTOP_4080, H200, LINUX_CPU

SPECS = {it.id: it for it in load_models() if it.shape and it.repository}
every_model = pytest.mark.parametrize("id", SPECS)
PARAMETERS = {"qwen3.6-27b": 26_895_998_464, "qwen3.6-35b-a3b": 34_660_610_688}
"""As published"""
needs_llama = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed"
)


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sparse files of the real sizes."""
    folder = tmp_path_factory.mktemp("headers")
    paths = {id: folder / f"{id}.gguf" for id in SPECS}
    for id, spec in SPECS.items():
        assert write_header(spec, paths[id]) == PARAMETERS.get(id, pytest.approx(1e10, rel=10))
    return paths


@pytest.fixture(scope="module")
def allocations(headers: dict[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """What llama.cpp would allocate for each, with a GPU that only pretends to be one."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.pretend_gpu", *map(str, headers.values())],
        cwd=Path(__file__).parents[1],
        # llama.cpp takes and gives back gigabytes; the kernel need not hand them out each time.
        env={**os.environ, "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 33)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return found


@every_model
def test_a_header_says_the_shape_that_the_catalog_says(headers: dict[str, Path], id: str) -> None:
    assert shape_of(read_header(headers[id])) == SPECS[id].shape


@every_model
def test_the_header_says_how_long_the_file_is(headers: dict[str, Path], id: str) -> None:
    header = read_header(headers[id])
    assert header.file_size == headers[id].stat().st_size
    assert header.file_size == pytest.approx(SPECS[id].size, rel=0.01)
    weights = weights_of(header)
    output = weights.token_embedding if header.tied else 0
    whole = sum(weights.layers) + weights.output + weights.layer_embeddings
    assert whole + weights.token_embedding - output == sum(
        it.size for it in list_tensors(SPECS[id])
    )


@needs_llama
@every_model
def test_computed_memory_is_what_llama_cpp_allocates(
    headers: dict[str, Path], allocations: dict[str, list[dict[str, Any]]], id: str
) -> None:
    """In all within 3 %, and on the GPU and beside it each within 5 %, from the header."""
    header = read_header(headers[id])
    shape, weights = shape_of(header), weights_of(header)
    assert len(allocations[id]) == 16
    for row in allocations[id]:
        memory = required(shape, weights, _settings(row), row["gpu_layers"])
        gpu, cpu = sum(row["gpu"]), sum(row["cpu"])
        assert memory.total == pytest.approx(gpu + cpu, rel=0.03), row
        assert memory.gpu.total == pytest.approx(gpu, rel=0.05, abs=1 << 24), row
        assert memory.cpu.total == pytest.approx(cpu, rel=0.05, abs=1 << 24), row
        for part, (_, caches, _) in ((memory.gpu, row["gpu"]), (memory.cpu, row["cpu"])):
            assert part.kv + part.state == pytest.approx(caches, rel=0.001), row
        assert memory.gpu.weights == pytest.approx(row["gpu"][0], rel=0.001), row


@needs_llama
@every_model
def test_before_the_download_the_catalog_alone_says_it_within_three_percent(
    allocations: dict[str, list[dict[str, Any]]], id: str
) -> None:
    spec = SPECS[id]
    assert spec.shape is not None
    for row in allocations[id]:
        memory = required(spec.shape, weights_of_spec(spec), _settings(row), row["gpu_layers"])
        assert memory.total == pytest.approx(sum(row["gpu"]) + sum(row["cpu"]), rel=0.03), row
        if row["gpu_layers"] > spec.shape.layers:
            assert memory.gpu.total == pytest.approx(sum(row["gpu"]), rel=0.03), row


def _settings(row: dict[str, Any]) -> LlamaSettings:
    n_ctx, kv_type, n_forks = row["settings"]
    return LlamaSettings(n_ctx=n_ctx, kv_type=kv_type, n_forks=n_forks)


@needs_llama
@pytest.mark.parametrize("id", ["qwen3.5-2b", "gemma-4-e2b"])
def test_the_product_asks_llama_cpp_in_a_process_of_its_own(
    headers: dict[str, Path], allocations: dict[str, list[dict[str, Any]]], id: str
) -> None:
    from sottovoce.engines.llama.sizing import measure

    row = allocations[id][0]
    assert row["gpu_layers"] == 0
    memory = measure(headers[id], dataclasses.replace(_settings(row), n_gpu_layers=0))
    assert memory.gpu.total == 0
    assert memory.total == pytest.approx(sum(row["cpu"]), rel=0.001)


@needs_llama
def test_what_llama_cpp_says_is_read_off_its_log_device_by_device(headers: dict[str, Path]) -> None:
    script = (
        "import sys, pathlib, ctypes; from tests.pretend_gpu import *\n"
        "from sottovoce.engines.llama.sizing import plan\n"
        "gpu = pretend_gpu()\n"
        "for file in sys.argv[1:]:\n"
        "    row = allocations(pathlib.Path(file), 12, gpu)[2]\n"
        "    settings = LlamaSettings(n_ctx=4096, n_forks=0, n_gpu_layers=4)\n"
        "    memory = plan(pathlib.Path(file), settings, gpu)\n"
        "    print(row['gpu'], row['cpu'], memory)\n"
        "    assert row['settings'] == [4096, 'f16', 0] and row['gpu_layers'] == 4\n"
        "    for part, it in ((memory.gpu, row['gpu']), (memory.cpu, row['cpu'])):\n"
        "        assert abs(part.weights - it[0]) <= 1e-3 * it[0]\n"
        "        assert abs(part.kv + part.state - it[1]) <= 1e-3 * it[1]\n"
        "        assert abs(part.compute - it[2]) <= 1e-2 * it[2]\n"
    )
    files = [headers["qwen3.5-2b"], headers["gemma-4-e4b"]]
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, files)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


@needs_llama
def test_a_file_that_this_llama_cpp_cannot_load_is_an_error_that_says_why(tmp_path: Path) -> None:
    import gguf

    from sottovoce.engines.llama.sizing import measure

    path = tmp_path / "odd.gguf"
    writer = gguf.GGUFWriter(path, "oddity")
    writer.add_block_count(1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with pytest.raises(ModelError, match=r"odd.gguf cannot be loaded.*oddity"):
        measure(path, LlamaSettings())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends within its header"),
        (b"GGUF\3\0\0\0", "ends within its header"),
        (b"PK\3\4 something else altogether, a zip file for instance", "not a GGUF file"),
        (b"GGUF" + bytes([9]) + bytes(30), "GGUF version 9"),
        (b"GGUF" + bytes([3, 0, 0, 0]) + b"\xff" * 30, "header is damaged"),
    ],
)
def test_what_is_not_a_model_file_is_an_error_that_says_so(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"x.gguf is not a model that can be loaded: .*{message}"):
        read_header(path)


def test_a_header_cut_short_anywhere_asks_for_more_and_never_breaks(
    headers: dict[str, Path],
) -> None:
    with headers["qwen3.5-2b"].open("rb") as file:
        whole = file.read(20_000)
    header = read_header(headers["qwen3.5-2b"])
    for length in range(0, len(whole), 397):
        if length < header.length - 32:
            with pytest.raises(IncompleteHeaderError):
                parse_header(whole[:length])
    assert parse_header(whole[: header.length + 32]).tensors == header.tensors


def test_a_model_is_loaded_with_as_many_layers_on_the_card_as_it_holds(
    headers: dict[str, Path],
) -> None:
    from sottovoce.engines.llama.generator import settings_for

    spec, path = SPECS["qwen3.6-27b"], headers["qwen3.6-27b"]
    for hardware, least, most in ((LINUX_CPU, 0, 0), (DESKTOP_4080, 40, 55), (H200, 65, 65)):
        settings = settings_for(spec, path, hardware)
        assert settings.n_gpu_layers is not None
        assert least <= settings.n_gpu_layers <= most
        assert settings.n_ctx == spec.n_ctx
        assert settings.n_threads == hardware.cpu_count


def test_the_engine_loads_nothing_that_is_not_installed(home: Path) -> None:
    from sottovoce.engines.llama.files import model_file

    spec = SPECS["qwen3.5-9b"]
    with pytest.raises(ModelError, match="not installed; run: sotto models install qwen3.5-9b"):
        model_file(spec)
    folder = home / "data" / "models" / spec.id
    folder.mkdir(parents=True)
    with pytest.raises(ModelError, match="not installed"):
        model_file(spec)
    (folder / "anything.gguf").touch()
    assert model_file(spec) == folder / "anything.gguf"


def test_what_llama_cpp_allocated_on_an_h200_is_what_is_computed() -> None:
    """Off its log there: Qwen 3.5 9B, 2,560 tokens, four forks, all layers on the device."""
    shape = SPECS["qwen3.5-9b"].shape
    assert shape is not None
    weights = weights_of_spec(SPECS["qwen3.5-9b"])
    memory = required(shape, weights, LlamaSettings(n_ctx=2560), shape.layers + 1)
    mebibytes = [it / 2**20 for it in (memory.gpu.kv, memory.gpu.state, memory.gpu.compute)]
    assert mebibytes == pytest.approx([80.0, 251.25, 91.05], rel=0.01)
    assert memory.cpu.compute / 2**20 == pytest.approx(18.63, rel=0.01)
    assert memory.cpu.weights / 2**20 == pytest.approx(545.62, rel=0.001)
