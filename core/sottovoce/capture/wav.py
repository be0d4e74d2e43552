"""A mono 16-bit WAV file that is whole at every moment, but for what came since the last second."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = 44
"""Bytes: RIFF, fmt and data chunks of PCM, as every reader knows them"""
_MOST = 0xFFFF_FFFF


class GrowingWav:
    """Appends frames; opened again after a crash, it goes on behind the last whole one."""

    def __init__(self, path: Path, rate: int) -> None:
        """Raises ``OSError``."""
        self._rate = rate
        exists = path.exists() and path.stat().st_size >= _HEADER
        # Unbuffered: what was written is the system's, whatever becomes of this process.
        self._file = path.open("r+b" if exists else "w+b", buffering=0)
        if exists:
            self.frames = (path.stat().st_size - _HEADER) // 2
            self._file.truncate(_HEADER + 2 * self.frames)
            self._file.seek(0, os.SEEK_END)
        else:
            self.frames = 0
            self._file.write(_header(rate, 0))

    def write(self, pcm: bytes) -> None:
        """Append whole frames. Raises ``OSError``, and then holds what was written of them."""
        self._write(pcm)
        self.frames += len(pcm) // 2

    def fill(self, frames: int) -> None:
        """Append silence."""
        while frames > 0:
            piece = min(frames, self._rate)
            self.write(bytes(2 * piece))
            frames -= piece

    def insert(self, frames: int, at: int) -> None:
        """Have silence before a frame: what follows it moves back."""
        if frames <= 0:
            return
        begin, step = _HEADER + 2 * at, 2 * frames
        self._file.seek(begin)
        moved = self._file.read()
        try:
            # The last first, so that what is killed meanwhile has some twice, and all of it.
            for place in reversed(range(0, len(moved), step)):
                self._file.seek(begin + step + place)
                self._write(moved[place : place + step])
            self._file.seek(begin)
            self._write(bytes(step))
        finally:
            self.frames = (self._file.seek(0, os.SEEK_END) - _HEADER) // 2

    def cut(self, frames: int, at: int) -> None:
        """Take silence out behind a frame: what follows it moves forward."""
        begin, step = _HEADER + 2 * at, 2 * frames
        self._file.seek(begin + step)
        moved = self._file.read()
        try:
            # The first first, a step at a time: nothing is overwritten that is not there already.
            for place in range(0, len(moved), step):
                self._file.seek(begin + place)
                self._write(moved[place : place + step])
            self._file.truncate(begin + len(moved))
        finally:
            self.frames = (self._file.seek(0, os.SEEK_END) - _HEADER) // 2

    def _write(self, pcm: bytes) -> None:
        left = memoryview(pcm)
        while left:
            left = left[self._file.write(left) :]

    def patch(self) -> None:
        """Have the header say how much there is."""
        end = self._file.tell()
        # After a failed write there may be half a frame more than was counted.
        self.frames = (end - _HEADER) // 2
        self._file.seek(0)
        self._file.write(_header(self._rate, self.frames))
        self._file.seek(end)

    def flush(self) -> None:
        """Have it all on the disk. On a busy disk that takes seconds; another thread may write
        meanwhile."""
        (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def frames_of(path: Path) -> int:
    """How many frames a file holds, whatever its header says. Raises ``OSError``."""
    return max(0, path.stat().st_size - _HEADER) // 2


def samples(path: Path, frames: int, *, at: int = 0) -> bytes:
    """Frames of a file, which may be growing, as PCM."""
    with path.open("rb") as file:
        file.seek(_HEADER + 2 * at)
        return file.read(2 * frames)


def _header(rate: int, frames: int) -> bytes:
    data = min(2 * frames, _MOST)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", min(data + 36, _MOST), b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16,
        b"data", data,
    )  # fmt: skip
