"""Meetings to evaluate notes on: one JSON file each, in either of two forms.

Our own (docs/how-to/evaluate.md) has segments or a recording, and any of: summaries, facts, truth.
QMSum's (Zhong et al. 2021) is taken as it is: its turns have no times, so that words are taken to
be spoken at 150 a minute; the answers to its specific queries are the facts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sottovoce import Recording, Segment, Transcript
from sottovoce.sample.build import Turn

_A_WORD = 60 / 150
"""Seconds"""
_NOISE = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    text: str
    owner: str = ""
    heard: str = ""
    """What the transcript calls the owner's voice, where that is something else"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    tasks: tuple[Task, ...]
    decisions: tuple[str, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    recording: Recording
    transcript: Transcript | None
    """``None`` where there is a recording to transcribe"""
    summaries: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    truth: Truth | None = None
    script: Path | None = None
    """What is to be spoken and then transcribed, as sottovoce.sample.build reads it"""


def heard(truth: Truth, transcript: Transcript, turns: Sequence[Turn]) -> Truth:
    """The truth with what the transcript calls the voice of each owner, too.

    Misheard names are the transcription's fault; whose task it is, is the notes'.
    """
    shared: dict[str, Counter[str]] = {}
    for segment in transcript.segments:
        for turn in turns:
            common = min(segment.end, turn.end) - max(segment.start, turn.start)
            if common > 0 and segment.speaker:
                shared.setdefault(turn.speaker, Counter())[segment.speaker] += int(common * 1000)
    names = {speaker: labels.most_common(1)[0][0] for speaker, labels in shared.items()}
    tasks = tuple(replace(task, heard=names.get(task.owner, "")) for task in truth.tasks)
    return replace(truth, tasks=tasks)


def read(path: Path) -> Meeting:
    """Raises ``ValueError`` that names the file and what is missing."""
    try:
        body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return _qmsum(path, body) if "meeting_transcripts" in body else _ours(path, body)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not a meeting to evaluate: {error!r}") from error


def _recording(path: Path, title: str, started_at: str | None = None) -> Recording:
    at = datetime.fromisoformat(started_at) if started_at else datetime(2026, 3, 12, 10, tzinfo=UTC)
    return Recording(
        id=hashlib.sha256(str(path).encode()).hexdigest()[:8],
        title=title,
        path=path,
        source="evaluation",
        started_at=at if at.tzinfo else at.replace(tzinfo=UTC),
    )


def _transcript(recording: Recording, language: str, turns: list[dict[str, Any]]) -> Transcript:
    segments: list[Segment] = []
    now = 0.0
    for turn in turns:
        text = re.sub(r"\s+([.,?!;:]|'\w{1,2}\b)", r"\1", _NOISE.sub(" ", turn["text"]))
        text = " ".join(text.split())
        start = float(turn.get("start", now))
        end = float(turn.get("end", start + max(1, len(text.split())) * _A_WORD))
        now = end
        if any(c.isalnum() for c in text):
            segments.append(
                Segment(
                    id=len(segments), start=start, end=end, text=text, speaker=turn.get("speaker")
                )
            )
    return Transcript(recording_id=recording.id, language=language, segments=tuple(segments))


def _qmsum(path: Path, body: dict[str, Any]) -> Meeting:
    recording = _recording(path, path.stem)
    turns = [
        {"speaker": it["speaker"], "text": it["content"]} for it in body["meeting_transcripts"]
    ]
    answers = [it["answer"] for it in body["specific_query_list"]]
    facts = (s.strip() for answer in answers for s in re.split(r"(?<=[.!?])\s+", answer))
    return Meeting(
        recording=recording,
        transcript=_transcript(recording, "en", turns),
        summaries=tuple(it["answer"] for it in body["general_query_list"][:1]),
        facts=tuple(fact for fact in facts if fact),
    )


def _ours(path: Path, body: dict[str, Any]) -> Meeting:
    recording = _recording(path, body.get("title", path.stem), body.get("started_at"))
    transcript = None
    script = path.parent / body["script"] if "script" in body else None
    if "recording" in body:
        recording = _recording(path.parent / body["recording"], recording.title)
    elif script:
        recording = _recording(script, recording.title)
    else:
        transcript = _transcript(recording, body.get("language", "en"), body["segments"])
    truth = body.get("truth")
    return Meeting(
        recording=recording,
        transcript=transcript,
        summaries=tuple(body.get("summaries", ())),
        facts=tuple(body.get("facts", ())),
        truth=truth
        and Truth(
            tasks=tuple(
                Task(text=it["text"], owner=it.get("owner", "")) for it in truth.get("tasks", ())
            ),
            decisions=tuple(truth.get("decisions", ())),
            questions=tuple(truth.get("questions", ())),
        ),
        script=script,
    )
