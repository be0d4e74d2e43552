from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sottovoce import ActionItem, MeetingNotes, NotesMethod, Statement
from sottovoce.chat import Chat, Cited, NotSaid, Passage, Words, of_meetings
from sottovoce.chat.passages import fitting
from sottovoce.engines.llama.generator import LlamaGenerator
from sottovoce.engines.llama.settings import LlamaSettings
from sottovoce.library import Library, Meeting
from sottovoce.notes.windows import lines_of
from sottovoce.times import clock

from .conftest import Sample, command, sotto
from .test_details import talk
from .test_notes import RECORDING, STARTER, TALK, Scripted
from .test_search import add
from .tiny_models import tiny_model

MEETING = Meeting(
    recording=RECORDING,
    titled_by_person=False,
    language="en",
    stages=("transcription", "notes"),
    exports=(),
)
WRITES = replace(STARTER, notes=NotesMethod.SCHEMA, adapter=None)


def passages(transcript: object = TALK) -> list[Passage]:
    return [Passage(MEETING, it, it.segment * 5.0) for it in lines_of(transcript)]  # type: ignore[arg-type]


def quoted(question: str, chat: Chat | None = None) -> list[int]:
    parts = list((chat or Chat(passages())).ask(question))
    if parts == [NotSaid()]:
        return []
    assert all(isinstance(it, Cited) and it.quoted for it in parts)
    return [it.passages[0].line.segment for it in parts if isinstance(it, Cited)]


@pytest.mark.parametrize(
    ("question", "segments"),
    [
        ("What happens with the routers?", [2]),
        ("Who pays for PARKING?", [4]),
        ("What did Maria say about routers?", [2]),
        ("What did Tom say about routers?", []),
        ("Who is the king of France?", []),
        ("Does the parking lot of the king cost money?", []),
        ("What about it?", []),
        ("👍?", []),
    ],
)
def test_what_was_said_is_quoted_and_what_was_not_is_said_to_be_so(
    question: str, segments: list[int]
) -> None:
    assert quoted(question) == segments


def test_a_question_that_goes_on_means_what_was_asked_before() -> None:
    chat = Chat(passages())
    assert quoted("What about the mobile routers?", chat) == [2]
    assert quoted("And Maria?", chat) == [2]


def test_what_the_notes_hold_is_answered_from_them() -> None:
    notes = MeetingNotes(
        recording=RECORDING,
        title="Weekly",
        decisions=(Statement(text="Rent the mobile routers.", segments=(2,)),),
        action_items=(ActionItem(text="Order the routers", segments=(2, 3), assignee="Henry"),),
    )
    chat = Chat(passages(), notes=notes)
    text, cited = chat.ask("What will Henry do?")
    assert text == Words("Henry: Order the routers ")
    assert isinstance(cited, Cited)
    assert [it.line.segment for it in cited.passages] == [2, 3]
    assert next(iter(chat.ask("What did we decide about the routers?"))) == Words(
        "Rent the mobile routers. "
    )
    assert list(chat.ask("What did we decide about the yacht?")) == [NotSaid()]


def written(answer: str, question: str = "What about the routers?") -> list[object]:
    with_model = Chat(passages(), Scripted(answer, spec=WRITES))
    return list(with_model.ask(question))


def test_a_models_sentences_come_as_they_are_written_each_with_its_checked_places() -> None:
    parts = written("We rent the mobile routers [2]. Zoltan buys forty yachts [1,2]")
    text = "".join(it.text for it in parts if isinstance(it, Words))
    assert text.split() == "We rent the mobile routers . Zoltan buys forty yachts".split()
    first, second = (it for it in parts if isinstance(it, Cited))
    assert first.verified
    assert [it.line.segment for it in first.passages] == [2]
    assert not second.verified


def test_a_model_that_finds_nothing_or_cites_nothing_answers_not_said() -> None:
    assert written("NOT SAID") == [NotSaid()]
    assert written("I believe it was about routers")[-1] == NotSaid()


def test_the_transcript_is_read_once_and_earlier_questions_are_told_again() -> None:
    model = Scripted("We rent them [2]", "Henry [3]", spec=WRITES)
    chat = Chat(passages(), model)
    list(chat.ask("What about the routers?"))
    list(chat.ask("Who orders them?"))
    assert model.context.count("Then we will rent the mobile routers.") == 1
    assert "What about the routers?" in model.asked[1].text
    assert "We rent them [2]" in model.asked[1].text


def test_of_a_meeting_beyond_the_context_the_lines_around_the_matches_are_read() -> None:
    everything = passages(talk(300))
    model = Scripted("The boiler leaks [0]", spec=replace(WRITES, n_ctx=1_500))
    model.n_ctx = 1_500
    chat = Chat(everything, model)
    list(chat.ask("What about the boiler and the plumber?"))
    assert "boiler" in model.context
    assert len(model.context.split()) < 1_500
    read = fitting(everything, "the boiler", 200, [10] * len(everything))
    assert read == sorted(read)
    assert len(read) == 20


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LlamaGenerator:
    folder = tmp_path_factory.mktemp("tiny")
    spec = replace(WRITES, id="tiny", languages=())
    settings = LlamaSettings(n_ctx=4096, n_threads=1)
    return LlamaGenerator(spec, tiny_model("llama", folder), None, settings, folder / "log")


