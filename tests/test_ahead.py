from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from sottovoce import EngineError, TextGenerator, Transcript
from sottovoce.notes import take_notes
from sottovoce.notes.ahead import Ahead

from .test_adversarial import starter  # noqa: F401 - a fixture
from .test_details import talk
from .test_notes import RECORDING, Scripted, transcript

SPOKEN = transcript(
    "Maria: Good morning. Let us begin with the internet.",
    "Henry: The company needs three more weeks.",
    "Maria: Then we will rent the mobile routers. Henry, please order them today.",
    "Henry: I will do that.",
    *(f"Tom: The desks in room {n} are too large for the new building." for n in range(38)),
    "Maria: Tom, could you please call the landlord this week?",
    "Tom: Sure, I will call him.",
)


def beginning(spoken: Transcript, count: int) -> Transcript:
    return replace(spoken, segments=spoken.segments[:count], language="")


def test_notes_are_the_same_whether_or_not_they_were_read_ahead(
    starter: TextGenerator,  # noqa: F811
) -> None:
    plain = take_notes(RECORDING, SPOKEN, lambda: starter)
    ahead = Ahead(lambda: starter)
    for count in (4, 30, 43):
        ahead.hear(beginning(SPOKEN, count))
    while not ahead._answers:
        threading.Event().wait(0.05)
    assert take_notes(RECORDING, SPOKEN, lambda: starter, ahead=ahead) == plain
    assert ahead.answers()


def test_what_was_read_ahead_is_not_asked_again_and_what_changed_is() -> None:
    reader = Scripted(*["none"] * 100)
    ahead = Ahead(lambda: reader)
    ahead.hear(beginning(talk(90), 60))
    while not ahead._answers:
        threading.Event().wait(0.01)
    ready = ahead.answers()
    model = Scripted(*["none"] * 100)
    steps: list[tuple[float, float]] = []
    take_notes(RECORDING, talk(90), lambda: model, lambda *step: steps.append(step), ahead=ahead)
    read = {question.text for group in ready for question in group}
    assert not read & {question.text for question in model.asked}
    assert steps[-1][0] == steps[-1][1] == len(model.asked) + len(read)
    renamed = tuple(replace(it, speaker="Zoë") for it in talk(90).segments)
    again = Scripted(*["none"] * 100)
    take_notes(RECORDING, replace(talk(90), segments=renamed), lambda: again, ahead=ahead)
    assert len(again.asked) == len(model.asked) + len(read)


def test_the_end_of_what_is_known_is_left_alone() -> None:
    def never() -> TextGenerator:
        raise AssertionError("the model was loaded")

    ahead = Ahead(never)
    ahead.hear(beginning(talk(90), 12))
    assert ahead.answers() == {}


def test_what_the_model_raises_while_reading_ahead_is_raised_where_notes_are_taken() -> None:
    def broken() -> TextGenerator:
        raise EngineError("no")

    ahead = Ahead(broken)
    ahead.hear(beginning(talk(90), 60))
    with pytest.raises(EngineError, match="no"):
        ahead.answers()
    Ahead(broken).close()
