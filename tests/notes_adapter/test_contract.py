"""Reading and judging what a model wrote."""

from __future__ import annotations

from sottovoce_catalog.notes_adapter.contract import (
    Answer,
    Gist,
    Line,
    Note,
    foreign_owners,
    parse_answer,
    parse_lines,
    prompt,
    unsupported,
)
from sottovoce_catalog.notes_adapter.score import Score, Tally, faults

LINES = (
    Line(7, "Ann", "Bob, please order four lamps."),
    Line(8, "Bob", "I will do that by Friday."),
    Line(9, "Ann", "So we keep the red curtain."),
)


def test_an_answer_is_read_kind_by_kind() -> None:
    text = "T|7|Bob|order four lamps|by Friday\nD|9|keep the red curtain\nG|Lamps|Bob will order."
    assert parse_answer(text) == Answer(
        (
            Note("T", 7, "order four lamps", "Bob", "by Friday"),
            Note("D", 9, "keep the red curtain"),
        ),
        Gist("Lamps", "Bob will order."),
    )


def test_what_follows_no_form_is_set_apart() -> None:
    assert parse_answer("T|x|Bob|order|\nhello\nD|3|keep it") == Answer(
        (Note("D", 3, "keep it"),), None, ("T|x|Bob|order|", "hello")
    )


def test_nothing_is_an_answer() -> None:
    assert parse_answer("none") == Answer(())
    assert str(Answer(())) == "none"


def test_the_prompt_ends_where_the_answer_begins() -> None:
    told = prompt("\n".join(map(str, LINES)))
    assert told.startswith("<|im_start|>system\nYou take meeting notes.<|im_end|>\n")
    assert told.endswith("\n\nNotes:<|im_end|>\n<|im_start|>assistant\n")
    assert parse_lines(told) == LINES


def test_a_word_that_nobody_said_is_unsupported() -> None:
    assert unsupported(Note("D", 9, "keep the blue curtain"), LINES) == {"blue"}
    assert not unsupported(Note("T", 7, "order four lamps", "Bob", "by Friday"), LINES)


def test_an_owner_is_a_speaker_or_named() -> None:
    assert foreign_owners(Note("T", 7, "order", "Bob, Zoe"), LINES) == ("Zoe",)


def test_faults_are_counted_each_time() -> None:
    answer = Answer((Note("T", 70, "order", "Zoe"), Note("K", 7, "order nine lamps")))
    assert list(faults(LINES, answer)) == [
        "line outside the window",
        "owner outside the window",
        "unsupported word",
        "invented number",
    ]


def test_a_score_counts_what_was_found_written_and_true() -> None:
    score = Score()
    truth = "T|7|Bob|order four lamps|by Friday\nD|9|keep the red curtain"
    score.add("\n".join(map(str, LINES)), truth, "T|8|Ann|order four lamps|\nK|9|the red curtain")
    assert score.kinds["T"] == Tally(found=1, written=1, true=1)
    assert score.owned == Tally(found=0, written=1, true=1)
    assert score.whens == Tally(found=0, written=1, true=1)
    assert score.kinds["D"] == Tally(found=0, written=0, true=1)
    assert score.kinds["K"] == Tally(found=0, written=1, true=0)
