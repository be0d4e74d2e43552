"""Microphones through PortAudio, and Windows' loopback through the fork of it that knows WASAPI.

For where there is no ``parec``: macOS, Windows, Linux with ALSA alone. The callback only stamps and
queues: a stream that is closed while another thread reads it takes the process down.
"""

from __future__ import annotations

import queue
import sys
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

_NOTHING = 2.0
"""Seconds without data after which a stream counts as dead"""


class PortAudioMicrophone(AudioSource):
    name = "microphone"
    kind = SourceKind.MICROPHONE

    def devices(self) -> Sequence[AudioDevice]:
        with _instance() as audio:
            return [
                AudioDevice(str(it["name"]), str(it["name"]))
                for it in _inputs(audio)
                if not it.get("isLoopbackDevice")
            ]

    @contextmanager
    def open(self, device: AudioDevice, format: AudioFormat) -> Iterator[Iterator[AudioChunk]]:
        """Raises ``RecordingError`` when the device cannot be opened or says nothing any more."""
        with _instance() as audio, _stream(audio, _named(audio, device), format) as chunks:
            yield chunks


class WasapiLoopback(AudioSource):
    """What Windows plays. While nothing is played nothing arrives; the recorder fills that."""

    name = "loopback"
    kind = SourceKind.LOOPBACK

    def devices(self) -> Sequence[AudioDevice]:
        with _instance() as audio:
            found = [AudioDevice(str(it["name"]), str(it["name"])) for it in _loopbacks(audio)]
        return found

    @contextmanager
    def open(self, device: AudioDevice, format: AudioFormat) -> Iterator[Iterator[AudioChunk]]:
        with _instance() as audio:
            found = [it for it in _loopbacks(audio) if it["name"] == device.id]
            if not found:
                raise RecordingError(f"{device.label}: it is not connected")
            with _stream(audio, found[0], format, silent=True) as chunks:
                yield chunks


def _loopbacks(audio: Any) -> list[dict[str, Any]]:
    return list(audio.get_loopback_device_info_generator())


def _inputs(audio: Any) -> list[dict[str, Any]]:
    """The default first, the others as PortAudio has them."""
    every = [audio.get_device_info_by_index(i) for i in range(audio.get_device_count())]
    try:
        first = audio.get_default_input_device_info()["index"]
    except OSError:
        first = -1
    return sorted(
        (it for it in every if it["maxInputChannels"] > 0), key=lambda it: it["index"] != first
    )


def _named(audio: Any, device: AudioDevice) -> dict[str, Any]:
    found = [it for it in _inputs(audio) if it["name"] == device.id]
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
    audio: Any, info: dict[str, Any], format: AudioFormat, *, silent: bool = False
) -> Iterator[Iterator[AudioChunk]]:
    """With ``silent`` the device sends nothing while it is silent, and is not taken for dead."""
    arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def callback(data: bytes, frames: int, times: Any, status: int) -> tuple[None, int]:
        arrived.put(data)
        return None, 0  # paContinue

    # A loopback device is opened as it is, and mixed down here.
    channels = int(info["maxInputChannels"]) if silent else format.channels
    rate = int(info["defaultSampleRate"]) if silent else format.rate
    try:
        stream = audio.open(
            rate, channels, audio.get_format_from_width(format.width), input=True,
            input_device_index=info["index"], frames_per_buffer=rate // 50,
            stream_callback=callback,
        )  # fmt: skip
    except OSError as error:
        raise RecordingError(f"{info['name']}: it cannot be opened: {error}") from error
    try:
        yield _chunks(arrived, stream, info, AudioFormat(rate, format.width, channels), format,
                      silent=silent)  # fmt: skip
    finally:
        stream.close()


def _chunks(
    arrived: queue.SimpleQueue[bytes], stream: Any, info: dict[str, Any],
    found: AudioFormat, wanted: AudioFormat, *, silent: bool,
) -> Iterator[AudioChunk]:  # fmt: skip
    import av
    import numpy as np

    resampler = av.AudioResampler(format="s16", layout="mono", rate=wanted.rate)
    sent = 0
    while True:
        try:
            data = arrived.get(timeout=_NOTHING)
        except queue.Empty:
            if silent and stream.is_active():
                continue
            raise RecordingError(f"{info['name']}: nothing arrives from it") from None
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
