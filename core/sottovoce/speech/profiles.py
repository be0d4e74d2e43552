"""Voice profiles: people who are recognised in later meetings, where the person wants that.

A profile is what one person sounded like in the meetings that it was learned from: a unit-length
embedding for each. They lie in one file of this device, readable by its owner only, and nothing is
learned by itself.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..values import Segment

    Voice = Sequence[float]

_VERSION = 1
_MODEL = "wespeaker-resnet34"
"""Embeddings of another model mean something else"""
_ALIKE = 0.6
"""Cosine similarity from which two meetings' voices are one person's. Measured on six seconds of
eight synthetic voices and two real ones, the second time through a telephone's band and in noise:
0.59 to 0.76 for one voice, at most 0.57 for two people's. More speech brings one voice nearer."""
_CLEARLY = 0.1
"""By how much the nearest profile must be nearer than the next: who is like two is neither"""
_TO_RECOGNISE = 3.0
"""Seconds that a speaker must have said to be recognised"""
_TO_LEARN = 5.0
"""Seconds that a profile is learned from, at least"""


@dataclass(frozen=True, slots=True)
class Heard:
    """One person in one meeting."""

    voice: Voice
    """Unit length"""
    seconds: float


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    heard: Mapping[str, Heard]
    """By the meeting's id"""

    @property
    def seconds(self) -> float:
        return sum(it.seconds for it in self.heard.values())

    @property
    def voice(self) -> Voice:
        return _mean((it.voice, it.seconds) for it in self.heard.values())


def voices_of(segments: Iterable[Segment], names: Iterable[str | None]) -> dict[str, Heard]:
    """What each speaker sounded like; those without voiceprints are left out."""
    spoken: dict[str, list[tuple[Voice, float]]] = defaultdict(list)
    for segment, name in zip(segments, names, strict=True):
        if name and segment.voice:
            spoken[name].append((segment.voice, segment.end - segment.start))
    return {
        name: Heard(_mean(voices), sum(seconds for _, seconds in voices))
        for name, voices in spoken.items()
    }


def recognised(speakers: Mapping[str, Heard], profiles: Sequence[Profile]) -> dict[str, str]:
    """The names of those speakers whose voice is a profile's, each profile once at most."""
    known = [(it.name, it.voice) for it in profiles]
    claims: list[tuple[float, str, str]] = []
    for label, heard in speakers.items():
        ranked = sorted(((_likeness(heard.voice, voice), name) for name, voice in known))[::-1]
        if heard.seconds < _TO_RECOGNISE or not ranked or ranked[0][0] < _ALIKE:
            continue
        if len(ranked) == 1 or ranked[0][0] - ranked[1][0] >= _CLEARLY:
            claims.append((ranked[0][0], label, ranked[0][1]))
    given: dict[str, str] = {}
    for _, label, name in sorted(claims, reverse=True):
        if name not in given.values():
            given[label] = name
    return given


def learned(
    profiles: Sequence[Profile], name: str, meeting_id: str, heard: Heard
) -> tuple[Profile, ...]:
    """The profiles with what a person sounded like in one more meeting, or in it anew.

    Raises ``LibraryError`` where it is too little to go by.
    """
    if heard.seconds < _TO_LEARN:
        raise LibraryError(
            f"{heard.seconds:.0f} seconds of a voice are too few to know it by; "
            f"{_TO_LEARN:.0f} are needed"
        )
    before = find(profiles, name) or Profile(name, {})
    now = replace(before, heard={**before.heard, meeting_id: heard})
    return (*(it for it in profiles if it is not before), now)


def find(profiles: Iterable[Profile], name: str) -> Profile | None:
    """A person's profile. The name's case does not count."""
    return next((it for it in profiles if it.name.casefold() == name.casefold()), None)


def like(profiles: Iterable[Profile], heard: Heard) -> list[str]:
    """Whose profiles a voice would pass for."""
    return [it.name for it in profiles if _likeness(it.voice, heard.voice) >= _ALIKE]


def load(path: Path) -> tuple[Profile, ...]:
    """Raises ``LibraryError`` where the file is damaged."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        if (body["version"], body["model"]) != (_VERSION, _MODEL):
            raise LibraryError(
                f"{path}: the voice profiles are of another version of this program; "
                "'sotto voices forget --all' deletes them, to be learned anew"
            )
        return tuple(_profile(it) for it in body["people"])
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise LibraryError(f"{path}: it cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LibraryError(
            f"{path}: the voice profiles are damaged; 'sotto voices forget --all' deletes them"
        ) from error


def _profile(body: Mapping[str, Any]) -> Profile:
    heard = {
        meeting: Heard(tuple(map(float, it["voice"])), float(it["seconds"]))
        for meeting, it in body["heard"].items()
    }
    if not heard or not all(it.seconds > 0 and len(it.voice) == 256 for it in heard.values()):
        raise ValueError("no voice")
    return Profile(str(body["name"]), heard)


def save(path: Path, profiles: Sequence[Profile]) -> None:
    """Write the file whole, for its owner only; without profiles there is none."""
    try:
        if not profiles:
            path.unlink(missing_ok=True)
            return
        body = {
            "version": _VERSION,
            "model": _MODEL,
            "people": [
                {
                    "name": profile.name,
                    "heard": {
                        meeting: {
                            "seconds": round(it.seconds, 2),
                            "voice": [round(value, 6) for value in it.voice],
                        }
                        for meeting, it in profile.heard.items()
                    },
                }
                for profile in profiles
            ],
        }
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".voices-")  # for its owner
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(body, file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LibraryError(f"{path}: it cannot be written: {error.strerror}") from error


def _likeness(one: Voice, other: Voice) -> float:
    if len(one) != len(other):  # of a plugin's engine, which embeds otherwise
        return -1.0
    return sum(a * b for a, b in zip(one, other, strict=True))


def _mean(voices: Iterable[tuple[Voice, float]]) -> Voice:
    """Of unit length, each voice weighed by its seconds."""
    weighed = [[value * seconds for value in voice] for voice, seconds in voices]
    total = [math.fsum(values) for values in zip(*weighed, strict=True)]
    size = math.hypot(*total)
    return tuple(value / size for value in total)
