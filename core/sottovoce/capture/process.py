"""The capture process: from devices to growing files.

It is told what to do by lines on its standard input (``record``, then ``pause``, ``resume``,
``stop``) and tells by JSON lines on its standard output. Until it is told to record it waits, all
loaded: so does a second one, which takes over when the first is killed. When its input ends, the
host is gone: it closes the files and ends. Started on a folder that has files it goes on where the
last one was killed.
"""

from __future__ import annotations

import contextlib
import json
import math
import queue
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from ..errors import RecordingError
from .finish import read_about
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


class Capture:
    def __init__(self, folder: Path, sources: dict[str, AudioSource]) -> None:
        about = read_about(folder)
        self.folder = folder
        self.rate = int(about["rate"])
        self._most = about["most"]
        self._began = float(about["began"])
        """On the monotonic clock, which counts from the start of the system"""
        self._away = float(about["away"])
        """Seconds of pauses, those of earlier processes among them"""
        self._paused_at: float | None = None
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

    def place(self, now: float) -> int | None:
        """The frame that a moment is, from the start; ``None`` while it is paused."""
        if self._paused_at is not None:
            return None
        return max(0, round((now - self._began - self._away) * self.rate))

    def run(self) -> None:
        threading.Thread(target=self._obey, name="host", daemon=True).start()
        telling = threading.Thread(target=self._tell, name="telling", daemon=True)
        telling.start()
        self.note("started")
        for track in self._tracks:
            track.thread.start()
        synced = noted = time.monotonic()
        asleep = _asleep()
        while not self.ended.wait(_BEAT):
            now = time.monotonic()
            self._say({"levels": {it.name: _level(it.level) for it in self._tracks},
                       "seconds": (self.place(now) or 0) / self.rate, **self._sums()})  # fmt: skip
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
            if self._most and (self.place(now) or 0) >= self._most * self.rate:
                self.tell("longest", "", "the longest time that was asked for is over")
                self.ended.set()
        end = self.place(time.monotonic())
        for track in self._tracks:
            track.thread.join(3)
            track.sync(end=end)
            track.wav.close()
        self.note("ended", seconds=(end or 0) / self.rate, **self._sums())
        self._journal.close()
        self._say({"ended": True, **self._sums()})
        self._out.put(None)
        telling.join(_BEAT if self._out.full() else 2)

    def _sums(self) -> dict[str, Any]:
        return {"filled": {it.name: round(it.filled, 2) for it in self._tracks},
                "drift": {it.name: round(it.clock.drift, 3) for it in self._tracks}}  # fmt: skip

    def _obey(self) -> None:
        for line in sys.stdin:
            match line.strip():
                case "pause" if self._paused_at is None:
                    self._paused_at = time.monotonic()
                    self.note("paused")
                case "resume" if self._paused_at is not None:
                    self._away += time.monotonic() - self._paused_at
                    self._paused_at = None
                    self.note("resumed", away=self._away)
                case "stop":
                    break
        # Stopped, or the host is gone: either way what came so far is made whole.
        if self._paused_at is not None:
            self._away += time.monotonic() - self._paused_at
            self._paused_at = None
        self.ended.set()

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
        line = {"at": round((self.place(time.monotonic()) or 0) / self.rate, 3), "kind": kind,
                "track": track, **more}  # fmt: skip
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
    if sys.stdin.readline().strip() != "record":
        return  # it was not needed, or the host is gone
    lock = filelock.FileLock(folder / "lock")
    try:
        lock.acquire(timeout=5)
    except filelock.Timeout:
        raise RecordingError(f"{folder}: another process records into it") from None
    try:
        Capture(folder, sources).run()
    finally:
        lock.release()
