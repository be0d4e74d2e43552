"""Notes as a Markdown file that any editor, vault or repository takes (CommonMark, front matter).

A file of ours says so in its front matter: ``sottovoce: MEETING HASH``, the hash being of all that
follows. It tells a note that a person edited from one that may be written again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from sottovoce import (
    ActionItem,
    MeetingNotes,
    NoteExporter,
    Section,
    SectionKind,
    Segment,
    Statement,
    Topic,
    Transcript,
    clock,
    hookimpl,
)

from .written import NOTHING, as_export_error, has_sound, names, stem, write

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARK = re.compile(r"^sottovoce: (?P<meeting>\w+) (?P<hash>[0-9a-f]{16})$", re.M)
_NEAR = 3
"""Folders up from which a link names the recording's place outright: such links move together"""


class Markdown(NoteExporter):
    name = "markdown"

    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        """Write or update the meeting's note; one that a person edited is left as it is.

        When the notes changed since such an edit, they go into a new file beside it.
        """
        with as_export_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
            text = note(notes, transcript, folder)
            path, kept = _choose(folder, notes, text)
            if not kept and not (path.exists() and path.read_text(encoding="utf-8") == text):
                write(path, text.encode())
        return path


@hookimpl(trylast=True)
def register_note_exporters() -> list[NoteExporter]:
    return [Markdown()]


def _choose(folder: Path, notes: MeetingNotes, text: str) -> tuple[Path, bool]:
    """This meeting's file, and whether it must stay as it is, because a person edited it.

    An edited one whose notes changed since is passed over, for a new file beside it.
    """
    ours = _digest(text)
    for path in sorted(folder.glob(f"{notes.recording.started_at:%Y-%m-%d} *.md")):
        mark = _mark(path)
        if mark is None or mark["meeting"] != notes.recording.id:
            continue
        if mark["hash"] == _digest(path.read_text(encoding="utf-8")):
            return path, False
        if mark["hash"] == ours:
            return path, True
    return next(it for it in names(folder, stem(notes), ".md") if not it.exists()), False


def _mark(path: Path) -> re.Match[str] | None:
    try:
        with path.open(encoding="utf-8") as file:
            return _MARK.search(file.read(4096))
    except UnicodeDecodeError:
        return None  # not one that we wrote


def _digest(text: str) -> str:
    """Of everything but the mark itself."""
    return hashlib.sha256(_MARK.sub("", text).encode()).hexdigest()[:16]


def note(notes: MeetingNotes, transcript: Transcript, folder: Path) -> str:
    """The whole file. Links lead from ``folder`` to the recording."""
    recording = notes.recording
    link = _Link(recording.path, folder, transcript.segments, sound=has_sound(notes))
    lines = ["---", f"title: {json.dumps(notes.title, ensure_ascii=False)}"]
    lines += [f"date: {recording.started_at.isoformat()}"]
    lines += [f"duration: {json.dumps(clock(recording.duration))}"]
    if transcript.speakers:
        lines += ["participants:"]
        lines += [f"  - {json.dumps(name, ensure_ascii=False)}" for name in transcript.speakers]
    lines += [f"recording: {json.dumps(str(recording.path), ensure_ascii=False)}"]
    lines += [f"sottovoce: {recording.id} {'0' * 16}", "---", ""]
    lines += [f"# {_escape(notes.title)}", ""]
    day = recording.started_at
    facts = [f"{day.day} {day:%B %Y, %H:%M}", clock(recording.duration)]
    lines += [" · ".join([*facts, *(_escape(name) for name in transcript.speakers)]), ""]
    if not transcript.segments:
        lines += [NOTHING, ""]
    elif not notes.outline():
        empty = "Nothing that was said is one of this template's sections."
        lines += [empty if notes.coverage[1] else NOTHING, ""]
    for section in notes.outline():
        lines += _part(section, link)
    lines += _section("Transcript", [_turn(s, link) for s in transcript.segments], bullet="")
    lines += _section("How this note was made", _production(notes))
    text = "\n".join(lines).rstrip() + "\n"
    return _MARK.sub(f"sottovoce: {recording.id} {_digest(text)}", text)


