"""Manners of work that nobody waits for: low priority, care for the battery, one notification."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_PATIENCE = 5.0
"""Seconds that the desktop has for a notification"""


def step_back() -> None:
    """Lower the priority of this process and of the engines that it starts."""
    if sys.platform == "win32":
        import psutil

        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(max(0, 10 - os.nice(0)))


def battery_low(threshold: int) -> str:
    """Why work should wait for the mains; empty where it need not. ``threshold`` is in percent."""
    import psutil

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None or battery.power_plugged or battery.percent >= threshold:
        return ""
    return f"on battery, at {battery.percent:.0f} %: waiting for the mains or {threshold} %"


def recording(lock: Path) -> str:
    """Why work should wait for a recording; empty where none runs. ``lock`` is held by one."""
    import filelock

    held = filelock.FileLock(lock)
    try:
        held.acquire(timeout=0)
    except filelock.Timeout:
        return "a meeting is being recorded"
    held.release()
    return ""


class Notifications:
    """Desktop notifications, where there is a desktop; the log says it once where there is none."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted

    def send(self, title: str, message: str) -> None:
        if not self._wanted:
            return
        import asyncio

        try:
            asyncio.run(asyncio.wait_for(_send(title, message), _PATIENCE))
        except Exception as error:  # noqa: BLE001 - whatever the desktop's service raises
            self._wanted = False
            log.info("no desktop notifications here: %r", error)


async def _send(title: str, message: str) -> None:
    from desktop_notifier import DesktopNotifier

    logging.getLogger("desktop_notifier").setLevel(logging.CRITICAL)  # said once, by us
    notifier = DesktopNotifier(app_name="Sottovoce")
    await notifier.send(title=title, message=message)
