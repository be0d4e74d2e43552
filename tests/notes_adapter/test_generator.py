"""The synthetic meetings keep the contract of the notes format."""

from __future__ import annotations

import random

import pytest

from sottovoce_catalog.notes_adapter import dataset
from sottovoce_catalog.notes_adapter.contract import (
    foreign_owners,
    parse_answer,
    parse_lines,
    unsupported,
)
from sottovoce_catalog.notes_adapter.meeting import LONGEST_LINE, window
from sottovoce_catalog.notes_adapter.vocabulary import vocabulary

SPLITS = ("train", "test")


@pytest.fixture(scope="module", params=SPLITS)
def samples(request: pytest.FixtureRequest) -> list[dataset.Sample]:
    return list(dataset.synthetic(400, 11, request.param))


def test_a_seed_gives_the_same_windows_again() -> None:
    again = [dataset.digest(dataset.synthetic(50, 5, "train")) for _ in range(2)]
    assert again[0] == again[1]
    assert again[0] != dataset.digest(dataset.synthetic(50, 6, "train"))


def test_every_answer_reads_back_as_it_was_written(samples: list[dataset.Sample]) -> None:
    for lines, answer in samples:
        assert str(parse_answer(answer)) == answer
        assert "\n".join(map(str, parse_lines(lines))) == lines


def test_every_note_cites_a_line_that_says_it(samples: list[dataset.Sample]) -> None:
    for text, answer in samples:
        lines = parse_lines(text)
        for note in parse_answer(answer).notes:
            assert note.line in {line.number for line in lines}
            assert not unsupported(note, lines, reach=6), (text, note)


def test_every_owner_occurs_in_the_window(samples: list[dataset.Sample]) -> None:
    for text, answer in samples:
        for note in parse_answer(answer).notes:
            assert not foreign_owners(note, parse_lines(text)), (text, note)
            assert note.kind == "T" or not note.owner


def test_notes_come_in_the_order_of_their_lines_and_the_gist_last(
    samples: list[dataset.Sample],
) -> None:
    for _, answer in samples:
        cited = [note.line for note in parse_answer(answer).notes]
        assert cited == sorted(cited)
        assert answer == "none" or answer.splitlines()[-1].startswith("G|")


def test_lines_count_up_and_stay_short_enough_for_the_host(samples: list[dataset.Sample]) -> None:
    for text, _ in samples:
        lines = parse_lines(text)
        first = lines[0].number
        assert [line.number for line in lines] == list(range(first, first + len(lines)))
        assert all(len(line.text.split()) <= LONGEST_LINE + 20 for line in lines)


def test_every_kind_of_note_and_empty_windows_come_up(samples: list[dataset.Sample]) -> None:
    kinds = {note.kind for _, answer in samples for note in parse_answer(answer).notes}
    assert kinds == {"T", "D", "Q", "K"}
    assert any(answer == "none" for _, answer in samples)


def test_real_talk_is_strewn_in_without_notes() -> None:
    words = vocabulary("train")
    made = [window(random.Random(i), words, ["Quite so zzz."]) for i in range(60)]
    assert any("zzz" in each.text.lower() for each in made)
    assert not any("zzz" in str(each.answer).lower() for each in made)
