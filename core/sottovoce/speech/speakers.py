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
    from .profiles import Profile

    Matrix = npt.NDArray[np.float32]
    Groups = npt.NDArray[np.intp]

LOOPBACK = "them"
"""The label of the track that has what this machine played, in lower case"""

_SAME = 0.5
"""Mean cosine similarity above which two groups are one voice. Measured with the embedded model:
0.75 to 0.83 within a voice, at most 0.43 between two."""
_TELLING = 1.0
"""Seconds of speech from which a voiceprint may found a group"""
_MOST = 1_000
"""Voiceprints that are compared with each other; the others join the group they are nearest to"""
_BREATH = 0.6
"""Seconds between two segments that are one"""
_LONGEST = 15.0
"""Seconds of a segment"""
_LEAST_SHARE = 2.5
"""Seconds that a group must have spoken; a smaller one joins its nearest"""


def is_shared(label: str) -> bool:
    """Whether several people may speak on a track: one without a name, or what a machine plays."""
    return label.casefold() in ("", LOOPBACK)


def attributed(
    segments: Sequence[Segment],
    track_labels: Sequence[str],
    count: int | None = None,
    profiles: Sequence[Profile] = (),
) -> list[Segment]:
    """The segments with their speakers' names, numbered, and joined where one goes on speaking.

    ``count`` is how many speak on shared tracks; ``None``: as many as sound different. Who sounds
    like one of the ``profiles`` is called by its name.
    """
    names = speakers(segments, track_labels, count, profiles)
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
    segments: Sequence[Segment],
    track_labels: Sequence[str],
    count: int | None = None,
    profiles: Sequence[Profile] = (),
) -> list[str | None]:
    """The speaker's name for each segment.

    A track with a person's label is that person. On shared ones, speakers are told apart by their
    voices and called "Speaker 1", "Speaker 2"… in the order of their first words, or by the name
    that their profile has or that they gave. A shared track's label stays where one voice speaks.
    """
    labels = [track_labels[s.track] for s in segments]
    shared = {label for label in labels if is_shared(label)}
    names: list[str | None] = [None if label in shared else label for label in labels]
    by_voice = [i for i, s in enumerate(segments) if names[i] is None and s.voice]
    groups = _grouped([segments[i] for i in by_voice], count)
    order = {group: n for n, group in enumerate(dict.fromkeys(groups), 1)}
    alone = next(iter(shared)) if len(shared) == 1 and len(order) <= 1 else ""
    for i, group in zip(by_voice, groups, strict=True):
        names[i] = alone or f"Speaker {order[group]}"
    _inherit(segments, names)
    names = [name or label or None for name, label in zip(names, labels, strict=True)]
    known = _recognised(segments, names, profiles)
    given = introductions(segments, names)
    taken = set(known.values())
    given = {label: name for label, name in given.items() if name not in taken} | known
    return [given.get(name, name) if name else None for name in names]


def _inherit(segments: Sequence[Segment], names: list[str | None]) -> None:
    """An utterance too short to have a voiceprint most likely belongs to the one before it."""
    last: dict[int, str | None] = {}
    for segment, name in zip(segments, names, strict=True):
        if name and segment.track not in last:
            last[segment.track] = name
    for i, segment in enumerate(segments):
        last[segment.track] = names[i] = names[i] or last.get(segment.track)


def _recognised(
    segments: Sequence[Segment], names: Sequence[str | None], profiles: Sequence[Profile]
) -> dict[str, str]:
    """The names of those who have a profile, by the label that no person gave them."""
    if not profiles:
        return {}
    from .profiles import recognised, voices_of

    heard = voices_of(segments, names)
    return recognised({it: heard[it] for it in heard if is_placeholder(it)}, profiles)


_PLACEHOLDER = re.compile(rf"(?:speaker \d+|track \d+|left|right|{LOOPBACK})", re.I)


def is_placeholder(name: str) -> bool:
    """Whether the program called a speaker so, for want of a name."""
    return bool(_PLACEHOLDER.fullmatch(name))


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
