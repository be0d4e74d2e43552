"""Microphone and system loopback on Linux, of PulseAudio or PipeWire, each through a ``parec``.

A ``parec`` can be killed where PortAudio would hang with the daemon, and costs a tenth of it. It
moves to another source in silence when its own goes away, so the sound system is asked whenever it
tells that something changed.
"""

from __future__ import annotations

import logging
import math
import os
import select
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from sottovoce import AudioChunk, AudioDevice, AudioFormat, AudioSource, RecordingError, SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

log = logging.getLogger(__name__)

DEFAULT = "default"
"""The id of the device that follows the system's default"""
_OWN = "Sottovoce"
"""What this program calls itself to the sound system"""
_NO_CALLS = frozenset({"peak detect"})
"""Streams of level meters"""
_LIBRARIES = frozenset({"webrtc voiceengine", "chromium input", "portaudio"})
"""What programs are called that let a library capture: the program's file then names them"""
_PATIENCE = 2.0
"""Seconds that the sound system has for an answer"""
_LOOK = 5.0
"""Seconds without data after which it is asked what became of a stream, and asked again"""
_DEAD = 20.0
"""Seconds without data after which it is dead if nothing of it is held back: sources that are
silent send zeros, and what the sound system holds while the machine is busy it sends later"""
_BLOCK = 80
"""Milliseconds of audio that come together. The sound system sends a block each time that the last
one was taken: where every step waits for a processor, short ones come slower than they are made"""


def available() -> bool:
    return shutil.which("parec") is not None and shutil.which("pactl") is not None


