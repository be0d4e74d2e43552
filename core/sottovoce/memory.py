"""How much memory a language model takes, and where: computed from its shape and its settings.

The rules are llama.cpp's, as ``docs/explanation/fit.md`` tells them. ``engines.llama.sizing`` asks
llama.cpp itself; the tests hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .gguf import Weights, copies_embedding

if TYPE_CHECKING:
    from .engines.llama.settings import LlamaSettings
    from .values import ModelShape, ModelSpec

_KV_BYTES = {"f16": (1, 2), "q8_0": (32, 34)}
"""Elements and bytes of a block"""
_F32 = 4
_CELLS = 256
"""The number of cells of a cache is rounded up to a multiple of this"""
_VOCABULARY_FILE = 45
"""Bytes of a model file per word of its vocabulary: the words, their kinds and the merges"""
_STATE_COPIES = 1.95
"""Times that the recurrent state of a layer is in the compute buffer: read, and written anew"""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes in one memory."""

    weights: int = 0
    kv: int = 0
    state: int = 0
    compute: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.state + self.compute


@dataclass(frozen=True, slots=True)
class Memory:
    """What a loaded model takes, apart from what its device's driver takes."""

    gpu: Part
    cpu: Part

    @property
    def total(self) -> int:
        return self.gpu.total + self.cpu.total


def required(
    shape: ModelShape, weights: Weights, settings: LlamaSettings, gpu_layers: int
) -> Memory:
    """Memory with the last ``gpu_layers`` of the model's layers and its output on the GPU.

    As for llama.cpp, the output counts as the last of ``shape.layers + 1`` layers.
    """
    flash = settings.flash_attention(on_gpu=gpu_layers > 0, windowed=shape.window > 0)
    settings = replace(settings, n_batch=settings.batch(flash=flash))
    first = max(0, shape.layers + 1 - gpu_layers)
    on_gpu = range(first, shape.layers)
    on_cpu = range(min(first, shape.layers))
    output_on_gpu = gpu_layers > 0
    kv, state = _kv(shape, settings), _state(shape, settings)
    lookups = weights.token_embedding + weights.layer_embeddings
    output = weights.output
    if shape.tied and not output_on_gpu and not copies_embedding(shape.architecture):
        output -= weights.token_embedding
    return Memory(
        gpu=Part(
            weights=sum(weights.layers[i] for i in on_gpu) + output * output_on_gpu,
            kv=sum(kv[i] for i in on_gpu),
            state=sum(state[i] for i in on_gpu),
            compute=_gpu_compute(shape, settings, on_gpu) if output_on_gpu else 0,
        ),
        cpu=Part(
            weights=sum(weights.layers[i] for i in on_cpu) + lookups + output * (not output_on_gpu),
            kv=sum(kv[i] for i in on_cpu),
            state=sum(state[i] for i in on_cpu),
            compute=_cpu_compute(shape, settings, on_cpu, flash=flash),
        ),
    )


