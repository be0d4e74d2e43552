"""Microsoft Teams: exported transcripts (WebVTT and both Word forms) and recordings by name.

A recording is ``Subject-20250605_150956-Meeting Recording.mp4`` in local time, later ones with
``UTC`` after the time. An exported transcript carries the subject and no date.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sottovoce import ImportedMeeting, TranscriptError, TranscriptImporter

from .subtitle_import import language_of
from .transcripts import (
    MEDIA,
    TEAMS_ID,
    beside,
    read_docx,
    read_text,
    segments_of,
    speakers_of,
    spoken_lines,
    timed_cues,
    with_prefixes,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sottovoce import Segment

_NAME = re.compile(
    r"^(?P<subject>.+?)-(?P<time>\d{8}_\d{6})(?P<utc>UTC)?-Meeting (?:Recording|Transcript)", re.I
)
_FORM = re.compile(
    r"^\s*\d+[:：]\d+[:：]\d+(?:[.,]\d+)?\s*-->\s*\d+[:：]\d+|^[^\d\n:：][^\n:：]{0,58}\s{2,}\d+[:：]\d\d",
    re.M,
)
_DATED = re.compile(r"^([A-Z][a-z]+ \d{1,2}, \d{4}), (\d{1,2}:\d{2}\s?[AP]M)$", re.M)


class Teams(TranscriptImporter):
    name = "teams"
    label = "Microsoft Teams"

    def claim(self, path: Path) -> Path | None:
        if not path.is_file():
            return None
        if _is_transcript(path):
            return path
        if path.suffix.lower() in MEDIA and _NAME.match(path.stem):
            return _transcript_of(path) or path
        return None

    def read(self, path: Path) -> ImportedMeeting:
        recording = path if path.suffix.lower() in MEDIA else _recording_of(path)
        named = _NAME.match((recording or path).stem)
        segments: tuple[Segment, ...] = ()
        text = ""
        if path != recording:
            if path.suffix.lower() == ".docx":
                text = read_docx(path)
                cues = spoken_lines(text)
            else:
                text = read_text(path)
                cues = with_prefixes(timed_cues(text))
            segments = segments_of(cues, path)
        return ImportedMeeting(
            path=recording or path,
            files=tuple(dict.fromkeys(it for it in (recording, path) if it)),
            title=named["subject"].strip() if named else path.stem,
            title_given=True,
            started_at=(_started(named) if named else None) or _dated(text),
            segments=segments,
            participants=speakers_of(segments),
            language=language_of(text),
        )


def _is_transcript(path: Path) -> bool:
    try:
        match path.suffix.lower():
            case ".vtt":
                head = read_text(path, 16_000)
                return bool(TEAMS_ID.search(head) or re.search(r"<v[ .>]", head))
            case ".docx":
                return bool(_FORM.search(read_docx(path)))
    except TranscriptError:
        # An empty or damaged file with Teams' name is refused by ``read``, which says why.
        return _NAME.match(path.stem) is not None
    return False


def _started(named: re.Match[str]) -> datetime | None:
    try:
        time = datetime.strptime(named["time"], "%Y%m%d_%H%M%S")
    except ValueError:
        return None
    return time.replace(tzinfo=UTC).astimezone() if named["utc"] else time.astimezone()


def _dated(text: str) -> datetime | None:
    """Newer documents say it under their title: ``June 5, 2025, 3:09PM``, in local time."""
    found = _DATED.search(text[:500])
    if found is None:
        return None
    try:
        said = f"{found[1]} {found[2].replace(' ', '')}"
        return datetime.strptime(said, "%B %d, %Y %I:%M%p").astimezone()
    except ValueError:
        return None


def _same_meeting(recording: Path, transcript: Path) -> bool:
    """By name; a subject alone tells only where one recording in the folder has it."""
    if recording.stem.replace("Recording", "Transcript") == transcript.stem.replace(
        "Recording", "Transcript"
    ):
        return True
    named = _NAME.match(recording.stem)
    if named is None or named["subject"] != transcript.stem:
        return False
    others = [
        it
        for it in beside(recording)
        if it.suffix.lower() in MEDIA
        and (found := _NAME.match(it.stem)) is not None
        and found["subject"] == transcript.stem
    ]
    return others == [recording]


def _transcript_of(recording: Path) -> Path | None:
    candidates = [it for it in beside(recording) if it.suffix.lower() in (".vtt", ".docx")]
    candidates.sort(key=lambda it: it.suffix.lower() != ".vtt")
    return next(
        (it for it in candidates if _same_meeting(recording, it) and _is_transcript(it)), None
    )


def _recording_of(transcript: Path) -> Path | None:
    media = (it for it in beside(transcript) if it.suffix.lower() in MEDIA)
    return next((it for it in media if _same_meeting(it, transcript)), None)
