"""Notes for people who must hand a file over: a Word document, and one HTML page."""

from __future__ import annotations

import html
import io
import zipfile
from typing import TYPE_CHECKING, Any

from sottovoce import (
    ActionItem,
    MeetingNotes,
    NoteExporter,
    Section,
    SectionKind,
    Statement,
    Topic,
    Transcript,
    clock,
    hookimpl,
)

from .written import NOTHING, as_export_error, place, stem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Docx(NoteExporter):
    name = "docx"

    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        with as_export_error(folder):
            return place(folder, stem(notes), ".docx", docx(notes, transcript))


class Html(NoteExporter):
    name = "html"

    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        with as_export_error(folder):
            return place(folder, stem(notes), ".html", page(notes, transcript).encode())


def items(section: Section, starts: dict[int, float]) -> Iterator[tuple[int, str, str]]:
    """What stands in a section: level, text, and the times that it rests on."""
    for it in section.statements:
        times = ", ".join(clock(starts[id]) for id in it.segments if id in starts)
        if isinstance(it, Topic):
            yield 0, it.text, f"{clock(it.start)}–{clock(it.end)}"
            for point in it.points:
                when = ", ".join(clock(starts[id]) for id in point.segments if id in starts)
                yield 1, _text(point), when
        else:
            yield 0, _text(it), times


def _text(it: Statement) -> str:
    text = it.text if it.verified else f"{it.text} (unverified)"
    if not isinstance(it, ActionItem):
        return text
    owner = f"{it.assignee}: " if it.assignee else ""
    due = f" ({it.due_text}{f', {it.due.isoformat()}' if it.due else ''})" if it.due_text else ""
    return f"{'☑' if it.done else '☐'} {owner}{text}{due}"


def facts(notes: MeetingNotes, transcript: Transcript) -> str:
    day = notes.recording.started_at
    parts = [f"{day.day} {day:%B %Y, %H:%M}", clock(notes.recording.duration)]
    return " · ".join([*parts, *transcript.speakers])


def docx(notes: MeetingNotes, transcript: Transcript) -> bytes:
    import docx as library

    document: Any = library.Document()
    document.core_properties.title = notes.title
    document.core_properties.author = ""
    document.core_properties.created = document.core_properties.modified = (
        notes.recording.started_at.replace(tzinfo=None)
    )
    document.add_heading(_xml(notes.title), 0)
    document.add_paragraph(_xml(facts(notes, transcript)))
    starts = {segment.id: segment.start for segment in transcript.segments}
    if not notes.outline():
        document.add_paragraph(NOTHING)
    for section in notes.outline():
        document.add_heading(_xml(section.title), 1)
        for level, text, times in items(section, starts):
            plain = section.kind is SectionKind.SUMMARY
            boxed = section.kind is SectionKind.ACTION_ITEMS  # has its box for a bullet
            style = "List" if boxed else "List Bullet 2" if level else "List Bullet"
            paragraph = document.add_paragraph(_xml(text), None if plain else style)
            if times and not plain:
                run = paragraph.add_run(f"  {times}")
                run.italic = True
    if transcript.segments:
        document.add_heading("Transcript", 1)
    for segment in transcript.segments:
        paragraph = document.add_paragraph(f"{clock(segment.start)}  ")
        if segment.speaker:
            paragraph.add_run(f"{_xml(segment.speaker)}: ").bold = True
        paragraph.add_run(_xml(segment.text))
    buffer = io.BytesIO()
    document.save(buffer)
    return _undated(buffer)


def _undated(document: io.BytesIO) -> bytes:
    """The same archive without the time at which it was made: equal notes are equal files."""
    made = io.BytesIO()
    with zipfile.ZipFile(document) as source, zipfile.ZipFile(made, "w") as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _xml(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(c for c in text if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff"))


_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c1c1c; background: #fff; }
h1 { line-height: 1.2; } .facts, time { color: #666; }
time { font-size: .85em; white-space: nowrap; }
ul { padding-left: 1.2rem; }
ul.boxed { padding-left: 1.5rem; list-style: none; text-indent: -1.3rem; }
.turn { margin: .3rem 0; }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #1a1a1a; }
  .facts, time { color: #aaa; } }
@media print { body { margin: 0; max-width: none; color: #000; background: #fff; }
  h2 { break-after: avoid; } li, .turn { break-inside: avoid; } }
"""


def page(notes: MeetingNotes, transcript: Transcript) -> str:
    """One file without a script, an address or a font from elsewhere."""
    starts = {segment.id: segment.start for segment in transcript.segments}
    title = html.escape(notes.title)
    rows = [
        f'<!DOCTYPE html>\n<html lang="{html.escape(transcript.language or "en")}">\n<head>',
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{title}</title><style>{_STYLE}</style>\n</head>\n<body>\n<main>",
        f'<h1>{title}</h1>\n<p class="facts">{html.escape(facts(notes, transcript))}</p>',
    ]
    if not notes.outline():
        rows.append(f"<p>{NOTHING}</p>")
    for section in notes.outline():
        rows.append(f"<section>\n<h2>{html.escape(section.title)}</h2>")
        if section.kind is SectionKind.SUMMARY:
            rows += [f"<p>{html.escape(text)}</p>" for _, text, _ in items(section, starts)]
        else:
            boxed = section.kind is SectionKind.ACTION_ITEMS
            rows += _list(list(items(section, starts)), ' class="boxed"' if boxed else "")
        rows.append("</section>")
    if transcript.segments:
        rows.append("<section>\n<h2>Transcript</h2>")
        for it in transcript.segments:
            who = f"<strong>{html.escape(it.speaker)}</strong>: " if it.speaker else ""
            time = f"<time>{clock(it.start)}</time>"
            rows.append(f'<p class="turn">{time} {who}{html.escape(it.text)}</p>')
        rows.append("</section>")
    return "\n".join([*rows, "</main>\n</body>\n</html>", ""])


def _list(shown: list[tuple[int, str, str]], attributes: str) -> list[str]:
    rows, depth = [f"<ul{attributes}>"], 0
    for place_, (level, text, times) in enumerate(shown):
        if level > depth:
            rows.append("<ul>")
        elif level < depth:
            rows.append("</ul></li>")
        depth = level
        time = f" <time>{times}</time>" if times else ""
        follows = shown[place_ + 1][0] if place_ + 1 < len(shown) else 0
        end = "" if follows > level else "</li>"
        rows.append(f"<li>{html.escape(text)}{time}{end}")
    return [*rows, *(["</ul></li>"] if depth else []), "</ul>"]


@hookimpl(trylast=True)
def register_note_exporters() -> list[NoteExporter]:
    return [Docx(), Html()]
