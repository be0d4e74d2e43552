"""Cutting a transcript into short windows of numbered lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .evidence import Line, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..values import Transcript

_LINES = 10
_OVERLAP = 2
"""Lines at the start of a window that the one before had too: an answer to its last question"""
_LONG = 20
"""Words from which a turn is cut at its sentences"""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_SHORT = 2
"""Words of a segment that shares its line with others like it"""
_PAUSE = 3.0
"""Seconds between such segments"""
_MARKERS = re.compile(
    r"\[[^\]]{0,40}\]|\((?:[^)]{0,20}\b)?(?:silence|music|noise|applause|laughter|laughs|inaudible"
    r"|unintelligible|blank[ _]audio|pause|coughs?|sighs?)\b[^)]{0,20}\)|\*[^*]{1,40}\*"
    r"|<[^<>|]{1,20}>|♪[^♪]*♪?",
    re.I,
)
"""[BLANK_AUDIO], (soft music), *coughs*, ♪ ♪"""


@dataclass(frozen=True, slots=True)
class Window:
    first: int
    """Position of its first line among all lines"""
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """Numbered from 1, one line each: ``[1] Maria: Good morning.``"""
        return "\n".join(f"[{n}] {it.speaker}: {it.text}" for n, it in enumerate(self.lines, 1))

    @property
    def names(self) -> tuple[str, ...]:
        """Who may own something here: those who speak in it."""
        return tuple(dict.fromkeys(line.speaker for line in self.lines))


def lines_of(transcript: Transcript) -> list[Line]:
    """A line per turn, or per few sentences of a long one; segments of a word or two that one
    speaker says after another are one line. Control characters become spaces; what a recogniser
    writes for silence and noise is no line."""
    lines: list[Line] = []
    short_until = None
    """The end of the last segment, where its line may take up another of a word or two"""
    for segment in transcript.segments:
        speaker = _clean(segment.speaker or "Speaker")
        text = _clean(_MARKERS.sub(" ", segment.text))
        size = len(words(text))
        if size == 0:
            short_until = short_until and segment.end
            continue
        short = size <= _SHORT
        last = lines[-1] if lines else None
        if (
            short
            and last is not None
            and short_until is not None
            and segment.start - short_until <= _PAUSE
            and last.speaker == speaker
            and len(words(last.text)) + size <= _LONG
        ):
            more = (*last.more, segment.id)
            lines[-1] = Line(last.segment, speaker, f"{last.text} {text}", more, last.language)
        else:
            spoken = segment.language or transcript.language
            lines += [
                Line(segment.id, speaker, it, language=spoken) for it in _pieces(text) if words(it)
            ]
        short_until = segment.end if short else None
    return lines


_LISTENING = frozenset(
    "yeah yep yes yup mm mhm hmm hm mm-hmm mmm uh-huh huh okay ok right sure ah oh uh um er".split()
)
"""Words that say no more than that somebody listens, or agrees"""
_READ = 28
"""Words of a line at most, where what was interrupted is put together again"""
_ENDED = re.compile(r"[.!?…][\"'”’)\]]*$")


def read_as(lines: Sequence[Line]) -> list[Line]:
    """The lines as a model reads them: what a speaker goes on with across somebody's "Mm-hmm" is
    one line again, and of several such words in a row the first stands for all."""
    read: list[Line] = []
    for line in lines:
        listening = _listens(line.text)
        at = len(read) - 1
        while at >= 0 and read[at].speaker != line.speaker and _listens(read[at].text):
            at -= 1
        last = read[at] if at >= 0 else None
        if (
            last is not None
            and last.speaker == line.speaker
            and not _ENDED.search(last.text)
            and not _listens(last.text)
            and len(words(last.text)) + len(words(line.text)) <= _READ
        ):
            more = tuple(dict.fromkeys((*last.more, *line.segments)))
            more = tuple(it for it in more if it != last.segment)
            text = f"{last.text} {line.text}"
            read[at] = Line(last.segment, last.speaker, text, more, last.language)
        elif not (listening and read and _listens(read[-1].text)):
            read.append(line)
    return read


def _listens(text: str) -> bool:
    said = words(text)
    return len(said) <= 4 and _LISTENING.issuperset(said)


def spoken(transcript: Transcript) -> bool:
    """Whether anybody says a word."""
    return any(words(_MARKERS.sub(" ", it.text)) for it in transcript.segments)


def _clean(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).replace("|", "/").split())


def _pieces(text: str) -> Iterator[str]:
    if len(words(text)) <= _LONG:
        yield text
        return
    kept: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        for part in _parts(sentence):
            if kept and len(words(" ".join([*kept, part]))) > _LONG:
                yield " ".join(kept)
                kept = []
            kept.append(part)
    yield " ".join(kept)


def _parts(sentence: str) -> Iterator[str]:
    """A sentence without end, as recognisers write monologues, by its length."""
    tokens = sentence.split()
    count = -(-len(tokens) // (2 * _LONG))
    for n in range(count):
        start, end = n * len(tokens) // count, (n + 1) * len(tokens) // count
        yield " ".join(tokens[start:end])


def windows(lines: Sequence[Line]) -> list[Window]:
    step = _LINES - _OVERLAP
    last = max(1, len(lines) - _OVERLAP)
    return [Window(start, tuple(lines[start : start + _LINES])) for start in range(0, last, step)]
