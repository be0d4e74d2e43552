"""Writing small files: all of them or nothing, and one line where it cannot be done."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .errors import SottovoceError


@contextmanager
def writing(path: Path, error: type[SottovoceError]) -> Iterator[None]:
    """Whatever the system has against writing a file (a full disk, no permission) as ``error``."""
    try:
        yield
    except OSError as cause:
        raise error(f"{path} cannot be written: {cause.strerror or cause}") from cause


@contextmanager
def locked(path: Path, error: type[SottovoceError]) -> Iterator[None]:
    """Hold the lock beside a file, so that processes change it one after the other."""
    import filelock

    with writing(path, error):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path.with_suffix(".lock"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def replace_text(path: Path, text: str, error: type[SottovoceError]) -> None:
    """Put a text in the place of a file; until all of it is on the disk, the old one stays."""
    with writing(path, error):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
