"""From a recording in progress to one file: Matroska with a FLAC track for each side."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import RecordingError
from .wav import frames_of, samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ABOUT = "recording.json"
_PART = "whole.mka"
OWN = "notes.md"
"""What the person noted and marked meanwhile"""
TITLE = "SOTTOVOCE_TITLE"
"""The tag of the title that a person gave; other programs' title tags hold anything"""


def write_about(folder: Path, about: dict[str, Any]) -> None:
    part = folder / f".{_ABOUT}.part"
    part.write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")
    part.replace(folder / _ABOUT)


def read_about(folder: Path) -> dict[str, Any]:
    """Raises ``RecordingError``."""
    try:
        about: dict[str, Any] = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordingError(f"{folder}: this is no recording in progress: {error}") from error
    return about


def unfinished(recordings: Path) -> Iterator[Path]:
    """Recordings in progress that no process works on any more, the oldest first."""
    import filelock

    for folder in sorted(recordings.glob("*.recording")):
        if not (folder / _ABOUT).exists():
            continue
        lock = filelock.FileLock(folder / "lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            continue
        lock.release()
        yield folder


class Whole:
    """The one file, as far as it is written while the recording goes on.

    An hour takes ten seconds of a core: nobody waits for them at the end.
    """

    def __init__(self, folder: Path) -> None:
        """Raises ``RecordingError`` or ``OSError``."""
        import av

        about = read_about(folder)
        self.path = folder / _PART
        self._rate = int(about["rate"])
        self._at = 0
        self._files: list[Path] = []
        self._streams: list[Any] = []
        self._container = av.open(str(self.path), "w", format="matroska")
        if about["title"]:
            metadata = self._container.metadata
            metadata["title"] = metadata[TITLE] = about["title"]
        started = datetime.fromisoformat(about["started_at"])
        self._container.metadata["creation_time"] = started.isoformat()
        for track in about["tracks"]:
            path = folder / track["file"]
            if path.exists() and frames_of(path):
                stream: Any = self._container.add_stream("flac", rate=self._rate, layout="mono")
                stream.metadata["title"] = track["speaker"]
                self._files.append(path)
                self._streams.append(stream)

    def write(self, until: int) -> None:
        """What came before a frame, as far as it is whole seconds. Raises ``OSError``."""
        while self._at + self._rate <= until:
            self._second()

    def end(self) -> Path:
        """What is left; the file is on the disk then. Raises ``OSError``."""
        with self._container:
            longest = max(frames_of(it) for it in self._files)
            while self._at < longest:
                self._second()
            for stream in self._streams:
                self._container.mux(stream.encode(None))
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        return self.path

    def _second(self) -> None:
        """A second of each track in turn: memory stays flat."""
        import av
        import numpy as np

        for stream, path in zip(self._streams, self._files, strict=True):
            pcm = np.frombuffer(samples(path, self._rate, at=self._at), np.int16)
            if len(pcm):
                frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
                frame.sample_rate, frame.pts = self._rate, self._at
                self._container.mux(stream.encode(frame))
        self._at += self._rate


def finish(folder: Path, whole: Whole | None = None) -> Path:
    """Write the recording beside its folder, which then goes; the file. ``whole`` is as much of it
    as is written already.

    Whole or not at all: where the disk is full the folder stays as it is. Raises
    ``RecordingError``.
    """
    about = read_about(folder)
    files = [folder / it["file"] for it in about["tracks"]]
    if not any(it.exists() and frames_of(it) for it in files):
        shutil.rmtree(folder)
        raise RecordingError(f"nothing was recorded from {about['started_at']} on: no audio came")
    target = _free(folder.parent / f"{folder.name.removesuffix('.recording')}.mka")
    try:
        part = (whole or Whole(folder)).end()
        if (folder / OWN).exists():
            (folder / OWN).replace(target.with_suffix(".md"))
        part.replace(target)
    except OSError as error:
        (folder / _PART).unlink(missing_ok=True)
        raise RecordingError(
            f"{folder}: the recording is there, but could not be made one file: "
            f"{error.strerror or error}; mend that, then: sotto record --finish"
        ) from error
    shutil.rmtree(folder)
    return target


def _free(path: Path) -> Path:
    number, found = 2, path
    while found.exists():
        found = path.with_stem(f"{path.stem} ({number})")
        number += 1
    return found
