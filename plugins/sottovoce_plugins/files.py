"""Recorded files of every common container and codec, through PyAV (FFmpeg's libraries)."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sottovoce import (
    AudioChunk,
    AudioDevice,
    AudioFormat,
    AudioSource,
    FileSource,
    RecordedFile,
    RecordingError,
    hookimpl,
)
from sottovoce.capture.finish import TITLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import av
    import numpy as np
    import numpy.typing as npt

log = logging.getLogger(__name__)

_BLOCK = 0.5
"""Seconds of audio a chunk"""
_GAP = 0.1
"""Seconds by which timestamps may run ahead of the audio before silence fills the hole"""
_PROBE = 60.0
"""Seconds of a stereo file that are listened to, to tell two voices from two ears"""


class RecordedFiles(FileSource):
    """The built-in file source. A device id is ``STREAM:CHANNEL:PATH``; no channel means all."""

    name = "recorded-file"
    suffixes = frozenset(
        ".aac .aif .aiff .amr .avi .caf .flac .m4a .m4b .m4v .mka .mkv .mov .mp2 .mp3 .mp4 .mpeg"
        " .mpg .oga .ogg .ogv .opus .ts .wav .weba .webm .wma .wmv .3gp".split()
    )

    def inspect(self, path: Path) -> RecordedFile:
        with _opened(path) as container:
            if not container.streams.audio:
                what = "a video without sound" if container.streams.video else "no recording"
                raise RecordingError(f"{path}: {what}: there is no audio track in it")
            tracks: list[AudioDevice] = []
            for stream in container.streams.audio:
                label = stream.metadata.get("title", "") or stream.metadata.get("handler_name", "")
                tracks.append(AudioDevice(f"{stream.index}::{path}", _person(label)))
            duration = container.duration / 1_000_000 if container.duration else None
            started_at = _creation_time(container.metadata)
            title = container.metadata.get(TITLE, "")
            two_channels = len(tracks) == 1 and container.streams.audio[0].channels == 2
        if two_channels and _one_voice_a_channel(tracks[0]):
            index = tracks[0].id.partition(":")[0]
            tracks = [
                AudioDevice(f"{index}:{channel}:{path}", label)
                for channel, label in enumerate(("Left", "Right"))
            ]
        elif len(tracks) > 1:
            tracks = [
                AudioDevice(track.id, track.label or f"Track {number}")
                for number, track in enumerate(tracks, 1)
            ]
        return RecordedFile(
            tracks=tuple(tracks), duration=duration, started_at=started_at, title=title
        )

    @contextmanager
    def open(self, device: AudioDevice, format: AudioFormat) -> Iterator[Iterator[AudioChunk]]:
        index, channel, path = device.id.split(":", 2)
        with _opened(Path(path)) as container:
            frames = _decoded(container, int(index), Path(path))
            layout = "stereo" if channel else "mono"
            pcm = _on_the_timeline(_resampled(frames, format, layout), format.rate)
            if channel:
                pcm = (block[int(channel) :: 2] for block in pcm)
            yield _chunks(pcm, format)


@hookimpl(trylast=True)
def register_audio_sources() -> list[AudioSource]:
    return [RecordedFiles()]


@contextmanager
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
    """Open a container, with FFmpeg's complaints as one line each."""
    import av

    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise RecordingError(f"{path}: the file is empty")
    except FileNotFoundError:
        raise RecordingError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise RecordingError(f"{path}: this is a folder; name the recordings in it") from None
    except PermissionError:
        raise RecordingError(f"{path}: you have no permission to read it") from None
    except OSError as error:
        raise RecordingError(f"{path}: it cannot be read: {error.strerror}") from error
    try:
        # "file:" so that a colon in a name is not taken for a protocol: nothing connects.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        if path.suffix.lower() in {".mp4", ".m4a", ".mov", ".m4v", ".m4b", ".3gp"}:
            why = "cut off before its index was written, or not a recording"
        else:
            why = "not a recording, or damaged from its beginning"
        raise RecordingError(f"{path}: {why} ({_reason(error)})") from error
    with container:
        if container.format.name in _NOT_AUDIO:
            raise RecordingError(f"{path}: not a recording but {container.format.long_name}")
        yield container


_NOT_AUDIO = {"tty", "lrc", "srt", "webvtt", "ass", "subviewer", "microdvd"}
"""What FFmpeg takes text files for"""


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)


def _person(label: str) -> str:
    """A track's title, where it is not what an encoder writes of itself."""
    return "" if label.lower().endswith(("handler", "sound", "audio")) else label.strip()


