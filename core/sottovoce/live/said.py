"""What was said so far in a meeting that goes on, and by whom."""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from ..speech.echo import MICROPHONE, own_part
from ..values import LiveCaption, Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..values import Caption

_NEAR = 20.0
"""Seconds around a segment in which its echo may be"""


@dataclass(slots=True)
class _Heard:
    segment: Segment
    kept: Segment | None
    """Without what the microphone heard of the loudspeakers; ``None``: it was nothing else"""


class Said:
    """Captions by side in the order of time, what came twice left out. Threads may share it."""

    def __init__(self, speakers: Sequence[str]) -> None:
        """``speakers`` are those heard on the tracks."""
        self.speakers = tuple(speakers)
        self._own = {n for n, it in enumerate(speakers) if it.casefold() in MICROPHONE}
        self._heard: list[_Heard] = []
        self._saying: dict[int, Caption] = {}
        self._lock = threading.Lock()
        self.listeners: list[Callable[[Segment], None]] = []
        """Each is told of what was said to its end, on the thread that heard it: return at once"""

    def take(self, caption: Caption) -> None:
        with self._lock:
            if not caption.final:
                self._saying[caption.track] = caption
                return
            self._saying.pop(caption.track, None)
            segment = Segment(
                id=0, start=caption.start, end=caption.end, text=caption.text,
                track=caption.track, speaker=self.speakers[caption.track],
            )  # fmt: skip
            heard = _Heard(segment, segment)
            insort(self._heard, heard, key=lambda it: it.segment.start)
            self._without_echo(segment)
        if heard.kept is not None:
            for listener in self.listeners:
                listener(heard.kept)

    def _without_echo(self, new: Segment) -> None:
        # The far end's own may be heard after its echo, which was taken for speech until then.
        if not self._own or len(self._own) == len(self.speakers):
            return
        near = [it for it in self._latest() if it.segment.end > new.start - _NEAR]
        far = [it.segment for it in near if it.segment.track not in self._own]
        for it in near:
            if it.segment.track in self._own and (it.segment is new or new.track not in self._own):
                it.kept = own_part(it.segment, far)

    def _latest(self) -> Iterator[_Heard]:
        return islice(reversed(self._heard), 60)

    @property
    def segments(self) -> list[Segment]:
        """What was said to its end, as the tracks' own words, with speakers."""
        with self._lock:
            return [it.kept for it in self._heard if it.kept is not None]

    def since(self, start: float) -> list[Segment]:
        """What began after that, as ``segments`` has it."""
        with self._lock:
            first = bisect_right(self._heard, start, key=lambda it: it.segment.start)
            return [it.kept for it in self._heard[first:] if it.kept is not None]

    def latest(self, most: int) -> list[Segment]:
        """The last of ``segments``, numbered from 0."""
        with self._lock:
            found = (it.kept for it in reversed(self._heard) if it.kept is not None)
            last = list(islice(found, most))
        return [replace(it, id=number) for number, it in enumerate(reversed(last))]

    def captions(self, most: int = 200) -> tuple[LiveCaption, ...]:
        """The latest, the last one at the end."""
        with self._lock:
            found = (it.kept for it in reversed(self._heard) if it.kept is not None)
            latest = list(islice(found, most))
        return tuple(_caption(it.start, it.speaker or "", it.text) for it in reversed(latest))

    def silent(self) -> None:
        """Nothing is being said, as far as is known."""
        with self._lock:
            self._saying.clear()

    def saying(self) -> tuple[LiveCaption, ...]:
        with self._lock:
            now = list(self._saying.values())
        return tuple(_caption(it.start, self.speakers[it.track], it.text) for it in now)

    def at(self, seconds: float) -> str:
        """What was being said then; empty where that is not known."""
        with self._lock:
            found = (
                it.kept.text
                for it in reversed(self._heard)
                if it.kept is not None and it.kept.start <= seconds
            )
            return next(found, "")


def _caption(start: float, speaker: str, text: str) -> LiveCaption:
    return LiveCaption(start=start, speaker=speaker, text=text)
