"""What is in a meeting's files: the same as before, more of it, or not all of it yet."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ..errors import RecordingError
from .folders import on_network
from .ready import unfinished

if TYPE_CHECKING:
    from pathlib import Path

    from ..values import ImportedMeeting


def digest(path: Path) -> tuple[str, int]:
    """SHA-256 and number of bytes. Raises ``RecordingError``."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
    except OSError as error:
        raise RecordingError(f"{path}: it cannot be read: {error.strerror}") from error


def begins_with(path: Path, size: int, sha256: str) -> bool:
    """Whether the first bytes of a file are what was once the whole of it."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while size > 0 and (block := file.read(min(size, 1 << 20))):
                digest.update(block)
                size -= len(block)
    except OSError as error:
        raise RecordingError(f"{path}: it cannot be read: {error.strerror}") from error
    return not size and digest.hexdigest() == sha256


def unfinished_part(imported: ImportedMeeting, folder: Path) -> str:
    """Which of a meeting's files is not all there yet, and why; or nothing."""
    network = on_network(folder)
    for part in imported.files:
        if why := unfinished(part, network=network):
            return f"{part.name}: {why}"
    return ""
