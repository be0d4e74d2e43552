"""A GPU for llama.cpp that is this machine's CPU under another name.

llama.cpp decides what to put where from what a device says of itself. This one says that it is a
GPU with memory of its own, and computes as the CPU does; so every decision is llama.cpp's own, on a
machine without a GPU. The structures are those of ``ggml-backend-impl.h``, API version 2.

    python -m tests.pretend_gpu FILE.gguf…     what llama.cpp would allocate, as JSON
"""

from __future__ import annotations

import ctypes as c
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llama_cpp

from sottovoce.engines.llama.context import context_params
from sottovoce.engines.llama.settings import LlamaSettings

_P = c.c_void_p
_LIBRARIES = Path(llama_cpp.__file__).parent / "lib"
_kept: list[Any] = []
"""What native code holds pointers to"""


class _BufferType(c.Structure):
    _fields_ = [
        (name, _P)
        for name in "get_name alloc_buffer get_alignment get_max_size get_alloc_size is_host "
        "device context".split()
    ]


class _Device(c.Structure):
    _fields_ = [
        (name, _P)
        for name in "get_name get_description get_memory get_type get_props init_backend "
        "get_buffer_type get_host_buffer_type buffer_from_host_ptr supports_op supports_buft "
        "offload_op event_new event_free event_synchronize registry context".split()
    ]


class _Registry(c.Structure):
    _fields_ = [
        ("version", c.c_int),
        *((name, _P) for name in "get_name get_device_count get_device get_proc_address".split()),
        ("context", _P),
    ]


class _Properties(c.Structure):
    _fields_ = [
        ("name", _P),
        ("description", _P),
        ("free", c.c_size_t),
        ("total", c.c_size_t),
        ("type", c.c_int),
        ("id", _P),
        ("capabilities", c.c_bool * 6),
    ]


def _native(result: Any, *arguments: Any) -> Callable[[Callable[..., Any]], int]:
    def wrap(function: Callable[..., Any]) -> int:
        callback = c.CFUNCTYPE(result, *arguments)(function)
        _kept.append(callback)
        address = c.cast(callback, _P).value
        assert address is not None
        return address

    return wrap


def pretend_gpu(memory: int = 1 << 40) -> Any:
    """A list of devices, for ``llama_model_params.devices``: this one."""
    base, ggml = c.CDLL(str(_LIBRARIES / "libggml-base.so")), c.CDLL(str(_LIBRARIES / "libggml.so"))
    ggml.ggml_backend_dev_by_type.restype = _P
    base.ggml_backend_dev_buffer_type.restype = _P
    base.ggml_backend_dev_buffer_type.argtypes = [_P]
    cpu_address = ggml.ggml_backend_dev_by_type(0)
    cpu = _Device.from_address(cpu_address)
    cpu_buffers = _BufferType.from_address(base.ggml_backend_dev_buffer_type(cpu_address))
    device, buffers = _Device.from_buffer_copy(cpu), _BufferType.from_buffer_copy(cpu_buffers)
    text = c.create_string_buffer(b"PRETEND")
    name, here, there = c.addressof(text), c.addressof(device), c.addressof(buffers)
    allocate = c.CFUNCTYPE(_P, _P, c.c_size_t)(cpu_buffers.alloc_buffer)
    begin = c.CFUNCTYPE(_P, _P, _P)(cpu.init_backend)
    describe = c.CFUNCTYPE(None, _P, _P)(cpu.get_props)

    def alloc_buffer(_: int, size: int) -> int:
        buffer = int(allocate(c.addressof(cpu_buffers), size))
        (_P * 12).from_address(buffer)[11] = there  # after the eleven functions of its interface
        return buffer

    def init_backend(_: int, __: int) -> int:
        backend = int(begin(cpu_address, None))
        fields = (_P * 40).from_address(backend)
        fields[0] = c.addressof(identity)
        fields[list(fields).index(cpu_address)] = here
        return backend

    def get_memory(_: int, free: Any, total: Any) -> None:
        free[0] = total[0] = memory

    def get_props(_: int, address: int) -> None:
        describe(cpu_address, address)
        properties = _Properties.from_address(address)
        properties.name = properties.description = name
        properties.free = properties.total = memory
        properties.type = 1
        properties.capabilities[:] = [False] * 6

    identity = c.create_string_buffer(16)
    size_pointer = c.POINTER(c.c_size_t)
    buffers.device = here
    buffers.get_name = _native(_P, _P)(lambda _: name)
    buffers.is_host = _native(c.c_bool, _P)(lambda _: False)
    buffers.alloc_buffer = _native(_P, _P, c.c_size_t)(alloc_buffer)
    device.get_name = device.get_description = buffers.get_name
    device.get_type = _native(c.c_int, _P)(lambda _: 1)
    device.get_memory = _native(None, _P, size_pointer, size_pointer)(get_memory)
    device.get_props = _native(None, _P, _P)(get_props)
    device.init_backend = _native(_P, _P, _P)(init_backend)
    device.get_buffer_type = _native(_P, _P)(lambda _: there)
    device.get_host_buffer_type = device.buffer_from_host_ptr = None
    device.supports_buft = _native(c.c_bool, _P, _P)(lambda _, it: it == there)
    registry = _Registry(
        2,
        buffers.get_name,
        _native(c.c_size_t, _P)(lambda _: 1),
        _native(_P, _P, c.c_size_t)(lambda _, __: here),
        _native(_P, _P, _P)(lambda _, __: None),
        None,
    )
    device.registry = c.addressof(registry)
    devices = (_P * 2)(here, None)
    _kept.extend([device, buffers, text, identity, registry, devices])
    return c.cast(devices, _P)


