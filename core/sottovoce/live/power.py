"""How often there are suggestions, by where the power comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..values import SuggestionKind

_LOW = 30
"""Percent"""


@dataclass(frozen=True, slots=True)
class Power:
    on_battery: bool = False
    percent: float = 100.0
    """Of the battery"""


@dataclass(frozen=True, slots=True)
class Pace:
    """What is suggested without being asked for."""

    every: float
    """Seconds from one to the next, at least"""
    kinds: frozenset[SuggestionKind]
    shown: str
    """To the person"""


def power() -> Power:
    """Now; a machine without a battery is on the mains."""
    import psutil

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None:
        return Power()
    return Power(on_battery=not battery.power_plugged, percent=battery.percent)


def pace(now: Power) -> Pace:
    if not now.on_battery:
        return Pace(12.0, frozenset({SuggestionKind.QUESTION, SuggestionKind.TURN}), "on")
    if now.percent >= _LOW:
        questions = frozenset({SuggestionKind.QUESTION})
        return Pace(60.0, questions, "on battery: for questions only, one a minute")
    return Pace(math.inf, frozenset(), f"battery below {_LOW} %: on request only")
