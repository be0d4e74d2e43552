"""The capture process: from devices to growing files.

It is told what to do by lines on its standard input (``record``, then ``pause``, ``resume``,
``stop``, each with the moment at which, on the monotonic clock) and tells by JSON lines on its
standard output. Until it is told to record it waits, all loaded: so does a second one, which takes
over when the first is killed. When its input ends, the host is gone: it closes the files and ends.
Started on a folder that has files it goes on where the last one was killed.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from ..errors import RecordingError
from .finish import read_about
from .timeline import Timeline
from .track import Track

if TYPE_CHECKING:
    from pathlib import Path

    from ..host import Host
    from ..interfaces import AudioSource

_BEAT = 0.25
"""Seconds between two lines of levels"""
_JOURNAL = 10.0
"""Seconds between two lines of the journal that compare the devices' clocks with the system's"""
_HEARD = 400
"""Lines that wait for a host that does not read; more are left out"""
_LOW, _FULL = 500 << 20, 50 << 20
"""Bytes of free disk space below which it is said, and below which the recording ends"""
_ASLEEP = 2.0
"""Seconds by which the clock that counts sleep runs ahead before it is said"""
_REST = 20.0
"""Seconds at the end for what is late"""
_NICE = -11
"""Where the system lets it, before what only computes: what sound systems ask for themselves"""


class Capture:
    def __init__(self, folder: Path, sources: dict[str, AudioSource]) -> None:
        about = read_about(folder)
        self.folder = folder
        self.rate = int(about["rate"])
        self.timeline = Timeline(self.rate, about["began"], about["away"], about["most"])
        self.wake = threading.Event()
        """That there is something to look at"""
        self.ended = threading.Event()
        self._out: queue.Queue[str | None] = queue.Queue(_HEARD)
        self._noting = threading.Lock()
        self._journal = (folder / "journal.jsonl").open("a", encoding="utf-8")
        self._tracks = []
        for it in about["tracks"]:
            if it["source"] not in sources:
                raise RecordingError(f"no plugin has the audio source '{it['source']}'")
            self._tracks.append(Track(self, it, sources[it["source"]]))
        self._low = False

    def run(self) -> None:
        threading.Thread(target=self._obey, name="host", daemon=True).start()
        telling = threading.Thread(target=self._tell, name="telling", daemon=True)
        telling.start()
        self.note("started")
        for track in self._tracks:
            track.thread.start()
        synced = noted = time.monotonic()
        asleep, longest = _asleep(), False
        while not self.ended.is_set():
            self.wake.wait(_BEAT)
            self.wake.clear()
            now = time.monotonic()
            self._say({"levels": {it.name: _level(it.level) for it in self._tracks},
                       "seconds": self._seconds(now), **self._sums()})  # fmt: skip
            if now - noted >= _JOURNAL:
                noted = now
                self.note("clock", frames={it.name: it.wav.frames for it in self._tracks})
            if now - synced >= 1:
                synced = now
                for track in self._tracks:
                    track.sync()
                self._watch_disk()
                if _asleep() - asleep > _ASLEEP:
                    self.tell("slept", "", f"the machine slept for {_asleep() - asleep:.0f} s")
                    asleep = _asleep()
            self.timeline.reach(now)
            if self.timeline.longest and not longest:
                longest = True
                self.tell("longest", "", "the longest time that was asked for is over")
            late = now - self.timeline.until
            if late >= 0 and (late > _REST or all(it.complete(now) for it in self._tracks)):
                self.ended.set()
        self.timeline.end(time.monotonic())
        end = self.timeline.place(self.timeline.until)
        for track in self._tracks:
            track.thread.join(3)
            track.sync(end=end)
            track.wav.close()
        self.note("ended", seconds=end / self.rate, **self._sums())
        self._journal.close()
        self._say({"ended": True, **self._sums()})
        self._out.put(None)
        telling.join(_BEAT if self._out.full() else 2)

    def _sums(self) -> dict[str, Any]:
        return {"filled": {it.name: round(it.filled, 2) for it in self._tracks},
                "drift": {it.name: round(it.clock.drift, 5) for it in self._tracks}}  # fmt: skip

    def _seconds(self, now: float) -> float:
        return self.timeline.place(now) / self.rate

    def _obey(self) -> None:
        at = time.monotonic()
        for line in sys.stdin:
            what, _, moment = line.partition(" ")
            at = float(moment)
            if what == "pause":
                self.timeline.pause(at)
            elif what == "resume":
                self.timeline.resume(at)
            else:
                break
            self.note(f"{what}d")
        else:
            at = time.monotonic()  # the host is gone
        # Either way what came so far is made whole.
        self.timeline.end(at)
        self.wake.set()

    def _watch_disk(self) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < _FULL:
            self.tell("full", "", f"the disk is full ({free >> 20} MB free): the recording ends")
            self.ended.set()
        elif free < _LOW and not self._low:
            self._low = True
            self.tell("low", "", f"the disk is nearly full: {free >> 20} MB free")

    def tell(self, kind: str, track: str, text: str) -> None:
        """What a person has to know, and the journal."""
        self.note(kind, track, text=text)
        self._say({"notice": kind, "track": track, "text": text})

    def note(self, kind: str, track: str = "", **more: object) -> None:
        at = round(self._seconds(time.monotonic()), 3)
        line = {"at": at, "kind": kind, "track": track, **more}
        with self._noting:
            try:
                self._journal.write(json.dumps(line, ensure_ascii=False) + "\n")
                self._journal.flush()
            except (OSError, ValueError):
                pass  # a full disk is said where the audio cannot be written; or it has ended

    def _say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(queue.Full):  # nobody reads: the recording goes on
            self._out.put_nowait(json.dumps(message, ensure_ascii=False))

    def _tell(self) -> None:
        """The host may be held up, or gone: a thread of its own waits for it."""
        while (line := self._out.get()) is not None:
            try:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
            except (BrokenPipeError, ValueError):
                self.ended.set()  # the host is gone
                return


def _level(level: float) -> float | None:
    return round(level, 1) if math.isfinite(level) else None


def _asleep() -> float:
    """Seconds that the machine slept since it was started, where the system tells."""
    for counting, awake in (
        ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"),  # Linux
        ("CLOCK_MONOTONIC_RAW", "CLOCK_UPTIME_RAW"),
    ):  # macOS
        if hasattr(time, counting) and hasattr(time, awake):
            one, other = getattr(time, counting), getattr(time, awake)
            return time.clock_gettime(one) - time.clock_gettime(other)
    return 0.0


def capture(host: Host, folder: Path) -> None:
    """Record into a folder from the word on until told to stop. Raises ``RecordingError``."""
    import filelock
    import numpy  # noqa: F401 - loaded now: once it is told to record every moment counts

    sources = {it.name: it for it in host.plugins.collect("register_audio_sources")}
    if not sys.stdin.readline().startswith("record"):
        return  # it was not needed, or the host is gone
    if hasattr(os, "setpriority"):
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    lock = filelock.FileLock(folder / "lock")
    try:
        lock.acquire(timeout=5)
    except filelock.Timeout:
        raise RecordingError(f"{folder}: another process records into it") from None
    try:
        Capture(folder, sources).run()
    finally:
        lock.release()