def _creation_time(metadata: dict[str, str]) -> datetime | None:
    for key in ("creation_time", "date", "DATE"):
        try:
            found = datetime.fromisoformat(metadata[key])
        except (KeyError, ValueError):
            continue
        if len(metadata[key]) > 10 and found.year > 1971:  # many encoders write the year zero
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _decoded(container: Any, index: int, path: Path) -> Iterator[Any]:
    """The frames of a stream; damaged packets are passed over, and say so in the log."""
    import av

    stream = container.streams[index]
    damaged = good = 0
    try:
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    good += 1
                    yield frame
            except av.error.InvalidDataError:
                damaged += 1
    except av.error.FFmpegError as error:
        if not good:
            raise RecordingError(
                f"{path}: its audio cannot be decoded ({_reason(error)})"
            ) from error
        log.warning("%s: reading ended early: %s", path, _reason(error))
    if not good:
        raise RecordingError(f"{path}: no audio could be decoded from it")
    if damaged:
        log.warning("%s: %d damaged packets were passed over", path, damaged)


def _resampled(
    frames: Iterable[Any], format: AudioFormat, layout: str
) -> Iterator[tuple[float | None, npt.NDArray[np.int16]]]:
    """Each frame's time in seconds and its interleaved samples at the wanted rate."""
    import av

    resampler: Any = None
    shape: tuple[Any, ...] = ()
    for frame in frames:
        now = (frame.sample_rate, frame.format.name, frame.layout.name)
        if now != shape:  # the first frame, or a stream that changes in its middle
            if resampler is not None:
                yield from ((None, out.to_ndarray()[0]) for out in resampler.resample(None))
            resampler = av.AudioResampler(format="s16", layout=layout, rate=format.rate)
            shape = now
        time = frame.time
        frame.pts = None  # holes are filled here, not by the resampler
        for out in resampler.resample(frame):
            yield time, out.to_ndarray()[0]
            time = None
    if resampler is not None:
        yield from ((None, out.to_ndarray()[0]) for out in resampler.resample(None))


def _on_the_timeline(
    timed: Iterable[tuple[float | None, npt.NDArray[np.int16]]], rate: int
) -> Iterator[npt.NDArray[np.int16]]:
    """Fill the holes that timestamps show, so that sample n is heard at n / rate.

    Players count from the container's first timestamp; so does this.
    """
    import numpy as np

    origin: float | None = None
    written = 0
    for time, samples in timed:
        channels = 1
        if time is not None:
            origin = time if origin is None else origin
            missing = time - origin - written / rate
            if missing > _GAP:
                hole = round(missing * rate)
                written += hole
                while hole > 0:  # in pieces: a broken clock may ask for hours
                    piece = min(hole, rate)
                    yield np.zeros(piece * channels, np.int16)
                    hole -= piece
        written += len(samples)
        yield samples


def _chunks(blocks: Iterable[npt.NDArray[np.int16]], format: AudioFormat) -> Iterator[AudioChunk]:
    size = int(_BLOCK * format.rate)
    kept: list[Any] = []
    held = sent = 0
    for block in blocks:
        kept.append(block)
        held += len(block)
        if held >= size:
            yield AudioChunk(b"".join(it.tobytes() for it in kept), sent / format.rate)
            sent += held
            kept, held = [], 0
    if held:
        yield AudioChunk(b"".join(it.tobytes() for it in kept), sent / format.rate)


def _one_voice_a_channel(track: AudioDevice) -> bool:
    """Whether the two channels of a file carry different voices: then each is a track.

    A stereo recording of one room has the same sounds in both, now more to one side, now to the
    other; a recorder of calls puts either side into a channel of its own: the two are unlike as
    waves, and neither is loud when the other is because it is the same voice.
    """
    import numpy as np

    index, _, path = track.id.split(":", 2)
    format = AudioFormat(rate=8_000)
    step = format.rate // 50
    with _opened(Path(path)) as container:
        frames = _decoded(container, int(index), Path(path))
        kept: list[Any] = []
        held = 0
        for _, block in _resampled(frames, format, "stereo"):
            kept.append(block)
            held += len(block) // 2
            if held > _PROBE * format.rate:
                break
    samples = np.concatenate(kept).reshape(-1, 2).astype(np.float64)
    if len(samples) < format.rate:
        return False
    loudness = samples[: len(samples) // step * step].reshape(-1, step, 2).std(axis=1)
    speaking = loudness > 0.05 * loudness.max() + 1
    if speaking.mean(axis=0).min() < 0.02:
        return False  # one channel is silent: a microphone that was plugged in by half
    active = loudness[speaking.any(axis=1)]
    return abs(_correlation(samples)) < 0.3 and _correlation(np.log(active + 1)) < 0.5


def _correlation(pairs: npt.NDArray[np.float64]) -> float:
    import numpy as np

    matrix: Any = np.corrcoef(pairs.T)
    return float(matrix[0, 1])
