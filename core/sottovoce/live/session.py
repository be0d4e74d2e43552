"""A meeting that goes on: its recording, what is said in it, and what a person does meanwhile."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import SottovoceError
from ..interfaces import LiveControls
from ..values import LiveState, LiveView
from .captioner import Captioner
from .own import OwnNotes
from .said import Said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..capture.recorder import Recorder
    from ..interfaces import Transcriber
    from ..pipeline import Prepared
    from ..transcription import Heard
    from .assistant import Assistant
    from .overlays import Overlays

log = logging.getLogger(__name__)

_LOOK = 0.05
"""Seconds between two looks at what is new"""
_NOTICES = 50
"""Notices that are kept"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a meeting left."""

    path: Path
    """The recording"""
    heard: Heard | None
    """Its transcript, where there were captions to the end"""
    prepared: Prepared | None
    """What the language model has read of it"""


class LiveSession(LiveControls):
    """Begin it with a recorder that records; ``run``, then ``finish``."""

    def __init__(
        self,
        recorder: Recorder,
        load: Callable[[], Transcriber] | None = None,
        assist: Callable[[LiveSession, Said], Assistant] | None = None,
    ) -> None:
        """``load`` gives the model of the captions, without which there are none; ``assist``
        begins what suggests and answers, and needs captions."""
        self._recorder = recorder
        self._state = LiveState.RECORDING
        self._ending = False
        self._notices: deque[str] = deque(maxlen=_NOTICES)
        self._untold: deque[str] = deque()
        self.said = Said([it.speaker for it in recorder.tracks])
        self._own = OwnNotes(recorder.folder, self.said.at)
        self._captioner = load and Captioner(
            recorder.files, recorder.rate, load, self.said.take, self._broke
        )
        self._assistant = assist and assist(self, self.said)

    @property
    def seconds(self) -> float:
        """Recorded so far."""
        return self._recorder.seconds

    @property
    def noted(self) -> str:
        """By the person, so far."""
        return self._own.text

    def run(self, overlays: Overlays, say: Callable[[str], None]) -> None:
        """Until the meeting is ended, or the recording ends by itself. ``say`` is told of every
        notice."""
        shown = None
        while not self._ending and not self._recorder.over:
            view = self.view(say)
            if view != shown:
                overlays.update(view)
                shown = view
            time.sleep(_LOOK)

    def view(self, say: Callable[[str], None] = lambda text: None) -> LiveView:
        recorder, assistant = self._recorder, self._assistant
        while not recorder.notices.empty():
            self.tell(recorder.notices.get().text)
        while self._untold:
            say(self._untold.popleft())
        state = self._state
        if state is LiveState.RECORDING and recorder.paused:
            state = LiveState.PAUSED
        return LiveView(
            title=recorder.title,
            state=state,
            seconds=recorder.seconds,
            levels=tuple((it.speaker, recorder.levels.get(it.source)) for it in recorder.tracks),
            missing=tuple(it.speaker for it in recorder.tracks if it.source in recorder.lost),
            captions=self.said.captions(),
            saying=self.said.saying(),
            suggestions=assistant.suggestions if assistant else (),
            suggesting=assistant.suggesting if assistant else "off",
            marks=self._own.marks,
            notices=tuple(self._notices),
        )

    def finish(self, overlays: Overlays, say: Callable[[str], None]) -> Finished:
        """End the recording and hear the rest; the overlays see it. Raises ``RecordingError``."""
        self._state = LiveState.FINISHING
        overlays.update(self.view(say))
        self._recorder.end()
        heard = self._captioner.end() if self._captioner else None
        self._try(self._own.write)
        prepared = None
        if self._assistant:
            prepared = self._assistant.end(heard)
        path = self._recorder.stop()
        self._state = LiveState.ENDED
        overlays.update(self.view(say))
        return Finished(path=path, heard=heard, prepared=prepared)

    def tell(self, text: str) -> None:
        log.info("%s", text)
        self._notices.append(text)
        self._untold.append(text)

    def mark(self) -> None:
        self._try(lambda: self._own.mark(self._recorder.seconds))

    def note(self, text: str) -> None:
        self._try(lambda: self._own.note(self._recorder.seconds, text))

    def ask(self, question: str) -> None:
        if (assistant := self._assisted()) and question.strip():
            assistant.ask(question.strip())

    def suggest(self) -> None:
        if assistant := self._assisted():
            assistant.suggest()

    def toggle_suggestions(self) -> None:
        if assistant := self._assisted():
            assistant.toggle()

    def dismiss(self, suggestion: int) -> None:
        if self._assistant:
            self._assistant.dismiss(suggestion)

    def pause(self) -> None:
        self._try(self._recorder.pause)

    def resume(self) -> None:
        self._try(self._recorder.resume)

    def end(self) -> None:
        self._ending = True

    def _assisted(self) -> Assistant | None:
        if self._assistant is None:
            self.tell("answers and suggestions are in 'sotto live'; this is 'sotto record'")
        return self._assistant

    def _broke(self, text: str) -> None:
        """What was half heard is heard anew."""
        self.said.silent()
        self.tell(text)

    def _try(self, do: Callable[[], None]) -> None:
        try:
            do()
        except SottovoceError as error:
            self.tell(str(error))
