"""The detailed notes: topics with their times and points, and no part of the meeting left out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..values import SectionKind, Statement, Topic
from .evidence import content_words
from .spoken import extent, sentence, size
from .topics import Nouns, Stretch, names_topic, stretches, telling, titles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..values import Segment, Transcript
    from .evidence import Line
    from .highlights import Highlights
    from .request import Request

_SHORT = 400
"""Words of a meeting whose transcript needs no detailed notes: it is as short as they would be"""
_PER_POINT = 250
_MOST_POINTS = 6
_ARTICLE = re.compile(r"^(?:the|an?) ", re.I)
_TITLE = 5
"""Words of a title"""
TENTHS = 10


@dataclass(frozen=True, slots=True)
class Written:
    """A topic in a model's words. Either may be missing."""

    title: str
    points: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Detailed:
    lines: Sequence[Line]
    words: int
    topics: tuple[Topic, ...] = ()
    parts: tuple[Stretch, ...] = ()
    """The topics' lines"""


def detail(
    transcript: Transcript,
    lines: Sequence[Line],
    highlights: Highlights,
    gists: Sequence[tuple[int, str]] = (),
    written: Mapping[Stretch, Written] | None = None,
) -> Detailed:
    """What was talked about, in order; every tenth of the meeting in which somebody says something
    is cited.

    ``gists`` are titles that a model gave, by line; where it gave none for a topic, the title is
    made of its own words. ``written`` are topics that a model wrote; where it gave no points, they
    are the sentences that tell most.
    """
    words = sum(size(line.text) for line in lines)
    if words < _SHORT:
        return Detailed(lines, words)
    parts = stretches(lines)
    theirs = [(written or {}).get(part, Written("", ())) for part in parts]
    chosen = [
        [] if it.points else _points(part, lines, highlights)
        for part, it in zip(parts, theirs, strict=True)
    ]
    cited = {segment for it in theirs for point in it.points for segment in point.segments}
    cited |= {segment for points in chosen for n in points for segment in lines[n].segments}
    for at in _missing(transcript.segments, lines, cited):
        place = next(n for n, part in enumerate(parts) if part.first <= at < part.end)
        chosen[place].append(at)
    times = _times(lines, transcript.segments)
    names = _named(parts, lines, highlights, gists, theirs)
    topics = []
    for title, part, it, points in zip(names, parts, theirs, chosen, strict=True):
        quoted = [spoken(n, lines) for n in sorted(points)]
        made = sorted([*it.points, *quoted], key=lambda point: min(point.segments))
        topics.append(_topic(title, part, made, lines, times))
    return Detailed(lines, words, tuple(topics), tuple(parts))


def telling_topics(lines: Sequence[Line], request: Request) -> list[Stretch]:
    """The topics that a model is asked to write; none where the notes have no place for them."""
    wanted = any(it.kind is SectionKind.TOPICS for it in request.template.sections)
    return stretches(lines) if wanted and sum(size(it.text) for it in lines) >= _SHORT else []


def _named(
    parts: Sequence[Stretch],
    lines: Sequence[Line],
    highlights: Highlights,
    gists: Sequence[tuple[int, str]],
    theirs: Sequence[Written],
) -> list[str]:
    """The model's title that has most of what the meeting comes back to, no title twice."""
    named: list[str] = []
    nouns = Nouns(lines)
    for part, made, it in zip(parts, titles(lines, parts), theirs, strict=True):
        given = [
            _ARTICLE.sub("", title)
            for at, title in gists
            if part.first <= at < part.end
            and len(title.split()) <= _TITLE
            and names_topic(title, nouns)
            and saying(title, part, lines)  # its window may reach into the next topic
        ]
        given.sort(key=lambda it: -highlights.weight(it))
        fresh = (one for one in [it.title, *given, made] if one and one not in named)
        title = next(fresh, "") or f"Part {len(named) + 1}"
        named.append(title[:1].upper() + title[1:])
    return named


def _points(part: Stretch, lines: Sequence[Line], highlights: Highlights) -> list[int]:
    words = sum(size(lines[n].text) for n in range(part.first, part.end))
    chosen: list[int] = []
    highlights.forget()
    for _ in range(min(_MOST_POINTS, max(2, round(words / _PER_POINT)))):
        taken = {n for it in chosen for n in range(*extent(it, lines))}
        best = highlights.best(n for n in range(part.first, part.end) if n not in taken)
        if best is None:
            break
        highlights.choose(best)
        chosen.append(best)
    return chosen


