"""Notes and transcripts as JSON: what the library stores and what ``--json`` prints."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from ..values import ActionItem, MeetingNotes, Production, Statement

if TYPE_CHECKING:
    from ..values import Recording, Segment, Transcript


def segment_to_json(segment: Segment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "speaker": segment.speaker,
        "text": segment.text,
        "confidence": segment.confidence,
        "words": [
            {"start": w.start, "end": w.end, "text": w.text, "probability": w.probability}
            for w in segment.words
        ],
    }


def transcript_to_json(transcript: Transcript) -> dict[str, Any]:
    return {
        "language": transcript.language,
        "speakers": list(transcript.speakers),
        "segments": [segment_to_json(segment) for segment in transcript.segments],
    }


def _statements(statements: tuple[Statement, ...]) -> list[dict[str, Any]]:
    return [{"text": s.text, "segments": list(s.segments)} for s in statements]


def notes_to_json(notes: MeetingNotes) -> dict[str, Any]:
    return {
        "title": notes.title,
        "summary": _statements(notes.summary),
        "key_points": _statements(notes.key_points),
        "decisions": _statements(notes.decisions),
        "action_items": [
            {
                "text": item.text,
                "assignee": item.assignee,
                "due": item.due.isoformat() if item.due else None,
                "due_text": item.due_text,
                "segments": list(item.segments),
            }
            for item in notes.action_items
        ],
        "open_questions": _statements(notes.open_questions),
        "dropped": notes.dropped,
        "coverage": list(notes.coverage),
        "produced_by": [
            {
                "stage": p.stage,
                "engine": p.engine,
                "version": p.version,
                "model": p.model,
                "seconds": round(p.seconds, 2),
            }
            for p in notes.produced_by
        ],
    }


def notes_from_json(body: dict[str, Any], recording: Recording) -> MeetingNotes:
    def statements(name: str) -> tuple[Statement, ...]:
        return tuple(
            Statement(text=it["text"], segments=tuple(it["segments"])) for it in body[name]
        )

    return MeetingNotes(
        recording=recording,
        title=body["title"],
        summary=statements("summary"),
        key_points=statements("key_points"),
        decisions=statements("decisions"),
        action_items=tuple(
            ActionItem(
                text=it["text"],
                segments=tuple(it["segments"]),
                assignee=it["assignee"],
                due=date.fromisoformat(it["due"]) if it["due"] else None,
                due_text=it["due_text"],
            )
            for it in body["action_items"]
        ),
        open_questions=statements("open_questions"),
        dropped=body["dropped"],
        coverage=(body["coverage"][0], body["coverage"][1]),
        produced_by=tuple(Production(**it) for it in body["produced_by"]),
    )