class _Link:
    """Time stamps that lead to their place in the recording (a media fragment, ``#t=27``), where
    there is something to hear."""

    def __init__(
        self, recording: Path, folder: Path, segments: Sequence[Segment], *, sound: bool
    ) -> None:
        self._sound = sound
        self._target = recording.as_uri()
        with suppress(ValueError):  # another drive
            relative = Path(os.path.relpath(recording, folder.absolute()))
            if relative.parts[:_NEAR].count("..") < _NEAR:
                self._target = quote(relative.as_posix())
        self._starts = {segment.id: segment.start for segment in segments}

    def to(self, segment: int) -> str:
        start = self._starts[segment]
        if not self._sound:
            return clock(start)
        return f"[{clock(start)}]({self._target}#t={start:.0f})"


def _escape(text: str) -> str:
    """Speech is text, never markup: nothing in it may become a heading, a link or a task."""
    text = re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", " ".join(text.split()))
    return re.sub(r"^(\d+)([.)])|^([-+])(?=\s)", lambda m: m[0][:-1] + "\\" + m[0][-1], text)


def _section(title: str, items: Sequence[str], bullet: str = "- ") -> list[str]:
    if not items:
        return []
    spaced = [line for item in items for line in ([item, ""] if not bullet else [bullet + item])]
    return [f"## {title}", "", *spaced, *([""] if bullet else [])]


def _part(section: Section, link: _Link) -> list[str]:
    """A section of the notes, each kind of statement as it is."""
    items: list[str] = []
    for it in section.statements:
        if isinstance(it, Topic):
            span = f"{clock(it.start)}–{clock(it.end)}"
            items.append(f"**{_escape(it.text)}** ({span})")
            items += [f"{_MORE}{_statement(point, link)}" for point in it.points]
        elif isinstance(it, ActionItem):
            items.append(f"[{'x' if it.done else ' '}] {_action(it, link)}")
        elif section.kind is SectionKind.SUMMARY:
            items.append(_escape(it.text) + _mark_unverified(it))
        else:
            items.append(_statement(it, link))
    bullet = "" if section.kind is SectionKind.SUMMARY else "- "
    rows = _section(_escape(section.title), items, bullet)
    return [row.replace(f"- {_MORE}", "  - ") for row in rows]


_MORE = "\x00"
"""Before an item that belongs under the one before it"""


def _mark_unverified(statement: Statement) -> str:
    return "" if statement.verified else " (unverified)"


def _statement(it: Statement, link: _Link) -> str:
    return f"{_escape(it.text)}{_mark_unverified(it)} {_stamps(it, link)}".rstrip()


def _stamps(statement: Statement, link: _Link) -> str:
    return " ".join(link.to(segment) for segment in statement.segments)


def _action(item: ActionItem, link: _Link) -> str:
    owner = f"**{_escape(item.assignee)}**: " if item.assignee else ""
    due = ""
    if item.due_text:
        due = f" ({_escape(item.due_text)}{f': {item.due.isoformat()}' if item.due else ''})"
    text = f"{owner}{_escape(item.text)}{due}{_mark_unverified(item)}"
    return f"{text} {_stamps(item, link)}".rstrip()


def _turn(segment: Segment, link: _Link) -> str:
    speaker = f"**{_escape(segment.speaker)}**: " if segment.speaker else ""
    return f"{link.to(segment.id)} {speaker}{_escape(segment.text)}"


def _production(notes: MeetingNotes) -> list[str]:
    made = [
        f"{it.stage.capitalize()}: {it.model}, {it.engine} {it.version}".rstrip()
        + f", {it.seconds:.1f} s on this machine"
        for it in notes.produced_by
    ]
    start, end = notes.coverage
    if end:
        made.append(f"The notes cover the speech from {clock(start)} to {clock(end)}.")
    if notes.dropped:
        made.append(notes.left_out)
    if notes.unverified:
        made.append(
            f"{notes.unverified} statements are unverified: only their names and numbers were "
            "found in the cited speech."
        )
    return made
