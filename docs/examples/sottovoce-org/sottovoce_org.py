"""Notes as Org outlines (https://orgmode.org): tasks are TODO headings with their deadlines.

The last line of a file is a hash of the others: it tells an outline that a person edited from one
that may be written again.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from sottovoce import (
    ActionItem,
    ExportError,
    MeetingNotes,
    NoteExporter,
    Statement,
    Transcript,
    hookimpl,
)


class OrgOutline(NoteExporter):
    name = "org"

    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        started = notes.recording.started_at
        path = folder / f"{started:%Y-%m-%d}-{notes.recording.id}.org"
        text = "".join(f"{line}\n" for line in _lines(notes, transcript))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists() and _edited(path.read_text(encoding="utf-8")):
                raise ExportError(f"{path} was edited and is left alone; move it to export anew")
            # Beside it first: whoever reads the outline sees the old one or the new one, whole.
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=folder, suffix=".tmp", delete=False
            ) as file:
                file.write(f"{text}{_mark(text)}\n")
            Path(file.name).replace(path)
        except (OSError, UnicodeDecodeError) as error:
            raise ExportError(f"{path} cannot be written: {error}") from error
        return path


def _lines(notes: MeetingNotes, transcript: Transcript) -> Iterator[str]:
    yield f"#+TITLE: {notes.title}"
    yield f"#+DATE: <{notes.recording.started_at:%Y-%m-%d %a %H:%M}>"
    yield from _section("Summary", notes.summary)
    yield from _section("Decisions", notes.decisions)
    if notes.action_items:
        yield "* Action items"
        for item in notes.action_items:
            yield from _task(item)
    yield from _section("Open questions", notes.open_questions)
    yield from _section("Key points", notes.key_points)
    yield "* Transcript"
    for segment in transcript.segments:
        minutes, seconds = divmod(int(segment.start), 60)
        yield f"- {minutes:02}:{seconds:02} {segment.speaker or 'Unknown'} :: {segment.text}"


def _section(title: str, statements: Sequence[Statement]) -> Iterator[str]:
    if statements:
        yield f"* {title}"
        yield from (f"- {statement.text}" for statement in statements)


def _task(item: ActionItem) -> Iterator[str]:
    tag = "".join(c if c.isalnum() else "_" for c in item.assignee or "")
    yield f"** TODO {item.text}" + (f" :{tag}:" if tag else "")
    if item.due:
        yield f"   DEADLINE: <{item.due:%Y-%m-%d %a}>"


def _mark(text: str) -> str:
    return f"# sottovoce: {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _edited(content: str) -> bool:
    text, _, mark = content.rstrip("\n").rpartition("\n")
    return mark != _mark(f"{text}\n")


@hookimpl
def register_note_exporters() -> list[NoteExporter]:
    return [OrgOutline()]
