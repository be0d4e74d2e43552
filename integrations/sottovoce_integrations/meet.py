"""Google Meet: transcript documents as Word or text files, SBV captions, recordings by name.

Names: ``Title - 2024/12/07 12:15 EST - Transcript`` or ``Title (2025-03-25 21:51 GMT-4) -
Transcript``; downloads write the slashes and colons as ``_`` or as their full-width forms.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from sottovoce import ImportedMeeting, TranscriptError, TranscriptImporter

from .transcripts import (
    MEDIA,
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
    r"^(?P<title>.+?)(?: - | \()(?P<date>\d{4}[-/_／]\d{2}[-/_／]\d{2})"
    r" (?P<time>\d{1,2}[:_：]\d{2})"
    r"(?: (?P<zone>[A-Z]{2,5}(?:[+-]\d{1,2}(?:[:_]?\d{2})?)?))?\)?"
    r"(?: ?- ?(?P<kind>Transcript|Recording|Notes by Gemini|Chat))?(?: ?\(\d+\))?$"
)
_ZONES = {
    "UTC": 0, "GMT": 0, "WET": 0, "BST": 1, "WEST": 1, "CET": 1, "WAT": 1, "CEST": 2, "EET": 2,
    "SAST": 2, "CAT": 2, "EEST": 3, "MSK": 3, "EAT": 3, "IST": 5.5, "WIB": 7, "SGT": 8, "HKT": 8,
    "AWST": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "BRT": -3,
    "ADT": -3, "AST": -4, "EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7,
    "PDT": -7, "PST": -8, "AKDT": -8, "AKST": -9, "HST": -10,
}  # fmt: skip
"""Hours ahead of UTC that Google's abbreviations mean; IST is India's, CST America's"""
_TEXTS = (".docx", ".txt", ".sbv")


class Meet(TranscriptImporter):
    name = "meet"
    label = "Google Meet"

    def claim(self, path: Path) -> Path | None:
        named = _NAME.match(path.stem)
        if not path.is_file() or named is None or named["kind"] == "Chat":
            return None
        if path.suffix.lower() in _TEXTS:
            return path if named["kind"] or path.suffix.lower() == ".sbv" else None
        if path.suffix.lower() in MEDIA:
            return next((it for it in _others(path, _TEXTS) if _is_transcript(it)), path)
        return None

    def read(self, path: Path) -> ImportedMeeting:
        named = _NAME.match(path.stem)
        if named is None:
            raise TranscriptError(f"{path}: its name is none that Google Meet gives")
        recording = path
        segments: tuple[Segment, ...] = ()
        invited: tuple[str, ...] = ()
        if path.suffix.lower() in _TEXTS:
            recording = next(iter(_others(path, MEDIA)), path)
            text = read_docx(path) if path.suffix.lower() == ".docx" else read_text(path)
            if path.suffix.lower() == ".sbv":
                cues = with_prefixes(timed_cues(text))
            else:
                invited, text = _parts(text)
                cues = spoken_lines(text)
            if not cues and named["kind"] == "Notes by Gemini":
                raise TranscriptError(
                    f"{path}: these are Gemini's notes and no transcript; download the document "
                    "that ends in 'Transcript'"
                )
            segments = segments_of(cues, path)
        return ImportedMeeting(
            path=recording,
            files=tuple(dict.fromkeys((recording, path))),
            title=named["title"].strip(),
            title_given=True,
            started_at=_started(named),
            segments=segments,
            participants=tuple(dict.fromkeys([*invited, *speakers_of(segments)])),
        )


def _is_transcript(path: Path) -> bool:
    named = _NAME.match(path.stem)
    return named is not None and (named["kind"] == "Transcript" or path.suffix.lower() == ".sbv")


def _others(path: Path, suffixes: tuple[str, ...] | frozenset[str]) -> list[Path]:
    """The other files of the same meeting, by title and time."""
    mine = _NAME.match(path.stem)
    return [
        it
        for it in beside(path)
        if it.suffix.lower() in suffixes
        and (found := _NAME.match(it.stem))
        and mine
        and found["title"] == mine["title"]
        and _started(found) == _started(mine)
    ]


def _started(named: re.Match[str]) -> datetime | None:
    date = re.sub(r"\D", "-", named["date"])
    time = re.sub(r"\D", ":", named["time"]).zfill(5)
    try:
        local = datetime.fromisoformat(f"{date}T{time}")
        zone = named["zone"]
        if zone is None:
            return local.astimezone()
        found = re.match(r"(?:GMT|UTC)([+-])(\d{1,2})[:_]?(\d{2})?$", zone)
        if found:
            minutes = int(found[2]) * 60 + int(found[3] or 0)
            offset = timedelta(minutes=-minutes if found[1] == "-" else minutes)
        elif zone in _ZONES:
            offset = timedelta(hours=_ZONES[zone])
        else:  # an abbreviation that we do not know: the person's own time is the likeliest
            return local.astimezone()
        return local.replace(tzinfo=timezone(offset)).astimezone()
    except (ValueError, OverflowError):
        return None


def _parts(text: str) -> tuple[tuple[str, ...], str]:
    """The names under "Attendees", and what stands under "Transcript"."""
    lines = text.split("\n")
    words = [it.strip().strip("*# :").casefold() for it in lines]
    invited: list[str] = []
    if "attendees" in words:
        after = [it.strip() for it in lines[words.index("attendees") + 1 :] if it.strip()]
        invited = [it.strip() for it in after[0].split(",")] if after else []
    begin = words.index("transcript") + 1 if "transcript" in words else 0
    body = [
        it for it in lines[begin:] if not re.match(r"\s*(?:Meeting|Transcription) ended after", it)
    ]
    if not begin and "attendees" in words:
        body = [it for it in body if it.strip() != ", ".join(invited)]
    return tuple(it for it in invited if 0 < len(it) < 80), "\n".join(body)