class _Pulse(AudioSource):
    _stream = ""
    """The process of the stream that was opened last"""

    def devices(self) -> Sequence[AudioDevice]:
        try:
            labels = _sources()
            default = self._default()
        except RecordingError:
            return ()  # no sound system here
        found = [AudioDevice(id, label) for id, label in labels.items() if self._ours(id)]
        if default not in labels:
            return found
        return [AudioDevice(DEFAULT, f"{labels[default]} (the system's default)"), *found]

    @contextmanager
    def open(self, device: AudioDevice, format: AudioFormat) -> Iterator[Iterator[AudioChunk]]:
        """Raises ``RecordingError`` from the iterator when the device is gone or says nothing."""
        name = self._default() if device.id == DEFAULT else device.id
        if name not in _sources():
            raise RecordingError(f"{device.label}: it is not connected")
        process = subprocess.Popen(
            ["parec", f"--device={name}", "--raw", f"--format=s{format.width * 8}le",
             f"--rate={format.rate}", f"--channels={format.channels}",
             f"--latency-msec={_BLOCK}", f"--client-name={_OWN}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._stream = str(process.pid)
        with _Watch(lambda: self._trouble(device, name)) as watch:
            try:
                yield self._chunks(process, device, watch, format)
            finally:
                process.kill()
                process.communicate()

    def _chunks(
        self, process: subprocess.Popen[bytes], device: AudioDevice, watch: _Watch,
        format: AudioFormat,
    ) -> Iterator[AudioChunk]:  # fmt: skip
        assert process.stdout is not None
        file = process.stdout.fileno()
        frame = format.width * format.channels
        rest, sent = b"", 0
        arrived = asked = time.monotonic()
        while True:
            ready, _, _ = select.select([file], [], [], 0.2)
            now = time.monotonic()
            if watch.trouble:
                raise RecordingError(f"{device.label}: {watch.trouble}")
            if not ready:
                if now - max(arrived, asked) > _LOOK:
                    held = self.held()
                    asked = time.monotonic()
                    if held is None or (held == 0 and now - arrived > _DEAD):
                        raise RecordingError(f"{device.label}: nothing arrives from it")
                yield AudioChunk(b"", sent / format.rate)
                continue
            data = os.read(file, 65_536)
            if not data:
                raise RecordingError(f"{device.label}: the sound system ended the stream")
            arrived = now
            data = rest + data
            whole = len(data) // frame * frame
            rest = data[whole:]
            if whole:
                yield AudioChunk(data[:whole], sent / format.rate)
                sent += whole // frame

    def held(self) -> float | None:
        try:
            streams = [_fields(it) for it in _pactl("list", "source-outputs").split("\n\n")]
        except RecordingError as error:
            log.info("%s", error)
            return math.inf
        for it in streams:
            if it.get("application.process.id") == self._stream:
                return float(it.get("Buffer Latency", "0 usec").split()[0]) / 1e6
        return None

    def users(self) -> Sequence[str]:
        """Raises ``RecordingError`` where there is no sound system."""
        devices = {
            row.split("\t")[0]: row.split("\t")[1]
            for row in _pactl("list", "short", "sources").splitlines()
        }
        streams = [_fields(it) for it in _pactl("list", "source-outputs").split("\n\n")]
        found = [
            _program(it) for it in streams
            if self._ours(devices.get(it.get("Source", ""), "")) and it.get("Corked") != "yes"
        ]  # fmt: skip
        return tuple(dict.fromkeys(it for it in found if it and it != _OWN))

    def _trouble(self, device: AudioDevice, name: str) -> str:
        """Why the stream of a source is of no use any more; empty while it is."""
        if name not in _sources():
            return "it was disconnected"
        if device.id == DEFAULT and (now := self._default()) != name:
            return f"the system's default is now {_sources().get(now, now)}"
        return ""

    def _ours(self, id: str) -> bool:
        return id.endswith(".monitor") == (self.kind is SourceKind.LOOPBACK)

    def _default(self) -> str:
        if self.kind is SourceKind.LOOPBACK:
            return f"{_pactl('get-default-sink').strip()}.monitor"
        return _pactl("get-default-source").strip()


class _Watch:
    """Looks whenever the sound system says that something changed, beside the reading, which must
    not wait for it."""

    def __init__(self, look: Callable[[], str]) -> None:
        self._look = look
        self.trouble = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._events = subprocess.Popen(
            ["pactl", "subscribe"], env=_plain(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._events.kill()
        self._thread.join()
        self._events.wait()

    def _run(self) -> None:
        assert self._events.stdout is not None
        with self._events.stdout as events:
            self._check()  # what changed before it listened
            for line in events:
                if " on source #" in line or " on server" in line:
                    self._check()

    def _check(self) -> None:
        if self.trouble or self._ended.is_set():
            return
        try:
            self.trouble = self._look()
        except RecordingError as error:
            # A machine that is busy answers late: what arrives says whether the stream lives.
            log.info("%s", error)


class PulseMicrophone(_Pulse):
    name = "microphone"
    kind = SourceKind.MICROPHONE


class PulseLoopback(_Pulse):
    name = "loopback"
    kind = SourceKind.LOOPBACK


def _sources() -> dict[str, str]:
    """Labels by name. Raises ``RecordingError`` where there is no sound system."""
    found: dict[str, str] = {}
    name = ""
    for line in _pactl("list", "sources").splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "Name":
            name = value
        elif key == "Description":
            found[name] = value.removeprefix("Monitor of ")
    return found


def _fields(block: str) -> dict[str, str]:
    """What pactl lists of one thing: ``Key: value``, and ``key = "value"`` of its properties."""
    found: dict[str, str] = {}
    for line in block.splitlines():
        for mark in (" = ", ": "):
            key, found_mark, value = line.strip().partition(mark)
            if found_mark:
                found[key] = value.strip('"')
                break
    return found


def _program(stream: dict[str, str]) -> str:
    """Empty for one that is no program's, such as the sound system's own."""
    if stream.get("media.name", "").casefold() in _NO_CALLS:
        return ""
    name, binary = stream.get("application.name", ""), stream.get("application.process.binary", "")
    return (binary if name.casefold() in _LIBRARIES else name) or binary


def _plain() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}  # what pactl says is translated otherwise


def _pactl(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["pactl", *arguments],
            env=_plain(),
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise RecordingError("the sound system does not answer") from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise RecordingError(
            "no sound system answers; is PulseAudio or PipeWire running for this account?"
        ) from error
    return done.stdout
