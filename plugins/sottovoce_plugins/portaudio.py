"""Microphones through PortAudio, and Windows' loopback through the fork of it that knows WASAPI.

For where there is no ``parec``: macOS, Windows, Linux with ALSA alone. The callback only stamps and
queues: a stream that is closed while another thread reads it takes the process down.
"""

from __future__ import annotations

import queue
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sottovoce import (
    AudioChunk,
    AudioDevice,
    AudioFormat,
    AudioSource,
    MissingExtraError,
    RecordingError,
    SourceKind,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DEFAULT = "default"
"""The id of the device that is the system's default whenever it is opened"""
_DEAD = 5.0
"""Seconds without data after which a stream is dead"""
_LOOK = 0.25
"""Seconds after which it is told that nothing arrives"""
_BLOCKS = 20
"""A second: shorter ones are lost where the machine is busy"""


class PortAudioMicrophone(AudioSource):
    name = "microphone"
    kind = SourceKind.MICROPHONE

    def devices(self) -> Sequence[AudioDevice]:
        with _instance() as audio:
            return _listed(_inputs(audio), _default(audio))

    @contextmanager
    def open(self, device: AudioDevice, format: AudioFormat) -> Iterator[Iterator[AudioChunk]]:
        """Raises ``RecordingError`` when the device cannot be opened or says nothing any more."""
        with _instance() as audio:
            found = _named(device, _inputs(audio), _default(audio))
            with _stream(audio, found, format) as chunks:
                yield chunks


class WasapiLoopback(AudioSource):
    """What Windows plays. While nothing is played nothing arrives."""

    name = "loopback"
    kind = SourceKind.LOOPBACK
    quiet = True

    def devices(self) -> Sequence[AudioDevice]:
        with _instance() as audio:
            return _listed(_loopbacks(audio), _default_loopback(audio))

    @contextmanager
    def open(self, device: AudioDevice, format: AudioFormat) -> Iterator[Iterator[AudioChunk]]:
        with _instance() as audio:
            found = _named(device, _loopbacks(audio), _default_loopback(audio))
            with _stream(audio, found, format, quiet=True) as chunks:
                yield chunks


def _loopbacks(audio: Any) -> list[dict[str, Any]]:
    return list(audio.get_loopback_device_info_generator())


def _default_loopback(audio: Any) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = audio.get_default_wasapi_loopback()
    except (OSError, LookupError):
        return None
    return found


def _inputs(audio: Any) -> list[dict[str, Any]]:
    every = [audio.get_device_info_by_index(i) for i in range(audio.get_device_count())]
    return [it for it in every if it["maxInputChannels"] > 0 and not it.get("isLoopbackDevice")]


def _default(audio: Any) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = audio.get_default_input_device_info()
    except OSError:
        return None
    return found


def _listed(devices: Sequence[dict[str, Any]], default: dict[str, Any] | None) -> list[AudioDevice]:
    found = [AudioDevice(str(it["name"]), str(it["name"])) for it in devices]
    if default is None:
        return found
    return [AudioDevice(_DEFAULT, f"{default['name']} (the system's default)"), *found]


def _named(
    device: AudioDevice, devices: Sequence[dict[str, Any]], default: dict[str, Any] | None
) -> dict[str, Any]:
    if device.id == _DEFAULT and default is not None:
        return default
    found = [it for it in devices if it["name"] == device.id]
    if not found:
        raise RecordingError(f"{device.label}: it is not connected")
    return found[0]


@contextmanager
def _instance() -> Iterator[Any]:
    """PortAudio, begun anew: its list of devices is the one of when it began."""
    try:
        if sys.platform == "win32":
            import pyaudiowpatch as pyaudio  # type: ignore[import-not-found,unused-ignore]
        else:
            import pyaudio  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise MissingExtraError("capture", "recording from a microphone") from None
    audio = pyaudio.PyAudio()
    try:
        yield audio
    finally:
        audio.terminate()


@contextmanager
def _stream(
    audio: Any, info: dict[str, Any], format: AudioFormat, *, quiet: bool = False
) -> Iterator[Iterator[AudioChunk]]:
    """With ``quiet`` the device sends nothing while it is silent, and is not taken for dead."""
    arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def callback(data: bytes, frames: int, times: Any, status: int) -> tuple[None, int]:
        arrived.put(data)
        return None, 0  # paContinue

    # A loopback device is opened as it is, and mixed down here.
    channels = int(info["maxInputChannels"]) if quiet else format.channels
    rate = int(info["defaultSampleRate"]) if quiet else format.rate
    try:
        stream = audio.open(
            rate, channels, audio.get_format_from_width(format.width), input=True,
            input_device_index=info["index"], frames_per_buffer=rate // _BLOCKS,
            stream_callback=callback,
        )  # fmt: skip
    except OSError as error:
        raise RecordingError(f"{info['name']}: it cannot be opened: {error}") from error
    try:
        yield _chunks(arrived, stream, info, AudioFormat(rate, format.width, channels), format,
                      quiet=quiet)  # fmt: skip
    finally:
        stream.close()


def _chunks(
    arrived: queue.SimpleQueue[bytes], stream: Any, info: dict[str, Any],
    found: AudioFormat, wanted: AudioFormat, *, quiet: bool,
) -> Iterator[AudioChunk]:  # fmt: skip
    import av
    import numpy as np

    resampler = av.AudioResampler(format="s16", layout="mono", rate=wanted.rate)
    sent = 0
    last = time.monotonic()
    while True:
        try:
            data = arrived.get(timeout=_LOOK)
        except queue.Empty:
            gone = not stream.is_active() if quiet else time.monotonic() - last > _DEAD
            if gone:
                raise RecordingError(f"{info['name']}: nothing arrives from it") from None
            yield AudioChunk(b"", sent / wanted.rate)
            continue
        last = time.monotonic()
        if found != wanted:
            mixed = np.frombuffer(data, np.int16).reshape(-1, found.channels).mean(axis=1)
            frame = av.AudioFrame.from_ndarray(
                mixed.astype(np.int16)[None, :], format="s16", layout="mono"
            )
            frame.sample_rate = found.rate
            data = b"".join(it.to_ndarray().tobytes() for it in resampler.resample(frame))
        if data:
            yield AudioChunk(data, sent / wanted.rate)
            sent += len(data) // 2