def breakdown(context: Any) -> dict[str, tuple[int, int, int]]:
    """What a context and its model take, in llama.cpp's books: weights, caches, compute; by buffer.

    ``llama_get_memory_breakdown`` returns a ``std::map``, read here as libstdc++ lays it out.
    """
    library, base = (
        c.CDLL(str(_LIBRARIES / "libllama.so")),
        c.CDLL(str(_LIBRARIES / "libggml-base.so")),
    )
    account = library._Z26llama_get_memory_breakdownPK13llama_context
    account.argtypes = [_P, _P]
    base.ggml_backend_buft_name.restype = c.c_char_p
    base.ggml_backend_buft_name.argtypes = [_P]
    tree = (_P * 6)()
    account(tree, context)
    found: dict[str, tuple[int, int, int]] = {}

    def walk(node: int | None) -> None:
        if node:  # colour, parent, left, right, key, and the three numbers
            _, _, left, right, key, *sizes = (c.c_size_t * 8).from_address(node)
            found[base.ggml_backend_buft_name(key).decode()] = (sizes[0], sizes[1], sizes[2])
            walk(left)
            walk(right)

    walk(tree[2])
    return found


def cases(layers: int) -> dict[int, list[LlamaSettings]]:
    """What is asked of each model: the settings, by the number of layers on the GPU.

    llama.cpp takes the recurrent state even when it plans only, so most are without forks.
    """

    def each(n_ctx: int, kv_type: str, n_forks: int = 0) -> LlamaSettings:
        return LlamaSettings(n_ctx=n_ctx, kv_type=kv_type, n_forks=n_forks)

    grid = [each(n_ctx, kv) for n_ctx in (4096, 16_384, 32_768) for kv in ("f16", "q8_0")]
    return {
        0: [each(16_384, "f16"), each(16_384, "q8_0")],
        layers // 3: [each(4096, "f16")],
        layers * 2 // 3: grid,
        layers + 1: [*grid, each(32_768, "f16", LlamaSettings().n_forks)],
    }


def allocations(path: Path, layers: int, devices: Any) -> list[dict[str, Any]]:
    rows = []
    for gpu_layers, many in cases(layers).items():
        params = llama_cpp.llama_model_default_params()
        params.no_alloc = True
        params.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE
        params.n_gpu_layers = gpu_layers
        params.devices = devices
        model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        assert model, f"{path} cannot be loaded"
        for settings in many:
            windowed = llama_cpp.llama_model_n_swa(model) > 0
            wanted = context_params(settings, on_gpu=gpu_layers > 0, windowed=windowed)
            context = llama_cpp.llama_init_from_model(model, wanted)
            assert context, f"{path} cannot be given a context"
            buffers = breakdown(context)
            rows.append(
                {
                    "settings": [settings.n_ctx, settings.kv_type, settings.n_forks],
                    "gpu_layers": gpu_layers,
                    "gpu": buffers.pop("PRETEND"),
                    "cpu": [sum(it) for it in zip(*buffers.values(), strict=True)],
                }
            )
            llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(model)
    return rows


def main() -> None:
    from sottovoce.gguf import read_header

    quiet = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(quiet, c.c_void_p(0))
    llama_cpp.llama_backend_init()
    devices = pretend_gpu()
    found = {
        file.stem: allocations(file, int(read_header(file).of("block_count")), devices)
        for file in map(Path, sys.argv[1:])
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
