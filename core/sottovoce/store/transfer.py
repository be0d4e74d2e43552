"""One file from the hub: resumed where it broke, and checked before it counts."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DownloadError, ModelError
from .hub import allowed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from .hub import HubFile

log = logging.getLogger(__name__)

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    attempts: int = 5
    """Tries in a row that bring nothing, before the download is given up"""
    pause: float = 0.5
    """Seconds before the second try; doubled for each further one"""
    stall: float = 15.0
    """Seconds without a byte after which a connection is given up"""


class _Transient(Exception):
    """Worth another try."""


def fetch(
    file: HubFile,
    path: Path,
    report: Callable[[int], None],
    patience: Patience = Patience(),
) -> None:
    """Download a file to ``path``, which appears when all of it is there and checked.

    Until then it is ``path`` with ``.part`` added, which the next call continues. ``report`` gets
    the bytes that are there. Raises ``DownloadError``, which leaves the part, or ``ModelError``
    where the bytes are not those that were promised, twice.
    """
    part = path.with_name(path.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    for again in (True, False):
        _complete(file, part, report, patience)
        if is_right(file, part):
            part.replace(path)
            return
        # Which bytes are wrong nobody can tell: none of them are of use.
        part.unlink()
        if again:
            log.warning("%s arrived damaged; it is downloaded once more", file.name)
    raise DownloadError(
        f"{file.name} arrived damaged twice (its SHA-256 is wrong), and was deleted; try again "
        "later, or over another connection"
    )


def _complete(file: HubFile, part: Path, report: Callable[[int], None], patience: Patience) -> None:
    there = _size(part)
    if there > file.size:
        part.unlink()
        there = 0
    report(there)
    without_progress = 0
    cause: Exception | None = None
    while there < file.size:
        if without_progress == patience.attempts:
            raise DownloadError(
                f"the download of {file.name} broke off at {there:,} of {file.size:,} bytes "
                f"({cause}); the same command goes on from there"
            ) from cause
        if without_progress:
            time.sleep(min(8.0, patience.pause * 2 ** (without_progress - 1)))
        try:
            _receive(file, part, there, report, patience.stall)
        except _Transient as error:
            log.info("%s: %s; trying again", file.name, error)
            cause = error
        now = _size(part)
        without_progress = 0 if now > there else without_progress + 1
        there = now


def _receive(
    file: HubFile, part: Path, start: int, report: Callable[[int], None], stall: float
) -> None:
    """Append what one request brings."""
    import httpx2
    from huggingface_hub import get_session

    # Without compression, whose bytes could not be resumed.
    headers = {"Accept-Encoding": "identity", "User-Agent": "sottovoce"}
    if start:
        headers["Range"] = f"bytes={start}-"
    if file.authorization:
        headers["Authorization"] = file.authorization
    try:
        with (
            allowed(file.url),
            get_session().stream("GET", file.url, headers=headers, timeout=stall) as response,
        ):
            _append(file, part, _begin(file, response, start), response, report)
    except httpx2.TimeoutException as error:
        raise _Transient("nothing came any more") from error
    except (httpx2.TransportError, httpx2.StreamError) as error:
        raise _Transient(str(error) or type(error).__name__) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DownloadError(
                f"the disk is full: {file.name} stands at {_size(part):,} of {file.size:,} bytes; "
                "free some space, and the same command goes on from there"
            ) from error
        raise DownloadError(f"{part} cannot be written: {error.strerror}") from error


def _begin(file: HubFile, response: Any, start: int) -> int:
    """Where the bytes of a response belong. Raises ``_Transient``, ``DownloadError``."""
    status = response.status_code
    if status == 416 or status == 429 or status >= 500:
        raise _Transient(f"the server answered {status}")
    if status in (401, 403, 404, 410):
        raise DownloadError(
            f"the server refused {file.name} ({status}); the link may have expired: run the same "
            "command again"
        )
    if status not in (200, 206):
        raise DownloadError(f"the server answered {status} for {file.name}; try again later")
    begin, total = 0, response.headers.get("Content-Length")
    if status == 206:  # "bytes 100-999/1000"
        span, _, total = response.headers.get("Content-Range", "").rpartition("/")
        first = span.removeprefix("bytes ").partition("-")[0]
        if not first.isdigit() or int(first) != start:
            raise _Transient("the server sent another part than it was asked for")
        begin = start
    if total is not None and total.isdigit() and int(total) != file.size:
        raise DownloadError(
            f"the server has a {file.name} of {int(total):,} bytes, and not of {file.size:,}: it "
            "is another file; nothing of it was kept"
        )
    return begin


def _append(
    file: HubFile, part: Path, begin: int, response: Any, report: Callable[[int], None]
) -> None:
    at = begin
    with part.open("r+b" if part.exists() else "w+b", buffering=0) as out:
        out.truncate(begin)  # the server may have begun anew
        out.seek(begin)
        for chunk in response.iter_raw():  # as they come: what was received is kept
            if at + len(chunk) > file.size:
                raise DownloadError(
                    f"the server sent more than the {file.size:,} bytes of {file.name}; run the "
                    "same command again"
                )
            view = memoryview(chunk)
            while view:  # a disk that is nearly full takes a part
                view = view[out.write(view) :]
            at += len(chunk)
            report(at)
        os.fsync(out.fileno())


def is_right(file: HubFile, part: Path) -> bool:
    """Whether the bytes are those that were promised."""
    with part.open("rb") as stream:
        if file.sha256 is not None:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
        if file.blob is None:
            raise ModelError(f"nothing says what the bytes of {file.name} are to be")
        digest = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest() == file.blob


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