def weights_of_spec(spec: ModelSpec) -> Weights:
    """Of a model that is not on this device: its size, shared out by the parameters of its layers.

    Raises ``ValueError`` for a model without a shape.
    """
    if spec.shape is None:
        raise ValueError(f"the model '{spec.id}' has no shape")
    shape = spec.shape
    rest = spec.size - shape.vocabulary * _VOCABULARY_FILE
    rest -= spec.token_embedding + spec.layer_embeddings
    output = spec.token_embedding  # a copy, where it is tied
    if not shape.tied:
        # Output tables are kept more precise than embeddings, where those are below eight bits.
        output = max(output, shape.vocabulary * shape.hidden * 210 // 256)
        rest -= output
    projection = 2 * shape.per_layer_width * shape.layers * shape.hidden  # of 16 bits
    rest -= projection
    parameters = [_parameters(shape, i, it, shape.experts) for i, it in enumerate(shape.kinds)]
    whole = sum(parameters)
    layers = [rest * it // whole for it in parameters]
    layers[0] += projection
    return Weights(
        layers=tuple(layers),
        output=output,
        token_embedding=spec.token_embedding,
        layer_embeddings=spec.layer_embeddings,
    )


def active_parameters(shape: ModelShape) -> int:
    """Parameters of the layers that a token goes through."""
    return sum(_parameters(shape, i, it, shape.experts_used) for i, it in enumerate(shape.kinds))


def _parameters(shape: ModelShape, i: int, kind: str, experts: int) -> int:
    own = i < shape.layers - shape.shared_layers
    if kind == "r":
        keys, values = shape.state_groups * shape.state_size, _values(shape)
        mixer = shape.hidden * (2 * keys + 3 * values)
    else:
        size = shape.window_head_size if kind == "w" else shape.head_size
        kv_heads = shape.window_kv_heads if kind == "w" else shape.kv_heads
        gate = 1 if "r" in shape.pattern else 0  # these have a gate for each value queried
        mixer = shape.hidden * size * (shape.heads * (2 + gate) + 2 * kv_heads * own)
    width = shape.feed_forward if own else shape.late_feed_forward or shape.feed_forward
    width = width * max(1, experts) + shape.shared_feed_forward
    return mixer + shape.hidden * (3 * width + 2 * shape.per_layer_width)


def _values(shape: ModelShape) -> int:
    return shape.state_heads * shape.state_size


def _padded(cells: int) -> int:
    return -(-cells // _CELLS) * _CELLS


def _window_cells(shape: ModelShape, settings: LlamaSettings) -> int:
    wanted = shape.window * (1 + settings.n_forks) + settings.n_batch
    return _padded(min(_padded(settings.n_ctx), wanted))


def _kv(shape: ModelShape, settings: LlamaSettings) -> list[int]:
    """Keys and values, by layer (``llama_kv_cache``, ``llama_kv_cache_iswa``)."""
    block, size = _KV_BYTES[settings.kv_type]
    own = shape.layers - shape.shared_layers
    per_kind = {
        "f": 2 * shape.kv_heads * shape.head_size * _padded(settings.n_ctx),
        "w": 2 * shape.window_kv_heads * shape.window_head_size * _window_cells(shape, settings),
        "r": 0,
    }
    return [per_kind[kind] // block * size if i < own else 0 for i, kind in enumerate(shape.kinds)]


def _state(shape: ModelShape, settings: LlamaSettings) -> list[int]:
    """The recurrent state, by layer, always in 32 bits (``n_embd_r``, ``n_embd_s``)."""
    convolved = _values(shape) + 2 * shape.state_groups * shape.state_size
    one = max(0, shape.conv - 1) * convolved + shape.state_size * _values(shape)
    each = _F32 * one * (1 + settings.n_forks)
    return [each if kind == "r" else 0 for kind in shape.kinds]


def _masks(shape: ModelShape, settings: LlamaSettings) -> int:
    """Which token sees which cell, in 16 bits."""
    cells = _padded(settings.n_ctx)
    if shape.window:
        cells += _window_cells(shape, settings)
    return 2 * cells * settings.n_batch


def _widths(shape: ModelShape, settings: LlamaSettings) -> tuple[int, int, int]:
    """Bytes of a batch: of its stream, of a feed-forward layer, of per-layer embeddings."""
    row = _F32 * settings.n_batch
    return (
        row * shape.hidden,
        row * max(shape.feed_forward, shape.late_feed_forward),
        row * shape.per_layer_width * shape.layers,
    )


def _peak(shape: ModelShape, settings: LlamaSettings) -> int:
    """The largest that any layer has in use at once, less the residual stream's two copies.

    Read off llama.cpp's worst-case graphs (``graph_reserve``), layer kind by layer kind.
    """
    hidden, feed_forward, _ = _widths(shape, settings)
    peaks = [3 * feed_forward]
    if shape.experts:
        peaks = [2 * shape.experts_used * hidden - hidden]
    if "r" in shape.pattern:
        row = _F32 * settings.n_batch
        values = row * _values(shape)
        convolved = values + 2 * row * shape.state_groups * shape.state_size
        states = _F32 * shape.state_size * _values(shape) * (1 + settings.n_forks)
        peaks.append(2 * convolved + 2 * values + int(_STATE_COPIES * states))
    return max(peaks)


def _gpu_compute(shape: ModelShape, settings: LlamaSettings, layers: range) -> int:
    hidden, feed_forward, per_layer = _widths(shape, settings)
    if not layers:
        return 2 * hidden
    if not shape.window:
        return _masks(shape, settings) + 2 * hidden + _peak(shape, settings)
    # Layers that share keys and values with a layer on the CPU each get a copy for every batch.
    own = shape.layers - shape.shared_layers
    source = shape.kinds.rfind("f", 0, own)
    borrowing = shape.kinds[max(own, layers.start) :].count("f") * (source < layers.start)
    copies = borrowing * _kv(shape, settings)[source]
    return _masks(shape, settings) + 4 * feed_forward + (per_layer or hidden) + copies


def _cpu_compute(shape: ModelShape, settings: LlamaSettings, layers: range, *, flash: bool) -> int:
    hidden, feed_forward, per_layer = _widths(shape, settings)
    masks = _masks(shape, settings)
    if not layers:
        return masks + 2 * hidden + per_layer  # what is handed to the GPU
    if not shape.window:
        most = 3 * hidden + _peak(shape, settings)
        if flash:
            return masks + most
        return 2 * masks + max(most, _scores(shape, settings) + hidden * 5 // 2)
    rest = 2 * per_layer + hidden if per_layer else hidden * 9 // 2
    return masks + 3 * feed_forward + rest


def _scores(shape: ModelShape, settings: LlamaSettings) -> int:
    """Of each token of a batch for each cell, and the queries four times over."""
    sequences = 1 + settings.n_forks
    tokens = -(-settings.n_batch // sequences) * sequences
    queries = _F32 * settings.n_batch * shape.heads * shape.head_size
    return _F32 * shape.heads * _padded(settings.n_ctx) * tokens + 4 * queries
