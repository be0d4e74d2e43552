"""Noise reaches the notes only where they copy the noisy words."""

from __future__ import annotations

import random

from sottovoce_catalog.notes_adapter.speech import Noise, Utterance, Word, disturb

LOUD = Noise(0.5, 1.0, 1.0, 0.5, 0.3, plain=False, commaless=False)


def spoken() -> Utterance:
    said = [Word("I"), Word("will")]
    said += [Word(word, "what") for word in "order four new lamps".split()]
    return Utterance("Ann", [*said, Word("Priya", kept=True), Word("today.", "when")], kind="T")


def test_fillers_and_false_starts_stay_out_of_the_note() -> None:
    quiet = Noise(0.9, 1.0, 1.0, 0.0, 0.0, plain=False, commaless=False)
    for seed in range(50):
        utterance = spoken()
        disturb(random.Random(seed), utterance, quiet)
        assert utterance.noted("what") == "order four new lamps"
        assert utterance.noted("when") == "today"


def test_the_note_says_what_was_heard() -> None:
    for seed in range(50):
        utterance = spoken()
        disturb(random.Random(seed), utterance, LOUD)
        heard = set(utterance.text.replace(",", "").replace(".", "").split())
        assert set(utterance.noted("what").split()) <= heard


def test_a_name_comes_through() -> None:
    for seed in range(50):
        utterance = spoken()
        disturb(random.Random(seed), utterance, LOUD)
        assert "Priya" in utterance.text


def test_plain_speech_is_plain_in_the_note_too() -> None:
    utterance = spoken()
    disturb(random.Random(1), utterance, Noise(0, 0, 0, 0, 0, plain=True, commaless=False))
    assert utterance.text == "i will order four new lamps priya today"
    assert utterance.noted("when") == "today"
