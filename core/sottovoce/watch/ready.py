"""When a file is all there: nobody writes it, it is not elsewhere, its container has an end."""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
import time
import zipfile
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

TEMPORARY = frozenset(
    ".part .partial .crdownload .download .opdownload .tmp .temp .filepart .zoom .!ut".split()
)
"""Suffixes of files that another program is not done with"""
_WINDOWS_ELSEWHERE = 0x1000 | 0x40000 | 0x400000
"""FILE_ATTRIBUTE_OFFLINE, _RECALL_ON_OPEN, _RECALL_ON_DATA_ACCESS: winnt.h"""
_MAC_DATALESS = 0x40000000
"""SF_DATALESS: sys/stat.h"""
_CHANGED_LATELY = 60.0
"""Seconds after the last change in which half a file may still become a whole one"""
_MP4_BOXES = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp"))


def temporary(name: str) -> bool:
    """Whether a name is one that programs give to what they are not done with, or hide."""
    lowered = name.lower()
    return (
        lowered.startswith((".", "~"))
        or lowered.endswith("~")
        or any(lowered.endswith(it) for it in TEMPORARY)
    )


def unfinished_name(folder: Path) -> str:
    """Why a folder that is one meeting is not all there, as the names in it say; or nothing."""
    for it in folder.rglob("*"):
        if it.name.lower().endswith(tuple(TEMPORARY)) and not it.name.startswith("."):
            return f"{it.name} is not finished by the program that writes it"
    return ""


def identity(path: Path) -> str:
    """Which state of a file this is; another one after any change, also of its permissions.

    Of a folder, the states of the files in it. Raises ``OSError``.
    """
    found = path.stat()
    if not stat.S_ISDIR(found.st_mode):
        return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"
    inside = sorted(it for it in path.rglob("*") if it.is_file())
    return "/".join(f"{it.name}:{it.stat().st_size}:{it.stat().st_mtime_ns}" for it in inside)


def elsewhere(path: Path) -> bool:
    """Whether a sync client shows the file but has not brought its content."""
    found = path.stat()
    attributes = getattr(found, "st_file_attributes", 0)
    flags = getattr(found, "st_flags", 0)
    return bool(attributes & _WINDOWS_ELSEWHERE or flags & _MAC_DATALESS)


def being_written(path: Path) -> bool | None:
    """Whether a program has the file open for writing; ``None`` where nobody can say.

    On Linux a read lease is refused while there is a writer (fcntl(2), F_SETLEASE), and given back
    at once. Whoever opens the file in between sends SIGIO, so it is only asked where that is
    ignored: ``sotto watch`` does. On Windows a file with a writer cannot be opened without sharing.
    Of a network disk this says nothing: NFS and SMB refuse leases with the same error, and the
    writer may be on another machine.
    """
    if sys.platform == "win32":
        return _shared_on_windows(path)
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None  # what reads it will say why
    try:
        if _locked(file):
            return True
        if sys.platform != "linux" or signal.getsignal(signal.SIGIO) is not signal.SIG_IGN:
            return None
        import fcntl

        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    finally:
        os.close(file)
    return False


def unfinished(path: Path, *, network: bool) -> str:
    """Why a part of a meeting is not all there yet; empty where it is, or stays as it is."""
    try:
        if elsewhere(path):
            return "the sync client has not brought it yet"
        if not network and being_written(path):
            return "it is being written"
        if time.time() - path.stat().st_mtime < _CHANGED_LATELY:
            return incomplete(path) or ""
    except OSError:
        return ""  # what reads it says why
    return ""


def _locked(file: int) -> bool:
    """Whether another program holds a lock on it: one that has the file to itself."""
    import fcntl

    for lock in (fcntl.flock, fcntl.lockf):
        try:
            lock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return True
        lock(file, fcntl.LOCK_UN)
    return False


def _shared_on_windows(path: Path) -> bool | None:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    kernel.CreateFileW.restype = ctypes.c_void_p
    # GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING
    handle = kernel.CreateFileW(str(path), 0x80000000, 1, None, 3, 0, None)
    if handle != ctypes.c_void_p(-1).value:
        kernel.CloseHandle(ctypes.c_void_p(handle))
        return False
    return True if kernel.GetLastError() == 32 else None  # ERROR_SHARING_VIOLATION


def incomplete(path: Path) -> str | None:
    """Why a file is not all there, as its container says: empty where it shows that it is, ``None``
    where it does not say. Raises ``OSError``.
    """
    size = path.stat().st_size
    if not size:
        return "the file is empty"
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] in _MP4_BOXES:
            return _mp4(file, size)
        if head[:4] in (b"RIFF", b"FORM"):
            order = "little" if head[:4] == b"RIFF" else "big"
            promised = int.from_bytes(head[4:8], order)  # type: ignore[arg-type]
            streamed = promised in (0, 0xFFFFFFFF)
            return None if streamed else _short(promised + 8, size)
        if head[:4] == b"OggS":
            return _ogg(file, size)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _matroska(file, size)
    if head[:4] == b"PK\x03\x04":  # a Word document's list of contents is at its end
        return "" if zipfile.is_zipfile(path) else "its end is not there yet"
    return None


def _short(promised: int, size: int) -> str:
    return f"{promised - size} bytes of it are missing still" if promised > size else ""


def _mp4(file: BinaryIO, size: int) -> str | None:
    """Boxes of a length and a name, one after another (ISO/IEC 14496-12, 4.2)."""
    at, index, fragments, name = 0, False, False, b""
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length, name = int.from_bytes(head[:4]), head[4:8]
        index = index or name in (b"moov", b"moof")
        fragments = fragments or name == b"moof"
        if length == 1:
            length = int.from_bytes(head[8:16])
        elif length == 0:  # to the end of the file
            length = size - at
        if length < 8:
            return None  # no boxes: what reads the file says what it is
        at += length
    if at > size:
        return _short(at, size)
    if not index:
        return "its index is not written yet"
    return None if fragments and name != b"mfra" else ""  # another fragment may follow


def _ogg(file: BinaryIO, size: int) -> str | None:
    """The last page ends where the file does, and says that it is the last (RFC 3533, 6)."""
    start = max(0, size - 131_072)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0 or at + 27 > len(tail):
        return "its last page is cut off"
    lengths = tail[at + 27 : at + 27 + tail[at + 26]]
    end = at + 27 + tail[at + 26] + sum(lengths)
    if end > len(tail):
        return "its last page is cut off"
    return "" if tail[at + 5] & 4 else None


def _matroska(file: BinaryIO, size: int) -> str | None:
    """The segment's length, where it is known (RFC 8794, 4; RFC 9559)."""
    file.seek(4)
    header = _vint(file)
    if header is None:
        return None
    file.seek(header, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return None
    length = _vint(file)
    return None if length is None else _short(file.tell() + length, size)


def _vint(file: BinaryIO) -> int | None:
    """``None`` for a length that is not known."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    value = (first[0] & (0xFF >> width)) << 8 * (width - 1) | int.from_bytes(file.read(width - 1))
    return None if value == (1 << 7 * width) - 1 else value
