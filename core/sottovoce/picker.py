"""The models as a person chooses from them: what each would be like on this device."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sottovoce_catalog import advisories

from .engines.llama.settings import settings_of
from .fit import Fit, Verdict, blocking_reason, fit, usable_gpus
from .speed import Speed, estimate
from .values import GpuKind, ModelTask

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .bench import Measured
    from .values import EngineSettings, HardwareProfile, ModelSpec

_PATIENCE = 600.0
"""Seconds that the notes of a one-hour meeting may take with a model that is recommended"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A row of the picker."""

    spec: ModelSpec
    fit: Fit
    speed: Speed
    installed: bool
    recommended: bool = False

    @property
    def label(self) -> str:
        """The verdict as it is shown: ``Great fit + Slow``."""
        slow = self.fit.slow and self.fit.verdict is not Verdict.WONT
        return f"{self.fit.verdict}{' + Slow' if slow else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picker:
    choices: tuple[Choice, ...]
    """Language models, in the order of the catalog; empty where there is a blocking reason"""
    blocked: str | None
    """Why no model of the hub can be used here"""
    overridden: bool
    """Whether the person asked for what the device is not made for, too"""
    advisories: tuple[str, ...]
    """What is wrong with drivers, or with cards that are not used, and what to do"""

    @property
    def recommended(self) -> Choice | None:
        return next((it for it in self.choices if it.recommended), None)

    @property
    def advice(self) -> str:
        """Which model to take, or why none is recommended; empty where a reason blocks them all."""
        if (best := self.recommended) is not None:
            return f"Recommended: {best.spec.label}"
        if self.blocked:
            return ""
        if any(it.fit.verdict is Verdict.GREAT and it.spec.quality for it in self.choices):
            return (
                "None is recommended: with those of the catalog that fit well, the notes of a "
                f"one-hour meeting would take more than {_PATIENCE / 60:.0f} minutes here."
            )
        return "None is recommended: none fits with room to spare."


def pick(
    models: Iterable[ModelSpec],
    hardware: HardwareProfile,
    *,
    installed: Collection[str] = (),
    measured: Mapping[str, Measured] | None = None,
    engine: EngineSettings | None = None,
    override: bool = False,
) -> Picker:
    """What to show. With ``override`` every model that exists, whatever the device.

    ``engine`` is what the person chose for all models. An archived model is offered only while it
    is installed; an installed one always is.
    """
    speeds = measured or {}
    offered = [
        it
        for it in models
        if it.task is ModelTask.GENERATION and it.shape is not None and it.package is None
    ]
    current = [it for it in offered if not it.archived]
    blocked = blocking_reason(current, hardware)
    choices = []
    for spec in offered:
        if spec.archived and spec.id not in installed:
            continue
        placed = fit(spec, hardware, settings=settings_of(spec, engine))
        fits_here = hardware.platform in spec.platforms and placed.listed and not blocked
        if fits_here or override or spec.id in installed:
            speed = estimate(spec, placed, hardware, measured=speeds.get(spec.id))
            choices.append(
                Choice(spec=spec, fit=placed, speed=speed, installed=spec.id in installed)
            )
    return Picker(
        choices=tuple(_with_recommended(choices, hardware, blocked)),
        blocked=blocked,
        overridden=override,
        advisories=(*advisories(hardware), *_unused(hardware)),
    )


def _unused(hardware: HardwareProfile) -> list[str]:
    """Cards that models could use with another build of llama.cpp."""
    if usable_gpus(hardware):
        return []
    cards = dict.fromkeys(
        it.name for it in hardware.gpus if it.kind is not GpuKind.INTEGRATED and not it.backends
    )
    return [
        f"{name} is not used: llama.cpp was installed without support for it; "
        "docs/how-to/gpu.md says how to install it"
        for name in cards
    ]


def _stays_slow(choice: Choice, hardware: HardwareProfile) -> bool:
    """Not where a GPU computes all of it, and what other programs hold today is all that is wrong.

    A model in at most half of the one memory can have it: they are moved out once.
    """
    half = choice.fit.gpu is not None and choice.fit.memory.total <= hardware.memory / 2
    return choice.fit.slow and not (half and choice.fit.evicts)


def _with_recommended(
    choices: list[Choice], hardware: HardwareProfile, blocked: str | None
) -> list[Choice]:
    """The best of the great fits that is quick enough; what is not slow comes before what is."""
    great = [
        it
        for it in choices
        if it.fit.verdict is Verdict.GREAT
        and not it.spec.archived
        and it.spec.quality  # of a file of the person's own nobody knows it
        and hardware.platform in it.spec.platforms
        and it.speed.notes.likely <= _PATIENCE
    ]
    if blocked or not great:
        return choices
    best = max(great, key=lambda it: (not _stays_slow(it, hardware), it.spec.quality))
    return [dataclasses.replace(it, recommended=it is best) for it in choices]
