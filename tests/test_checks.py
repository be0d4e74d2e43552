"""What a model writes is believed only where the lines say it."""

from __future__ import annotations

import random
from datetime import date

import pytest

from sottovoce.notes import take_notes
from sottovoce.notes.checks import checked
from sottovoce.notes.evidence import NUMBERS, Line, words
from sottovoce.notes.extract import parse
from sottovoce.notes.windows import Window, read_as
from sottovoce_catalog.notes_adapter import dataset
from sottovoce_catalog.notes_adapter.contract import parse_lines

from .test_notes import RECORDING, Scripted, transcript

WINDOWS = 1000
HOSTILE = (
    "T|{n}|Zorro|{said}|",
    "T|{n}|Zorro, {speaker}|{said}|by Friday",
    "T|{far}|{speaker}|{said}|",
    "T|{n}|{speaker}|{said} 4711|",
    "D|{n}|{said} for seventeen hundred euros",
    "D|{far}|{said}",
    "Q|{n}|why {said} at 13:37",
    "K|{n}|{said} and 99 percent",
    "T|{n}||{said}|on the 31st",
)


def _numbers(text: str) -> set[str]:
    return {NUMBERS.get(it, it) for it in words(text) if it.isdigit() or it in NUMBERS}


def test_of_a_thousand_windows_nothing_foreign_gets_through() -> None:
    draw = random.Random(3)
    kept = 0
    for text, _ in dataset.synthetic(WINDOWS, 5, "test"):
        lines = [Line(n, it.speaker, it.text) for n, it in enumerate(parse_lines(text))]
        window = Window(0, tuple(lines))
        line = draw.choice(lines)
        spoken = {it.speaker for it in lines} | {w for it in lines for w in words(it.text)}
        answer = "\n".join(HOSTILE).format(
            n=line.segment + 1,
            far=len(lines) + draw.randint(1, 90),
            speaker=line.speaker,
            said=line.text.rstrip(".?!").replace("|", " "),
        )
        for note in parse(answer):
            found = checked(note, window, lines)
            if found is None:
                continue
            kept += 1
            assert all(0 <= it < len(lines) for it in found.lines)
            owners = [it for it in found.owner.split(", ") if it]
            assert all(it in spoken or set(words(it)) <= spoken for it in owners), (text, found)
            said = " ".join(it.text for it in lines)
            assert _numbers(found.text) <= _numbers(said), (text, found)
    assert kept > WINDOWS / 10  # the rest of what they say is true


def test_who_promises_has_a_task_and_not_who_was_asked() -> None:
    talk = transcript(
        "Ana: Ben, can you fill in the form?",
        "Ben: Sorry, I am terrible with forms.",
        "Cleo: I can fill in the form.",
    )
    answer = "T|1|Ben|fill in the form|\nT|3|Cleo|fill in the form|"
    (item,) = take_notes(RECORDING, talk, lambda: Scripted(answer)).action_items
    assert item.assignee == "Cleo"


def test_two_people_may_own_a_task() -> None:
    talk = transcript("Ana: Ben and Cleo, please build the model.", "Ben: Okay.")
    answer = "T|1|Ben, Cleo|build the model|"
    (item,) = take_notes(RECORDING, talk, lambda: Scripted(answer)).action_items
    assert item.assignee == "Ben, Cleo"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("I can't install the export before we have the password.", "T|1|Ana|install the export|"),
        ("Shall we talk about the waiting room?", "T|1|Ana|talk about the waiting room|"),
        ("Maybe we could paint the door.", "D|1|paint the door"),
    ],
)
def test_what_is_denied_or_only_thought_of_is_no_note(said: str, answer: str) -> None:
    notes = take_notes(RECORDING, transcript(f"Ana: {said}", "Ben: Hm."), lambda: Scripted(answer))
    assert notes.decisions == notes.action_items == ()
    assert notes.dropped == 1


