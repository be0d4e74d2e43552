"""How meetings look: for people, and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..library.codec import notes_to_json, transcript_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    return {
        "meeting": meeting_to_json(done.meeting),
        "transcript": transcript_to_json(done.transcript),
        "notes": notes_to_json(done.notes),
        "files": [str(path) for path in files],
    }


def clock(seconds: float) -> str:
    """``1:02:03`` or ``02:03``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def place(recording: Path, seconds: float) -> str:
    """Where to open a recording: its address with a media fragment (``#t=27``)."""
    return f"{recording.as_uri()}#t={seconds:.0f}"


_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")


def show_transcript(console: Console, transcript: Transcript) -> None:
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


def show_notes(console: Console, notes: MeetingNotes, transcript: Transcript) -> None:
    from rich.text import Text

    starts = {segment.id: segment.start for segment in transcript.segments}

    def stamps(statement: Statement) -> str:
        return " ".join(clock(starts[segment]) for segment in statement.segments)

    def section(title: str, lines: Sequence[tuple[str, Statement]], bullet: str = "• ") -> None:
        if lines:
            console.print(Text(f"\n{title}", style="bold"))
        for line, statement in lines:
            stamped = Text(f"  {bullet}{line}")
            stamped.append(f"  {stamps(statement)}", style="dim")
            console.print(stamped)

    console.rule(Text(f"Notes: {notes.title}"))
    if notes.summary:
        console.print(Text("\nSummary", style="bold"))
    for statement in notes.summary:
        console.print(Text(f"  {statement.text}"))
    section("Decisions", [(it.text, it) for it in notes.decisions])
    tasks = []
    for item in notes.action_items:
        due = f" ({item.due_text})" if item.due_text else ""
        owner = f"{item.assignee}: " if item.assignee else ""
        tasks.append((f"{owner}{item.text}{due}", item))
    section("Action items", tasks, "☐ ")
    section("Open questions", [(it.text, it) for it in notes.open_questions])
    section("Key points", [(it.text, it) for it in notes.key_points])
    made = ", ".join(f"{it.model} {it.seconds:.1f} s" for it in notes.produced_by)
    console.print(Text(f"\nMade on this machine by {made}", style="dim"))
