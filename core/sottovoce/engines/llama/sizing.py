"""What a model file takes, by llama.cpp's own account: it plans all its memory and takes none.

A header suffices: the rest of the file may be a hole. Runs in a process of its own.
"""

from __future__ import annotations

import collections
import ctypes
import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import MissingExtraError, ModelError
from ...gguf import copies_embedding, read_header, weights_of
from ...home import find_home
from ...memory import Memory, Part
from ..worker import Worker

if TYPE_CHECKING:
    from ..serving import Job
    from .settings import LlamaSettings

_DEADLINE = 60.0
_MIB = 1 << 20
_BUFFER = re.compile(r"(?P<device>\S+) +(?P<kind>RS|compute) buffer size = +(?P<mib>[\d.]+) MiB")
_LAYER = re.compile(r"layer +(?P<layer>\d+) assigned to device (?P<device>[^,]+),")
_KEYS = re.compile(
    r"llama_kv_cache: (?:layer +\d+: dev = (?P<device>\S+)|size = +(?P<mib>[\d.]+) MiB)"
)


def measure(path: Path, settings: LlamaSettings) -> Memory:
    """The memory that llama.cpp would take for a model file with these settings on this machine.

    Raises ``ModelError`` where this build cannot load the file.
    """
    if importlib.util.find_spec("llama_cpp") is None:
        raise MissingExtraError("llama-cpp-python", "llm")
    read_header(path)  # for a better message than llama.cpp's
    worker = Worker(
        "sottovoce.engines.llama.sizing:Sizer",
        name="model sizing",
        log_file=find_home().engine_log("sizing"),
        deadline=_DEADLINE,
    )
    try:
        found: Memory = worker.call("measure", str(path), settings)
        return found
    finally:
        worker.close()


class Sizer:
    """Served by a worker."""

    def __init__(self) -> None:
        import llama_cpp

        llama_cpp.llama_backend_init()

    def unload(self, job: Job) -> None:
        pass

    def measure(self, job: Job, path: str, settings: LlamaSettings) -> Memory:
        return plan(Path(path), settings)


def plan(path: Path, settings: LlamaSettings, devices: Any = None) -> Memory:
    """As ``measure``, in this process; ``devices`` is llama.cpp's own array of them."""
    import llama_cpp

    from .context import context_params

    lines: list[str] = []

    def receive(level: int, text: bytes, _: Any) -> None:
        lines.append(text.decode(errors="replace"))

    callback = llama_cpp.llama_log_callback(receive)
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    params = llama_cpp.llama_model_default_params()
    params.no_alloc = True
    params.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE
    on_gpu = devices is not None or llama_cpp.llama_supports_gpu_offload()
    layers = settings.n_gpu_layers
    params.n_gpu_layers = layers if layers is not None else (-1 if on_gpu else 0)
    params.devices = devices
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    try:
        if not model:
            raise ModelError(
                f"{path.name} cannot be loaded by llama-cpp-python {llama_cpp.__version__}"
                f" ({_cause(lines)})"
            )
        wanted = context_params(
            settings,
            on_gpu=on_gpu and layers != 0,
            windowed=llama_cpp.llama_model_n_swa(model) > 0,
        )
        context = llama_cpp.llama_init_from_model(model, wanted)
        if not context:
            raise ModelError(f"{path.name} cannot be given a context ({_cause(lines)})")
        llama_cpp.llama_free(context)
    finally:
        llama_cpp.llama_model_free(model)
        llama_cpp.llama_log_set(llama_cpp.llama_log_callback(0), ctypes.c_void_p(0))
    return _read(path, "".join(lines))


def _cause(lines: list[str]) -> str:
    wrong = [it.strip() for it in lines if "error" in it or "failed" in it or "unknown" in it]
    return "; ".join(dict.fromkeys(wrong)) or "no cause was given"


def _read(path: Path, log: str) -> Memory:
    """From llama.cpp's log: which layer goes where, and the sizes of its buffers."""
    sizes: dict[tuple[bool, str], float] = collections.defaultdict(float)
    for found in _BUFFER.finditer(log):
        sizes[_is_cpu(found["device"]), found["kind"]] += float(found["mib"]) * _MIB
    devices: list[str] = []
    for found in _KEYS.finditer(log):  # the layers of a cache, which are alike, and then its size
        if found["device"]:
            devices.append(found["device"])
            continue
        for device in devices:
            sizes[_is_cpu(device), "KV"] += float(found["mib"]) * _MIB / len(devices)
        devices.clear()
    header = read_header(path)
    weights = weights_of(header)
    placed = {int(it["layer"]): _is_cpu(it["device"]) for it in _LAYER.finditer(log)}
    parts = {True: weights.token_embedding + weights.layer_embeddings, False: 0}
    for i, size in enumerate((*weights.layers, weights.output)):
        parts[placed.get(i, True)] += size
    output_on_cpu = placed.get(len(weights.layers), True)
    if header.tied and output_on_cpu and not copies_embedding(header.architecture):
        parts[True] -= weights.token_embedding
    gpu, cpu = (
        Part(
            weights=parts[here],
            kv=round(sizes[here, "KV"]),
            state=round(sizes[here, "RS"]),
            compute=round(sizes[here, "compute"]),
        )
        for here in (False, True)
    )
    return Memory(gpu=gpu, cpu=cpu)


def _is_cpu(device: str) -> bool:
    # A device's own buffers in system memory are named after it: CUDA_Host, Vulkan_Host.
    return device.startswith("CPU") or device.endswith("_Host")