def test_a_thought_that_meets_with_a_yes_is_decided() -> None:
    talk = transcript("Ana: Maybe we could paint the door.", "Ben: Yes, that's better.")
    notes = take_notes(RECORDING, talk, lambda: Scripted("D|1|paint the door"))
    assert [it.text for it in notes.decisions] == ["Paint the door."]


def test_what_is_asked_and_decided_in_one_breath_is_not_open() -> None:
    talk = transcript("Ana: When do we open? We will open on Monday.", "Ben: Fine.")
    answer = "Q|1|when do we open\nD|1|open on Monday"
    notes = take_notes(RECORDING, talk, lambda: Scripted(answer))
    assert (len(notes.decisions), notes.open_questions) == (1, ())


def test_the_reason_for_a_decision_is_not_another_one() -> None:
    talk = transcript("Ana: Saturday is better, so we decided to move on Saturday.", "Ben: Fine.")
    answer = "D|1|Saturday is better\nD|1|move on Saturday"
    notes = take_notes(RECORDING, talk, lambda: Scripted(answer))
    assert [it.text for it in notes.decisions] == ["Move on Saturday."]


def test_by_the_way_is_no_deadline() -> None:
    talk = transcript("Ana: By the way, I will call the bank tomorrow.")
    (item,) = take_notes(RECORDING, talk, lambda: Scripted("T|1|Ana|call the bank|")).action_items
    assert item.due == date(2026, 3, 13)


def test_what_goes_on_across_a_listener_is_one_line() -> None:
    lines = [
        Line(0, "Ana", "and then the covers will be"),
        Line(1, "Ben", "Mm-hmm."),
        Line(2, "Cleo", "Yeah."),
        Line(3, "Ana", "that rubbery material."),
        Line(4, "Ben", "Okay, I like it."),
    ]
    assert read_as(lines) == [
        Line(0, "Ana", "and then the covers will be that rubbery material.", (3,)),
        Line(1, "Ben", "Mm-hmm."),
        Line(4, "Ben", "Okay, I like it."),
    ]


def test_what_is_stated_rests_on_one_line_that_says_it_in_that_order() -> None:
    talk = transcript(
        "Ana: Any compromise on cost is offset by having the interchangeable covers.",
        "Ben: Well, so we should drop the slider then.",
        "Cleo: Yes, and the base should be a little bit bigger.",
    )
    answer = (
        "K|1|the interchangeable covers are offset by the cost\n"
        "K|1|any compromise on cost is offset by the covers\n"
        "D|2|drop the slider bigger\nD|2|make the base bigger\nD|2|the base should be bigger"
    )
    notes = take_notes(RECORDING, talk, lambda: Scripted(answer))
    (point,) = notes.key_points
    assert point.text == "Any compromise on cost is offset by the covers."
    assert [(it.text, it.segments) for it in notes.decisions] == [
        ("The base should be bigger.", (2,))  # the line beside the one that the model names
    ]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("Ana: Is the device fashionable?", "Q|1|is the device fashionable"),
        ("Ana: I would make it a, how do you call it in English?", "Q|1|how do you call it"),
        ("Ana: We don't have to find out how remotes work.", "Q|1|how remotes work"),
        ("Ana: They need three more wheat for the line.", "K|1|they need three more wheat"),
        ("Ana: The company needs months to end it.", "K|1|the company needs months to end it"),
        ("Ana: It's very important to the company.", "K|1|it's very important to the company"),
        ("Ana: Yeah, but in a separate menu.", "D|1|in a separate menu"),
        ("Ana: I am pointing out a strategy, we can test.", "T|1||pointing out a strategy|"),
    ],
)  # fmt: skip
def test_what_is_settled_or_makes_no_sense_is_no_note(line: str, answer: str) -> None:
    talk = transcript(line, "Ben: Well, I think most definitely.")
    notes = take_notes(RECORDING, talk, lambda: Scripted(answer))
    assert not [*notes.decisions, *notes.action_items, *notes.open_questions, *notes.key_points]
