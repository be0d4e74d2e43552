from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sottovoce import ActionItem, MeetingNotes, Production, SectionKind
from sottovoce.errors import UsageError
from sottovoce.library import Library
from sottovoce.notes import Request, own_notes, previous_notes, take_notes

from .test_notes import RECORDING, TALK, Scripted, transcript

ANSWER = (
    "D|3|rent the mobile routers\nT|4|Henry|order the mobile routers|today\n"
    "Q|5|who pays for the parking"
)
OWN = """---
tags: [x]
---
first thought, no heading

# Routers!!
- [ ] mobile routers?? ask HENRY
* what does it cost

## Car
1. parking ~ expensive
"""


def test_the_structure_leads_and_the_words_stay() -> None:
    notes = take_notes(RECORDING, TALK, lambda: Scripted(ANSWER), request=Request(own=OWN))
    own = [it for it in notes.outline() if it.kind is SectionKind.OWN]
    assert [it.title for it in own] == ["Own notes", "Routers!!", "Car"]
    assert [it.text for it in own[0].statements] == ["first thought, no heading"]
    assert [it.text for it in own[1].statements] == [
        "mobile routers?? ask HENRY",
        "→ Rent the mobile routers.",
        "→ Henry: Order the mobile routers",
        "what does it cost",
    ]
    assert own[1].statements[0].segments == (2,)
    assert [it.text for it in own[2].statements] == [
        "parking ~ expensive",
        "→ Who pays for the parking?",
    ]
    assert notes.outline()[: len(own)] == tuple(own)
    # What stands under a heading of the person's is not said again in a section of its own.
    assert {it.kind for it in notes.outline()} == {SectionKind.OWN, SectionKind.SUMMARY}


def test_own_notes_of_a_meeting_in_which_nothing_was_said_stay() -> None:
    def never() -> Scripted:
        raise AssertionError("the model was loaded")

    notes = take_notes(RECORDING, transcript(), never, request=Request(own="- only mine"))
    assert [it.statements[0].text for it in notes.outline()] == ["only mine"]


def test_a_note_that_the_program_wrote_is_no_note_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "weekly.md"
    assert own_notes(path) == ""
    path.write_text("---\ntitle: x\nsottovoce: cafe0123 0123456789abcdef\n---\n# x\n")
    assert own_notes(path) == ""
    path.write_text("mine: sottovoce: cafe0123 0123456789abcdef\n")
    assert own_notes(path).startswith("mine")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        own_notes(path)


BEFORE = MeetingNotes(
    recording=RECORDING,
    title="Weekly",
    action_items=(
        ActionItem(text="Order the mobile routers", segments=(3,), assignee="Henry"),
        ActionItem(text="Call the landlord", segments=(5,)),
        ActionItem(text="Paint the hall", segments=(6,)),
    ),
)


def test_open_items_are_carried_and_checked_off_where_the_meeting_says_so() -> None:
    talk = transcript(
        "Ana: Did you call the landlord?",
        "Ben: Not yet, I will call the landlord tomorrow.",
        "Henry: I have ordered the mobile routers.",
    )
    request = Request(previous=BEFORE)
    notes = take_notes(RECORDING, talk, lambda: Scripted("none"), request=request)
    assert [(it.text, it.done, it.segments) for it in notes.carried] == [
        ("Order the mobile routers", True, (2,)),
        ("Call the landlord", False, ()),
        ("Paint the hall", False, ()),
    ]
    assert notes.outline()[0].kind is SectionKind.CARRIED
    later = replace(notes, action_items=())
    again = take_notes(RECORDING, talk, lambda: Scripted("none"), request=Request(previous=later))
    assert len(again.carried) == 2


def test_the_meeting_before_is_the_latest_of_the_same_series(tmp_path: Path) -> None:
    made = Production(stage="notes", engine="e", version="1", model="m", seconds=1.0)
    with Library(tmp_path / "library.sqlite3") as library:
        for number, (title, days) in enumerate(
            [
                ("Weekly 2026-03-05", -7),
                ("Weekly 2026-02-26", -14),
                ("Budget", -1),
                ("weekly 2026-03-19", 7),
                ("Weekly 2026-03-12", 0),
            ]
        ):
            recording = replace(
                RECORDING,
                id=f"{number:08}",
                sha256=str(number),
                title=title,
                started_at=RECORDING.started_at + timedelta(days),
            )
            library.add(recording)
            library.save_notes(MeetingNotes(recording=recording, title=title), made)
        found = previous_notes(library, library.find("00000004"))
        assert found is not None
        assert found.recording.id == "00000000"
        assert previous_notes(library, library.find("00000002")) is None
