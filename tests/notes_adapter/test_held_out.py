"""What the test says is nothing that training says."""

from __future__ import annotations

import pytest

from sottovoce_catalog.notes_adapter.qmsum import MEASURED
from sottovoce_catalog.notes_adapter.vocabulary import Vocabulary, vocabulary

TRAIN, TEST = vocabulary("train"), vocabulary("test")


def test_no_domain_phrase_is_shared() -> None:
    def said(words: Vocabulary) -> set[str]:
        return {
            text
            for topic in (topic for domain in words.domains for topic in domain)
            for text in (
                topic.title,
                *topic.tasks,
                *topic.facts,
                *topic.decisions,
                *topic.questions,
            )
        }

    assert not said(TRAIN) & said(TEST)


def test_no_name_is_shared() -> None:
    assert not set(TRAIN.people) & set(TEST.people)
    assert not set(TRAIN.surnames) & set(TEST.surnames)
    assert not set(TRAIN.roles) & set(TEST.roles)


@pytest.mark.parametrize("slot", ["firms", "places", "verbs", "choices", "nouns", "adjectives"])
def test_no_filling_is_shared(slot: str) -> None:
    shared = set(TRAIN.slots[slot]) & set(TEST.slots[slot])
    assert shared <= {"take", "keep"}


@pytest.mark.parametrize("group", [group for group in TRAIN.phrases if group != "note"])
def test_no_phrasing_is_shared(group: str) -> None:
    def said(table: dict[str, tuple[str, ...]]) -> set[str]:
        return {phrase for phrases in table.values() for phrase in phrases}

    assert not said(TRAIN.phrases[group]) & said(TEST.phrases[group])


def test_forty_domains_and_more() -> None:
    assert len(TRAIN.domains) + len(TEST.domains) >= 40


def test_the_meetings_that_are_measured_are_no_training_meetings() -> None:
    assert {"Bmr016", "Bro023", "ES2012d", "IS1008d", "TS3005b", "education_15"} == MEASURED
