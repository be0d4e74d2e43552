"""An Obsidian vault on the disk: where it is, what is configured, and what we wrote into it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sottovoce import UsageError
from sottovoce.home import find_home

from .written import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

ID = "sottovoce-id"
"""The property by which a note of ours is found again"""
_HEAD = 2048
"""Bytes of a note in which its properties are looked for"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``obsidian.toml`` in the configuration folder."""

    audio: str = "none"
    """``link`` puts a link with the time beside each statement, ``embed`` copies the recording
    into the vault's attachment folder"""
    daily: bool = True
    heading: str = "Meetings"
    """Under which daily notes, people and series list meetings"""
    people: str = ""
    """A folder of the vault in which each named speaker has a note; empty for none"""
    series: str = ""
    """A folder of the vault in which meetings of the same title have a note; empty for none"""
    template: str = ""
    """A note of the vault with ``{{summary}}``, ``{{decisions}}`` and so on in place of ours"""
    task_tag: str = "#task"
    """What the Tasks plugin's global filter wants to see; may be empty"""


def find_vault(folder: Path) -> Path:
    """The vault that a folder is in. Raises ``UsageError`` with the vaults that there are."""
    place = folder.expanduser().resolve()
    for it in (place, *place.parents):
        if (it / ".obsidian").is_dir():
            return it
    known = ", ".join(map(str, known_vaults())) or "Obsidian knows none on this device"
    raise UsageError(
        f"{folder} is in no Obsidian vault; say --to with a folder of one, or set notes.folder "
        f"with 'sotto config' ({known})"
    )


def known_vaults() -> list[Path]:
    """The vaults that Obsidian has opened on this device."""
    import platformdirs

    try:
        text = (
            Path(platformdirs.user_config_dir("obsidian", roaming=True)) / "obsidian.json"
        ).read_text(encoding="utf-8")
        vaults = json.loads(text)["vaults"].values()
        return [path for it in vaults if (path := Path(it["path"])).is_dir()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # never run here, or another form than we know: only a hint is lost


def load_settings(path: Path) -> Settings:
    """Raises ``UsageError`` for a file that is wrong."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    for key, value in fields.items():
        default = getattr(Settings(), key, None)
        if default is None:
            raise UsageError(f"{path}: unknown key '{key}'")
        if type(value) is not type(default):
            raise UsageError(f"{path}: '{key}' has to be {type(default).__name__}")
    if fields.get("audio", "none") not in ("none", "link", "embed"):
        raise UsageError(f"{path}: 'audio' is none, link or embed")
    return Settings(**fields)


class Vault:
    """What is in a vault at the time of an export."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def notes(self) -> list[Path]:
        """As Obsidian sees them: hidden folders, its own bin among them, hold none."""
        return list(_notes_in(self.path))

    @cached_property
    def names(self) -> frozenset[str]:
        """Of the notes, as links name them."""
        return frozenset(it.stem for it in self.notes)

    @cached_property
    def ours(self) -> dict[str, Path]:
        """The notes that we wrote, by their ids."""
        return {id: path for path in self.notes if (id := id_of(path)) is not None}

    def _setting(self, file: str) -> dict[str, Any]:
        try:
            told = json.loads((self.path / ".obsidian" / file).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def daily(self, day: datetime) -> tuple[Path, str]:
        """The daily note of a day, and what it begins with where it is not there yet."""
        told = self._setting("daily-notes.json")
        name = moment(str(told.get("format") or "YYYY-MM-DD"), day)
        path = self.path / str(told.get("folder") or "").strip("/") / f"{name}.md"
        template = str(told.get("template") or "").strip("/")
        try:
            text = (self.path / template).with_suffix(".md").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return path, ""  # none, or one that is gone: Obsidian begins with nothing, too
        return path, _filled(text, path.stem, day)

    def attachments(self, note: Path) -> Path:
        """The folder for what goes with a note."""
        where = str(self._setting("app.json").get("attachmentFolderPath") or "/")
        if where.startswith("./"):
            return note.parent / where[2:]
        return self.path / where.strip("/")


def _filled(template: str, title: str, day: datetime) -> str:
    """As Obsidian fills a template: the title, and date and time, in a form where one is said."""
    forms = {"date": "YYYY-MM-DD", "time": "HH:mm"}

    def value(found: re.Match[str]) -> str:
        if found[1] == "title":
            return title
        return moment(found[2] or forms[found[1]], day)

    return re.sub(r"\{\{\s*(title|date|time)\s*(?::([^}]*))?\}\}", value, template)


class Base:
    """What was written into a vault last, by this device: the third side of a merge."""

    def __init__(self, vault: Path) -> None:
        self._vault = vault
        name = hashlib.sha256(str(vault).encode()).hexdigest()[:16]
        self._folder = find_home().data / "vaults" / name

    def path(self, key: str) -> Path | None:
        body = self._read(key)
        return self._vault / body["path"] if body else None

    def text(self, key: str) -> str | None:
        body = self._read(key)
        return body["text"] if body else None

    def _read(self, key: str) -> dict[str, str] | None:
        try:
            body: dict[str, str] = json.loads(self._file(key).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return body

    def keep(self, key: str, path: Path, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        body = {"path": path.relative_to(self._vault).as_posix(), "text": text}
        write(self._file(key), json.dumps(body, ensure_ascii=False).encode())

    def _file(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


def _notes_in(vault: Path) -> Iterator[Path]:
    """As Obsidian sees them: hidden folders, its own bin among them, hold none."""
    for folder, folders, files in os.walk(vault):
        folders[:] = sorted(it for it in folders if not it.startswith("."))
        yield from (Path(folder, it) for it in sorted(files) if it.endswith(".md"))


def id_of(path: Path) -> str | None:
    """The property by which we find a note of ours again."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if not head.startswith(b"---"):
        return None
    found = re.search(rf"^{ID}: \"?([\w ]+?)\"?\s*$", head.decode("utf-8", "ignore"), re.M)
    return found[1] if found else None


_MOMENT = re.compile(
    r"\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|DDDD|DD|Do|D|dddd|ddd|HH|H|mm|m|ss|WW|W|GGGG|gggg|Q"
)


def moment(form: str, day: datetime) -> str:
    """A date in moment.js's form, as Obsidian's daily notes have it (momentjs.com/docs)."""
    year, week, _ = day.isocalendar()
    ordinal = (
        "th" if day.day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    )
    tokens = {
        "YYYY": f"{day:%Y}", "YY": f"{day:%y}", "MMMM": f"{day:%B}", "MMM": f"{day:%b}",
        "MM": f"{day:%m}", "M": str(day.month), "DDDD": f"{day:%j}", "DD": f"{day:%d}",
        "Do": f"{day.day}{ordinal}", "D": str(day.day), "dddd": f"{day:%A}", "ddd": f"{day:%a}",
        "HH": f"{day:%H}", "H": str(day.hour), "mm": f"{day:%M}", "m": str(day.minute),
        "ss": f"{day:%S}", "WW": f"{week:02}", "W": str(week), "GGGG": str(year),
        "gggg": str(year), "Q": str((day.month - 1) // 3 + 1),
    }  # fmt: skip
    return _MOMENT.sub(lambda m: m[1] if m[1] is not None else tokens[m[0]], form)
