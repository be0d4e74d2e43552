"""Which of a watched folder's files are meetings, and on what kind of disk they lie."""

from __future__ import annotations

import fnmatch
import os
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .ready import temporary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..host import Host

_REMOTE = frozenset(
    "9p afpfs afs ceph cifs davfs ncpfs nfs nfs4 prl_fs smb2 smb3 smbfs vboxsf virtiofs vmhgfs"
    " webdav".split()
)
"""File systems that are written from elsewhere too, of which no event tells. So are most under
``fuse.`` (sshfs, rclone, gvfs …); local disks through FUSE are ``fuseblk``."""
_SYNCED = ("onedrive", "dropbox", "google drive", "googledrive", "mobile documents", "cloudstorage",
           "icloud", "nextcloud", "owncloud", "syncthing", "pcloud", "box sync")  # fmt: skip
_TEXTS = frozenset({".txt", ".docx", ".vtt", ".srt", ".sbv"})
"""Files that look like a transcript: where they are none, it is said"""
NO_MEETING = "neither a recording nor a transcript of a program known here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A watched folder and what is wanted of what comes into it."""

    path: Path
    """Absolute, links resolved"""
    recursive: bool = False
    poll: bool | None = None
    """``None``: where the disk needs it"""
    ignore: tuple[str, ...] = ()
    """Patterns of names"""
    options: Mapping[str, Any] = field(default_factory=dict)
    """As `Runner` reads them"""

    @property
    def polled(self) -> bool:
        return needs_polling(self.path) if self.poll is None else self.poll

    def holds(self, path: Path) -> bool:
        """Whether a path is one of those that are looked at."""
        try:
            parts = path.relative_to(self.path).parts
        except ValueError:
            return False
        if not parts or (len(parts) > 2 and not self.recursive):
            return False
        if any(temporary(it) for it in parts):
            return False
        return not any(fnmatch.fnmatch(it, pattern) for it in parts for pattern in self.ignore)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSettings:
    """A ``[[folder]]`` of ``watch.toml``, or what a command line says: not checked yet."""

    path: Path
    to: Path | None = None
    export: tuple[str, ...] = ()
    recursive: bool = False
    poll: bool = False
    ignore: tuple[str, ...] = ()
    speech: str | None = None
    model: str | None = None
    template: str | None = None
    language: str | None = None
    priority: int = 0


def read_settings(path: Path) -> list[FolderSettings]:
    """The folders of a file; none where there is no file. Raises ``UsageError``."""
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text).get("folder", [])
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if not isinstance(tables, list) or not all(isinstance(it, dict) for it in tables):
        raise UsageError(f"{path}: each folder begins with a line [[folder]]")
    return [_settings(path, it) for it in tables]


def _settings(path: Path, table: dict[str, Any]) -> FolderSettings:
    kinds: dict[str, type] = {
        "export": list,
        "ignore": list,
        "recursive": bool,
        "poll": bool,
        "priority": int,
    }
    values: dict[str, Any] = {}
    for field_ in fields(FolderSettings):
        if field_.name not in table:
            continue
        value = table.pop(field_.name)
        kind = kinds.get(field_.name, str)
        if type(value) is not kind:
            raise UsageError(f"{path}: '{field_.name}' has to be {_NAMES[kind]}")
        values[field_.name] = value
    for name in ("path", "to"):
        if name in values:
            values[name] = Path(values[name])
    for name in ("export", "ignore"):
        if name in values:
            values[name] = tuple(str(it) for it in values[name])
    if table:
        raise UsageError(f"{path}: unknown key '{next(iter(table))}' of a folder")
    if "path" not in values:
        raise UsageError(f"{path}: a folder without a 'path'")
    return FolderSettings(**values)


_NAMES = {list: "a list of texts", bool: "true or false", int: "a number", str: "a text"}


def needs_polling(path: Path) -> bool:
    """Whether the folder is on a network disk, or one that a sync client writes to."""
    return any(name in part.lower() for part in path.parts for name in _SYNCED) or on_network(path)


def on_network(path: Path) -> bool:
    """Whether another machine may write to the folder."""
    import psutil

    if str(path).startswith("\\\\"):
        return True
    mounts = [it for it in psutil.disk_partitions(all=True) if path.is_relative_to(it.mountpoint)]
    nearest = max(mounts, key=lambda it: len(it.mountpoint), default=None)
    if nearest is None:
        return False
    kind = nearest.fstype.lower()
    remote = kind in _REMOTE or kind.startswith("fuse.")
    return remote or "remote" in nearest.opts.split(",")


def listed(
    folder: Folder, off_limits: Sequence[Path], inside: Path | None = None
) -> Iterator[Path]:
    """The files of a folder that may be meetings, without those under ``off_limits``.

    Links to folders are not followed. Without ``recursive``, the files of its own folders are
    listed too, as some programs make a folder for each meeting. Raises ``OSError`` for the folder
    itself; one inside that cannot be listed is passed over.
    """
    top = inside or folder.path
    waiting = [top]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    path = Path(entry.path)
                    if path in off_limits or not folder.holds(path):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if folder.recursive or here == folder.path:
                            waiting.append(path)
                    else:
                        yield path
        except OSError:
            if here == top:
                raise


class Sorter:
    """Says of a file what meeting it is a part of."""

    def __init__(self, host: Host) -> None:
        self._importers = tuple(host.importers().values())
        sources = [it for it in host.plugins.collect("register_audio_sources") if it.kind == "file"]
        self.media = frozenset().union(*(it.suffixes for it in sources))

    def meeting(self, path: Path, folder: Folder) -> tuple[Path | None, str]:
        """What stands for the meeting, or ``None`` for a file of another kind; and why it is none
        where a person may have thought that it is."""
        suffix = path.suffix.lower()
        if suffix == ".md":  # notes
            return None, ""
        for importer in self._importers:
            try:
                claimed = importer.claim(path)
            except OSError:
                continue  # not to be read: what takes it says so
            if claimed is not None and claimed.is_relative_to(folder.path):
                return claimed, ""
        if suffix not in self.media:
            text = suffix in _TEXTS and (folder.recursive or path.parent == folder.path)
            return (path, NO_MEETING) if text else (None, "")
        if not folder.recursive and path.parent != folder.path:
            return None, ""
        return path, ""
