"""Reading transcripts as text: WebVTT, SRT, SBV, and lines with speakers and times.

What programs export strays from the formats: cues out of order, tags that are not closed, a byte
order mark, another encoding, a file cut off. What can be told is read; where it cannot be told who
spoke or when, the file is refused with a ``TranscriptError``.
"""

from __future__ import annotations

import html
import logging
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sottovoce import Segment, TranscriptError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

MEDIA = frozenset(
    ".aac .avi .flac .m4a .m4v .mka .mkv .mov .mp3 .mp4 .oga .ogg .opus .wav .webm"
    " .wma .wmv".split()
)
"""Suffixes of the recordings that may lie beside a transcript"""
_LARGEST = 50_000_000
"""Bytes; a day of speech is under 2 MB"""
_LONGEST = 100 * 3600
"""Seconds; a later time is a damaged one"""
_PACE = 2.5
"""Words a second, about 150 a minute: how long a line is taken to last that has no end"""


@dataclass(frozen=True, slots=True)
class Cue:
    """``start`` and ``end`` in seconds; ``None`` where the file does not say."""

    start: float | None
    end: float | None
    speaker: str | None
    text: str


# Text


def read_text(path: Path, limit: int | None = None) -> str:
    """A text file in UTF-8, UTF-16 or Windows-1252, lines ended by ``\\n``.

    ``limit`` reads that many bytes only. Raises ``TranscriptError``.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise TranscriptError(f"{path}: too large for a transcript")
        with path.open("rb") as file:
            data = file.read(-1 if limit is None else limit)
    except OSError as error:
        raise TranscriptError(f"{path}: it cannot be read: {error.strerror}") from error
    if not data.strip():
        raise TranscriptError(f"{path}: the file is empty")
    text = _decoded(data)
    if text is None:
        raise TranscriptError(
            f"{path}: its text encoding cannot be told; save it as UTF-8 and import it again"
        )
    if "\x00" in text:
        raise TranscriptError(f"{path}: not a text file, or a damaged one")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(data: bytes) -> str | None:
    for mark, name in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    head = data[:2000]
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = head[first::2].count(0)
        if zeros > len(head) * 0.3 and zeros > 10 * head[1 - first :: 2].count(0):
            return data.decode(name, "replace")
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    if not bad or sum(it > "\x7f" for it in text) > 2 * bad:
        return text
    if bad == 1 and text.endswith("\ufffd"):  # cut off within a character
        return text[:-1]
    text = data.decode("cp1252", "replace")
    letters = [it for it in text if it.isalpha()]
    # Another alphabet's encoding is nearly all letters that Windows-1252 has for accents.
    if sum(it > "\x7f" for it in letters) > 0.3 * len(letters) or "\ufffd" in text:
        return None
    return text


# Times

_TIME = r"(?:[0-9]{1,3}[:：])?[0-9]{1,2}[:：][0-9]{1,2}(?:[.,][0-9]{1,3})?"
_ARROW = re.compile(rf"^\s*({_TIME})\s*--?>\s*({_TIME})(?:\s.*)?$")
_SBV = re.compile(
    r"^\s*([0-9]{1,3}:[0-9]{2}:[0-9]{2}\.[0-9]{1,3}),([0-9]{1,3}:[0-9]{2}:[0-9]{2}\.[0-9]{1,3})\s*$"
)


def seconds(time: str) -> float:
    """``1:02:03.5``, ``02:03,500`` or ``2：03`` in seconds. Minutes and seconds run to 59."""
    whole, _, fraction = time.replace("：", ":").replace(",", ".").partition(".")
    parts = [int(it) for it in whole.split(":")]
    if any(it > 59 for it in parts[-2:]) and len(parts) > 2:
        raise ValueError(time)
    total = 0
    for part in parts:
        total = total * 60 + part
    if total > _LONGEST:
        raise ValueError(time)
    return round(total + (float(f"0.{fraction}") if fraction else 0.0), 3)


# Cues: WebVTT, SRT and SBV

_VOICE = re.compile(r"<v(?:\.[^\s>]*)?(?:\s+([^<>]*))?>", re.S)
_TAG = re.compile(r"</?[A-Za-z0-9.:][^<>]*>|</>|\{\\[^}]*\}|<v(?:[.\s][^<>]*)?$|</?v?$", re.S)
_NUMBER = re.compile(r"^\s*(?:[0-9]{1,6}|[0-9a-fA-F-]{32,36}/[0-9]+-[0-9]+)\s*$")
TEAMS_ID = re.compile(r"^\s*[0-9a-fA-F-]{32,36}/[0-9]+-[0-9]+\s*$", re.M)


def timed_cues(text: str) -> list[Cue]:
    """The cues of WebVTT, SRT or SBV in the order of the file, speakers taken from their tags."""
    cues: list[Cue] = []
    start = end = 0.0
    body: list[str] | None = None  # None: outside a cue
    inside = False  # a tag

    def close() -> None:
        if body is not None:
            cues.extend(_voices(start, end, "\n".join(body)))

    lines = text.split("\n")
    following = [""] * len(lines)  # for each line the next that is not blank
    for number in range(len(lines) - 2, -1, -1):
        following[number] = (
            lines[number + 1] if lines[number + 1].strip() else following[number + 1]
        )
    for rest, line in zip(following, lines, strict=True):
        found = _ARROW.match(line) or _SBV.match(line)
        if found is not None:
            if body and _NUMBER.match(body[-1]):  # the id of this cue, no blank line before it
                body.pop()
            close()
            body = None
            try:
                start, end = seconds(found[1]), seconds(found[2])
            except ValueError:
                continue
            body, inside = [], False
        elif body is not None and not line.strip():
            # A blank line ends a cue, unless it stands within a tag or before any text.
            if inside and not (_ARROW.match(rest) or _NUMBER.match(rest)):
                continue
            close()
            body = None
        elif body is not None:
            body.append(line)
            if "<" in line or ">" in line:
                inside = line.rfind("<") > line.rfind(">")
    close()
    return cues


def _voices(start: float, end: float, body: str) -> Iterator[Cue]:
    """A cue's text as one cue for each voice in it, the time shared out by length."""
    end = max(start, end)
    parts = _VOICE.split(body)  # text, name, text, name, text ...
    spoken = [(None, parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]
    spoken = [(_one_line(name or "") or None, _plain(text)) for name, text in spoken]
    spoken = [(name, text) for name, text in spoken if text]
    total = sum(len(text) for _, text in spoken)
    said = 0
    for name, text in spoken:
        begin = start + (end - start) * said / total
        said += len(text)
        yield Cue(round(begin, 3), round(start + (end - start) * said / total, 3), name, text)


def _plain(text: str) -> str:
    return _one_line(_TAG.sub("", text))


def _one_line(text: str) -> str:
    text = html.unescape(text).replace("\ufeff", "")
    return " ".join(re.sub(r"[\x00-\x1f\x7f\u200e\u200f\u2028\u2029]", " ", text).split())


# Speakers

_PREFIX = re.compile(r"^(?:>>\s*|-\s+)?([^:：]{1,60}?)\s*[:：]\s*(?!//)(.*)$", re.S)


def is_name(text: str) -> bool:
    """Whether a text looks like a person's name rather than the beginning of a sentence."""
    text = text.strip()
    words = re.sub(r"\([^)]*\)|\[[^\]]*\]", "", text).split()
    return (
        0 < len(words) <= 5
        and text[0].isalpha()
        and not text[0].islower()
        and not re.search(r"[?!;,<>{}=/\\|\"]|\w{3,}\.(?:\s|$)|-->", text)
        and sum(it[0].islower() for it in words) <= 2
        and text.casefold() not in _NO_NAMES
    )


_NO_NAMES = frozenset(
    "note warning example question answer http https re subject date time summary todo agenda"
    " attendees invited transcript language kind style region".split()
)


def with_prefixes(cues: Sequence[Cue]) -> list[Cue]:
    """``Name: text`` taken apart in the cues without a speaker.

    A colon is also punctuation: where most cues have none, only a name that comes again counts.
    """
    found: list[tuple[Cue, str, str] | None] = []
    for cue in cues:
        match = None if cue.speaker else _PREFIX.match(cue.text)
        named = match is not None and is_name(match[1]) and match[2].strip()
        found.append((cue, match[1].strip(), match[2].strip()) if match and named else None)
    names = Counter(it[1] for it in found if it)
    rule = sum(names.values()) * 2 >= sum(not cue.speaker for cue in cues)
    return [
        replace(cue, speaker=it[1], text=it[2]) if it and (rule or names[it[1]] > 1) else cue
        for cue, it in zip(cues, found, strict=True)
    ]


# Lines with speakers

_CLOCK = r"[0-9]{1,2}[:：][0-9]{2}(?:[:：][0-9]{2})?(?:[.,][0-9]{1,3})?"
_LINES = (
    # Teams: Name   0:11, also after a bullet; the text follows
    re.compile(rf"^(?P<name>[^\d\[\](){{}}:：][^\[\](){{}}:：]{{0,58}}?)\s+(?P<time>{_CLOCK})$"),
    # [Name] 10:00:05 with the text after it or below
    re.compile(rf"^\[(?P<name>[^\]]{{1,60}})\]\s*(?P<time>{_CLOCK})(?:\s*(?P<half>[AaPp][Mm]))?(?:\s+(?P<text>.*))?$"),
    # [00:05] Name: text, (00:05) Name: text, 00:05 Name: text, 00:05 - Name: text
    re.compile(rf"^[\[(]?(?P<time>{_CLOCK})[\])]?\s*[-–]?\s*(?P<name>[^:：]{{1,60}}?)\s*[:：]\s*(?P<text>.*)$"),
    # Name [00:05]: text, Name (00:05): text, Name (00:05)
    re.compile(rf"^(?P<name>[^:：\[(]{{1,60}}?)\s*[\[(](?P<time>{_CLOCK})[\])]\s*[:：]?\s*(?P<text>.*)$"),
)  # fmt: skip
_STAMP = re.compile(rf"^[\[(]?({_CLOCK})[\])]?$")


def spoken_lines(text: str) -> list[Cue]:
    """The turns of a transcript written as lines; without a time where a line has none of its own.

    A turn's text is what follows its name, on its line and on the next ones.
    """
    cues: list[Cue] = []
    stamp: float | None = None
    arrow: tuple[float, float] | None = None
    for line in text.split("\n"):
        line = _one_line(line.replace("\t", "   "))
        if not line:
            continue
        try:
            if found := _ARROW.match(line):
                arrow = (seconds(found[1]), seconds(found[2]))
                continue
            if found := _STAMP.match(line):
                stamp = seconds(found[1])
                continue
            cue = _turn(line)
        except ValueError:
            continue
        if arrow is not None:  # Teams' older documents: times, name, text
            known = is_name(line)
            cues.append(Cue(*arrow, line if known else None, "" if known else line))
            arrow = None
        elif cue is not None:
            cues.append(replace(cue, start=stamp) if cue.start is None else cue)
            stamp = None
        elif cues:
            cues[-1] = replace(cues[-1], text=f"{cues[-1].text} {line}".strip())
    return [cue for cue in cues if cue.text]


def _turn(line: str) -> Cue | None:
    """The turn that a line begins, if any. Raises ``ValueError`` for an impossible time."""
    for form in _LINES:
        found = form.match(line)
        if found is None or not is_name(found["name"]):
            continue
        groups = found.groupdict()
        start = seconds(found["time"])
        match (groups.get("half") or "").lower():
            case "pm" if start < 12 * 3600:
                start += 12 * 3600
            case "am" if start >= 12 * 3600:
                start -= 12 * 3600
        return Cue(start, None, found["name"].strip(), (groups.get("text") or "").strip())
    found = _PREFIX.match(line)
    if found and is_name(found[1]) and found[2].strip():
        return Cue(None, None, found[1].strip(), found[2].strip())
    return None


def looks_spoken(text: str) -> bool:
    """Whether a text is a transcript: turns with times, or nearly nothing but ``Name: text``."""
    cues = spoken_lines(text)
    if sum(cue.start is not None for cue in cues) >= 2:
        return True
    lines = [line for line in text.split("\n") if line.strip()]
    turns = [_prefixed(line) for line in lines]
    names = Counter(filter(None, turns))
    return len(names) >= 2 and sum(names.values()) >= max(4, 0.6 * len(lines))


def _prefixed(line: str) -> str | None:
    found = _PREFIX.match(_one_line(line))
    return found[1] if found and is_name(found[1]) and found[2].strip() else None


def on_the_timeline(cues: Sequence[Cue]) -> list[Cue]:
    """Give a time to the turns that have none: shared out by words up to the next that has one.

    After the last time, and in a file without any, speech is taken to run at 150 words a minute.
    """
    timed = list(cues)
    position = 0
    now = 0.0
    while position < len(timed):
        first = timed[position]
        now = first.start if first.start is not None else now
        until = position + 1
        while until < len(timed) and timed[until].start is None:
            until += 1
        lengths = [max(1, len(it.text.split())) / _PACE for it in timed[position:until]]
        after = timed[until].start if until < len(timed) else None
        if until - position > 1 and after is not None and after > now:
            pace = (after - now) / sum(lengths)
            lengths = [it * pace for it in lengths]
        for place, length in enumerate(lengths, position):
            timed[place] = replace(timed[place], start=round(now, 3))
            if until - position > 1:
                timed[place] = replace(timed[place], end=round(now + length, 3))
            now += length
        position = until
    return timed


def clock_times(cues: Sequence[Cue], start: float) -> list[Cue]:
    """Times of day as seconds from ``start``, a time of day too; past midnight they go on.

    Where the first is not within 12 hours after ``start``, it begins the meeting.
    """
    times = [cue for cue in cues if cue.start is not None]
    if not times:
        return list(cues)
    first = times[0].start or 0.0
    offset = start if 0 <= (first - start) % 86_400 < 12 * 3600 else first
    days, before = 0.0, first
    moved = []
    for cue in cues:
        if cue.start is None:
            moved.append(cue)
            continue
        if cue.start < before - 12 * 3600:
            days += 86_400
        before = cue.start
        shift = days - offset + (86_400 if first < offset else 0)
        moved.append(replace(cue, start=max(0.0, round(cue.start + shift, 3))))
    return moved


# Segments

_FRAGMENT_GAP = 1.0
_LONGEST_TURN = 30.0


def segments_of(cues: Iterable[Cue], path: Path) -> tuple[Segment, ...]:
    """Cues as a transcript: in order, without repetitions, what a caption broke off joined again.

    A cue without an end lasts until the next begins, or as long as its words take to say. Raises
    ``TranscriptError`` where there is nothing.
    """
    ordered = sorted(
        on_the_timeline([it for it in cues if it.text]), key=lambda it: it.start or 0.0
    )
    if not ordered:
        raise TranscriptError(
            f"{path}: no transcript was found in it: nobody is written to have spoken"
        )
    joined: list[Cue] = []
    for cue, later in zip(ordered, _later_starts(ordered), strict=True):
        start = cue.start or 0.0
        if cue.end is None:
            # A language that writes without spaces has few words and many characters.
            said = start + max(1.0, max(len(cue.text.split()), len(cue.text) / 12) / _PACE)
            cue = replace(cue, end=said if later is None else min(said, later))
        if joined and (joined[-1].text, joined[-1].speaker, joined[-1].start) == (
            cue.text,
            cue.speaker,
            cue.start,
        ):
            continue
        if joined and _goes_on(joined[-1], cue):
            before = joined[-1]
            end = max(before.end or 0.0, cue.end or 0.0)
            joined[-1] = replace(before, end=end, text=f"{before.text} {cue.text}")
        else:
            joined.append(cue)
    return tuple(
        Segment(
            id=number,
            start=round(cue.start or 0.0, 3),
            end=round(max(cue.end or 0.0, cue.start or 0.0), 3),
            text=cue.text,
            speaker=cue.speaker,
        )
        for number, cue in enumerate(joined)
    )


def _later_starts(ordered: Sequence[Cue]) -> list[float | None]:
    """For each cue when the next begins that does not begin with it."""
    later: list[float | None] = [None] * len(ordered)
    for number in range(len(ordered) - 2, -1, -1):
        start, after = ordered[number].start or 0.0, ordered[number + 1].start or 0.0
        later[number] = after if after > start else later[number + 1]
    return later


def _goes_on(before: Cue, cue: Cue) -> bool:
    """Whether a cue is the rest of a sentence that the caption before it broke off."""
    return (
        before.speaker == cue.speaker
        and before.text[-1] not in ".?!…。？！"
        and abs((cue.start or 0.0) - (before.end or 0.0)) <= _FRAGMENT_GAP
        and (cue.end or 0.0) - (before.start or 0.0) <= _LONGEST_TURN
    )


def speakers_of(segments: Iterable[Segment]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(it.speaker for it in segments if it.speaker))


def beside(path: Path) -> list[Path]:
    """The files in the folder of ``path``, by name; none where it cannot be listed."""
    try:
        return sorted(it for it in path.parent.iterdir() if it.is_file())
    except OSError:
        return []


# Word documents


def read_docx(path: Path) -> str:
    """The paragraphs and table cells of a Word document. Raises ``TranscriptError``."""
    import zipfile
    import zlib

    import docx
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError  # type: ignore[import-untyped]

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(it.file_size for it in archive.infolist()) > 4 * _LARGEST:
                raise TranscriptError(f"{path}: too large for a transcript")
            if (damaged := archive.testzip()) is not None:
                raise TranscriptError(f"{path}: the document is damaged (in its {damaged})")
        document = docx.Document(str(path))
        lines = [it.text for it in document.paragraphs]
        for table in document.tables:
            lines += [cell.text for row in table.rows for cell in row.cells]
    except OSError as error:
        why = error.strerror or "not a whole Word document"
        raise TranscriptError(f"{path}: it cannot be read: {why}") from error
    except (
        zipfile.BadZipFile, zlib.error, OpcError, LxmlError, KeyError, ValueError, EOFError,
        NotImplementedError, RuntimeError, AttributeError, IndexError, TypeError,
    ) as error:  # what the two libraries raise for a damaged document  # fmt: skip
        raise TranscriptError(f"{path}: not a Word document, or a damaged one") from error
    return "\n".join(lines)
