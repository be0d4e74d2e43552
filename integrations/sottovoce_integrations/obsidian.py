"""Notes in an Obsidian vault: typed properties, tasks, links into a transcript note.

A meeting has two notes, found again by the property ``sottovoce-id`` wherever a person moved or
renamed them. What was written last is kept in the home folder, so that what a person changed since
can be told from what we would change, and both are merged line by line.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from datetime import datetime
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

from .vault import ID, Base, Settings, Vault, find_vault, id_of, load_settings
from .written import NOTHING, as_export_error, has_sound, merge, names, stem, write

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_UNNAMED = re.compile(r"Speaker \d+$")
_HEAD = re.compile(r"\A---\n(.*?)^---\n", re.DOTALL | re.MULTILINE)
"""The properties of a note"""


class Obsidian(NoteExporter):
    name = "obsidian"

    def check(self, folder: Path) -> None:
        find_vault(folder)
        load_settings(find_home().config / "obsidian.toml")

    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        """Write or update a meeting's notes in the vault that ``folder`` is in."""
        vault = find_vault(folder)
        settings = load_settings(find_home().config / "obsidian.toml")
        with as_export_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
            return _Writer(Vault(vault), settings, notes, transcript, folder.resolve()).write()


@hookimpl(trylast=True)
def register_note_exporters() -> list[NoteExporter]:
    return [Obsidian()]


