"""What this device is said to have, from whatever knows something of it."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sottovoce.hardware import apple, detect, ggml, measure_bandwidth, registry, sysfs, system
from sottovoce.hardware.ggml import Device
from sottovoce.hardware.gpus import merge
from sottovoce.values import Gpu, GpuKind
from sottovoce_catalog import advisories

from .profiles import DESKTOP_4080, GB, LAPTOP_4060

needs_llama = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed"
)


def test_this_machine_is_described() -> None:
    found = detect()
    assert 1 <= found.cpu_count <= (psutil.cpu_count() or 1)
    assert 0 < found.memory <= psutil.virtual_memory().total
    assert found.available is not None
    assert 0 < found.available <= found.memory
    assert found.name
    assert found.platform in ("linux", "macos", "windows")
    assert found.architecture in ("x86_64", "arm64")
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.memory = 1  # type: ignore[misc]


def test_a_container_has_the_cores_and_the_memory_that_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "_CGROUP", tmp_path)
    whole = system.physical_cores(), system.total_memory()
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert (system.physical_cores(), system.total_memory()) == whole
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "memory.max").write_text(f"{GB}\n")
    (tmp_path / "memory.current").write_text(f"{GB // 4}\n")
    assert (system.physical_cores(), system.total_memory()) == (1, GB)
    assert system.available_memory() <= GB * 3 // 4


def test_memory_bandwidth_is_that_of_a_machine_of_this_century() -> None:
    assert 1e9 < measure_bandwidth() < 2e12


@needs_llama
def test_ggml_lists_its_devices_in_a_process_that_ends() -> None:
    script = (
        "import ctypes, json, sys; from tests import pretend_gpu as p\n"
        "from sottovoce.hardware import ggml\n"
        "before = ggml._list()\n"
        "device = ctypes.cast(p.pretend_gpu(7 << 30), ctypes.POINTER(ctypes.c_void_p))[0]\n"
        "library = ctypes.CDLL(str(p._LIBRARIES / 'libggml.so'))\n"
        "library.ggml_backend_device_register.argtypes = [ctypes.c_void_p]\n"
        "library.ggml_backend_device_register(device)\n"
        "print(json.dumps([before, ggml._list()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    added = [it for it in after if it not in before]
    assert added == [
        {"name": "PRETEND", "backend": "pretend", "integrated": False, "free": 7 * GB,
         "total": 7 * GB}
    ]  # fmt: skip
    assert [dataclasses.asdict(it) for it in ggml.find()] == before


def device(name: str, backend: str, gigabytes: int, integrated: bool = False) -> Device:
    return Device(name, backend, integrated, gigabytes * GB, gigabytes * GB)


def test_a_card_found_twice_is_one_card_with_both_ways_to_reach_it() -> None:
    known = Gpu(name="NVIDIA GeForce RTX 4080", memory=16 * GB, free=15 * GB, vendor="nvidia",
                bandwidth=700e9, driver="581.42")  # fmt: skip
    found = merge(
        [known],
        [
            device("NVIDIA GeForce RTX 4080", "cuda", 16),
            device("NVIDIA GeForce RTX 4080", "vulkan", 16),
        ],
    )
    assert found == (dataclasses.replace(known, backends=("cuda", "vulkan"), bandwidth=717e9),)


def test_two_cards_alike_stay_two() -> None:
    known = Gpu(name="NVIDIA GeForce RTX 3090", memory=24 * GB, vendor="nvidia")
    found = merge([known, known], [device("NVIDIA GeForce RTX 3090", "cuda", 24)] * 2)
    assert [it.backends for it in found] == [("cuda",), ("cuda",)]


def test_amd_on_linux_gets_its_name_from_vulkan_and_its_memory_from_the_kernel() -> None:
    known = Gpu(name="AMD graphics", memory=20 * GB, free=19 * GB, vendor="amd")
    (found,) = merge([known], [device("AMD Radeon RX 7900 XT (RADV NAVI31)", "vulkan", 20)])
    assert found.name == "AMD Radeon RX 7900 XT (RADV NAVI31)"
    assert (found.free, found.bandwidth, found.backends) == (19 * GB, 800e9, ("vulkan",))


def test_what_only_llama_cpp_knows_is_taken_as_it_says() -> None:
    found = merge(
        [],
        [device("Intel(R) Arc(TM) B580", "vulkan", 12), device("Intel(R) UHD", "vulkan", 8, True)],
    )
    assert [(it.vendor, it.kind) for it in found] == [
        ("intel", GpuKind.DISCRETE),
        ("intel", GpuKind.INTEGRATED),
    ]
    assert found[0].bandwidth == 456e9


def test_a_card_that_llama_cpp_does_not_reach_is_kept_without_a_way_to_use_it() -> None:
    (found,) = merge([Gpu(name="NVIDIA H200", memory=140 * GB, vendor="nvidia")], [])
    assert found.backends == ()
    assert found.bandwidth == 4.8e12


def test_cards_come_before_devices_that_borrow_memory() -> None:
    known = [
        Gpu(name="Intel graphics", memory=30 * GB, kind=GpuKind.INTEGRATED, vendor="intel"),
        Gpu(name="NVIDIA GeForce RTX 4060", memory=8 * GB, vendor="nvidia"),
    ]
    assert [it.vendor for it in merge(known, [])] == ["nvidia", "intel"]


def test_an_intel_card_gets_its_memory_from_llama_cpp_and_what_the_processor_has_stays_apart() -> (
    None
):
    known = [
        Gpu(name="Intel graphics", memory=0, kind=GpuKind.INTEGRATED, vendor="intel"),
        Gpu(name="Intel graphics", memory=0, vendor="intel"),
    ]
    b580 = dataclasses.replace(device("Intel(R) Arc(TM) B580", "vulkan", 12), free=11 * GB)
    found = merge(known, [b580, device("Intel(R) UHD", "vulkan", 8, True)])
    assert [(it.name, it.kind, it.memory, it.free) for it in found] == [
        ("Intel(R) Arc(TM) B580", GpuKind.DISCRETE, 12 * GB, 11 * GB),
        ("Intel(R) UHD", GpuKind.INTEGRATED, 8 * GB, None),
    ]


def test_the_linux_kernel_says_what_amd_and_intel_have(tmp_path: Path) -> None:
    def write(card: str, address: str, **files: str) -> None:
        folder = tmp_path / "pci" / address
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text + "\n")
        (tmp_path / card).mkdir()
        (tmp_path / card / "device").symlink_to(folder)

    write("card0", "0000:00:02.0", vendor="0x8086")
    write(
        "card1", "0000:01:00.0", vendor="0x1002",
        mem_info_vram_total=str(16 * GB), mem_info_vram_used=str(GB),
    )  # fmt: skip
    write(
        "card2", "0000:02:00.0", vendor="0x1002",
        mem_info_vram_total=str(GB // 2), mem_info_gtt_total=str(8 * GB),
    )  # fmt: skip
    write("card3", "0000:04:00.0", vendor="0x10de")
    write("card4", "0000:03:00.0", vendor="0x8086")
    write("card1-DP-1", "0000:01:00.0", vendor="0x1002")
    found = sysfs.find(tmp_path)
    assert [(it.vendor, it.kind, it.free) for it in found] == [
        ("intel", GpuKind.INTEGRATED, None),
        ("amd", GpuKind.DISCRETE, 15 * GB),
        ("amd", GpuKind.INTEGRATED, None),
        ("intel", GpuKind.DISCRETE, None),
    ]
    assert found[2].memory == GB // 2 + 8 * GB
    assert sysfs.find(tmp_path / "nowhere") == []


def test_the_windows_registry_says_what_amd_and_intel_have() -> None:
    card = registry._read(
        {"DriverDesc": "AMD Radeon RX 7900 XT", "DriverVersion": "32.0.1",
         "HardwareInformation.qwMemorySize": (20 * GB).to_bytes(8, "little")}
    )  # fmt: skip
    assert card is not None
    assert (card.kind, card.memory, card.driver) == (GpuKind.DISCRETE, 20 * GB, "32.0.1")
    borrowed = registry._read({"DriverDesc": "Intel(R) Iris(R) Xe Graphics"})
    assert borrowed is not None
    assert borrowed.kind is GpuKind.INTEGRATED
    assert registry._read({"DriverDesc": "Microsoft Remote Display Adapter"}) is None


@pytest.mark.parametrize(
    ("memory", "limit"), [(8, 16 / 3), (16, 32 / 3), (32, 64 / 3), (36, 27), (64, 48), (128, 96)]
)
def test_apple_wires_two_thirds_of_a_small_memory_and_three_quarters_of_a_large(
    memory: int, limit: float
) -> None:
    assert apple.default_limit(memory * GB) == pytest.approx(limit * GB, abs=1)
    assert apple.gpu("Apple M4", memory * GB, "0").memory == apple.default_limit(memory * GB)
    assert apple.gpu("Apple M4", memory * GB, "", total=5 * GB).memory == 5 * GB
    assert apple.gpu("Apple M4", memory * GB, "6144", total=5 * GB).memory == 6 * GB


@pytest.mark.parametrize(
    ("driver", "backend", "name", "platform", "warned"),
    [
        ("595.10", "vulkan", "NVIDIA GeForce RTX 4080", "windows", True),
        ("595.97", "vulkan", "NVIDIA GeForce RTX 4060 Laptop GPU", "windows", True),
        ("596.20", "vulkan", "NVIDIA GeForce RTX 4080", "windows", True),
        ("596.21", "vulkan", "NVIDIA GeForce RTX 4080", "windows", False),
        ("581.42", "vulkan", "NVIDIA GeForce RTX 4080", "windows", False),
        ("595.10", "cuda", "NVIDIA GeForce RTX 4080", "windows", False),
        ("595.10", "vulkan", "NVIDIA GeForce RTX 5080", "windows", False),
        ("595.10", "vulkan", "NVIDIA GeForce RTX 4080", "linux", False),
    ],
)
def test_the_driver_that_crashes_is_named_with_the_one_that_does_not(
    driver: str, backend: str, name: str, platform: str, warned: bool
) -> None:
    gpu = dataclasses.replace(DESKTOP_4080.gpus[0], name=name, driver=driver, backends=(backend,))
    hardware = dataclasses.replace(DESKTOP_4080, gpus=(gpu, gpu), platform=platform)
    found = advisories(hardware)
    assert len(found) == warned
    if warned:
        assert "update your driver to 596.21" in found[0]
        assert name in found[0]


def test_a_driver_that_is_well_is_not_spoken_of() -> None:
    assert advisories(LAPTOP_4060) == ()
