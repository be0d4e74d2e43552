"""The transcript as subtitles: SubRip (.srt) and WebVTT (.vtt), with speakers and wrapped lines."""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sottovoce import MeetingNotes, NoteExporter, Segment, Transcript, hookimpl

from .written import as_export_error, place, stem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WIDTH, _ROWS = 42, 2
"""Characters a row and rows a cue, as broadcasters have them"""


@dataclass(frozen=True, slots=True)
class Cue:
    start: float
    end: float
    speaker: str | None
    rows: tuple[str, ...]


class Srt(NoteExporter):
    name = "srt"

    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        with as_export_error(folder):
            return place(folder, stem(notes), ".srt", srt(transcript).encode())


class Vtt(NoteExporter):
    name = "vtt"

    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        with as_export_error(folder):
            return place(folder, stem(notes), ".vtt", vtt(transcript).encode())


def srt(transcript: Transcript) -> str:
    blocks = []
    for number, cue in enumerate(cues(transcript), 1):
        rows = [f"{cue.speaker}: {cue.rows[0]}", *cue.rows[1:]] if cue.speaker else cue.rows
        times = f"{_time(cue.start, ',')} --> {_time(cue.end, ',')}"
        blocks.append("\n".join([str(number), times, *rows]) + "\n")
    return "\n".join(blocks)


def vtt(transcript: Transcript) -> str:
    blocks = ["WEBVTT\n"]
    for cue in cues(transcript):
        rows = [html.escape(row, quote=False) for row in cue.rows]
        if cue.speaker:
            rows[0] = f"<v {html.escape(cue.speaker, quote=False)}>{rows[0]}"
        times = f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}"
        blocks.append("\n".join([times, *rows]) + "\n")
    return "\n".join(blocks)


def cues(transcript: Transcript) -> Iterator[Cue]:
    """Long segments in several cues, the time shared out by their length, or by their words."""
    for segment in transcript.segments:
        if not segment.text.strip():
            continue
        rows = _rows(segment.text)
        parts = [tuple(rows[i : i + _ROWS]) for i in range(0, len(rows), _ROWS)]
        ends = _ends(segment, parts)
        start = segment.start
        for part, end in zip(parts, ends, strict=True):
            yield Cue(start, max(end, start + 0.001), segment.speaker, part)
            start = end


def _rows(text: str) -> list[str]:
    """As many as are needed, and about equally long: no last cue of one word."""
    rows = textwrap.wrap(text, _WIDTH, break_long_words=False)
    for width in range(_WIDTH - 1, 0, -1):
        shorter = textwrap.wrap(text, width, break_long_words=False)
        if len(shorter) > len(rows):
            break
        rows = shorter
    return rows


def _ends(segment: Segment, parts: list[tuple[str, ...]]) -> list[float]:
    counts = [sum(len(row.split()) for row in part) for part in parts]
    spoken = segment.words
    if len(spoken) == sum(counts):
        last, ends = 0, []
        for count in counts:
            last += count
            ends.append(spoken[last - 1].end)
        return [*ends[:-1], segment.end]
    total, done, ends = sum(counts), 0, []
    for count in counts:
        done += count
        ends.append(segment.start + (segment.end - segment.start) * done / total)
    return ends


def _time(seconds: float, mark: str) -> str:
    whole = round(seconds * 1000)
    minutes, rest = divmod(whole, 60_000)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{rest // 1000:02}{mark}{rest % 1000:03}"


@hookimpl(trylast=True)
def register_note_exporters() -> list[NoteExporter]:
    return [Srt(), Vtt()]
