"""Noticing that a call goes on: a program has the microphone open."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import RecordingError, UsageError
from ..values import SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..host import Host
    from ..interfaces import AudioSource

_LOOK = 0.5
"""Seconds between two looks"""
_BEGUN = 1.0
"""Seconds that it is open before it is a call: programs try a microphone for a moment"""
_ENDED = 5.0
"""Seconds that it is closed before the call is over: it is while somebody changes the device"""
_OTHERS = frozenset(
    "audacity ardour arecord ffmpeg gnome-control-center guvcview obs ocenaudio pavucontrol "
    "pipewire reaper speech-dispatcher tenacity wireplumber".split()
)
"""Programs that record or measure, and call nobody"""


class Calls:
    def __init__(self, sources: Sequence[AudioSource]) -> None:
        """Raises ``UsageError`` where no source can tell who captures."""
        self._sources = [it for it in sources if it.kind is SourceKind.MICROPHONE]
        if all(it.users() is None for it in self._sources):
            raise UsageError(
                "this system does not tell which program has the microphone open; "
                "PulseAudio and PipeWire do"
            )

    def wait(self, agreed: Callable[[str], bool]) -> str:
        """The program of the next call that is agreed to; every call is asked about once."""
        seen: dict[str, float] = {}
        refused: set[str] = set()
        while True:
            now, using = time.monotonic(), self._using()
            seen = {it: seen.get(it, now) for it in using}
            refused &= using
            for program in sorted(using - refused):
                if now - seen[program] < _BEGUN:
                    continue
                if agreed(program):
                    return program
                refused.add(program)
            time.sleep(_LOOK)

    @contextmanager
    def ending(self, program: str, ended: Callable[[], None]) -> Iterator[None]:
        """``ended`` is called, on another thread, when the program's call is over."""
        left = threading.Event()

        def watch() -> None:
            last = time.monotonic()
            while not left.wait(_LOOK):
                now = time.monotonic()
                if program in self._using(unknown={program}):
                    last = now
                elif now - last > _ENDED:
                    ended()
                    return

        threading.Thread(target=watch, name="call", daemon=True).start()
        try:
            yield
        finally:
            left.set()

    def _using(self, unknown: set[str] = frozenset()) -> set[str]:  # type: ignore[assignment]
        """The programs in a call; ``unknown`` where the sound system does not answer."""
        try:
            found = {user for it in self._sources for user in it.users() or ()}
        except RecordingError:
            return set(unknown)
        return {it for it in found if it.casefold() not in _OTHERS}


def calls(host: Host) -> Calls:
    """Raises ``UsageError``."""
    return Calls(host.plugins.collect("register_audio_sources"))
