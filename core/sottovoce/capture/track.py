"""One device into one file.

What arrives stands for the moment at which it was to arrive, counted from when its stream began: on
a busy machine it arrives seconds late, all of it, and is not lost. Only what stays missing for as
long as nothing is late becomes silence.
"""

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
"""Seconds that a track may be behind the clock before it is looked whether something is missing"""
_SURE = 15.0
"""Seconds, twice in a row, for which a stream that goes on is as much behind before that is lost:
what is late is the less behind or the more, as the machine has time"""
_STEADY = 0.02
"""Seconds by which the least that it was behind may differ"""
_ALIGN = 0.4
"""Seconds of a stream from which it is judged when it began"""
_BETTER = 10.0
"""Seconds in which that is known better where the machine is busy: something came in time"""
_EARLY = 0.005
"""Seconds that something may come before its time until then"""
_NOTHING = 2.0
"""Seconds without data after which it is said"""
_LAST = 3.0
"""Seconds for which nothing may arrive at the end of a track that is behind"""
_SAID = 0.5
"""Seconds of a hole that are worth a word"""
_AGAIN = 0.5
"""Seconds until a device that is gone is tried again"""
_ZERO = 5.0
"""Seconds of nothing but zeros after which a microphone is said to be muted"""
_WITHOUT = "the recording goes on without it"


