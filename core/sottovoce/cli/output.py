"""How meetings look: for people, and as JSON."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..times import clock
from ..values import ActionItem, SectionKind, Topic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from ..library import Meeting
    from ..pipeline import Processed
    from ..values import MeetingNotes, Statement, Transcript


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def meeting_to_json(meeting: Meeting) -> dict[str, Any]:
    recording = meeting.recording
    return {
        "id": meeting.id,
        "title": recording.title,
        "started_at": recording.started_at.isoformat(),
        "duration": round(recording.duration, 2),
        "recording": str(recording.path),
        "source": recording.source,
        "sha256": recording.sha256,
        "stages": list(meeting.stages),
        "exports": [{"exporter": name, "path": str(path)} for name, path in meeting.exports],
    }


def result_to_json(done: Processed, files: Sequence[Path] = ()) -> dict[str, Any]:
    from ..library.codec import notes_to_json, transcript_to_json

    return {
        "meeting": meeting_to_json(done.meeting),
        "transcript": transcript_to_json(done.transcript),
        "removed": dict(done.removed),
        "notes": notes_to_json(done.notes),
        "files": [str(path) for path in files],
    }


def place(recording: Path, seconds: float) -> str:
    """Where to open a recording: its address with a media fragment (``#t=27``)."""
    return f"{recording.as_uri()}#t={seconds:.0f}"


_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")


def left_out(removed: Mapping[str, int]) -> str:
    """What the guards took for invented, for a person; empty for nothing."""
    what = ", ".join(f"{kind} ({count})" for kind, count in removed.items())
    return f"left out as invented: {what}" if what else ""


def show_transcript(
    console: Console, transcript: Transcript, removed: Mapping[str, int] = MappingProxyType({})
) -> None:
    from rich.text import Text

    colours = dict(zip(transcript.speakers, _COLOURS * len(transcript.speakers), strict=False))
    console.rule("Transcript")
    if not transcript.segments:
        console.print("Nothing was said in this recording.")
    for segment in transcript.segments:
        line = Text(f"{clock(segment.start)}  ", style="dim")
        if segment.speaker:
            line.append(f"{segment.speaker}: ", style=f"bold {colours[segment.speaker]} not dim")
        line.append(segment.text, style="not dim")
        console.print(line)
    if removed:
        console.print(Text(left_out(removed).capitalize(), style="dim"))


_AROUND = 3
"""Segments before and after a place"""


def show_around(transcript: Transcript, number: int) -> None:
    """What was said around a segment, which is marked."""
    for segment in transcript.segments:
        if abs(segment.id - number) <= _AROUND:
            mark = ">" if segment.id == number else " "
            print(f"{mark} {clock(segment.start)} {segment.speaker or 'Speaker'}: {segment.text}")


def nothing(notes: MeetingNotes) -> str:
    """Why notes are empty."""
    if notes.coverage[1]:
        return "Nothing that was said is one of this template's sections."
    return "Nothing was said in this recording."


def checks(notes: MeetingNotes) -> list[str]:
    """What the notes cover, and what the check against the speech left out or could not see."""
    told = []
    start, end = notes.coverage
    if end:
        told.append(f"The notes cover the speech from {clock(start)} to {clock(end)}.")
    if notes.dropped:
        told.append(notes.left_out)
    if notes.unverified:
        told.append(
            f"{notes.unverified} statements are unverified: only their names and numbers were "
            "found in the cited speech."
        )
    return told


def show_notes(console: Console, notes: MeetingNotes, transcript: Transcript) -> None:
    from rich.text import Text

    starts = {segment.id: segment.start for segment in transcript.segments}

    def stamps(statement: Statement) -> Text:
        """Times, as links into the recording."""
        path = notes.recording.path
        found = [(clock(starts[it]), place(path, starts[it])) for it in statement.segments]
        return Text(" ").join(Text(time, style=f"dim link {link}") for time, link in found)

    def line(statement: Statement, bullet: str) -> None:
        text = statement.text if statement.verified else f"{statement.text} (unverified)"
        if isinstance(statement, ActionItem):
            owner = f"{statement.assignee}: " if statement.assignee else ""
            due = f" ({statement.due_text})" if statement.due_text else ""
            bullet, text = ("☑ " if statement.done else "☐ "), f"{owner}{text}{due}"
        stamped = Text(f"  {bullet}{text}")
        if bullet:
            stamped.append("  ").append_text(stamps(statement))
        console.print(stamped)

    console.rule(Text(f"Notes: {notes.title}"))
    if not notes.outline():
        console.print(nothing(notes))
    for section in notes.outline():
        console.print(Text(f"\n{section.title}", style="bold"))
        for it in section.statements:
            if isinstance(it, Topic):
                span = f"  {clock(it.start)}–{clock(it.end)}"
                console.print(Text(f"  {it.text}", style="bold").append(span, style="not bold dim"))
                for point in it.points:
                    line(point, "  • ")
            else:
                line(it, "" if section.kind is SectionKind.SUMMARY else "• ")
    console.print()
    for said in checks(notes):
        console.print(Text(said, style="dim"))
    made = ", ".join(f"{it.model} {it.seconds:.1f} s" for it in notes.produced_by)
    console.print(Text(f"Made on this machine by {made}", style="dim"))
