"""What this machine's llama.cpp can compute on, through ggml's own list of devices.

    python -m sottovoce.hardware.ggml      the list, as JSON

Asking makes a context on each device, with hundreds of megabytes of its memory, so that it is done
in a process that ends afterwards; and not at all where llama.cpp was built for the CPU alone.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

_BACKENDS = {
    "CUDA": "cuda", "ROCm": "rocm", "Vulkan": "vulkan", "Metal": "metal", "MTL": "metal",
    "SYCL": "sycl",
}  # fmt: skip
_GPU, _INTEGRATED = 1, 2
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Device:
    name: str
    """As the maker calls it"""
    backend: str
    integrated: bool
    """Whether it uses the system's memory"""
    free: int
    total: int


def find() -> list[Device]:
    """The graphics processors that llama.cpp would use; empty where it is for the CPU only."""
    folder = _libraries()
    if folder is None or not any(
        it.is_file() and _is_gpu_library(it.name) for it in folder.iterdir()
    ):
        return []
    try:
        done = subprocess.run(
            [sys.executable, "-m", "sottovoce.hardware.ggml"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
        rows = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, json.JSONDecodeError, IndexError) as error:
        log.warning("llama.cpp does not say what it can compute on: %s", error)
        return []
    return [Device(**row) for row in rows]


def _libraries() -> Path | None:
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "lib"
    return folder if folder.is_dir() else None


def _is_gpu_library(name: str) -> bool:
    return any(f"ggml-{it}" in name for it in ("cuda", "hip", "vulkan", "metal", "sycl"))


def _list() -> list[dict[str, object]]:
    folder = _libraries()
    assert folder is not None
    # The first brings the others along, each of which registers its devices with the base library.
    (whole,) = (it for it in folder.iterdir() if it.stem in ("libggml", "ggml"))
    ggml = ctypes.CDLL(str(whole))
    (base,) = (it for it in folder.iterdir() if it.stem in ("libggml-base", "ggml-base"))
    of = ctypes.CDLL(str(base))
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    ggml.ggml_backend_dev_count.restype = size
    ggml.ggml_backend_dev_get.restype = pointer
    ggml.ggml_backend_dev_get.argtypes = [size]
    for name in ("name", "description"):
        getattr(of, f"ggml_backend_dev_{name}").restype = text
        getattr(of, f"ggml_backend_dev_{name}").argtypes = [pointer]
    of.ggml_backend_dev_type.argtypes = [pointer]
    of.ggml_backend_dev_memory.argtypes = [pointer, ctypes.POINTER(size), ctypes.POINTER(size)]
    rows: list[dict[str, object]] = []
    for i in range(ggml.ggml_backend_dev_count()):
        device = ggml.ggml_backend_dev_get(i)
        kind = of.ggml_backend_dev_type(device)
        if kind not in (_GPU, _INTEGRATED):
            continue
        free, total = size(), size()
        of.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        name = of.ggml_backend_dev_name(device).decode(errors="replace").rstrip("0123456789")
        rows.append(
            {
                "name": of.ggml_backend_dev_description(device).decode(errors="replace"),
                "backend": _BACKENDS.get(name, name.lower()),
                "integrated": kind == _INTEGRATED,
                "free": min(free.value, total.value),  # Vulkan says more on some Intel devices
                "total": total.value,
            }
        )
    return rows


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(_list()) + "\n")
