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

from ..errors import RecordingError, SottovoceError
from ..values import AudioDevice, AudioFormat, SourceKind
from .clock import Clock
from .finish import read_about
from .wav import GrowingWav

if TYPE_CHECKING:
    from pathlib import Path

    from ..host import Host
    from ..interfaces import AudioSource

_HOLE = 0.15
"""Seconds that a track may be behind the clock before silence fills the hole"""
_ALIGN = 0.4
"""Seconds of a stream from which it is judged when it began"""
_LATE = 1.0
"""Seconds in which what is late may still come before it is a hole"""
_BEAT = 0.25
"""Seconds between two lines of levels"""
_JOURNAL = 10.0
"""Seconds between two lines of the journal that compare the devices' clocks with the system's"""
_HEARD = 400
"""Lines that wait for a host that does not read; more are left out"""
_SAID = 0.5
"""Seconds of a hole that are worth a word"""
_AGAIN = 0.5
"""Seconds until a device that is gone is tried again"""
_ZERO = 5.0
"""Seconds of nothing but zeros after which a microphone is said to be muted"""
_LOW, _FULL = 500 << 20, 50 << 20
"""Bytes of free disk space below which it is said, and below which the recording ends"""
_ASLEEP = 2.0
"""Seconds by which the clock that counts sleep runs ahead before it is said"""


class Track:
    """One device into one file, in a thread of its own."""

    def __init__(self, capture: Capture, about: dict[str, Any], source: AudioSource) -> None:
        self.name: str = about["name"]
        self._capture = capture
        self._source = source
        self._device = AudioDevice(about["device"], about["label"])
        self._format = AudioFormat(rate=capture.rate)
        self.wav = GrowingWav(capture.folder / about["file"], capture.rate)
        self._held: list[bytes] | None = None
        """What arrived since the device was opened, until it is known when that began"""
        self._received = 0
        self._origin = math.inf
        self._late: list[bytes] = []
        """What arrived since the file fell behind the clock, until it is known whether the rest is
        yet to come (the system was busy) or is missing"""
        self._late_frames, self._late_since, self._missing = 0, 0.0, 0
        self._lock = threading.Lock()
        self._there = True
        self._stuck = False
        self.level = -math.inf
        """dBFS of what came last"""
        self._zeros = 0.0
        self._told_zero = False
        self.filled = 0.0
        """Seconds of silence that stand for what did not arrive"""
        self.clock = Clock(capture.rate)
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def _run(self) -> None:
        while not self._capture.ended.is_set():
            self._held, self._received, self._origin = [], 0, math.inf
            try:
                with self._source.open(self._device, self._format) as chunks:
                    for chunk in chunks:
                        if self._capture.ended.is_set():
                            break
                        self._take(chunk.audio, time.monotonic())
            except SottovoceError as error:
                self._lost(str(error))
            except Exception as error:  # noqa: BLE001 - a plugin's; the other tracks go on
                self._lost(f"{self._device.label}: {error!r}")
            else:
                self._lost(f"{self._device.label}: the stream ended")
            self._begin()
            self._capture.ended.wait(_AGAIN)

    def _take(self, pcm: bytes, now: float) -> None:
        import numpy as np

        if not self._there:
            self._there = True
            self._capture.tell("back", self.name, f"{self._device.label}: it is back")
        values = np.frombuffer(pcm, np.int16).astype(np.float32)
        loudness = float(np.sqrt(np.mean(values**2))) / 32768
        self.level = 20 * math.log10(loudness) if loudness else -math.inf
        seconds = len(values) / self._capture.rate
        self._listen(seconds, loudness)
        if self._held is not None:
            # Some blocks come late, none too early: the one that was the least late says when
            # the first began.
            self._received += len(values)
            self._origin = min(self._origin, now - self._received / self._capture.rate)
            self._held.append(pcm)
            if self._received >= _ALIGN * self._capture.rate:
                self._begin()
            return
        place = self._capture.place(now)
        if place is None:  # paused
            return
        with self._lock:
            behind = place - len(values) - self.wav.frames - self._late_frames
            if not self._late and behind <= _HOLE * self._capture.rate:
                self._write(self.clock.kept(pcm, now, behind))
                return
            if not self._late:
                self._late_since, self._missing = now, behind
            self._late.append(pcm)
            self._late_frames += len(values)
            self._missing = min(self._missing, behind)
            if self._missing <= _HOLE * self._capture.rate:
                self._missing = 0  # it caught up
                self._settle()
            elif now - self._late_since >= _LATE:
                self._settle()

    def _settle(self) -> None:
        """Write what was late, behind the silence that stands for what is missing."""
        late, self._late, self._late_frames = b"".join(self._late), [], 0
        if self._missing and late:
            self._fill(self._missing)
            self.clock.begin()
            if (seconds := self._missing / self._capture.rate) > _SAID:
                text = f"{self._device.label}: {seconds:.1f} s did not arrive, and are silence"
                self._capture.tell("hole", self.name, text)
        self._write(late)

    def _begin(self) -> None:
        """Put what was held at its place."""
        held, self._held = self._held, None
        with self._lock:
            self._settle()
        self.clock.begin()
        place = self._capture.place(self._origin) if held else None
        if not held or place is None:
            return
        with self._lock:
            missing = place - self.wav.frames
            if missing > 0:
                if not self.wav.frames:  # until the device had started: nothing was lost
                    self.filled -= missing / self._capture.rate
                self._fill(missing)
            self._write(b"".join(held))

    def _listen(self, seconds: float, loudness: float) -> None:
        self._zeros = 0.0 if loudness else self._zeros + seconds
        if self._source.kind is not SourceKind.MICROPHONE:
            return
        if self._zeros > _ZERO and not self._told_zero:
            self._told_zero = True
            self._capture.tell("zero", self.name,
                f"{self._device.label}: audio arrives, and all of it is zero: it is muted, or this "
                "program has no permission for the microphone")  # fmt: skip
        elif not self._zeros and self._told_zero:
            self._told_zero = False
            self._capture.tell("heard", self.name, f"{self._device.label}: it is heard now")

    def _write(self, pcm: bytes) -> None:
        try:
            self.wav.write(pcm)
            self._stuck = False
        except OSError as error:
            self._refused(error)

    def _refused(self, error: OSError) -> None:
        if not self._stuck:
            self._stuck = True
            self._capture.tell("disk", self.name, f"the disk takes no more: {error.strerror}")

    def _fill(self, frames: int) -> None:
        self.filled += frames / self._capture.rate
        self._capture.note("filled", self.name, seconds=round(frames / self._capture.rate, 3))
        try:
            self.wav.fill(frames)
        except OSError as error:
            self._refused(error)

    def _lost(self, why: str) -> None:
        self.level = -math.inf
        if self._there and not self._capture.ended.is_set():
            self._there = False
            self._capture.tell("lost", self.name, f"{why}; the recording goes on without it")

    def sync(self, *, end: int | None = None) -> None:
        """Have it on the disk; with ``end`` as long as the recording is."""
        try:
            with self._lock:
                if end is not None:
                    self._settle()
                    if end - self.wav.frames > _HOLE * self._capture.rate:
                        self._fill(end - self.wav.frames)
                self.wav.patch()
            self.wav.flush()
        except OSError as error:
            self._refused(error)


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