class Track:
    """In a thread of its own."""

    def __init__(self, capture: Capture, about: dict[str, Any], source: AudioSource) -> None:
        self.name: str = about["name"]
        self._capture = capture
        self._timeline = capture.timeline
        self._source = source
        self._device = AudioDevice(about["device"], about["label"])
        self._rate = capture.rate
        self.wav = GrowingWav(capture.folder / about["file"], capture.rate)
        self._lock = threading.Lock()
        self.level = -math.inf
        """dBFS of what came last"""
        self._zeros = 0.0
        self._told_zero = self._heard = False
        self._there = True
        self._open = False
        self._stuck = False
        self.filled = 0.0
        """Seconds of silence that stand for what did not arrive"""
        self.clock = Clock(capture.rate)
        self._opened(0.0)
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def _opened(self, now: float) -> None:
        self._arrived = now
        self._held: list[bytes] | None = []
        """What arrived since the stream began, until it is known when that was"""
        self._origin = math.inf
        """The moment that its first frame stands for"""
        self._received = 0
        """Frames since then, with those that the clock put in, and those that are lost"""
        self._gap = (0, 0)
        """The frame behind which there is silence before the stream, and of how many frames"""
        self._behind_since = math.inf
        self._hole, self._missing, self._before = (0, 0.0), math.inf, math.inf

    @property
    def _now(self) -> float:
        """The moment that the next frame stands for."""
        return self._origin + self._received / self._rate

    def complete(self, now: float) -> bool:
        """Whether all is there that was to be recorded, or is not to be waited for."""
        return (
            self._now >= self._timeline.until
            or not self._open
            or now - max(self._arrived, self._timeline.until) > _LAST
        )

    def _run(self) -> None:
        while not self._capture.ended.is_set():
            try:
                with self._source.open(self._device, AudioFormat(rate=self._rate)) as chunks:
                    self._opened(time.monotonic())
                    self._open = True
                    for chunk in chunks:
                        if self._capture.ended.is_set():
                            break
                        self._take(chunk.audio, time.monotonic())
            except SottovoceError as error:
                self._lost(f"{error}; {_WITHOUT}")
            except Exception as error:  # noqa: BLE001 - a plugin's; the other tracks go on
                self._lost(f"{self._device.label}: {error!r}; {_WITHOUT}")
            else:
                self._lost(f"{self._device.label}: the stream ended; {_WITHOUT}")
            self._open = False
            self._begin()
            self._capture.ended.wait(_AGAIN)

    def _take(self, pcm: bytes, now: float) -> None:
        if not pcm:
            self._nothing(now)
            return
        self._arrived = now
        if not self._there:
            self._there = True
            self._capture.tell("back", self.name, f"{self._device.label}: it is back")
        self._listen(pcm)
        if self._held is not None:
            # Some blocks come late, none too early: the one that was the least late says when
            # the first began.
            self._received += len(pcm) // 2
            self._origin = min(self._origin, now - self._received / self._rate)
            self._held.append(pcm)
            if self._received >= _ALIGN * self._rate or self._now >= self._timeline.until:
                self._begin()
        else:
            with self._lock:
                behind = now - self._now - len(pcm) / 2 / self._rate
                if behind < -_EARLY and self._gap[1] and self._received < _BETTER * self._rate:
                    behind += self._earlier(-behind)
                start = self.wav.frames, self._now
                self._append(self.clock.kept(pcm, now, round(behind * self._rate)))
                self._judge(now, behind, start)
        if self._now >= self._timeline.until:
            self._capture.wake.set()

    def _earlier(self, seconds: float) -> float:
        """Nothing comes before its time: the stream began so much earlier than was thought, as far
        as there is silence before it."""
        at, silent = self._gap
        frames = min(silent, round(seconds * self._rate))
        self._gap = at, silent - frames
        self._origin -= frames / self._rate
        if at:
            self.filled -= frames / self._rate
        try:
            self.wav.cut(frames, at)
        except OSError as error:
            self._refused(error)
        return frames / self._rate

    def _judge(self, now: float, behind: float, start: tuple[int, float]) -> None:
        """Late or lost? What is late arrives faster than it was made as soon as it can."""
        if behind <= _HOLE:
            self._behind_since = math.inf
            return
        if self._behind_since == math.inf:
            self._behind_since, self._hole, self._before = now, start, math.inf
            self._missing = behind
        self._missing = min(self._missing, behind)
        if now - self._behind_since < _SURE:
            return
        steady = abs(self._missing - self._before) < _STEADY and not self._on_its_way()
        self._behind_since, self._before = now, self._missing
        if not steady:
            self._missing = behind
            return
        self._behind_since = math.inf
        frame, moment = self._hole
        self._received += round(self._missing * self._rate)
        self.clock.begin()
        parts = self._timeline.recorded(moment, moment + self._missing)
        seconds = sum(end - begin for begin, end in parts)
        self._fill(round(seconds * self._rate), frame)
        if seconds > _SAID:
            text = f"{self._device.label}: {seconds:.1f} s did not arrive, and are silence"
            self._capture.tell("hole", self.name, text)

    def _on_its_way(self) -> bool:
        """Whether the system has a good part of what is missing."""
        held = self._source.held()
        return held is not None and held > self._missing / 4

    def _nothing(self, now: float) -> None:
        """Nothing came for a moment."""
        if not self._source.quiet:
            if now - self._arrived > _NOTHING:
                self._lost(
                    f"{self._device.label}: nothing arrives from it; what is only late is recorded "
                    "when it comes"
                )
            return
        self._begin()
        with self._lock:
            if self._origin == math.inf:
                self._origin = now
                self._reach(now)
            silent = round((now - self._now) * self._rate)
            if silent > _HOLE * self._rate:
                self._append(bytes(2 * silent))

    def _begin(self) -> None:
        """Put what was held at its place."""
        held, self._held = self._held, None
        self.clock.begin()
        if not held:
            return
        pcm = b"".join(held)
        with self._lock:
            before = self.wav.frames
            self._reach(self._origin)
            self._gap = before, self.wav.frames - before
            ahead = self.wav.frames - self._timeline.place(self._origin)
            self._received = min(ahead, len(pcm) // 2)
            self._append(pcm[2 * self._received :])

    def _append(self, pcm: bytes) -> None:
        """The next frames, of which only those are kept whose moments are recorded."""
        begin = self._now
        self._received += len(pcm) // 2
        for start, end in self._timeline.recorded(begin, self._now):
            first, last = (round((it - begin) * self._rate) for it in (start, end))
            self._reach(start, _HOLE)  # where the disk took nothing for a while
            try:
                self.wav.write(pcm[2 * first : 2 * last])
                self._stuck = False
            except OSError as error:
                self._refused(error)

    def _reach(self, moment: float, let: float = 0.0) -> None:
        """Silence up to a moment, unless only ``let`` seconds are missing."""
        missing = self._timeline.place(moment) - self.wav.frames
        if missing > let * self._rate:
            # Until a device had started nothing was lost.
            self._fill(missing, lost=self.wav.frames > 0)

    def _listen(self, pcm: bytes) -> None:
        import numpy as np

        values = np.frombuffer(pcm, np.int16).astype(np.float32)
        loudness = math.sqrt(float(values @ values) / len(values)) / 32768
        self.level = 20 * math.log10(loudness) if loudness else -math.inf
        self._zeros = 0.0 if loudness else self._zeros + len(values) / self._rate
        if self._source.kind is not SourceKind.MICROPHONE:
            return
        self._heard = self._heard or loudness > 0
        if self._zeros > _ZERO and not self._told_zero:
            self._told_zero = True
            why = "it is muted" if self._heard else (
                "it is muted, or this program has no permission for the microphone"
            )  # fmt: skip
            text = f"{self._device.label}: audio arrives, and all of it is zero: {why}"
            self._capture.tell("zero", self.name, text)
        elif not self._zeros and self._told_zero:
            self._told_zero = False
            self._capture.tell("heard", self.name, f"{self._device.label}: it is heard now")

    def _refused(self, error: OSError) -> None:
        if not self._stuck:
            self._stuck = True
            self._capture.tell("disk", self.name, f"the disk takes no more: {error.strerror}")

    def _fill(self, frames: int, at: int | None = None, *, lost: bool = True) -> None:
        """Silence, at a frame or at the end; ``lost`` where it stands for what did not arrive."""
        if lost:
            self.filled += frames / self._rate
        self._capture.note("filled", self.name, seconds=round(frames / self._rate, 3))
        try:
            self.wav.fill(frames) if at is None else self.wav.insert(frames, at)
        except OSError as error:
            self._refused(error)

    def _lost(self, why: str) -> None:
        self.level = -math.inf
        if self._there and not self._capture.ended.is_set():
            self._there = False
            self._capture.tell("lost", self.name, why)

    def sync(self, *, end: int | None = None) -> None:
        """Have it on the disk; with ``end`` as long as the recording is."""
        try:
            with self._lock:
                if end is not None and end - self.wav.frames > _HOLE * self._rate:
                    self._fill(end - self.wav.frames)
                self.wav.patch()
            self.wav.flush()
        except OSError as error:
            self._refused(error)
