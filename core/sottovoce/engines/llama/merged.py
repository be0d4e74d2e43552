"""A small model and its adapter as one file: computed once, and read from then on.

Beside the weights, an adapter costs two multiplications by narrow matrices in every layer, which on
a CPU are as slow as half the layer. Of a large model merging would take minutes and as much disk
again, and its weights are packed too tightly to take up what the adapter adds: it is applied as
the model runs. The weights that an adapter changes are kept in eight bits (``Q8_0``), which are
fine enough for it and which llama.cpp multiplies faster than ``Q4_1``.

The formats: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, and ``ggml-common.h``.
"""

from __future__ import annotations

import hashlib
import os
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ...errors import EngineError, ModelError
from ...gguf import Header, Tensor, read_header
from .saved import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_LARGEST = 1 << 29
"""Bytes of a model that is merged"""
_F32, _F16, _Q4_1, _Q8_0 = 0, 1, 3, 8
_BLOCK = 32
"""Weights that share a scale"""


def merged(model: Path, adapter: Path, folder: Path) -> Path | None:
    """The file that is a model with its adapter, in ``folder``, made where it is not there yet;
    ``None`` where the adapter is to be applied as the model runs.

    Raises ``ModelError`` for an adapter of another model and ``EngineError`` where the file cannot
    be written.
    """
    header = read_header(model)
    if header.file_size > _LARGEST:
        return None
    changes = read_header(adapter)
    adapted = {it.name.removesuffix(".lora_a") for it in changes.tensors if _half(it) == "lora_a"}
    known = {it.name: it for it in header.tensors}
    parts = [known[it] for it in adapted & known.keys()]
    if any(it.kind not in (_F32, _F16, _Q4_1, _Q8_0) or it.shape[0] % _BLOCK for it in parts):
        return None
    if missing := adapted - known.keys():
        raise ModelError(
            f"{adapter.name} is an adapter of another model: it changes {min(missing)}"
        )
    both = hashlib.sha256(f"{fingerprint(model)} {fingerprint(adapter)}".encode()).hexdigest()
    path = folder / f"{model.stem}.{both[:16]}.gguf"
    if not path.is_file():
        _write(path, (model, header), (adapter, changes), adapted)
    return path


def _write(
    path: Path, model: tuple[Path, Header], adapter: tuple[Path, Header], adapted: set[str]
) -> None:
    """The whole file or none; what earlier versions left there goes."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (
            unfinished.open("wb") as to,
            model[0].open("rb") as base,
            adapter[0].open("rb") as more,
        ):
            _merge(to, (base, model[1]), (more, adapter[1]), adapted)
        unfinished.replace(path)
        for old in path.parent.glob(f"{model[0].stem}.*.gguf"):
            if old != path:
                with suppress(OSError):  # another process may be reading it
                    old.unlink()
    except OSError as error:
        raise EngineError(
            f"the model with its adapter cannot be written to {path.parent}: {error.strerror}"
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _merge(
    to: BinaryIO,
    model: tuple[BinaryIO, Header],
    adapter: tuple[BinaryIO, Header],
    adapted: set[str],
) -> None:
    base, header = model
    halves = {it.name: it for it in adapter[1].tensors}
    alpha = adapter[1].metadata.get("adapter.lora.alpha")
    if not isinstance(alpha, float):
        raise ModelError("the adapter does not say how much it counts (adapter.lora.alpha)")
    align = int(header.metadata.get("general.alignment", 32))
    base.seek(0)
    head = bytearray(base.read(header.length))
    offset = 0
    for tensor in header.tensors:
        kind, size = tensor.kind, tensor.size
        if tensor.name in adapted:
            kind, size = _Q8_0, tensor.elements // _BLOCK * (2 + _BLOCK)
        struct.pack_into("<IQ", head, tensor.at, kind, offset)
        offset += -(-size // align) * align
    to.write(head)
    for tensor in header.tensors:
        if tensor.name in adapted:
            down = _values(*adapter, halves[f"{tensor.name}.lora_a"])
            up = _values(*adapter, halves[f"{tensor.name}.lora_b"])
            weights = _values(base, header, tensor)
            if (len(up), down.shape[1]) != weights.shape:
                raise ModelError(f"the adapter's {tensor.name} is of another size than the model's")
            data = _in_eight_bits(weights + up @ down * np.float32(alpha / len(down)))
        else:
            data = _data(base, header, tensor)
        to.write(data)
        to.write(bytes(-len(data) % align))


def _half(tensor: Tensor) -> str:
    return tensor.name.rpartition(".")[2]


def _data(file: BinaryIO, header: Header, tensor: Tensor) -> bytes:
    file.seek(header.length + tensor.offset)
    return file.read(tensor.size)


def _values(file: BinaryIO, header: Header, tensor: Tensor) -> NDArray[np.float32]:
    """Rows of outputs, columns of inputs."""
    data = _data(file, header, tensor)
    columns, rows = tensor.shape
    made: NDArray[Any]
    if tensor.kind == _F32:
        made = np.frombuffer(data, "<f4")
    elif tensor.kind == _F16:
        made = np.frombuffer(data, "<f2").astype(np.float32)
    elif tensor.kind == _Q8_0:
        blocks = np.frombuffer(data, [("scale", "<f2"), ("weights", "i1", _BLOCK)])
        made = blocks["weights"] * blocks["scale"].astype(np.float32)[:, None]
    elif tensor.kind == _Q4_1:
        packed = np.dtype([("scale", "<f2"), ("least", "<f2"), ("weights", "u1", _BLOCK // 2)])
        blocks = np.frombuffer(data, packed)
        nibbles = np.concatenate([blocks["weights"] & 15, blocks["weights"] >> 4], axis=1)
        made = nibbles * blocks["scale"].astype(np.float32)[:, None]
        made += blocks["least"].astype(np.float32)[:, None]
    else:
        raise ModelError(f"the type {tensor.kind} of {tensor.name} cannot be merged")
    return made.reshape(rows, columns)


def _in_eight_bits(values: NDArray[np.float32]) -> bytes:
    blocks = values.reshape(-1, _BLOCK)
    scales = np.abs(blocks).max(axis=1) / np.float32(127)
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales > 0)
    made = np.empty(len(blocks), [("scale", "<f2"), ("weights", "i1", _BLOCK)])
    made["scale"] = scales
    made["weights"] = np.rint(blocks * inverse[:, None])
    return made.tobytes()