class _Writer:
    def __init__(
        self,
        vault: Vault,
        settings: Settings,
        notes: MeetingNotes,
        transcript: Transcript,
        folder: Path,
    ) -> None:
        self._vault, self._settings, self._folder = vault, settings, folder
        self._notes, self._transcript = notes, transcript
        self._base = Base(vault.path)
        self._starts = {segment.id: segment.start for segment in transcript.segments}
        self._people = [it for it in transcript.speakers if not _UNNAMED.match(it)]

    def write(self) -> Path:
        id = self._notes.recording.id
        spoken = self._place(f"{id} transcript", f"{stem(self._notes)} transcript")
        path = self._path = self._place(id, stem(self._notes))
        self._linked = self._link(spoken)
        for name in self._people if self._settings.people else ():
            note = self._note_of(name)
            if note is not None:
                self._list_in(note, path, f"# {_escape(name)}\n", dated=True)
        if self._settings.series:
            title = legal(self._notes.title)
            note = self._vault.path / self._settings.series / f"{title}.md"
            self._list_in(note, path, f"# {_escape(title)}\n", dated=True)
        if self._settings.daily:
            note, text = self._vault.daily(self._notes.recording.started_at)
            self._list_in(note, path, text, dated=False)
        self._update(f"{id} transcript", spoken, self._transcript_note(path))
        self._update(id, path, self._note())
        return path

    def _place(self, key: str, title: str) -> Path:
        """Where a note is, or is to be. One that a person deleted stays deleted."""
        known = self._base.path(key)
        if known is not None and known.exists() and id_of(known) == key:
            return known
        if key in self._vault.ours:
            return self._vault.ours[key]
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

    def _list_in(self, note: Path, meeting: Path, begin: str, *, dated: bool) -> None:
        """One link to the meeting under the heading of another note, added once and for all.

        ``begin`` is what that note begins with where it is not there yet.
        """
        key = f"{self._notes.recording.id} in {note.relative_to(self._vault.path)}"
        link = self._link(meeting)
        text = note.read_text(encoding="utf-8") if note.exists() else begin
        if self._base.path(key) is not None or re.search(rf"\[\[{re.escape(link)}[\]|#]", text):
            return
        head = f"## {self._settings.heading}"
        lines = text.splitlines()
        day = f"{self._notes.recording.started_at:%Y-%m-%d}"
        row = f"- [[{link}|{_alias(self._notes.title)}]]" + (f" ({day})" if dated else "")
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

    def _link(self, path: Path) -> str:
        """As a wikilink names a note: its path in the vault, without a suffix."""
        return path.relative_to(self._vault.path).with_suffix("").as_posix()

    def _note_of(self, name: str) -> Path | None:
        """The note of a person: the one that the vault has, or is to have."""
        if legal(name) in self._vault.names:
            return next(it for it in self._vault.notes if it.stem == legal(name))
        if self._settings.people:
            return self._vault.path / self._settings.people / f"{legal(name)}.md"
        return None

    def _person(self, name: str) -> str:
        """A link where the person has a note; a name elsewhere."""
        note = None if _UNNAMED.match(name) else self._note_of(name)
        if note is None:
            return name
        if not self._settings.people:
            return f"[[{legal(name)}]]"
        return f"[[{self._link(note)}|{_alias(name)}]]"

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
            ID: recording.id,
        }
        template = self._template()
        body = self._body() if template is None else self._filled(_HEAD.sub("", template))
        more = _more_properties(template or "", properties)
        head = _front_matter(properties, self._filled(more))
        return f"{head}\n{body}".rstrip() + "\n"

    def _template(self) -> str | None:
        """The note of the vault that stands for ours."""
        if not self._settings.template:
            return None
        path = self._vault.path / self._settings.template
        if not path.exists():
            raise UsageError(f"the vault has no template {self._settings.template}")
        return path.read_text(encoding="utf-8")

    def _filled(self, template: str) -> str:
        parts = {section.kind.value: section for section in self._notes.outline()}
        fill = {
            "title": _escape(self._notes.title),
            "date": f"{self._notes.recording.started_at:%Y-%m-%d}",
            "time": f"{self._notes.recording.started_at:%H:%M}",
            "transcript": f"[[{self._linked}]]",
            "audio": self._audio(),
        }

        def value(found: re.Match[str]) -> str:
            name = found[1]
            return (
                fill[name]
                if name in fill
                else "\n".join(self._items(parts[name]) if name in parts else [])
            )

        return re.sub(r"\{\{\s*(\w+)\s*\}\}", value, template)

    def _body(self) -> str:
        lines = [f"# {_escape(self._notes.title)}", ""]
        if audio := self._audio():
            lines += [audio, ""]
        if not self._notes.outline():
            lines += [NOTHING, ""]
        for section in self._notes.outline():
            lines += [f"## {_escape(section.title)}", "", *self._items(section), ""]
        lines += ["## Transcript", "", f"[[{self._linked}]]", ""]
        if self._notes.dropped:
            lines.append(self._notes.left_out)
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
        if self._settings.audio == "link" and it.segments and has_sound(self._notes):
            start = self._starts.get(it.segments[0], 0.0)
            inside = self._inside(self._notes.recording.path)
            if inside:
                shown.append(f"[[{inside}#t={start:.0f}|▶]]")
            else:
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

    def _inside(self, path: Path) -> str:
        """As a link names a file of the vault; empty for one elsewhere."""
        inside = path.is_relative_to(self._vault.path)
        return path.relative_to(self._vault.path).as_posix() if inside else ""

    def _audio(self) -> str:
        if self._settings.audio != "embed" or not has_sound(self._notes):
            return ""
        source = self._notes.recording.path
        if inside := self._inside(source):
            return f"![[{inside}]]"
        target = self._vault.attachments(self._path) / f"{stem(self._notes)}{source.suffix}"
        if source.exists() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return f"![[{self._inside(target)}]]" if target.exists() else ""

    def _transcript_note(self, meeting: Path) -> str:
        properties: dict[str, Any] = {
            "type": "transcript",
            "meeting": f"[[{self._link(meeting)}]]",
            ID: f"{self._notes.recording.id} transcript",
        }
        lines = [_front_matter(properties), f"# {_escape(self._notes.title)}: transcript", ""]
        for it in self._transcript.segments:
            speaker = f"**{_escape(it.speaker)}**: " if it.speaker else ""
            lines += [f"{clock(it.start)} {speaker}{_escape(it.text)} ^t-{it.id}", ""]
        return "\n".join(lines).rstrip() + "\n"


def _more_properties(template: str, ours: dict[str, Any]) -> str:
    """The rows of a template's properties, without those that are ours."""
    found = _HEAD.match(template)
    rows, kept = [], False
    for row in found[1].splitlines() if found else ():
        if key := re.match(r"([^\s#:-][^:]*):", row):
            kept = key[1].strip("\"' ") not in ours
        if kept:
            rows.append(row)
    return "\n".join(rows)


def _front_matter(properties: dict[str, Any], more: str = "") -> str:
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
    return "\n".join([*rows, *([more] if more else []), "---", ""])


def _escape(text: str) -> str:
    """Speech is text: no link, tag, heading, comment or block id may come of it."""
    return re.sub(r"([\\`*_\[\]<>#|~^%$=])", r"\\\1", " ".join(text.split()))


def _alias(text: str) -> str:
    return " ".join(re.sub(r"[\[\]|]", " ", text).split())
