from __future__ import annotations

from pathlib import Path

import pytest

from sottovoce import UsageError, Word
from sottovoce.speech.vocabulary import Vocabulary, read_vocabulary

from .conftest import SCRIPT

TERMS = ("Kathryn", "Siobhan", "Kubernetes", "Postgres", "Vogelsang", "Priya Raman", "Zoë", "Jon")


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("Catherine will do it.", "Kathryn will do it."),
        ("We run it on kubernetis now.", "We run it on Kubernetes now."),
        ("The Postgress server is down.", "The Postgres server is down."),
        ("Ask Fogelsang about it.", "Ask Vogelsang about it."),
        ("Mr. Vogelsong's plan", "Mr. Vogelsang's plan"),
        ("This is Pria Ramen speaking.", "This is Priya Raman speaking."),
    ],
)
def test_near_misses_are_put_right(heard: str, meant: str) -> None:
    assert Vocabulary(TERMS).corrected(heard) == meant


@pytest.mark.parametrize(
    "right",
    [
        "Kathryn will do it.",
        "Join us on Monday.",
        "We post progress every day.",
        "Caution is good, and a priory is old.",
        "John agrees.",
        "The ramen was good.",
    ],
)
def test_a_right_word_stays(right: str) -> None:
    assert Vocabulary(TERMS).corrected(right) == right


def test_words_with_times_are_put_right_too() -> None:
    heard = [Word(n, n + 1, it, 0.9) for n, it in enumerate("Ask Fogelsang, Pria Ramen.".split())]
    right = Vocabulary(TERMS).corrected_words(tuple(heard))
    assert " ".join(it.text for it in right) == "Ask Vogelsang, Priya Raman."
    assert [(it.start, it.end) for it in right] == [(it.start, it.end) for it in heard]


def test_a_whole_meeting_stays_as_it_was_said() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    people = ("Marie", "Davide", "Henri", "Saturn", "Frieda", "Officer", "Prentice", "Moyes")
    changed = Vocabulary(people[3:]).corrected(text)
    assert changed == text


def test_a_file_has_a_term_a_line(tmp_path: Path) -> None:
    file = tmp_path / "terms.txt"
    file.write_text("Kathryn\n\n  Priya   Raman # of Leeds\nKathryn\n", encoding="utf-8")
    assert read_vocabulary(file) == ("Kathryn", "Priya Raman")
    with pytest.raises(UsageError, match="cannot be read"):
        read_vocabulary(tmp_path / "none.txt")
