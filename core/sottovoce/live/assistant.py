"""What reads along in a meeting: it answers, suggests, and has the notes prepared at the end."""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from typing import TYPE_CHECKING

from .. import device
from ..errors import SottovoceError
from ..notes.ahead import Ahead
from ..notes.reading import Reading
from ..pipeline import Prepared
from ..speech.echo import MICROPHONE, without_echo
from ..speech.speakers import attributed
from ..times import clock
from ..values import Feature, NotesMethod, Transcript
from .model import LiveModel
from .places import AGENDA, OWN, Places
from .power import power
from .quoting import Quoting
from .suggester import Suggester
from .writing import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..host import Host
    from ..interfaces import TextGenerator
    from ..notes import Request
    from ..transcription import Heard
    from ..values import ModelSpec, Segment, Suggestion
    from .drafts import Maker
    from .power import Power
    from .said import Said

log = logging.getLogger(__name__)

_KEY = f"features.{Feature.SUGGESTIONS}"
GUIDANCE = (
    "suggestions are off. While they are on they keep the processor and the graphics card busy; "
    "turn them on and off at any time (g)"
)
_OFTEN = 2.0
"""Seconds from one look at what was said to the next"""


class Assistant:
    """Begin it when the recording has begun; ``end`` it in any case."""

    def __init__(
        self,
        host: Host,
        spec: ModelSpec,
        request: Request,
        said: Said,
        spoken: str,
        seconds: Callable[[], float],
        say: Callable[[str], None],
        power: Callable[[], Power] = power,
        noted: Callable[[], str] = str,
        agenda: Callable[[], str] = str,
    ) -> None:
        """``request`` says what notes are wanted, ``spoken`` the language that is (ISO 639-1);
        ``seconds`` how much was recorded so far; ``say`` is told what the person has to know;
        ``noted`` gives what the person noted so far, and ``agenda`` what the calendar has, which
        may take its time. Returns at once."""
        self._host = host
        self._spec = spec
        self._request = request
        self._spoken = spoken
        self._began = datetime.now().astimezone()
        self._said = said
        self._seconds = seconds
        self._say = say
        self._noted = noted
        self._agenda = agenda
        self._model = LiveModel(lambda: host.load_text_generator(spec), say)
        self._reader = self._reads() if Feature.NOTES in host.config.features else None
        self._suggester = Suggester(
            said,
            self._maker,
            say,
            self._model.lost,
            on=self._allowed(),
            power=power,
        )
        self._new = threading.Event()
        self._ending = threading.Event()
        said.listeners.append(lambda segment: self._new.set())
        self._thread = threading.Thread(target=self._run, name="reading", daemon=True)
        self._thread.start()

    @property
    def suggestions(self) -> tuple[Suggestion, ...]:
        return self._suggester.suggestions

    @property
    def suggesting(self) -> str:
        return "not possible" if self._model.broken else self._suggester.shown

    def ask(self, question: str) -> None:
        if Feature.CHAT not in self._host.config.features:
            self._say(f"{Feature.CHAT} is off on this device; 'sotto config set features.chat on'")
        else:
            self._suggester.ask(question, self._seconds())

    def suggest(self) -> None:
        self._suggester.suggest(self._seconds())

    def toggle(self) -> None:
        """For this meeting and those to come."""
        on = not self._suggester.on
        self._suggester.turn(on)
        try:
            device.change(self._host.home.device, {_KEY: on})
        except (SottovoceError, OSError) as error:
            self._say(f"suggestions are {'on' if on else 'off'} for this meeting only: {error}")

    def dismiss(self, suggestion: int) -> None:
        self._suggester.dismiss(suggestion)

    def end(self, heard: Heard | None) -> Prepared | None:
        """What was prepared for the notes; ``heard`` is the whole transcript. Without it, or where
        the model failed, nothing."""
        self._ending.set()
        self._new.set()
        self._suggester.close()
        self._thread.join()
        reader = self._reader
        if heard is None or reader is None or self._model.broken:
            if reader is not None:
                reader.close()
            self._model.close()
            return None
        reader.hear(
            self._transcript(without_echo(heard.segments, self._said.speakers)), complete=True
        )
        try:
            generator = self._model.get()
        except SottovoceError:
            reader.close()
            return None
        return Prepared(generator, reader)

    def _allowed(self) -> bool:
        """Whether suggestions are on. The guidance is given once."""
        if _KEY not in device.values(self._host.home.device):
            self._say(GUIDANCE)
            try:
                device.change(self._host.home.device, {_KEY: False})
            except (SottovoceError, OSError) as error:
                log.warning("that suggestions are off could not be noted: %s", error)
        return Feature.SUGGESTIONS in self._host.config.features

    def _reads(self) -> Ahead | Reading:
        if self._spec.notes is NotesMethod.SCHEMA:
            return Reading(
                self._model.get,
                self._began,
                self._request,
                lost=self._model.lost,
                full=self._full,
            )
        return Ahead(self._model.get, self._model.lost)

    def _full(self, segment: int) -> None:
        begin = clock(self._said.segments[segment].start)
        self._say(
            f"{self._spec.label} has no more room: suggestions and answers know what was said "
            f"since {begin}. The notes will cover all of it; the model reads it again for them"
        )

    def _maker(self) -> Maker:
        agenda = self._agenda()

        def written() -> dict[str, str]:
            return {OWN: f"{self._request.own}\n{self._noted()}", AGENDA: agenda}

        places = Places(self._said, self._host.home.library, written)
        me = next((it for it in self._said.speakers if it.casefold() in MICROPHONE), "Me")
        load: Callable[[], TextGenerator] = self._model.get
        if self._spec.notes is NotesMethod.SCHEMA:
            reading = self._reader if isinstance(self._reader, Reading) else None
            return Writing(self._said, places, load, reading, me)
        return Quoting(self._said, places, load, me)

    def _run(self) -> None:
        try:
            self._model.get()  # so that the first suggestion need not wait for it
        except SottovoceError:
            return  # it was said
        while not self._ending.is_set():
            self._new.wait()
            self._new.clear()
            if self._reader is not None and not self._ending.is_set():
                self._reader.hear(self._transcript(self._said.segments))
            self._ending.wait(_OFTEN)

    def _transcript(self, segments: Sequence[Segment]) -> Transcript:
        said = attributed(sorted(segments, key=lambda it: it.start), self._said.speakers)
        return Transcript(recording_id="", language=self._spoken, segments=tuple(said))
