"""What the host does with what an engine hears, by an engine that the test steers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sottovoce import AudioChunk, EngineError, Segment, SpeechRequest, Transcriber, hookimpl
from sottovoce.host import Host
from sottovoce.library.inventions import inventions
from sottovoce.testing import SPEECH, FakeTranscriber
from sottovoce.transcription import Transcription, begin
from sottovoce_plugins import files

from .audio import encode

if TYPE_CHECKING:
    from sottovoce import ModelSpec


class Inventive(FakeTranscriber):
    """Leaves out a credit after every sentence, and dies after the second while it is fresh."""

    def __init__(self, spec: ModelSpec, dies: bool) -> None:
        super().__init__(spec)
        self._dies = dies

    def transcribe(
        self,
        audio: Iterable[AudioChunk],
        *,
        start: float = 0.0,
        voices: bool = True,
        request: SpeechRequest = SpeechRequest(),  # noqa: B008
    ) -> Iterator[Segment]:
        self.removed = {}
        heard = super().transcribe(audio, start=start, voices=voices, request=request)
        for count, segment in enumerate(heard, 1):
            yield segment
            self.removed = {"subtitle credits": count}
            if self._dies and count == 2:
                raise EngineError("it died")


class Engines:
    dies = True

    @hookimpl
    def load_transcriber(self, spec: ModelSpec) -> Transcriber:
        dies, self.dies = self.dies, False
        return Inventive(spec, dies)


def test_what_was_left_out_is_counted_once_also_when_the_engine_dies(
    host: Host, tmp_path: Path
) -> None:
    host.plugins.register(files, "files")
    host.plugins.register(Engines(), "engines")
    path = encode(tmp_path / "a.wav", [np.zeros(16_000 * 8, np.float32)], codec="pcm_s16le")
    meeting, file, source = begin(host, path)
    for fails in (True, False):
        job = Transcription(host, SPEECH, SpeechRequest(), lambda done, total: None)
        if fails:
            with pytest.raises(EngineError):
                job.run(meeting, file, source)
        else:
            transcript = job.run(meeting, file, source)
        job.close()
    assert len(" ".join(it.text for it in transcript.segments).split(". ")) == 4
    # The last before the end is lost with the engine that had no chance to tell of it.
    assert inventions(host.library, meeting.id) == {"subtitle credits": 3}
