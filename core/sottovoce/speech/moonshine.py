"""The starter speech engine: Moonshine tiny, English, embedded in the moonshine-voice package."""

from __future__ import annotations

import ctypes
import importlib.util
import re
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EngineError, MissingExtraError, ModelError
from ..home import find_home
from ..hookspecs import hookimpl
from ..interfaces import Transcriber
from ..values import (
    AudioChunk,
    AudioFormat,
    Caption,
    HardwareProfile,
    ModelSpec,
    Segment,
    SpeechRequest,
)
from .guards import Invention, is_credit, is_noise, text_without_loops

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    import numpy.typing as npt

    from ..engines.serving import Job
    from .vad import Run

_FORMAT = AudioFormat()
_MARGIN = 1_600
"""Samples of silence around a turn: the model swallows words that touch an edge"""


@hookimpl(trylast=True)
def load_transcriber(spec: ModelSpec, hardware: HardwareProfile) -> Transcriber | None:
    return MoonshineTranscriber(spec, hardware) if spec.engine == "moonshine" else None


class MoonshineTranscriber(Transcriber):
    """The host's side: audio goes to the worker, segments come back."""

    def __init__(self, spec: ModelSpec, hardware: HardwareProfile) -> None:
        from ..engines.worker import Worker

        if importlib.util.find_spec("moonshine_voice") is None:
            raise MissingExtraError("moonshine-voice", "starter")
        self.spec = spec
        self.version = version("moonshine-voice")
        self._worker = Worker(
            f"{__name__}:MoonshineServer",
            spec.filename,
            hardware.cpu_count,
            name="speech",
            log_file=find_home().engine_log("speech"),
        )

    def transcribe(
        self,
        audio: Iterable[AudioChunk],
        *,
        start: float = 0.0,
        voices: bool = True,
        request: SpeechRequest = SpeechRequest(),  # noqa: B008
    ) -> Iterator[Segment]:
        if request.language not in ("", *self.spec.languages):
            raise ModelError(
                f"{self.spec.label} hears English only, not '{request.language}'; choose another "
                "model: 'sotto models' lists them"
            )
        if request.translate:
            raise ModelError(f"{self.spec.label} does not translate; choose another model")
        self.removed = {}
        pcm = (chunk.audio for chunk in from_second(start, audio))
        for item in self._worker.stream("transcribe", start, voices, request.vocabulary, feed=pcm):
            if isinstance(item, Segment):
                yield item
            else:
                self.removed = Counter(self.removed) + item

    def captions(self, audio: Iterable[tuple[int, bytes]], tracks: int) -> Iterator[Caption]:
        yield from self._worker.stream("captions", tracks, feed=audio)

    def close(self) -> None:
        self._worker.close()


def from_second(start: float, audio: Iterable[AudioChunk]) -> Iterator[AudioChunk]:
    """The audio from ``start`` on, cut at the very frame."""
    skip = round(start * _FORMAT.rate) * _FORMAT.width
    for chunk in audio:
        if skip >= len(chunk.audio):
            skip -= len(chunk.audio)
            continue
        yield AudioChunk(chunk.audio[skip:], chunk.timestamp) if skip else chunk
        skip = 0


