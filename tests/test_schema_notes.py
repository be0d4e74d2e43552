"""Notes by asking: what a model that follows instructions is told, and what is believed of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sottovoce import NotesMethod, Piece, Priority, Question, TextGenerator, Transcript
from sottovoce.engines.llama.generator import LlamaGenerator
from sottovoce.engines.llama.settings import LlamaSettings
from sottovoce.notes import Request, take_notes
from sottovoce.notes.answers import Answer, items, written_object
from sottovoce.notes.checked import Checker
from sottovoce.notes.numbers import said, unsaid
from sottovoce.notes.parts import parts
from sottovoce.notes.reading import Reading
from sottovoce.notes.template import parse
from sottovoce.notes.topics import Stretch
from sottovoce.notes.windows import lines_of

from .conftest import sotto
from .eval import measures
from .test_details import talk
from .test_notes import RECORDING, STARTER, TALK, Scripted, transcript
from .tiny_models import tiny_model

SPEC = replace(STARTER, notes=NotesMethod.SCHEMA, adapter=None, languages=())


class Answering(Scripted):
    """Answers each question by what it asks for."""

    def __init__(self, answers: dict[str, Any], n_ctx: int = 8192) -> None:
        super().__init__(spec=SPEC)
        self.n_ctx = n_ctx
        self.given = answers
        self.opened: list[str] = []
        self.contexts: list[str] = []

    def open(self, *, system: str = "", priority: Priority = Priority.NOTES) -> Scripted:
        self.opened.append(system)
        self.contexts.append("")
        return self

    def append(self, text: str) -> None:
        self.contexts[-1] += text

    def ask(
        self, questions: Sequence[Question], *, deadline: float | None = None
    ) -> Iterator[Piece]:
        self.asked += questions
        for number, question in enumerate(questions):
            found = next((it for key, it in self.given.items() if key in question.text), None)
            if found is None:
                schema = question.json_schema or {}
                found = [] if schema["type"] == "array" else {"title": "x"}
            if isinstance(found, list) and found and isinstance(found[0], list):
                found = found.pop(0) if len(found) > 1 else found[0]
            yield Piece(number, json.dumps(found), last=True)


def item(text: str, *lines: int, **more: str) -> dict[str, Any]:
    return {"lines": list(lines), "text": text, **more}


def checker(spoken: Transcript, **more: Any) -> Checker:
    return Checker(lines_of(spoken), **more)


MONEY = transcript(
    "Maria: The rent will be nine hundred dollars a month from March third on.",
    "Tom: That is twelve percent more than in two thousand twenty five.",
    "Maria: Henry, could you talk to the landlord about it?",
    "Henry: Sure, I'll call him on Friday.",
)


@pytest.mark.parametrize(
    ("text", "lines", "verified"),
    [
        ("The rent will be $900 a month from March 3rd.", [0], True),
        ("The rent rises by 12% over 2025.", [0, 1], False),  # "rises" was not said
        ("Henry will call the landlord on Friday.", [2, 3], True),
        ("The rent will be $950 a month.", [0], None),
        ("Zoltan will call the landlord on Friday.", [2, 3], None),
        ("According to Priya the rent will be 900 dollars.", [0], None),
        ("The rent will be 900 dollars a month.", [7], None),
        ("Elephants were bought for the zoo in winter.", [0], None),
    ],
)
def test_names_and_numbers_must_be_said_and_other_words_are_counted(
    text: str, lines: list[int], verified: bool | None
) -> None:
    evidence = checker(MONEY).evidence(text, lines, 0, 4)
    assert (evidence and evidence.verified) == verified


def test_lines_that_the_model_has_not_read_are_no_evidence() -> None:
    assert checker(MONEY).evidence("Henry will call the landlord.", [3], 0, 3) is None


def test_german_nouns_are_no_names_and_numbers_are_looked_up_across_languages() -> None:
    check = checker(MONEY, language="de", translated=True)
    found = check.evidence("Die Miete steigt auf 900 Dollar, sagt Maria.", [0], 0, 4)
    assert found is not None
    assert not found.verified
    assert check.evidence("Die Miete steigt auf 950 Dollar.", [0], 0, 4) is None
    german = transcript("Ana: Die Lieferung kommt am Freitag.", language="de")
    found = checker(german, language="de").evidence("Die Lieferung kommt Freitag.", [0], 0, 1)
    assert found is not None
    assert found.verified


def test_chinese_and_transliterated_names_can_be_looked_up() -> None:
    chinese = transcript("李娜: 我们决定租用三个移动路由器。", language="zh")
    found = checker(chinese, language="zh").evidence("决定租用移动路由器。", [0], 0, 1)
    assert found is not None
    assert found.verified
    english = checker(chinese, language="en", translated=True)
    assert english.evidence("Li Na decided to rent routers.", [0], 0, 1) is not None


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("it costs nine hundred dollars", "$900"),
        ("three point five percent", "3.5%"),
        ("in two thousand twenty six", "2026"),
        ("nineteen ninety five", "1995"),
        ("one hundred twenty three thousand four hundred", "123,400 or 123.400"),
        ("March third, at ten thirty", "3rd of March, 10:30"),
        ("fifty million", "50 million"),
        ("we have 1,200 units", "1200"),
    ],
)
def test_numbers_are_the_same_in_words_and_in_digits(spoken: str, written: str) -> None:
    assert unsaid(written, said(spoken)) == []
    assert unsaid("47", said(spoken)) == ["47"]


def test_the_model_is_told_the_language_the_day_and_what_is_known() -> None:
    from sottovoce.notes import Context

    german = replace(TALK, language="de")
    model = Answering({})
    context = Context(title="Jour fixe", attendees=("Ana López",), agenda="Miete")
    take_notes(RECORDING, german, lambda: model, request=Request(context=context))
    (system,) = model.opened
    for part in ("in German", "Thursday, 12 March 2026"):
        assert part in system
    (read,) = model.contexts
    for part in ("Jour fixe", "Ana López", "Miete"):  # known at the end only, of a live meeting
        assert part in read.partition(TALK.segments[-1].text)[2]
    assert "YYYY-MM-DD" in next(it.text for it in model.asked if "List the tasks" in it.text)
    again = Answering({})
    take_notes(RECORDING, german, lambda: again, request=Request(language="fr"))
    assert "in French" in again.opened[0]


def test_a_deadline_in_another_language_is_the_day_that_the_model_says_within_reason() -> None:
    spoken = transcript("Ana: Ich schicke den Bericht bis nächsten Freitag.", language="de")
    task = {"assignee": "Ana", "due": "bis nächsten Freitag"}
    for date, expected in (("2026-03-20", "2026-03-20"), ("1999-01-01", "None"), ("", "None")):
        given = {"List the tasks": [item("Den Bericht schicken", 0, **task, date=date)]}
        model = Answering(given)
        (found,) = take_notes(RECORDING, spoken, lambda: model).action_items  # noqa: B023
        assert (str(found.due), found.due_text) == (expected, "bis nächsten Freitag")


def test_what_the_meeting_before_left_open_is_checked_off_in_any_language() -> None:
    from sottovoce import ActionItem, MeetingNotes

    tasks = [ActionItem(text=it, segments=(0,)) for it in ("den Bericht schicken", "Stühle kaufen")]
    before = MeetingNotes(recording=RECORDING, title="Runde", action_items=tuple(tasks))
    spoken = transcript(
        "Ana: Der Bericht ist gestern raus.", "Ben: Die Stühle fehlen.", language="de"
    )
    done = [{"lines": [0], "task": 1}, {"lines": [0], "task": 2}, {"lines": [9], "task": 7}]
    model = Answering({"these tasks were open": done})
    notes = take_notes(RECORDING, spoken, lambda: model, request=Request(previous=before))
    assert [(it.done, it.segments) for it in notes.carried] == [(True, (0,)), (False, ())]


def test_topics_are_written_by_the_model_and_checked_and_no_tenth_is_left_out() -> None:
    spoken = talk(150)
    first = spoken.segments[3]
    title = {"title": "Boiler and pipes", "points": [item(first.text, 3), item("Buy 99 cars", 4)]}
    model = Answering({"are one topic of the meeting": title})
    notes = take_notes(RECORDING, spoken, lambda: model)
    assert first.text in [it.text for it in notes.topics[0].points]
    assert "Buy 99 cars" not in str(notes.topics)
    assert notes.dropped >= 1
    assert notes.topics[0].text == "Boiler and pipes"
    assert measures.coverage(notes, spoken) == (10, 10)
    assert all(topic.points for topic in notes.topics)
    summary = parse("+++\n+++\n## Summary\n{{summary}}\n", "mine")
    other = Answering({})
    take_notes(RECORDING, spoken, lambda: other, request=Request(template=summary))
    assert not any("are one topic" in it.text for it in other.asked)


def test_a_full_list_is_asked_to_go_on_and_says_nothing_twice() -> None:
    spoken = transcript(*(f"Ana: I will paint wall number {n}." for n in range(30)))
    rounds = [
        [item(f"paint wall number {n}", n, assignee="Ana", due="") for n in range(a, b)]
        for a, b in ((0, 12), (8, 20), (20, 24), (20, 24))
    ]
    model = Answering({"List the tasks": rounds})
    found = take_notes(RECORDING, spoken, lambda: model).action_items
    assert [it.text for it in found] == [f"paint wall number {n}" for n in range(24)]
    again = [it for it in model.asked if "are listed already" in it.text]
    assert "- paint wall number 11" in again[0].text
    assert len(again) == 2


def test_a_long_meeting_is_parted_where_topics_end_and_its_summary_is_written_from_the_parts() -> (
    None
):
    spoken = talk(300)
    texts = [it.text for it in spoken.segments]
    model = Answering(
        {
            "Summarise the transcript": [[item(texts[0], 0)], [item(texts[240], 240)]],
            "Summarise the whole meeting": [item(texts[0], 0), item(texts[240], 240)],
            "Give this meeting a title": {"title": "Heating and party"},
        },
        n_ctx=9_000,
    )
    notes = take_notes(replace(RECORDING, title="audio"), spoken, lambda: model)
    read = model.contexts[:-1]
    assert len(read) >= 2
    assert all(sum(f"[{n}] " in text for text in read) == 1 for n in range(300))
    assert [it.segments for it in notes.summary] == [(0,), (240,)]
    assert texts[240] in model.contexts[-1]
    assert notes.title == "Heating and party"


def test_a_part_ends_at_a_topic_or_else_at_the_longest_pause() -> None:
    costs, pauses = [10] * 20, [0.0] * 20
    pauses[8] = 3.0
    assert parts(costs, 100, [], pauses) == [(0, 8), (8, 18), (18, 20)]
    topics = [Stretch(0, 7), Stretch(7, 20)]
    assert parts(costs, 100, topics, pauses)[0] == (0, 7)
    assert parts([500], 100, [], [0.0]) == [(0, 1)]
    assert parts([], 100, [], []) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"title": "A", "points": [{"a": 1}, {"a": 2}]}', {"title": "A", "points": [1, 2]}),
        ('{"title": "A", "points": [{"a": 1}, {"a"', {"title": "A", "points": [1]}),
        ('{"title": "A", "points": [', {"title": "A", "points": []}),
        ('{"title": "cut o', {}),
        ("{", {}),
        ("", {}),
    ],
)
def test_of_an_object_that_was_cut_off_what_is_whole_is_read(
    text: str, found: dict[str, Any]
) -> None:
    read = written_object(Answer(text, truncated=True))
    points = {"points": [it["a"] for it in read["points"]]} if "points" in read else {}
    assert {**read, **points} == found
    assert items(Answer("", truncated=True)) == []


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaGenerator]:
    folder = tmp_path_factory.mktemp("tiny")
    settings = LlamaSettings(n_ctx=8192, n_threads=2)
    spec = replace(SPEC, id="tiny")
    with LlamaGenerator(spec, tiny_model("qwen35", folder), None, settings, folder / "log") as it:
        yield it


def test_noise_under_the_schema_is_no_statement_and_reading_ahead_changes_nothing(
    tiny: LlamaGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random weights: everything is asked, read ahead, and nothing that comes of it is believed."""
    monkeypatch.setattr("sottovoce.notes.prompts.MOST_TOKENS", 100)  # noise goes on and on
    spoken = talk(36)
    plain = take_notes(RECORDING, spoken, lambda: tiny)
    assert (plain.summary, plain.decisions, plain.action_items) == ((), (), ())
    assert measures.coverage(plain, spoken) == (10, 10)
    reading = Reading(lambda: tiny, RECORDING.started_at, Request())
    for count in (10, 20, 30):
        reading.hear(replace(spoken, segments=spoken.segments[:count]))
    wait_for(reading, 12)
    assert take_notes(RECORDING, spoken, lambda: tiny, ahead=reading) == plain
    assert tiny.status()["conversations"] == 0


