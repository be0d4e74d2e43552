"""Zoom: the folder of a local recording, and what its cloud lets one download.

A local folder is ``2026-09-15 14.30.12 Acme Weekly 81234567890``, in local time; cloud files begin
with ``GMT20240124-202901_Recording``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sottovoce import (
    AudioDevice,
    ImportedMeeting,
    RecordingError,
    TranscriptError,
    TranscriptImporter,
)

from .transcripts import (
    MEDIA,
    beside,
    clock_times,
    read_text,
    segments_of,
    speakers_of,
    spoken_lines,
    timed_cues,
    with_prefixes,
)

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER = re.compile(r"^(\d{4}-\d{2}-\d{2}) (\d{2})[.:](\d{2})[.:](\d{2})\s*(.*?)(?:\s+\d{9,11})?$")
_CLOUD = re.compile(r"^GMT(\d{8}-\d{6})_Recording")
_PARTS = re.compile(r"^(?:video|audio|zoom_|chat|closed_caption|meeting_saved|double_click)", re.I)
_SPEAKER = re.compile(r"^audio_?(\D[^/]*?)_?\d{4,}$")
_CAPTIONS = ("meeting_saved_closed_caption.txt", "closed_caption.txt")
_CHAT = re.compile(r"\bFrom\s+(.+?)(?:\s+to\s+.+?)?\s*:", re.I)
_SPEAKERS_FOLDER = "Audio Record"


class Zoom(TranscriptImporter):
    name = "zoom"
    label = "Zoom"

    def claim(self, path: Path) -> Path | None:
        if path.is_dir():
            return path if _is_meeting(path) else None
        if _CLOUD.match(path.name):
            parts = _cloud_files(path)
            return parts[0] if path in parts else None
        folder = path.parent
        if folder.name == _SPEAKERS_FOLDER:
            folder = folder.parent
        return folder if _PARTS.match(path.name) and _is_meeting(folder) else None

    def read(self, path: Path) -> ImportedMeeting:
        return _local(path) if path.is_dir() else _cloud(path)


def _is_meeting(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    names = [it.name.lower() for it in _files(folder)]
    if _FOLDER.match(folder.name):
        return any(_PARTS.match(name) for name in names)
    return any(
        re.match(r"(?:video|audio)\d{6,}\.|double_click.*\.zoom$", name) or name == _CAPTIONS[0]
        for name in names
    )


def _files(folder: Path) -> list[Path]:
    return [*beside(folder / "."), *beside(folder / _SPEAKERS_FOLDER / ".")]


def _local(folder: Path) -> ImportedMeeting:
    files = _files(folder)
    if any(it.suffix.lower() == ".zoom" for it in files):
        raise TranscriptError(
            f"{folder}: Zoom has not converted this recording yet; open its .zoom file in Zoom, "
            "wait for it to finish, and import the folder again"
        )
    title, started_at = _named(folder)
    media = [it for it in files if it.suffix.lower() in MEDIA]
    tracks = [it for it in media if _SPEAKER.match(it.stem) and it.suffix.lower() != ".mp4"]
    # The sound alone before the video: it is the same, and quicker to read.
    mixed = sorted(
        (it for it in media if it not in tracks), key=lambda it: (it.suffix != ".m4a", it.name)
    )
    captions = next((it for it in files if it.name.lower() in _CAPTIONS), None)
    chat = [it for it in files if it.name.lower() == "chat.txt"]
    cues = []
    if captions is not None:
        begin = started_at or datetime.min
        cues = clock_times(
            spoken_lines(read_text(captions)), begin.hour * 3600 + begin.minute * 60 + begin.second
        )
    if not (cues or media):
        raise TranscriptError(f"{folder}: there is neither a recording nor a caption file in it")
    segments = segments_of(cues, folder) if cues else ()
    written = [name for it in chat for name in _chatted(it)]
    known = list(dict.fromkeys([*speakers_of(segments), *written]))
    labels = {it: _person(it, known) for it in tracks}
    if not segments and not mixed and not tracks:
        raise TranscriptError(f"{folder}: there is no recording in it that can be read")
    return ImportedMeeting(
        path=next(iter([*mixed, *tracks, *([captions] if captions else [])])),
        files=tuple([*mixed, *tracks, *([captions] if captions else []), *chat]),
        title=title or "Zoom meeting",
        title_given=bool(title),
        started_at=started_at,
        segments=segments,
        participants=tuple(dict.fromkeys([*known, *labels.values()])),
        tracks=()
        if segments
        else tuple(AudioDevice(str(it), label) for it, label in labels.items()),
    )


def _named(folder: Path) -> tuple[str, datetime | None]:
    found = _FOLDER.match(folder.name)
    if found is None:
        return "", None
    try:
        local = datetime.fromisoformat(f"{found[1]}T{found[2]}:{found[3]}:{found[4]}")
    except ValueError:
        return found[5], None
    return found[5], local.astimezone()


def _chatted(chat: Path) -> list[str]:
    """Who wrote in the chat: ``10:00:05<tab> From Sara Kim to Everyone:``."""
    try:
        text = read_text(chat)
    except TranscriptError:  # an empty chat says nothing about the meeting
        return []
    return [it.strip() for it in _CHAT.findall(text) if it.strip()]


def _person(track: Path, known: list[str]) -> str:
    """``audioJohnSmith98796876`` is John Smith: as others write it, else split at capitals."""
    found = _SPEAKER.match(track.stem)
    if found is None:
        raise RecordingError(f"{track}: its name says no speaker")
    for name in known:
        if "".join(name.split()).casefold() == found[1].casefold():
            return name
    return re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", found[1]).replace("_", " ").strip()


def _cloud_files(path: Path) -> list[Path]:
    """All downloads of one cloud recording: the transcript, captions, sound, pictures, in order."""
    found = _CLOUD.match(path.name)
    ours = [it for it in beside(path) if found and it.name.startswith(found[0])]
    order = (".transcript.vtt", ".cc.vtt", ".vtt", ".m4a", *sorted(MEDIA - {".m4a"}))

    def rank(file: Path) -> int:
        name = file.name.lower()
        return next((n for n, end in enumerate(order) if name.endswith(end)), len(order))

    return sorted((it for it in ours if rank(it) < len(order)), key=lambda it: (rank(it), it.name))


def _cloud(path: Path) -> ImportedMeeting:
    files = _cloud_files(path)
    found = _CLOUD.match(path.name)
    started_at = None
    if found:
        try:
            started_at = datetime.strptime(found[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            started_at = None
    text = read_text(path) if path.suffix.lower() == ".vtt" else ""
    segments = segments_of(with_prefixes(timed_cues(text)), path) if text else ()
    media = [it for it in files if it.suffix.lower() in MEDIA]
    return ImportedMeeting(
        path=next(iter(media), path),
        files=tuple(files),
        title="Zoom meeting",
        started_at=started_at.astimezone() if started_at else None,
        segments=segments,
        participants=speakers_of(segments),
    )
