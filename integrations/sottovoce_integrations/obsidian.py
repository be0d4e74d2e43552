"""Notes in an Obsidian vault: typed properties, tasks, links into a transcript note.

A meeting has two notes, found again by the property ``sottovoce-id`` wherever a person moved or
renamed them. What was written last is kept in the home folder, so that what a person changed since
can be told from what we would change, and both are merged line by line.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sottovoce import (
    ActionItem,
    ExportError,
    MeetingNotes,
    NoteExporter,
    Section,
    SectionKind,
    Statement,
    Topic,
    Transcript,
    UsageError,
    clock,
    hookimpl,
)
from sottovoce.filenames import legal
from sottovoce.home import find_home

from .written import NOTHING, as_export_error, merge, names, stem, write

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_ID = "sottovoce-id"
_UNNAMED = re.compile(r"Speaker \d+$")
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


class Obsidian(NoteExporter):
    name = "obsidian"

    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        """Write or update a meeting's notes in the vault that ``folder`` is in."""
        vault = find_vault(folder)
        settings = load_settings(find_home().config / "obsidian.toml")
        with as_export_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
            return _Writer(vault, settings, notes, transcript, folder.resolve()).write()


@hookimpl(trylast=True)
def register_note_exporters() -> list[NoteExporter]:
    return [Obsidian()]


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