def wait_for(reading: Reading, lines: int) -> None:
    for _ in range(1_000):
        if reading.lines >= lines:
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"only {reading.lines} lines were read")


def test_what_was_read_ahead_is_continued_where_it_is_still_true_and_else_read_anew() -> None:
    spoken = talk(60)
    model = Answering({})
    reading = Reading(lambda: model, RECORDING.started_at, Request())
    reading.hear(replace(spoken, segments=spoken.segments[:30]))
    wait_for(reading, 24)
    renamed = tuple(
        replace(it, speaker="Zoë") if it.speaker == "Ben" else it for it in spoken.segments
    )
    reading.hear(replace(spoken, segments=renamed[:40]))
    wait_for(reading, 34)
    assert len(model.contexts) == 2
    take_notes(RECORDING, replace(spoken, segments=renamed), lambda: model, ahead=reading)
    assert len(model.contexts) == 2
    assert model.contexts[1].count("[0] ") == model.contexts[1].count("[59] ") == 1
    late = Reading(lambda: model, RECORDING.started_at, Request())
    late.hear(replace(spoken, segments=spoken.segments[:30]))
    wait_for(late, 24)
    take_notes(RECORDING, replace(spoken, segments=renamed), lambda: model, ahead=late)
    assert len(model.contexts) == 4


