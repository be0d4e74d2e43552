"""How fast a model will be on a device: estimated from bandwidths, or as it was measured there.

A token takes as long as its weights take to read, and a fixed time per layer. The constants are
fitted to the measurements in ``docs/explanation/fit.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sottovoce_catalog import compute_of, gpu_facts

from .memory import active_parameters, weights_of_spec
from .values import GpuKind, NotesMethod

if TYPE_CHECKING:
    from .bench import Measured
    from .fit import Fit
    from .gguf import Weights
    from .values import Gpu, HardwareProfile, ModelShape, ModelSpec

_GPU_EFFICIENCY = 0.70
"""Of the bandwidth in the data sheet, what reading weights comes to"""
_GPU_LAYER = {"f": 35e-6, "w": 95e-6, "r": 108e-6}
"""Seconds that a layer takes on a GPU, whatever its size, by its kind: kernels are started one by
one, and a recurrent layer has three times as many; that of ``w`` rests on few measurements"""
_CPU_EFFICIENCY = 0.90
"""Of the bandwidth measured by copying"""
_CPU_LAYER = 150e-6
"""Seconds that each layer takes on a CPU: threads wait for each other"""
_CORE = 11e9
"""Bytes of weights that one core computes with per second"""
_CORE_COMPUTE = 35e9
"""Operations per second that one core reads a prompt with"""
_BATCH, _BATCH_LAYERS = 512, 3
"""Tokens of a batch, and how many times as long as for one token its kernels are waited for"""
_EXPERTS = 2.0
"""Times as long as its operations say that a mixture of experts takes to read: in small pieces"""
_CARD, _SHARED, _SYSTEM = 250e9, 60e9, 20e9
"""Bytes per second, where nothing tells: a card, a device that shares memory, the CPU"""
_KNOWN, _GUESSED, _MEASURED = 1.3, 2.0, 1.1
"""What the range around an estimate is made with: a factor up and down"""
_PREFILL = 1.7
"""The same of reading a prompt, which depends more on the software"""

_HOUR = 15_000, 3_300
"""Tokens that are read for a one-hour meeting: 150 words a minute, with speakers, and what is
asked; and of its notes, with ten topics"""
_HOUR_EXTRACTED = 20_000, 9_000
"""The same where notes are extracted: windows overlap, and all that each has is written out"""


@dataclass(frozen=True, slots=True)
class Range:
    low: float
    likely: float
    high: float

    @classmethod
    def around(cls, value: float, factor: float) -> Range:
        return cls(value / factor, value, value * factor)


@dataclass(frozen=True, slots=True)
class Speed:
    generation: Range
    """Tokens per second"""
    prefill: Range
    """Tokens per second that a transcript is read at"""
    measured: bool
    """Whether it was measured on this device"""
    hour: tuple[int, int] = _HOUR
    """Tokens read and written for the notes of a one-hour meeting"""

    @property
    def notes(self) -> Range:
        """Seconds that the notes of a one-hour meeting take."""

        def seconds(prefill: float, generation: float) -> float:
            return self.hour[0] / prefill + self.hour[1] / generation

        read, written = self.prefill, self.generation
        return Range(
            seconds(read.high, written.high),
            seconds(read.likely, written.likely),
            seconds(read.low, written.low),
        )


def estimate(
    spec: ModelSpec,
    placed: Fit,
    hardware: HardwareProfile,
    *,
    measured: Measured | None = None,
    shape: ModelShape | None = None,
    weights: Weights | None = None,
) -> Speed:
    """The speed of a model where its layers are; what was measured there comes before all else."""
    hour = _HOUR_EXTRACTED if spec.notes is NotesMethod.EXTRACT else _HOUR
    if measured is not None:
        return Speed(
            Range.around(measured.generation, _MEASURED),
            Range.around(measured.prefill, _MEASURED),
            measured=True,
            hour=hour,
        )
    shape = shape or spec.shape
    if shape is None:
        raise ValueError(f"the model '{spec.id}' has no shape")
    weights = weights or weights_of_spec(spec)
    read = spec.read_per_token or sum(weights.layers) + weights.output
    on_gpu = max(0, placed.gpu_layers - 1) / shape.layers
    output = min(weights.output, read)
    in_layers = read - output
    gpu_read = in_layers * on_gpu + output * (placed.gpu_layers > 0)
    seconds = prompt = 0.0
    known = True
    operations = 2.0 * active_parameters(shape) * (_EXPERTS if shape.experts else 1.0)
    if placed.gpu is not None and placed.gpu_layers:
        bandwidth, compute, known = _of(placed.gpu, hardware)
        kinds = shape.kinds[max(0, shape.layers + 1 - placed.gpu_layers) :]
        waiting = sum(_GPU_LAYER[kind] for kind in kinds)
        seconds += gpu_read / (bandwidth * _GPU_EFFICIENCY) + waiting
        prompt += operations * gpu_read / read / compute
        prompt += waiting * _BATCH_LAYERS / _BATCH
    if read > gpu_read:
        cores = max(1, hardware.cpu_count)
        bandwidth = hardware.bandwidth or _SYSTEM
        known = known and hardware.bandwidth is not None
        rate = min(bandwidth * _CPU_EFFICIENCY, cores * _CORE)
        seconds += (read - gpu_read) / rate + shape.layers * (1 - on_gpu) * _CPU_LAYER
        prompt += operations * (1 - gpu_read / read) / (cores * _CORE_COMPUTE)
    factor = _KNOWN if known else _GUESSED
    return Speed(
        Range.around(1 / seconds, factor),
        Range.around(1 / prompt, _PREFILL if known else _PREFILL * _GUESSED),
        measured=False,
        hour=hour,
    )


def _of(gpu: Gpu, hardware: HardwareProfile) -> tuple[float, float, bool]:
    """Bandwidth, computing power, and whether they are known."""
    facts = gpu_facts(gpu.name)
    if facts is not None:
        return gpu.bandwidth or facts.bandwidth, facts.compute, True
    if gpu.bandwidth is not None:
        return gpu.bandwidth, compute_of(gpu.bandwidth), True
    bandwidth = _CARD if gpu.kind is GpuKind.DISCRETE else hardware.bandwidth or _SHARED
    return bandwidth, compute_of(bandwidth), False