def test_whatever_a_real_model_says_cites_lines_that_exist_or_is_not_said(
    tiny: LlamaGenerator,
) -> None:
    """Random weights: what they say is noise, and none of it may look like an answer."""
    with tiny:
        chat = Chat(passages(), tiny)
        for number in range(5):
            parts = list(chat.ask(f"Question number {number}?"))
            for part in parts:
                if isinstance(part, Cited):
                    assert not part.verified
                    assert {it.line.segment for it in part.passages} <= set(range(6))
            said = "".join(it.text for it in parts if isinstance(it, Words))
            assert not re.search(r"\[\d", said)
            assert parts
        status = tiny.status()
        assert status["conversations"] == 1
        chat.close()


def test_answers_from_all_meetings_read_around_the_rarest_words(tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite3") as library:
        for day in range(1, 6):
            add(library, f"2026-01-0{day}", *(f"Ana: The report number {n}." for n in range(9)))
        zebra = add(
            library, "2026-02-01", "Ben: Where?", "Ana: The zebra report is late.", "Ben: Oh."
        )
        found = of_meetings(library, "Is the zebra report late?")
        assert found[0].meeting.id == zebra
        assert "Ben: Oh." in [f"{it.line.speaker}: {it.line.text}" for it in found]
        (part,) = Chat(found).ask("Is the zebra report late?")
        assert isinstance(part, Cited)
        assert part.passages[0].meeting.id == zebra
        assert list(Chat(of_meetings(library, "Unicorns?")).ask("Unicorns?")) == [NotSaid()]


def test_the_command_answers_with_places_that_open(processed: Sample) -> None:
    meeting = processed.result["meeting"]["id"]
    ran = sotto("ask", meeting, "Who calls the landlord?", "--json", home=processed.home)
    assert ran.status == 0, ran.err
    (cite,) = [it for s in ran.json["sentences"] for it in s["cites"]][:1]
    segment = processed.result["transcript"]["segments"][cite["segment"]]
    assert "landlord" in segment["text"]
    assert cite["place"].endswith(f"#t={segment['start']:.0f}")
    ran = sotto("ask", "--all", "Is there a dragon?", home=processed.home)
    assert ran.out.strip() == "Not said in any meeting."
    assert "does not answer in words of its own" in ran.err


def test_questions_one_a_line_share_a_history_and_open_places(processed: Sample) -> None:
    meeting = processed.result["meeting"]["id"]
    done = subprocess.run(
        command("ask", meeting),
        input="What about the printer?\n/open 0\n/open 999\n/x\nAnd dragons?\n/quit\nnever\n",
        env={**os.environ, "SOTTOVOCE_HOME": str(processed.home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "printer" in done.stdout
    assert "> 00:00" in done.stdout
    assert "'/open N'" in done.stdout
    assert "there is no segment 999" in done.stdout
    assert "never" not in done.stdout


def test_a_cited_place_opens_in_a_player_and_as_text(processed: Sample, tmp_path: Path) -> None:
    meeting = processed.result["meeting"]["id"]
    segment = processed.result["transcript"]["segments"][3]
    player = tmp_path / "mpv"
    player.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/played\n')
    player.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    for place in (clock(segment["start"]), "#3"):
        assert sotto("open", meeting, place, home=processed.home, PATH=path).status == 0
        options, played = (tmp_path / "played").read_text().strip().split(" ", 1)
        assert abs(int(options.removeprefix("--start=")) - segment["start"]) <= 1
        assert played == processed.result["meeting"]["recording"]
        ran = sotto("meetings", "show", meeting, "--at", place, home=processed.home)
        assert f"> {clock(segment['start'])} {segment['speaker']}: {segment['text']}" in ran.out
    for wrong, why in (("noon", "is no place"), ("#999", "no segment 999")):
        ran = sotto("open", meeting, wrong, home=processed.home, PATH=path)
        assert (ran.status, ran.err.count("\n")) == (1, 1)
        assert why in ran.err
    ran = sotto("meetings", "show", meeting, "--at", "9:00:00", home=processed.home)
    assert "ends at 01:1" in ran.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "name the meeting, or say --all"),
        (["nope", "x"], "no meeting 'nope'"),
        (["--all", " "], "the question is empty"),
        (["--all", "x", "--model", "nope"], "no generation model 'nope'"),
    ],
)
def test_what_cannot_be_asked_is_one_line(home: Path, arguments: list[str], why: str) -> None:
    ran = sotto("ask", *arguments, home=home)
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert why in ran.err