class MoonshineServer:
    """The worker's side: voice activity, Moonshine and voiceprints over one stream of audio."""

    def __init__(self, model: str, cores: int) -> None:
        from .vad import SpeechDetector

        self._model = model
        self._cores = cores
        self._engine = self.load()
        self._detector = SpeechDetector()
        self._voiceprinter: Any = None

    def load(self) -> Any:
        """An engine. It computes on all cores, one utterance at a time."""
        import moonshine_voice
        from moonshine_voice.transcriber import Transcriber as Moonshine

        path = Path(moonshine_voice.__file__).parent / self._model
        # Its own voice activity detection runs on one thread and costs more than the
        # transcription: ours cuts the audio, so 0 turns it off.
        options = {"vad_threshold": "0.0", "return_audio_data": "false"}
        return Moonshine(path, moonshine_voice.ModelArch.TINY, options=options)

    def transcribe(
        self, job: Job, start: float, voices: bool, vocabulary: tuple[str, ...]
    ) -> Iterator[Segment | Counter[str]]:
        import numpy as np

        from .turns import turns
        from .vad import runs
        from .vocabulary import Vocabulary

        if voices and self._voiceprinter is None:
            from .voiceprint import Voiceprinter

            self._voiceprinter = Voiceprinter()
        blocks = (
            np.divide(np.frombuffer(pcm, "<i2"), 32768, dtype=np.float32) for pcm in job.feed()
        )
        embed = self._voiceprinter.embed if voices else None
        known = Vocabulary(vocabulary)
        found = runs(blocks, self._detector, start=start)
        for turn in turns(found, embed, self._cores, start=start):
            job.check()
            heard = text_of(self._engine, np.pad(turn.samples, _MARGIN))
            text, cut = text_without_loops(heard)
            credit, noise = is_credit(text, None), is_noise(text, turn.certainty)
            if text and not credit and not noise:
                yield Segment(
                    id=0,
                    start=turn.start,
                    end=turn.end,
                    text=known.corrected(text),
                    voice=turn.voice,
                    until=turn.until,
                    language="en",
                )
            if cut or credit or noise:
                yield +Counter[str](
                    {
                        Invention.REPETITION: cut,
                        Invention.CREDITS: credit,
                        Invention.SILENCE: noise,
                    }
                )

    def captions(self, job: Job, tracks: int) -> Iterator[Caption]:
        import numpy as np

        from .captions import CaptionTrack

        heard = [CaptionTrack() for _ in range(tracks)]
        for track, pcm in job.feed():
            job.check()
            block = np.divide(np.frombuffer(pcm, "<i2"), 32768, dtype=np.float32)
            for run in heard[track].push(block):
                yield from self._caption(track, run, final=True)
            # A long block is one that had to wait: first the rest is heard.
            if len(block) < _FORMAT.rate and (run := heard[track].being_said()) is not None:
                yield from self._caption(track, run, final=False)
        for number, it in enumerate(heard):
            for run in it.flush():
                yield from self._caption(number, run, final=True)

    def _caption(self, track: int, run: Run, *, final: bool) -> Iterator[Caption]:
        import numpy as np

        text, _ = text_without_loops(text_of(self._engine, np.pad(run.samples, _MARGIN)))
        if text and not is_credit(text, None):
            yield Caption(track=track, start=run.start, end=run.end, text=text, final=final)


def text_of(engine: Any, samples: npt.NDArray[np.float32]) -> str:
    """One utterance through the C interface: the Python one copies sample by sample."""
    from moonshine_voice.moonshine_api import TranscriptC

    result = ctypes.POINTER(TranscriptC)()
    status = engine._lib.moonshine_transcribe_without_streaming(
        engine._handle,
        samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
        len(samples),
        16_000,
        0,
        ctypes.byref(result),
    )
    if status != 0:
        raise EngineError(f"Moonshine could not transcribe an utterance (status {status})")
    lines = (result.contents.lines[i] for i in range(result.contents.line_count))
    texts = (ctypes.string_at(line.text).decode(errors="replace") for line in lines if line.text)
    return modern(" ".join(text.strip() for text in texts).strip())


_MODERN = {"to-day": "today", "to-morrow": "tomorrow", "to-night": "tonight", "good-bye": "goodbye"}
_OLD = re.compile(rf"\b(?:{'|'.join(_MODERN)})\b", re.I)


def modern(text: str) -> str:
    """Today's spelling of words that the model learned from old books."""

    def spelling(found: re.Match[str]) -> str:
        word = _MODERN[found[0].lower()]
        return word.capitalize() if found[0][0].isupper() else word

    return _OLD.sub(spelling, text)
