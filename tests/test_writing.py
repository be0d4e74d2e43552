"""Suggestions and answers in a model's own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sottovoce import (
    Caption,
    Conversation,
    ModelSpec,
    NotesMethod,
    Piece,
    Priority,
    Question,
    SuggestionKind,
    TextGenerator,
    Transcript,
)
from sottovoce.library import Library
from sottovoce.live.drafts import NOT_SAID
from sottovoce.live.moments import Moment
from sottovoce.live.places import Places
from sottovoce.live.said import Said
from sottovoce.live.writing import Writing
from sottovoce.notes import Request
from sottovoce.notes.reading import Reading

from .test_notes import RECORDING, STARTER
from .test_record import wait_for

ROWS = [
    "The hotel offers forty rooms for ninety euros each.",
    "That is a good price.",
    *(f"The carpet in room number {n} is rather old." for n in range(20)),
    "What was the price of the rooms?",
]


class Model(TextGenerator, Conversation):
    """Replies what it is told to, and keeps what it read and was asked."""

    version = "1"
    n_ctx = 16_384

    def __init__(self, reply: str) -> None:
        self.spec: ModelSpec = replace(STARTER, notes=NotesMethod.SCHEMA, languages=())
        self.reply = reply
        self.read = ""
        self.asked: list[Question] = []

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def open(self, *, system: str = "", priority: Priority = Priority.NOTES) -> Conversation:
        return self

    def append(self, text: str) -> None:
        self.read += text

    def ask(
        self, questions: Sequence[Question], *, deadline: float | None = None
    ) -> Iterator[Piece]:
        self.asked += questions
        for word in self.reply.split(" "):
            yield Piece(0, f"{word} ")
        yield Piece(0, "", last=True)

    def close(self) -> None: ...


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library.sqlite3"
    Library(path).close()
    return path


def meeting() -> Said:
    said = Said(["Me", "Them"])
    for n, text in enumerate(ROWS):
        said.take(Caption(track=min(n, 1), start=n * 5, end=n * 5 + 4, text=text, final=True))
    return said


MOMENT = Moment(kind=SuggestionKind.QUESTION, about=ROWS[-1], at=114.0, began=0.0)


@pytest.mark.parametrize(
    ("reply", "suggested", "answered"),
    [
        ("The rooms are ninety euros each. [0]", "The rooms are ninety euros each.", ""),
        (
            "The rooms are eighty dollars each. [0]",
            None,
            "The rooms are eighty dollars each. (unverified)",
        ),
        (
            "Ninety euros each. [0] It was sunny in Vienna. [1]",
            "Ninety euros each.",
            "Ninety euros each. It was sunny in Vienna. (unverified)",
        ),
        ("NOTHING", None, NOT_SAID),
    ],
)
def test_sentences_that_their_lines_do_not_support_are_not_suggested(
    library: Path, reply: str, suggested: str | None, answered: str
) -> None:
    said = meeting()
    model = Model(reply)
    reading = Reading(lambda: model, RECORDING.started_at, Request(), full=lambda segment: None)
    segments = tuple(replace(it, id=n) for n, it in enumerate(said.segments))
    reading.hear(Transcript(recording_id="", language="en", segments=segments))
    wait_for(lambda: reading.lines >= len(ROWS) - 8)
    maker = Writing(said, Places(said, library), lambda: model, reading, "Me")
    drafts = [it for it in maker.make(MOMENT) if it is not None]
    assert [it.text for it in drafts] == ([suggested] if suggested else [])
    assert all(it.evidence[0].text == ROWS[0] for it in drafts)
    # What is in the context is not told again, and what is not yet goes with the question.
    (asked,) = model.asked
    assert ROWS[0] in model.read
    assert ROWS[0] not in asked.text
    assert ROWS[-1] not in model.read
    assert f"[{len(ROWS) - 1}] Them: {ROWS[-1]}" in asked.text
    *_, answer = [it for it in maker.answer(ROWS[-1]) if it is not None]
    assert answer.complete
    assert answer.text == (answered or suggested)
    maker.close()
    reading.close()