def test_what_the_model_raises_while_reading_is_raised_where_notes_are_taken() -> None:
    from sottovoce import EngineError

    def broken() -> TextGenerator:
        raise EngineError("no")

    reading = Reading(broken, RECORDING.started_at, Request())
    reading.hear(talk(60))
    with pytest.raises(EngineError, match="no"):
        take_notes(RECORDING, talk(60), lambda: Answering({}), ahead=reading)
    reading.close()


def test_sections_of_the_templates_own_are_asked_and_their_hints_are_told() -> None:
    text = "+++\n+++\n## Wer\nWas jeder tat.\n{{speakers}}\n\n## Sorgen\nWas Sorgen macht.\n"
    model = Answering({"For each speaker": [item("Maria says: we will rent the routers.", 2)]})
    notes = take_notes(RECORDING, TALK, lambda: model, request=Request(template=parse(text, "x")))
    asked = " ".join(it.text for it in model.asked)
    assert "Heed: Was jeder tat." in asked
    assert "section 'Sorgen' of the minutes: Was Sorgen macht." in asked
    (section,) = notes.outline()
    assert 2 in section.statements[0].segments


def test_the_unverified_are_counted_also_among_points(tmp_path: Path) -> None:
    spoken = talk(150)
    point = item("The boiler was found to be broken and is leaking badly.", 0, 1, 2, 3)
    model = Answering({"are one topic of the meeting": {"title": "Boiler", "points": [point]}})
    notes = take_notes(RECORDING, spoken, lambda: model)
    unverified = [p for topic in notes.topics for p in topic.points if not p.verified]
    assert notes.unverified == len(unverified) > 0


def test_the_command_takes_notes_with_a_model_of_ones_own_and_believes_no_noise(
    home: Path, tmp_path: Path
) -> None:
    cues = [
        f"00:00:0{it.id}.000 --> 00:00:0{it.id}.900\n<v {it.speaker}>{it.text}"
        for it in TALK.segments
    ]
    talk_file = tmp_path / "weekly.vtt"
    talk_file.write_text("WEBVTT\n\n" + "\n\n".join(cues), encoding="utf-8")
    model = tiny_model("llama", tmp_path)
    added = sotto("models", "add", model, "--label", "tiny", "--context", "4096", home=home)
    assert added.status == 0, added.err
    ran = sotto("import", talk_file, "--model", "custom-tiny", "--json", home=home)
    assert ran.status == 0, ran.err
    notes = ran.json[0]["notes"]
    assert (notes["summary"], notes["decisions"], notes["action_items"]) == ([], [], [])
    assert notes["produced_by"][-1]["model"] == "tiny"