class _Writer:
    def __init__(
        self,
        vault: Path,
        settings: Settings,
        notes: MeetingNotes,
        transcript: Transcript,
        folder: Path,
    ) -> None:
        self._vault, self._settings, self._folder = vault, settings, folder
        self._notes, self._transcript = notes, transcript
        self._base = _Base(vault)
        self._starts = {segment.id: segment.start for segment in transcript.segments}
        self._people = [it for it in transcript.speakers if not _UNNAMED.match(it)]

    def write(self) -> Path:
        id = self._notes.recording.id
        spoken = self._place(f"{id} transcript", f"{stem(self._notes)} transcript")
        path = self._place(id, stem(self._notes))
        self._linked = self._link(spoken)
        for name in self._people if self._settings.people else ():
            self._list_in(self._vault / self._settings.people / f"{legal(name)}.md", path, name)
        if self._settings.series:
            title = legal(self._notes.title)
            self._list_in(self._vault / self._settings.series / f"{title}.md", path, title)
        if self._settings.daily:
            self._list_in(self._daily(), path, "")
        self._update(f"{id} transcript", spoken, self._transcript_note(path))
        self._update(id, path, self._note())
        return path

    def _place(self, key: str, title: str) -> Path:
        """Where a note is, or is to be. One that a person deleted stays deleted."""
        known = self._base.path(key)
        if known is not None and known.exists() and _id_of(known) == key:
            return known
        for path in _notes_in(self._vault):
            if _id_of(path) == key:
                return path
        if known is not None and known.parent == self._folder:
            raise ExportError(
                f"{known.name} was deleted from the vault, and stays deleted; say --to with "
                "another folder to have it again"
            )
        return next(it for it in names(self._folder, title, ".md") if not it.exists())

    def _update(self, key: str, path: Path, ours: str) -> None:
        text = ours
        if path.exists():
            base = self._base.text(key)
            if base is None:
                base = ours  # written from elsewhere: all that is different counts as a person's
                log.warning("%s was not written from here, and stays as it is", path.name)
            text, conflicts = merge(base, path.read_text(encoding="utf-8"), ours)
            if conflicts:
                log.warning(
                    "%s: you changed %d places that the notes change too; yours stay",
                    path.name,
                    conflicts,
                )
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write(path, text.encode())
        self._base.keep(key, path, ours)

    def _list_in(self, note: Path, meeting: Path, title: str) -> None:
        """One link to the meeting under the heading of another note, added once and for all."""
        key = f"{self._notes.recording.id} in {note.relative_to(self._vault)}"
        link = self._link(meeting)
        text = note.read_text(encoding="utf-8") if note.exists() else ""
        if self._base.path(key) is not None or f"[[{link}" in text:
            return
        if not text and title:
            text = f"# {_escape(title)}\n"
        head = f"## {self._settings.heading}"
        lines = text.splitlines()
        day = f"{self._notes.recording.started_at:%Y-%m-%d}"
        row = f"- [[{link}|{_alias(self._notes.title)}]]" + (f" ({day})" if title else "")
        if head in lines:
            at = lines.index(head) + 1
            while at < len(lines) and not lines[at].startswith("#"):
                at += 1
            while lines[at - 1] == "":
                at -= 1
            between = [""] if lines[at - 1] == head else []
            lines[at:at] = [*between, row]
        else:
            lines += [*([""] if lines else []), head, "", row]
        note.parent.mkdir(parents=True, exist_ok=True)
        write(note, ("\n".join(lines) + "\n").encode())
        self._base.keep(key, note, row)

    def _daily(self) -> Path:
        """Today's note of the meeting's day, where the vault has its daily notes."""
        try:
            path = self._vault / ".obsidian" / "daily-notes.json"
            told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            told = {}
        day = self._notes.recording.started_at
        return (
            self._vault
            / str(told.get("folder") or "").strip("/")
            / f"{moment(str(told.get('format') or 'YYYY-MM-DD'), day)}.md"
        )

    def _attachments(self) -> Path:
        try:
            told = json.loads((self._vault / ".obsidian" / "app.json").read_text(encoding="utf-8"))
            where = str(told.get("attachmentFolderPath") or "/")
        except (OSError, ValueError):
            where = "/"
        if where.startswith("./"):
            return self._folder / where[2:]
        return self._vault / where.strip("/")

    def _link(self, path: Path) -> str:
        """As a wikilink names a note: its path in the vault, without a suffix."""
        return path.relative_to(self._vault).with_suffix("").as_posix()

    def _person(self, name: str) -> str:
        """A link where the person has a note; a name elsewhere."""
        if _UNNAMED.match(name):
            return name
        if self._settings.people:
            return f"[[{self._settings.people.strip('/')}/{legal(name)}|{_alias(name)}]]"
        if any(it.stem == legal(name) for it in _notes_in(self._vault)):
            return f"[[{legal(name)}]]"
        return name

    def _note(self) -> str:
        recording = self._notes.recording
        properties: dict[str, Any] = {
            "title": self._notes.title,
            "type": "meeting",
            "date": recording.started_at.replace(tzinfo=None),
            "minutes": round(recording.duration / 60, 1),
            "attendees": [self._person(name) for name in self._transcript.speakers],
            "tags": ["meeting"],
            "recording": str(recording.path),
            "transcript": f"[[{self._linked}]]",
            _ID: recording.id,
        }
        return f"{_front_matter(properties)}\n{self._body()}".rstrip() + "\n"

    def _body(self) -> str:
        parts = {section.kind.value: section for section in self._notes.outline()}
        if self._settings.template:
            path = self._vault / self._settings.template
            if not path.exists():
                raise UsageError(f"the vault has no template {self._settings.template}")
            text = re.sub(
                r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL
            )
            fill = {
                "title": _escape(self._notes.title),
                "date": f"{self._notes.recording.started_at:%Y-%m-%d}",
                "time": f"{self._notes.recording.started_at:%H:%M}",
                "transcript": f"[[{self._linked}]]",
                "audio": self._audio(),
            }
            return re.sub(
                r"\{\{\s*(\w+)\s*\}\}",
                lambda m: (
                    fill[m[1]]
                    if m[1] in fill
                    else "\n".join(self._items(parts[m[1]]))
                    if m[1] in parts
                    else ""
                ),
                text,
            )
        lines = [f"# {_escape(self._notes.title)}", ""]
        if audio := self._audio():
            lines += [audio, ""]
        if not self._notes.outline():
            lines += [NOTHING, ""]
        for section in self._notes.outline():
            lines += [f"## {_escape(section.title)}", "", *self._items(section), ""]
        lines += ["## Transcript", "", f"[[{self._linked}]]", ""]
        if self._notes.dropped:
            lines += [
                f"{self._notes.dropped} statements of the model were left out: the transcript did "
                "not support them."
            ]
        return "\n".join(lines)

    def _items(self, section: Section) -> list[str]:
        rows: list[str] = []
        taken: set[str] = set()
        for it in section.statements:
            if isinstance(it, Topic):
                rows.append(f"- **{_escape(it.text)}** ({clock(it.start)}–{clock(it.end)})")
                rows += [f"  - {self._statement(point)}" for point in it.points]
            elif isinstance(it, ActionItem):
                rows.append(self._task(it))
            elif section.kind is SectionKind.SUMMARY:
                rows += [_escape(it.text), ""]
            elif section.kind is SectionKind.DECISIONS:
                rows.append(f"- {self._statement(it)} ^{self._block(it, taken)}")
            else:
                rows.append(f"- {self._statement(it)}")
        return rows[:-1] if rows and not rows[-1] else rows

    def _block(self, decision: Statement, taken: set[str]) -> str:
        at = self._starts.get(decision.segments[0], 0.0) if decision.segments else 0.0
        plain = f"d-{int(at) // 60:02}{int(at) % 60:02}"
        id, number = plain, 2
        while id in taken:
            id, number = f"{plain}-{number}", number + 1
        taken.add(id)
        return id

    def _statement(self, it: Statement) -> str:
        unverified = "" if it.verified else " (unverified)"
        return f"{_escape(it.text)}{unverified} {self._stamps(it)}".rstrip()

    def _stamps(self, it: Statement) -> str:
        shown = [
            f"[[{self._linked}#^t-{id}|{clock(self._starts[id])}]]"
            for id in it.segments
            if id in self._starts
        ]
        if self._settings.audio == "link" and it.segments:
            start = self._starts.get(it.segments[0], 0.0)
            shown.append(f"[▶]({self._notes.recording.path.as_uri()}#t={start:.0f})")
        return " ".join(shown)

    def _task(self, item: ActionItem) -> str:
        """In the Tasks plugin's format: its signs stand at the end of the line."""
        tag = f"{self._settings.task_tag} " if self._settings.task_tag else ""
        owner = f" — {self._person(item.assignee)}" if item.assignee else ""
        words = f" ({_escape(item.due_text)})" if item.due_text and not item.due else ""
        due = f" 📅 {item.due.isoformat()}" if item.due else ""
        box = "x" if item.done else " "
        text = f"{_escape(item.text).rstrip('.')}{owner}{words} {self._stamps(item)}".rstrip()
        return f"- [{box}] {tag}{text}{due}"

    def _audio(self) -> str:
        if self._settings.audio != "embed":
            return ""
        source = self._notes.recording.path
        target = self._attachments() / f"{stem(self._notes)}{source.suffix}"
        if source.exists() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return f"![[{target.relative_to(self._vault).as_posix()}]]" if target.exists() else ""

    def _transcript_note(self, meeting: Path) -> str:
        properties: dict[str, Any] = {
            "type": "transcript",
            "meeting": f"[[{self._link(meeting)}]]",
            _ID: f"{self._notes.recording.id} transcript",
        }
        lines = [_front_matter(properties), f"# {_escape(self._notes.title)}: transcript", ""]
        for it in self._transcript.segments:
            speaker = f"**{_escape(it.speaker)}**: " if it.speaker else ""
            lines += [f"{clock(it.start)} {speaker}{_escape(it.text)} ^t-{it.id}", ""]
        return "\n".join(lines).rstrip() + "\n"


