"""Audio, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Interleaved signed little-endian PCM."""

    rate: int = 16_000
    """Hertz"""
    width: int = 2
    """Bytes per sample"""
    channels: int = 1


@dataclass(frozen=True, slots=True)
class AudioChunk:
    audio: bytes
    timestamp: float
    """Seconds from the start of the recording to the first frame"""


@dataclass(frozen=True, slots=True)
class AudioDevice:
    id: str
    label: str


class SourceKind(StrEnum):
    MICROPHONE = "microphone"
    LOOPBACK = "loopback"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile:
    """What a file source found in a file before decoding it."""

    tracks: tuple[AudioDevice, ...]
    """What can be opened: one per track, or per channel where each carries a voice of its own.
    The label names the person on the track, and is empty where several people share it."""
    duration: float | None
    """``None`` where the container does not say"""
    started_at: datetime | None = None
    """When the recording began, as its metadata says; aware"""
    title: str = ""
    """That a person gave it when it was recorded"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    id: str
    title: str
    path: Path
    source: str
    """The name of the audio source that it comes from"""
    started_at: datetime
    """Aware, in the device's time zone"""
    duration: float = 0.0
    sha256: str = ""
    """Of the file's bytes: the same content under another name is the same recording"""
