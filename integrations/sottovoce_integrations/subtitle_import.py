"""WebVTT, SRT, SBV and text files with speakers, whichever program wrote them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sottovoce import ImportedMeeting, TranscriptError, TranscriptImporter

from .transcripts import (
    MEDIA,
    beside,
    looks_spoken,
    read_text,
    segments_of,
    speakers_of,
    spoken_lines,
    timed_cues,
    with_prefixes,
)

if TYPE_CHECKING:
    from pathlib import Path

_CAPTIONS = frozenset({".vtt", ".srt", ".sbv"})
_HEAD = 64_000


class Subtitles(TranscriptImporter):
    name = "subtitles"
    label = "subtitles"

    def claim(self, path: Path) -> Path | None:
        """A caption file, a text that is a transcript, or a recording of the same name beside."""
        if not path.is_file():
            return None
        suffix = path.suffix.lower()
        if suffix in _CAPTIONS:
            return path
        if suffix == ".txt":
            return path if is_transcript(path) else None
        if suffix in MEDIA:
            names = (path.with_suffix(it) for it in (".vtt", ".srt", ".sbv"))
            return next((it for it in names if it.is_file()), None)
        return None

    def read(self, path: Path) -> ImportedMeeting:
        text = read_text(path)
        cues = with_prefixes(timed_cues(text))
        if not cues and path.suffix.lower() == ".txt":
            cues = spoken_lines(text)
        segments = segments_of(cues, path)
        recording = recording_of(path)
        return ImportedMeeting(
            path=recording or path,
            files=(path, recording) if recording else (path,),
            title=path.stem,
            segments=segments,
            participants=speakers_of(segments),
            language=language_of(text),
        )


def is_transcript(path: Path) -> bool:
    """Whether a text file has turns of speakers: other texts are left alone."""
    try:
        return looks_spoken(read_text(path, _HEAD))
    except TranscriptError:
        return False


def recording_of(path: Path) -> Path | None:
    """The recording of the same name beside a transcript."""
    return next(
        (it for it in beside(path) if it.stem == path.stem and it.suffix.lower() in MEDIA), None
    )


def language_of(text: str) -> str:
    """What a WebVTT file's head says: ``Language: en``, ``NOTE language:en-us``."""
    found = re.search(r"^(?:NOTE\s+)?language\s*:\s*([a-z]{2})\b", text[:1000], re.I | re.M)
    return found[1].lower() if found else ""
