"""Headerless recordings (``.pcm``, ``.raw``): 16 kHz mono, signed 16-bit, as simple recorders
write them. FFmpeg cannot tell what is in such a file; this audio source can, because it knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sottovoce import (
    AudioChunk,
    AudioDevice,
    AudioFormat,
    AudioSource,
    FileSource,
    RecordedFile,
    RecordingError,
    UsageError,
    hookimpl,
)

BYTES_PER_SECOND = 16_000 * 2


class PcmFiles(FileSource):
    name = "pcm-file"
    suffixes = frozenset({".pcm", ".raw"})

    def inspect(self, path: Path) -> RecordedFile:
        try:
            size = path.stat().st_size
        except OSError as error:
            raise RecordingError(f"{path}: {error.strerror}") from error
        if size == 0 or size % 2:
            raise RecordingError(f"{path}: not 16-bit audio: it has {size} bytes")
        return RecordedFile(
            tracks=(AudioDevice(id=str(path), label=""),), duration=size / BYTES_PER_SECOND
        )

    @contextmanager
    def open(self, device: AudioDevice, format: AudioFormat) -> Iterator[Iterator[AudioChunk]]:
        if format != AudioFormat():
            raise UsageError(f"{self.name} gives 16 kHz mono 16-bit audio only")
        with Path(device.id).open("rb") as file:
            blocks = iter(partial(file.read, BYTES_PER_SECOND), b"")
            yield (AudioChunk(block, float(second)) for second, block in enumerate(blocks))


@hookimpl
def register_audio_sources() -> list[AudioSource]:
    return [PcmFiles()]