class _Base:
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


def _id_of(path: Path) -> str | None:
    """The property by which we find a note of ours again."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if not head.startswith(b"---"):
        return None
    found = re.search(rf"^{_ID}: \"?([\w ]+?)\"?\s*$", head.decode("utf-8", "ignore"), re.M)
    return found[1] if found else None


def _front_matter(properties: dict[str, Any]) -> str:
    """YAML in which every text is quoted, as links have to be."""
    rows = ["---"]
    for key, value in properties.items():
        if isinstance(value, list):
            rows += [f"{key}:" if value else f"{key}: []"]
            rows += [f"  - {json.dumps(it, ensure_ascii=False)}" for it in value]
        elif isinstance(value, datetime):
            rows.append(f"{key}: {value.isoformat(timespec='seconds')}")
        elif isinstance(value, str):
            rows.append(f"{key}: {json.dumps(value, ensure_ascii=False)}")
        else:
            rows.append(f"{key}: {value}")
    return "\n".join([*rows, "---", ""])


def _escape(text: str) -> str:
    """Speech is text: no link, tag, heading, comment or block id may come of it."""
    return re.sub(r"([\\`*_\[\]<>#|~^%$=])", r"\\\1", " ".join(text.split()))


def _alias(text: str) -> str:
    return " ".join(re.sub(r"[\[\]|]", " ", text).split())


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
