from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sottovoce import ActionItem, MeetingNotes, Statement
from sottovoce.notes.compose import compose
from sottovoce.notes.extract import Extraction
from sottovoce.notes.request import Request
from sottovoce.notes.windows import lines_of

from .eval import measures
from .eval.meetings import Task, Truth, read
from .test_details import notes as extractive
from .test_details import talk
from .test_notes import RECORDING, TALK


def test_every_measure_falls_for_what_it_is_to_find() -> None:
    spoken = talk()
    good = extractive(spoken)
    valid, total = measures.evidence(good, spoken)
    assert valid == total
    for bad in (
        Statement(text="Zoltan buys the boiler.", segments=(0,)),
        Statement(text="The boiler costs 400.", segments=(0,)),
        Statement(text="Elephants graze peacefully yonder.", segments=(0,)),
        Statement(text=spoken.segments[0].text, segments=()),
        Statement(text=spoken.segments[0].text, segments=(10_000,)),
        Statement(text="The roses need a hedge.", segments=(0,)),
    ):
        notes = replace(good, decisions=(bad,))
        assert measures.evidence(notes, spoken) == (valid, total + 1), bad.text
    notes = replace(good, decisions=(Statement(text="The 400 of Zoltan.", segments=(0,)),))
    assert measures.invented(good, spoken) == []
    assert measures.invented(notes, spoken) == ["400", "zoltan"]
    assert measures.coverage(good, spoken) == (10, 10)
    assert measures.coverage(replace(good, topics=(), summary=(), key_points=()), spoken) == (0, 10)
    said, never = "Ben spoke of boiler, radiator, pipe and gas.", "Walruses yodel operatically."
    assert measures.facts(good, [never])[0] == 0
    assert measures.facts(
        replace(good, decisions=(Statement(text=said, segments=()),)), [said]
    ) == (1, 1)


def test_tasks_count_with_their_owner_and_each_once() -> None:
    notes = MeetingNotes(
        recording=RECORDING,
        title="x",
        action_items=(
            ActionItem(text="Order the mobile routers", segments=(2,), assignee="Henry"),
            ActionItem(text="Order the routers", segments=(2,), assignee="Henry"),
            ActionItem(text="Call the landlord", segments=(3,), assignee="Tom"),
        ),
        decisions=(Statement(text="Rent routers.", segments=(2,)),),
    )
    truth = Truth(
        tasks=(
            Task(text="order mobile routers", owner="Henry"),
            Task(text="call the landlord", owner="Maria"),
        ),
        decisions=("rent the mobile routers",),
        questions=("who pays",),
    )
    assert measures.against_truth(notes, truth) == {
        "tasks": (1, 3, 2),
        "decisions": (1, 1, 1),
        "questions": (0, 0, 1),
    }
    assert measures.f1(1, 3, 2) == pytest.approx(0.4)


def test_rouge_is_of_the_best_reference() -> None:
    assert (
        measures.rouge("the boiler leaks", ["nothing alike", "the boiler leaks"])["rouge1"] == 1.0
    )


def test_the_command_prints_a_row_for_each_meeting_and_model(tmp_path: Path, home: Path) -> None:
    segments = [{"speaker": s.speaker, "text": s.text} for s in talk().segments]
    body = {
        "segments": segments,
        "summaries": ["The heating, the garden and the party."],
        "facts": ["The boiler and the plumber."],
        "truth": {"decisions": ["x"]},
    }
    (tmp_path / "m.json").write_text(json.dumps(body))
    qmsum = {
        "meeting_transcripts": [
            {"speaker": "A", "content": "It 's {vocalsound} fine , is n't it ?"},
            {"speaker": "B", "content": "{laugh}"},
        ],
        "general_query_list": [{"answer": "All is fine."}],
        "specific_query_list": [{"answer": "It is fine. Really."}],
    }
    (tmp_path / "q.json").write_text(json.dumps(qmsum))
    read_back = read(tmp_path / "q.json")
    assert read_back.transcript is not None
    assert [s.text for s in read_back.transcript.segments] == ["It's fine, is n't it?"]
    assert read_back.facts == ("It is fine.", "Really.")
    figures = tmp_path / "figures"
    done = subprocess.run(
        [sys.executable, "-m", "tests.eval", tmp_path, "--models", "extractive", "--json", figures],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "SOTTOVOCE_HOME": str(home)},
    )
    rows = [line.split()[0] for line in done.stdout.splitlines() if "extractive" in line]
    assert rows == ["m", "q", "all"]
    assert "decisions: F1 0.00" in done.stdout
    first = json.loads(figures.read_text())[0]
    assert first["coverage"] == [10, 10]


def test_a_file_that_is_no_meeting_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match=r"x.json: not a meeting to evaluate"):
        read(tmp_path / "x.json")


def test_without_a_model_notes_are_the_same_as_with_one_that_finds_nothing() -> None:
    found = compose(RECORDING, TALK, Extraction((), tuple(lines_of(TALK)), 0), Request())
    assert found.title == RECORDING.title
