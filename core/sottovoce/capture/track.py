"""One device into one file."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any

from ..errors import SottovoceError
from ..values import AudioDevice, AudioFormat, SourceKind
from .clock import Clock
from .wav import GrowingWav

if TYPE_CHECKING:
    from ..interfaces import AudioSource
    from .process import Capture

_HOLE = 0.15
"""Seconds that a track may be behind the clock before silence fills the hole"""
_ALIGN = 0.4
"""Seconds of a stream from which it is judged when it began"""
_LATE = 1.0
"""Seconds in which what is late may still come before it is a hole"""
_SAID = 0.5
"""Seconds of a hole that are worth a word"""
_AGAIN = 0.5
"""Seconds until a device that is gone is tried again"""
_ZERO = 5.0
"""Seconds of nothing but zeros after which a microphone is said to be muted"""


class Track:
    """In a thread of its own."""

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
