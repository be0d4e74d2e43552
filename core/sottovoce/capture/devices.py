"""Which devices a recording is of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..errors import RecordingError, UsageError
from .recorder import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..host import Host
    from ..interfaces import AudioSource
    from ..values import AudioDevice

SIDES = {"microphone": "Me", "loopback": "Them"}
"""Who is heard on the sources"""


def wanted(host: Host, asked: Mapping[str, str | None], say: Callable[[str], None]) -> list[Wanted]:
    """The devices to record: of each source the one whose name has what is asked for, or its
    default; none of a source of which "none" is. ``say`` is told of a side that is missing.

    Raises ``UsageError`` or ``RecordingError``.
    """
    found: list[Wanted] = []
    for source in _sources(host):
        part = asked.get(source.name)
        if part == "none":
            continue
        devices = source.devices()
        matching = [
            it for it in devices if part is None or part.lower() in f"{it.id} {it.label}".lower()
        ]
        exact = [it for it in matching if part in (it.id, it.label)]
        if part is not None and len(exact or matching) != 1:
            raise UsageError(
                f"--{source.name} {part}: {'several' if matching else 'no'} devices have that in "
                "their name; 'sotto record --list' shows them"
            )
        if matching:
            found.append(Wanted(source.name, (exact or matching)[0], SIDES[source.name]))
    if not found:
        raise RecordingError(
            "there is nothing to record from: no microphone and nothing that is played was found; "
            "'sotto plugins' says whether a source failed"
        )
    for side in SIDES.keys() - {it.source for it in found}:
        if asked.get(side) == "none":
            continue
        hint = ""
        if side == "loopback" and sys.platform == "darwin":
            hint = (
                ": macOS gives it to no program; install a virtual device (BlackHole), play through"
                " it, and name it with --microphone in a second recording"
            )
        say(f"no {side} was found, it is left out{hint}")
    return found


def listed(host: Host) -> list[tuple[str, AudioDevice]]:
    """All devices, with the names of their sources. Raises ``RecordingError`` for none."""
    rows = [(it.name, device) for it in _sources(host) for device in it.devices()]
    if not rows:
        raise RecordingError("no device was found to record from; is the sound system running?")
    return rows


def _sources(host: Host) -> list[AudioSource]:
    found: list[AudioSource] = host.plugins.collect("register_audio_sources")
    return [it for it in found if it.name in SIDES]