def tenths(segments: Sequence[Segment]) -> list[list[int]]:
    """The ids of the segments in each tenth of the meeting's time: whose middle lies there, or,
    where none's does, that reach into it; none in a tenth of silence."""
    if not segments:
        return [[] for _ in range(TENTHS)]
    first = segments[0].start
    step = max(segment.end for segment in segments) - first
    found: list[list[int]] = []
    for number in range(TENTHS):
        start, end = first + step * number / TENTHS, first + step * (number + 1) / TENTHS
        inside = [it.id for it in segments if start <= (it.start + it.end) / 2 < end]
        found.append(inside or [it.id for it in segments if it.start < end and it.end > start])
    return found


def _missing(segments: Sequence[Segment], lines: Sequence[Line], cited: set[int]) -> Iterator[int]:
    """For each tenth of which no segment is cited, the line that tells most."""
    by_segment: dict[int, list[int]] = {}
    for n, line in enumerate(lines):
        for segment in line.segments:
            by_segment.setdefault(segment, []).append(n)
    for inside in tenths(segments):
        if cited & set(inside):
            continue
        there = [n for segment in inside for n in by_segment.get(segment, ())]
        if there:
            at = max(there, key=lambda n: (len(telling(lines[n].text)), len(lines[n].text), -n))
            cited.update(lines[at].segments)
            yield at


def _times(lines: Sequence[Line], segments: Sequence[Segment]) -> list[tuple[float, float]]:
    """When each line begins and ends; within a segment by the length of its lines."""
    by_id = {segment.id: segment for segment in segments}
    sizes: Counter[int] = Counter()
    for line in lines:
        sizes[line.segment] += len(line.text)
    past: Counter[int] = Counter()
    times = []
    for line in lines:
        segment = by_id[line.segment]
        step = (segment.end - segment.start) / sizes[line.segment]
        start = segment.start + step * past[line.segment]
        past[line.segment] += len(line.text)
        end = segment.start + step * past[line.segment]
        times.append((start, by_id[line.more[-1]].end if line.more else end))
    return times


def saying(title: str, part: Stretch, lines: Sequence[Line]) -> list[int]:
    """The first lines that have the words of a title, all of them together."""
    left = content_words(title)
    found = []
    for n in range(part.first, part.end):
        if common := left & content_words(lines[n].text):
            left -= common
            found.append(n)
        if not left:
            return found
    return []


def _topic(
    title: str,
    part: Stretch,
    points: Sequence[Statement],
    lines: Sequence[Line],
    times: Sequence[tuple[float, float]],
) -> Topic:
    named = [it for n in saying(title, part, lines) for it in lines[n].segments]
    named = named or [it for point in points for it in point.segments]
    return Topic(
        text=title,
        segments=tuple(dict.fromkeys(named)),
        start=times[part.first][0],
        end=times[part.end - 1][1],
        points=tuple(points),
    )


def spoken(at: int, lines: Sequence[Line], *, who: bool = True) -> Statement:
    """A line as a statement of its speaker, without its fillers."""
    text = sentence(at, lines)
    return Statement(
        text=f"{lines[at].speaker}: {text}" if who else text, segments=lines[at].segments
    )


def quotes(lines: Sequence[Line], highlights: Highlights, count: int) -> tuple[Statement, ...]:
    """The sentences that tell most, word for word."""
    highlights.forget()
    chosen: list[int] = []
    for _ in range(count):
        best = highlights.best(n for n in range(len(lines)) if n not in chosen)
        if best is None:
            break
        highlights.choose(best)
        chosen.append(best)
    return tuple(
        Statement(text=f"{lines[n].speaker}: “{lines[n].text}”", segments=lines[n].segments)
        for n in sorted(chosen)
    )


_EACH = 3


def by_speaker(lines: Sequence[Line], highlights: Highlights) -> tuple[Statement, ...]:
    """For each person, in the order in which they first speak, what tells most."""
    who = Counter(line.speaker for line in lines)
    found: list[Statement] = []
    for speaker in dict.fromkeys(line.speaker for line in lines):
        highlights.forget()
        theirs = [n for n, line in enumerate(lines) if line.speaker == speaker]
        chosen: list[int] = []
        for _ in range(min(_EACH, who[speaker])):
            best = highlights.best(n for n in theirs if n not in chosen)
            if best is None:
                break
            highlights.choose(best)
            chosen.append(best)
        found += [spoken(n, lines) for n in sorted(chosen)]
    return tuple(found)
