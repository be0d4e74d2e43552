"""Transcript and notes as JSON, in the form that docs/reference/commands.md describes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sottovoce import MeetingNotes, NoteExporter, Transcript, hookimpl

from .written import as_export_error, place, stem

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
"""Raised when a field is removed or means something else; fields may be added at any time"""


class Json(NoteExporter):
    name = "json"

    def export(self, notes: MeetingNotes, transcript: Transcript, folder: Path) -> Path:
        text = json.dumps(body(notes, transcript), ensure_ascii=False, indent=2) + "\n"
        with as_export_error(folder):
            return place(folder, stem(notes), ".json", text.encode())


def body(notes: MeetingNotes, transcript: Transcript) -> dict[str, Any]:
    from sottovoce.library.codec import notes_to_json, transcript_to_json

    return {
        "format": "sottovoce meeting",
        "version": VERSION,
        "meeting": {
            "id": notes.recording.id,
            "title": notes.title,
            "started_at": notes.recording.started_at.isoformat(),
            "duration": notes.recording.duration,
            "recording": str(notes.recording.path),
            "sha256": notes.recording.sha256,
        },
        "transcript": transcript_to_json(transcript),
        "notes": notes_to_json(notes),
    }


@hookimpl(trylast=True)
def register_note_exporters() -> list[NoteExporter]:
    return [Json()]
