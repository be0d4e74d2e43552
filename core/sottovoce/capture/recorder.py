"""The host's side of a recording: starts the capture process, hears from it, starts it again."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import RecordingError
from ..filenames import legal
from .finish import Whole, finish, read_about, write_about
from .process import _LOW
from .wav import frames_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..values import AudioDevice

log = logging.getLogger(__name__)

RATE = 48_000
"""Hertz: what sound cards work at, so that nothing is lost to a resampler"""
_TIMES = 20
"""Times that the capture process is started anew before it is held to be broken"""
_PATIENCE = 30.0
"""Seconds that it has to take what is late and close its files"""
_WRITE = 5.0
"""Seconds between two looks at what can be written of the one file"""
_SETTLED = 120
"""Seconds behind which a track changes no more"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A device to record from, and who is heard on it."""

    source: str
    device: AudioDevice
    speaker: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person has to know about a recording."""

    kind: str
    """``lost``, ``back``, ``zero``, ``heard``, ``slept``, ``disk``, ``low``, ``full``, ``longest``,
    ``hole``, ``restarted``"""
    track: str
    """Empty for all"""
    text: str


@dataclass
class Recorder:
    """One recording. ``start``, then what you like, then ``stop``."""

    recordings: Path
    """The folder that recordings go to"""
    tracks: Sequence[Wanted]
    title: str = ""
    most: float | None = None
    """Seconds after which it ends by itself"""
    rate: int = RATE
    levels: dict[str, float | None] = field(default_factory=dict, init=False)
    """dBFS by track; ``None`` for silence"""
    lost: frozenset[str] = field(default=frozenset(), init=False)
    """Tracks whose device is gone"""
    seconds: float = field(default=0.0, init=False)
    """Recorded so far"""
    filled: dict[str, float] = field(default_factory=dict, init=False)
    """Seconds by track so far in which nothing arrived"""
    drift: dict[str, float] = field(default_factory=dict, init=False)
    """Seconds by track by which the device's clock was slow so far, or fast; it is made up for"""
    notices: queue.SimpleQueue[Notice] = field(default_factory=queue.SimpleQueue, init=False)

    def start(self) -> Path:
        """Begin; the folder of the recording in progress. Raises ``RecordingError``."""
        now = datetime.now().astimezone()
        try:
            self.recordings.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.recordings).free
            name = f"{now:%Y-%m-%d %H.%M.%S} {legal(self.title or 'Recording')}.recording"
            self.folder = self.recordings / name
            if free < _LOW:
                raise RecordingError(
                    f"{self.recordings}: only {free >> 20} MB are free there; an hour takes about "
                    f"{len(self.tracks) * self.rate * 2 * 3600 >> 20} MB while it is recorded"
                )
            self.folder.mkdir()
            write_about(self.folder, {
                "title": self.title, "started_at": now.isoformat(), "rate": self.rate,
                "began": time.monotonic(), "away": 0.0, "most": self.most,
                "tracks": [
                    {"name": it.source, "source": it.source, "device": it.device.id,
                     "label": it.device.label, "speaker": it.speaker, "file": f"{it.source}.wav"}
                    for it in self.tracks
                ],
            })  # fmt: skip
        except OSError as error:
            raise RecordingError(f"{self.recordings}: {error.strerror}") from error
        self._ended = threading.Event()
        self._stopping = False
        self._paused_at: float | None = None
        self._spare: subprocess.Popen[str] | None = None
        self._filled, self._drift = dict[str, float](), dict[str, float]()
        """Those of capture processes that were killed"""
        self._launch()
        self._thread = threading.Thread(target=self._hear, name="recorder", daemon=True)
        self._thread.start()
        self._whole: Whole | None = None
        self._writer = threading.Thread(target=self._write, name="whole", daemon=True)
        self._writer.start()
        return self.folder

    @property
    def over(self) -> bool:
        """Whether it ended, by ``stop`` or by itself."""
        return self._ended.is_set()

    @property
    def paused(self) -> bool:
        return self._paused_at is not None

    def pause(self) -> None:
        if self._paused_at is None:
            self._paused_at = time.monotonic()
            self._order("pause", self._paused_at)

    def resume(self) -> None:
        if self._paused_at is not None:
            now = time.monotonic()
            about = read_about(self.folder)
            about["away"] += now - self._paused_at
            write_about(self.folder, about)
            self._paused_at = None
            self._order("resume", now)

    @property
    def files(self) -> list[Path]:
        """The growing files, a track each; they go with ``stop``."""
        return [self.folder / f"{it.source}.wav" for it in self.tracks]

    def end(self) -> None:
        """End the capture; the files are complete."""
        self._stopping = True
        self._order("stop")
        if not self._ended.wait(_PATIENCE):
            self._process.kill()  # a device that hangs; what came is on the disk
            self._ended.wait()
        self._thread.join()
        if self._spare is not None:
            self._dismiss(self._spare)

    def stop(self) -> Path:
        """End it, and make it one file. Raises ``RecordingError``; what was recorded stays."""
        self.end()
        self._writer.join()
        return finish(self.folder, self._whole)

    def _write(self) -> None:
        """The one file, while the tracks grow."""
        try:
            while not self._ended.wait(_WRITE):
                if not all(it.exists() for it in self.files):
                    continue  # a device has not begun: its track may be none
                settled = min(map(frames_of, self.files)) - _SETTLED * self.rate
                if settled > 0:
                    self._whole = self._whole or Whole(self.folder)
                    self._whole.write(settled)
        except (OSError, RecordingError) as error:
            log.warning("the file is written at the end: %s", error)
            self._whole = None

    def _launch(self) -> None:
        self._launched = time.monotonic()
        spare, self._spare = self._spare, None
        if spare is not None and spare.poll() is not None:
            self._dismiss(spare)
            spare = None
        self._process = spare or self._load()
        self._order("record")

    def _load(self) -> subprocess.Popen[str]:
        """A capture process that waits for the word."""
        return subprocess.Popen(
            [sys.executable, "-m", "sottovoce.capture", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # Ctrl-C is for the host, which then stops it in order. Not a session of its own: Linux
            # lets what takes little wait for seconds there, where other sessions are busy.
            process_group=0,
        )

    def _dismiss(self, process: subprocess.Popen[str]) -> None:
        """One that is over, or was never needed."""
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # an order that nobody took any more
                pipe.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _order(self, what: str, at: float | None = None) -> None:
        assert self._process.stdin is not None
        moment = time.monotonic() if at is None else at
        try:
            self._process.stdin.write(f"{what} {moment!r}\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            log.info("the capture process was gone before '%s'", what)

    def _hear(self) -> None:
        for attempt in range(_TIMES):
            done = self._listen()
            status = self._process.wait()
            self._dismiss(self._process)
            if done or self._stopping or status == 1:
                break
            log.warning("the capture process ended with %s", status)
            self.notices.put(
                Notice("restarted", "", "the capture process ended, and was started again")
            )
            self._filled, self._drift = self.filled, self.drift
            self.lost = frozenset()  # the new one says it again
            if time.monotonic() - self._launched < 1:  # it cannot even begin
                time.sleep(min(attempt * 0.1, 1.0))
            self._launch()
            if self._paused_at is not None:
                self._order("pause", self._paused_at)
        self._ended.set()

    def _listen(self) -> bool:
        """Until its output ends; whether it ended in order."""
        assert self._process.stdout is not None
        done = False
        for line in self._process.stdout:
            message: dict[str, Any] = json.loads(line)
            if "filled" in message:
                self.filled = _sum(self._filled, message["filled"])
                self.drift = _sum(self._drift, message["drift"])
            if "levels" in message:
                self.levels, self.seconds = message["levels"], message["seconds"]
                if self._spare is None and not self._stopping:
                    self._spare = self._load()
            elif "notice" in message:
                notice = Notice(message["notice"], message["track"], message["text"])
                log.info("recording: %s", notice.text)
                if notice.kind == "lost":
                    self.lost |= {notice.track}
                elif notice.kind == "back":
                    self.lost -= {notice.track}
                self.notices.put(notice)
            elif "ended" in message:
                done = True
        return done


def _sum(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + seconds for name, seconds in other.items()}
