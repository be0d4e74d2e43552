"""Who spoke: grouping voiceprints into speakers, and naming those who introduce themselves."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from ..notes.names import NOT_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from ..values import Segment

    Matrix = npt.NDArray[np.float32]
    Groups = npt.NDArray[np.intp]

_SAME = 0.5
"""Mean cosine similarity above which two groups are one voice. Measured with the embedded model:
0.75 to 0.83 within a voice, at most 0.43 between two."""
_TELLING = 1.0
"""Seconds of speech from which a voiceprint may found a group"""
_MOST = 2_000
"""Voiceprints that are compared with each other; the others join the group they are nearest to"""
_BREATH = 0.6
"""Seconds between two segments that are one"""
_LONGEST = 15.0
"""Seconds of a segment"""
_LEAST_SHARE = 2.5
"""Seconds that a group must have spoken; a smaller one joins its nearest"""


def attributed(
    segments: Sequence[Segment], track_labels: Sequence[str], count: int | None = None
) -> list[Segment]:
    """The segments with their speakers' names, numbered, and joined where one goes on speaking.

    ``count`` is how many speak on tracks without a label; ``None``: as many as sound different.
    """
    names = speakers(segments, track_labels, count)
    named = [replace(segment, speaker=name) for segment, name in zip(segments, names, strict=True)]
    joined: list[Segment] = []
    for segment in named:
        if joined and _goes_on(joined[-1], segment):
            joined[-1] = _joined(joined[-1], segment)
        else:
            joined.append(segment)
    return [replace(segment, id=number) for number, segment in enumerate(joined)]


def _goes_on(one: Segment, other: Segment) -> bool:
    return (
        one.speaker == other.speaker
        and one.track == other.track
        and other.start - one.end <= _BREATH
        and other.end - one.start <= _LONGEST
        and one.language == other.language
    )


def _joined(one: Segment, other: Segment) -> Segment:
    heard = [it.confidence for it in (one, other) if it.confidence is not None]
    return replace(
        one,
        end=other.end,
        text=f"{one.text} {other.text}",
        words=one.words + other.words,
        confidence=sum(heard) / len(heard) if heard else None,
        voice=one.voice if one.end - one.start >= other.end - other.start else other.voice,
    )


def speakers(
    segments: Sequence[Segment], track_labels: Sequence[str], count: int | None = None
) -> list[str | None]:
    """The speaker's name for each segment.

    A track with a label is one person. On others, speakers are told apart by their voices and
    called "Speaker 1", "Speaker 2"… in the order of their first words, or by the name they gave.
    """
    names: list[str | None] = [track_labels[s.track] or None for s in segments]
    by_voice = [i for i, s in enumerate(segments) if names[i] is None and s.voice]
    groups = _grouped([segments[i] for i in by_voice], count)
    order = {group: n for n, group in enumerate(dict.fromkeys(groups), 1)}
    for i, group in zip(by_voice, groups, strict=True):
        names[i] = f"Speaker {order[group]}"
    _inherit(names)
    given = introductions(segments, names)
    return [given.get(name, name) if name else None for name in names]


def _inherit(names: list[str | None]) -> None:
    """An utterance too short to have a voiceprint most likely belongs to the one before it."""
    last = next((name for name in names if name), None)
    for i, name in enumerate(names):
        last = name or last
        names[i] = last


def _grouped(segments: Sequence[Segment], count: int | None) -> list[int]:
    """A group number for each segment, by average-linkage clustering of the voiceprints."""
    if not segments:
        return []
    import numpy as np

    voices = np.array([s.voice for s in segments], np.float32)
    seconds = np.array([s.end - s.start for s in segments])
    telling = np.flatnonzero(seconds >= min(_TELLING, float(seconds.max())))
    if len(telling) > _MOST:
        telling = telling[np.linspace(0, len(telling) - 1, _MOST).astype(int)]
    founded = _linked(voices[telling], count)
    centroids = _centroids(voices[telling], seconds[telling], founded)
    nearest = (voices @ centroids.T).argmax(axis=1)
    spoken = np.bincount(nearest, seconds, minlength=len(centroids))
    least = 0.0 if count else min(_LEAST_SHARE, float(spoken.max()))
    large = np.flatnonzero(spoken >= least)
    kept: list[int] = large[(voices @ centroids[large].T).argmax(axis=1)].tolist()
    return kept


def _linked(voices: Matrix, count: int | None) -> Groups:
    import numpy as np

    if len(voices) == 1:
        return np.zeros(1, int)
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(voices, method="average", metric="cosine")
    groups: Groups
    if count:
        groups = fcluster(tree, t=count, criterion="maxclust") - 1
    else:
        groups = fcluster(tree, t=1 - _SAME, criterion="distance") - 1
    return groups


def _centroids(voices: Matrix, seconds: npt.NDArray[np.float64], groups: Groups) -> Matrix:
    import numpy as np

    sums = np.zeros((int(groups.max()) + 1, voices.shape[1]), np.float32)
    np.add.at(sums, groups, voices * seconds[:, None].astype(np.float32))
    unit: Matrix = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return unit


_INTRODUCTION = re.compile(
    r"(?:\b(?:[Tt]his is|[Mm]y name is|I am|I['’]m),?|(?:^|[.!?,]\s+)[Ii]t['’]s)"
    r"\s+(?P<after>[A-Z][a-zà-ÿ]{1,20})(?=\s*(?:[.,!?]|$|(?:from|here|speaking|and)\b))"
    # Engines put commas where people draw breath: "Hello all, Priya, speaking".
    r"|(?:^|[.!?,]\s+)(?P<before>[A-Z][a-zà-ÿ]{1,20})(?:,? speaking\b|,? here(?=\s*(?:[.,!?]|$)))"
)
_EARLY = 4
"""Utterances of a speaker within which an introduction is looked for"""


def introductions(segments: Sequence[Segment], names: Sequence[str | None]) -> dict[str, str]:
    """Names that speakers gave themselves ("Hi, this is Maria"), by the label they replace.

    Only among a speaker's first utterances, and only a name that one speaker alone claims.
    """
    heard: dict[str, int] = defaultdict(int)
    claims: dict[str, set[str]] = defaultdict(set)
    given: dict[str, str] = {}
    for segment, name in zip(segments, names, strict=True):
        if name is None or not name.startswith("Speaker "):
            continue
        heard[name] += 1
        if heard[name] > _EARLY:
            continue
        for found in _INTRODUCTION.finditer(segment.text):
            own = found["after"] or found["before"]
            if own not in NOT_NAMES:
                claims[own].add(name)
                given.setdefault(name, own)
    return {label: own for label, own in given.items() if len(claims[own]) == 1}
