"""Notes and transcripts as JSON: what the library stores and what ``--json`` prints."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from ..values import (
    ActionItem,
    MeetingNotes,
    Production,
    Section,
    SectionKind,
    Statement,
    Topic,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..values import Recording, Segment, Transcript


def segment_to_json(segment: Segment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "speaker": segment.speaker,
        "text": segment.text,
        "confidence": segment.confidence,
        "language": segment.language,
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


def _statement(it: Statement) -> dict[str, Any]:
    """Fields that say nothing are left out, those of every statement excepted."""
    value: dict[str, Any] = {"text": it.text}
    if isinstance(it, ActionItem):
        value |= {
            "assignee": it.assignee,
            "due": it.due.isoformat() if it.due else None,
            "due_text": it.due_text,
        }
        if it.done:
            value["done"] = True
    if isinstance(it, Topic):
        value |= {"start": round(it.start, 3), "end": round(it.end, 3)}
        value["points"] = _statements(it.points)
    value["segments"] = list(it.segments)
    if not it.verified:
        value["verified"] = False
    return value


def _statements(statements: Iterable[Statement]) -> list[dict[str, Any]]:
    return [_statement(it) for it in statements]


_LISTS = (
    "summary",
    "key_points",
    "decisions",
    "action_items",
    "open_questions",
    "topics",
    "quotes",
    "carried",
)


def notes_to_json(notes: MeetingNotes) -> dict[str, Any]:
    return {
        "title": notes.title,
        "template": notes.template,
        **{name: _statements(getattr(notes, name)) for name in _LISTS},
        "sections": [
            {
                "title": it.title,
                "kind": it.kind.value,
                "instruction": it.instruction,
                "statements": _statements(it.statements),
            }
            for it in notes.sections
        ],
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
    """Of this version's notes or an earlier one's, which had fewer fields."""
    lists: dict[str, Any] = {
        name: tuple(map(_statement_from, body.get(name, ()))) for name in _LISTS
    }
    return MeetingNotes(
        recording=recording,
        title=body["title"],
        template=body.get("template", "general"),
        **lists,
        sections=tuple(
            Section(
                title=it["title"],
                kind=SectionKind(it["kind"]),
                instruction=it["instruction"],
                statements=tuple(map(_statement_from, it["statements"])),
            )
            for it in body.get("sections", ())
        ),
        dropped=body["dropped"],
        coverage=(body["coverage"][0], body["coverage"][1]),
        produced_by=tuple(Production(**it) for it in body["produced_by"]),
    )


def _statement_from(value: dict[str, Any]) -> Statement:
    common: dict[str, Any] = {
        "text": value["text"],
        "segments": tuple(value["segments"]),
        "verified": value.get("verified", True),
    }
    if "points" in value:
        points = tuple(map(_statement_from, value["points"]))
        return Topic(**common, start=value["start"], end=value["end"], points=points)
    if "assignee" in value:
        return ActionItem(
            **common,
            assignee=value["assignee"],
            due=date.fromisoformat(value["due"]) if value["due"] else None,
            due_text=value["due_text"],
            done=value.get("done", False),
        )
    return Statement(**common)
