"""A transcript that is read into a model's context while it grows."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sottovoce import (
    Conversation,
    EngineError,
    ModelSpec,
    NotesMethod,
    Piece,
    Priority,
    Question,
    TextGenerator,
    Transcript,
)
from sottovoce.notes import Context, Request, take_notes
from sottovoce.notes.reading import Reading

from .test_details import talk
from .test_notes import RECORDING, STARTER

WRITER = replace(STARTER, id="writer", notes=NotesMethod.SCHEMA, languages=(), n_ctx=16_384)
SPOKEN = talk(90)
_NUMBERED = re.compile(r"\[(\d+)[^\]]*\] (?:\w+: )?(.*)")


class Model(TextGenerator):
    """Cites the first line of the transcript that it is asked about, and keeps what it read."""

    version = "1"

    def __init__(self, n_ctx: int = 16_384, answer: Callable[[str], str] | None = None) -> None:
        self.spec: ModelSpec = WRITER
        self.n_ctx = n_ctx
        self.opened: list[_Context] = []
        self.reply = answer
        self.dead = False

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def open(self, *, system: str = "", priority: Priority = Priority.NOTES) -> Conversation:
        self.opened.append(_Context(self, system))
        return self.opened[-1]

    def close(self) -> None: ...

    @property
    def read(self) -> int:
        """Lines, each as often as it was read."""
        return sum(it.text.count("[") for it in self.opened)


class _Context(Conversation):
    def __init__(self, model: Model, system: str) -> None:
        self.model = model
        self.system = system
        self.text = ""
        self.asked: list[Question] = []
        self.closed = False

    def append(self, text: str) -> None:
        if self.model.dead:
            raise EngineError("it died")
        assert not self.closed
        self.text += text

    def ask(
        self, questions: Sequence[Question], *, deadline: float | None = None
    ) -> Iterator[Piece]:
        assert not self.closed
        self.asked += questions
        for number, question in enumerate(questions):
            yield Piece(number, self._answer(question), last=True)

    def _answer(self, question: Question) -> str:
        if self.model.reply is not None:
            return self.model.reply(question.text)
        found = _NUMBERED.search(self.text)
        line, said = found.groups() if found else ("0", "")
        schema = question.json_schema or {}
        if schema.get("type") != "array":
            return json.dumps({"title": said[:40]})
        row = {"text": said, "lines": [int(line)], "assignee": "", "due": ""}
        return json.dumps([{key: row[key] for key in schema["items"]["required"]}])

    def close(self) -> None:
        self.closed = True


def beginning(count: int, spoken: Transcript = SPOKEN) -> Transcript:
    return replace(spoken, segments=spoken.segments[:count])


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def lines_in(reading: Reading) -> int:
    now = reading.now()
    return len(now.lines) if now else 0


def test_notes_are_the_same_and_nothing_is_read_twice() -> None:
    request = Request(own="- routers", context=Context(title="Weekly", attendees=("Ana", "Ben")))
    plain_model = Model()
    plain = take_notes(RECORDING, SPOKEN, lambda: plain_model, request=request)
    model = Model()
    full: list[int] = []
    reading = Reading(lambda: model, RECORDING.started_at, Request(), full=full.append)
    for count in (3, 20, 50, 90):
        reading.hear(beginning(count))
        until(lambda count=count: lines_in(reading) >= count - 6)  # type: ignore[misc]
    assert take_notes(RECORDING, SPOKEN, lambda: model, request=request, ahead=reading) == plain
    assert model.read == plain_model.read == len(SPOKEN.segments)
    assert full == []
    assert len(model.opened) == len(plain_model.opened)
    assert all(it.closed for it in model.opened)
    # What is known from elsewhere, and may be known late, follows the transcript.
    assert model.opened[-1].text.endswith("shall follow it:\n- routers")


def test_a_context_that_a_live_meeting_has_filled_begins_anew_and_the_notes_have_all() -> None:
    plain = take_notes(RECORDING, SPOKEN, lambda: Model(1_200))
    model = Model(1_200)
    begins: list[int] = []
    reading = Reading(lambda: model, RECORDING.started_at, Request(), full=begins.append)
    for count in (20, 50, 90):
        reading.hear(beginning(count), complete=count == 90)
        until(lambda count=count: lines_in(reading) >= count - 6)  # type: ignore[misc]
    until(lambda: lines_in(reading) == 90)
    assert begins
    latest = reading.now()
    assert latest is not None
    assert model.opened[-1].text.startswith(f"Transcript:\n[{begins[-1]}] ")
    assert latest.lines[-1].text == SPOKEN.segments[-1].text
    assert take_notes(RECORDING, SPOKEN, lambda: model, ahead=reading) == plain
    assert all(it.closed for it in model.opened)


def test_an_engine_that_died_reads_again() -> None:
    models = [Model(), Model()]
    reading = Reading(
        lambda: models[0],
        RECORDING.started_at,
        Request(),
        lost=lambda error: bool(models.pop(0)),
    )
    first, second = models
    reading.hear(beginning(30))
    until(lambda: lines_in(reading) == 24)
    first.dead = True
    reading.hear(beginning(40))
    until(lambda: lines_in(reading) == 34)
    assert first.opened[-1].closed
    assert second.read == 34
    reading.close()
