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


def finish(folder: Path) -> Path:
    """Write the recording beside its folder, which then goes; the file.

    Whole or not at all: where the disk is full the folder stays as it is. Raises
    ``RecordingError``.
    """
    about = read_about(folder)
    tracks = [it for it in about["tracks"] if (folder / it["file"]).exists()]
    tracks = [it for it in tracks if frames_of(folder / it["file"])]
    if not tracks:
        shutil.rmtree(folder)
        raise RecordingError(f"nothing was recorded from {about['started_at']} on: no audio came")
    target = _free(folder.parent / f"{folder.name.removesuffix('.recording')}.mka")
    part = target.with_name(f".{target.name}.part")
    try:
        _mux(folder, about, tracks, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        if (folder / OWN).exists():
            (folder / OWN).replace(target.with_suffix(".md"))
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RecordingError(
            f"{folder}: the recording is there, but could not be made one file: "
            f"{error.strerror or error}; mend that, then: sotto record --finish"
        ) from error
    shutil.rmtree(folder)
    return target


def _mux(folder: Path, about: dict[str, Any], tracks: list[dict[str, Any]], part: Path) -> None:
    import av
    import numpy as np

    rate = int(about["rate"])
    with av.open(str(part), "w", format="matroska") as container:
        if about["title"]:
            container.metadata["title"] = container.metadata[TITLE] = about["title"]
        started = datetime.fromisoformat(about["started_at"])
        container.metadata["creation_time"] = started.isoformat()
        streams: list[Any] = []
        for track in tracks:
            stream: Any = container.add_stream("flac", rate=rate, layout="mono")
            stream.metadata["title"] = track["speaker"]
            streams.append(stream)
        longest = max(frames_of(folder / it["file"]) for it in tracks)
        for at in range(0, longest, rate):  # a second of each in turn: memory stays flat
            for stream, track in zip(streams, tracks, strict=True):
                pcm = np.frombuffer(samples(folder / track["file"], rate, at=at), np.int16)
                if not len(pcm):
                    continue
                frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
                frame.sample_rate, frame.pts = rate, at
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))


def _free(path: Path) -> Path:
    number, found = 2, path
    while found.exists():
        found = path.with_stem(f"{path.stem} ({number})")
        number += 1
    return found
