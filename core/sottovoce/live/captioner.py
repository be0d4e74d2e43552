"""Captions of a recording in progress. The recording on the disk is the queue: captions follow its
files, and whatever becomes of the engine, the recording does not notice."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..capture.wav import samples
from ..errors import Cancelled, SottovoceError
from ..transcription import Heard
from ..values import Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ..interfaces import Transcriber
    from ..values import Caption

log = logging.getLogger(__name__)

_LOOK = 0.1
"""Seconds between two looks at the files"""
_MOST = 2.0
"""Seconds of audio that are handed on at once"""
_TIMES = 3
"""Times that an engine which dies is loaded again"""


@dataclass(slots=True)
class _Place:
    """How far a track was read, in frames of the file, and from where an engine begins."""

    path: Path
    begin: int = 0
    read: int = 0


class Captioner:
    """A thread of its own reads, and ``show`` is called on it."""

    def __init__(
        self,
        files: Sequence[Path],
        rate: int,
        load: Callable[[], Transcriber],
        show: Callable[[Caption], None],
        say: Callable[[str], None],
    ) -> None:
        """``files`` are the growing tracks, in hertz ``rate``; ``say`` is told what went wrong."""
        self._places = [_Place(it) for it in files]
        self._rate = rate
        self._load = load
        self._show = show
        self._say = say
        self._ending = threading.Event()
        self._complete = True
        self.segments: list[Segment] = []
        """What was said so far"""
        self._version = self._compute = ""
        self._thread = threading.Thread(target=self._run, name="captions", daemon=True)
        self._thread.start()

    def end(self) -> Heard | None:
        """No more audio comes: hear the rest. ``None`` where not all of it could be heard."""
        began = time.monotonic()
        self._ending.set()
        self._thread.join()
        if not self._complete:
            return None
        return Heard(
            segments=sorted(self.segments, key=lambda it: it.start),
            version=self._version,
            compute=self._compute,
            seconds=time.monotonic() - began,
        )

    def _run(self) -> None:
        for attempt in range(_TIMES):
            try:
                engine = self._load()
                self._version, self._compute = engine.version, engine.compute
                with closing(engine):
                    for caption in engine.captions(self._audio(), len(self._places)):
                        self._take(caption)
                return
            except Cancelled:
                break
            except (SottovoceError, OSError) as error:
                log.warning("captions broke: %s", error)
                last = attempt == _TIMES - 1
                self._say(
                    f"the captions stopped: {error}; the recording goes on"
                    + ("" if last else ", and the captions are begun anew")
                )
                for place in self._places:  # what was heard to its end is not heard again
                    place.begin = place.read = place.begin
        self._complete = False

    def _take(self, caption: Caption) -> None:
        place = self._places[caption.track]
        offset = self._offset[caption.track]
        caption = replace(caption, start=caption.start + offset, end=caption.end + offset)
        if caption.final:
            place.begin = max(place.begin, round(caption.end * self._rate))
            self.segments.append(
                Segment(
                    id=len(self.segments),
                    start=caption.start,
                    end=caption.end,
                    text=caption.text,
                    track=caption.track,
                )
            )
        self._show(caption)

    def _audio(self) -> Iterator[tuple[int, bytes]]:
        import av
        import numpy as np

        self._offset = [it.begin / self._rate for it in self._places]
        resamplers = [
            av.AudioResampler(format="s16", layout="mono", rate=16_000) for _ in self._places
        ]
        while True:
            ending = self._ending.is_set()  # asked before the last look
            idle = True
            for number, place in enumerate(self._places):
                pcm = self._next(place)
                if not pcm:
                    continue
                idle = False
                place.read += len(pcm) // 2
                frame = av.AudioFrame.from_ndarray(
                    np.frombuffer(pcm, np.int16)[None, :], format="s16", layout="mono"
                )
                frame.sample_rate = self._rate
                out = b"".join(
                    it.to_ndarray().tobytes() for it in resamplers[number].resample(frame)
                )
                if out:
                    yield number, out
            if idle and ending:
                return
            if idle:
                time.sleep(_LOOK)

    def _next(self, place: _Place) -> bytes:
        try:
            pcm = samples(place.path, int(_MOST * self._rate), at=place.read)
        except FileNotFoundError:
            return b""  # its device has sent nothing yet
        return pcm[: len(pcm) // 2 * 2]
