from __future__ import annotations

import concurrent.futures
import sqlite3
from array import array
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sottovoce import (
    ActionItem,
    MeetingNotes,
    Production,
    Recording,
    Segment,
    Statement,
    Transcript,
    UsageError,
    Word,
)
from sottovoce.errors import LibraryError
from sottovoce.library import Library
from sottovoce.library.schema import STEPS

RECORDING = Recording(
    id="cafe0123",
    title="Weekly",
    path=Path("/recordings/weekly.wav"),
    source="recorded-file",
    started_at=datetime(2026, 3, 12, 10, tzinfo=UTC),
    duration=60.0,
    sha256="cafe0123" * 8,
)
VOICE = array("f", (0.5, 0.25))
SEGMENTS = (
    Segment(id=0, start=0.5, end=2.0, text="Good morning", speaker="Ana", voice=VOICE),
    Segment(
        id=1,
        start=2.5,
        end=4.0,
        text="The café opens",
        speaker="Speaker 2",
        words=(Word(2.5, 3.0, "The", 0.5),),
        confidence=0.5,
        track=1,
    ),
)
TRANSCRIPT = Transcript(recording_id=RECORDING.id, language="en", segments=SEGMENTS)
MADE = Production(stage="transcription", engine="e", version="1", model="m", seconds=1.5)
NOTES = MeetingNotes(
    recording=RECORDING,
    title="Weekly",
    summary=(Statement(text="Speaker 2 will open the café.", segments=(1,)),),
    action_items=(
        ActionItem(
            text="Open", segments=(1,), assignee="Speaker 2", due=date(2026, 3, 13), due_text="soon"
        ),
    ),
    produced_by=(MADE,),
)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "library.sqlite3")
    library.add(RECORDING)
    return library


def test_the_same_content_under_another_name_is_the_same_meeting(library: Library) -> None:
    moved = replace(RECORDING, id="other", title="copy", path=Path("/elsewhere/copy.wav"))
    assert library.add(moved).recording == replace(RECORDING, path=moved.path)
    assert len(library.meetings()) == 1


def test_segments_are_kept_as_they_come_and_only_once(library: Library) -> None:
    for segment in (*SEGMENTS, SEGMENTS[0]):
        library.add_segment(RECORDING.id, segment)
    assert library.transcribed_until(RECORDING.id, 0) == 2.0
    assert library.transcribed_until(RECORDING.id, 1) == 4.0
    assert library.transcribed_until(RECORDING.id, 2) == 0.0
    pending = library.pending_segments(RECORDING.id)
    assert pending == [replace(segment, speaker=None) for segment in SEGMENTS]
    assert library.transcript(RECORDING.id).segments == ()


def test_a_transcript_and_its_notes_come_back_as_they_went(library: Library) -> None:
    library.add_segment(RECORDING.id, SEGMENTS[0])
    library.complete_transcript(TRANSCRIPT, 58.0, MADE)
    library.save_notes(NOTES, replace(MADE, stage="notes"))
    assert library.transcript(RECORDING.id) == TRANSCRIPT
    meeting = library.find("Weekly")
    assert meeting.recording.duration == 58.0
    assert library.notes(meeting) == replace(NOTES, recording=meeting.recording)
    assert set(library.stages(RECORDING.id)) == {"transcription", "notes"}


def test_renaming_a_speaker_renames_it_everywhere(library: Library) -> None:
    library.complete_transcript(TRANSCRIPT, 58.0, MADE)
    library.save_notes(NOTES, MADE)
    library.rename_speaker(RECORDING.id, "Speaker 2", "Zoë")
    assert library.transcript(RECORDING.id).speakers == ("Ana", "Zoë")
    notes = library.notes(library.find("Weekly"))
    assert notes is not None
    assert notes.summary[0].text == "Zoë will open the café."
    assert notes.action_items[0].assignee == "Zoë"


def test_taking_the_name_of_another_speaker_merges_the_two(library: Library) -> None:
    library.complete_transcript(TRANSCRIPT, 58.0, MADE)
    library.rename_speaker(RECORDING.id, "Speaker 2", "Ana")
    assert library.transcript(RECORDING.id).speakers == ("Ana",)


def test_a_title_of_a_person_is_not_replaced_by_the_program(library: Library) -> None:
    library.rename(RECORDING.id, "Mine", by_person=True)
    library.rename(RECORDING.id, "Computed", by_person=False)
    assert library.meetings()[0].recording.title == "Mine"


@pytest.mark.parametrize("wanted", ["cafe0123", "cafe", "weekly", "eekl"])
def test_a_meeting_is_found_by_id_and_by_title(library: Library, wanted: str) -> None:
    assert library.find(wanted).id == RECORDING.id


def test_an_ambiguous_name_lists_what_it_fits(library: Library) -> None:
    library.add(replace(RECORDING, id="beef0000", sha256="b", title="Weekly too"))
    assert library.find("weekly").id == RECORDING.id
    with pytest.raises(UsageError, match=r"fits 2 meetings.*beef0000"):
        library.find("week")


def test_deleting_a_meeting_leaves_nothing_of_it(library: Library) -> None:
    library.complete_transcript(TRANSCRIPT, 58.0, MADE)
    library.save_notes(NOTES, MADE)
    library.delete(RECORDING.id)
    with sqlite3.connect(library.path) as db:
        for table in (
            "meetings",
            "segments",
            "speakers",
            "stages",
            "note_versions",
            "tags",
            "exports",
        ):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        found = db.execute("SELECT count(*) FROM segments_fts WHERE segments_fts MATCH 'cafe'")
        assert found.fetchone() == (0,)
    db.close()


def test_a_library_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite3"
    Library(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    db.close()
    with pytest.raises(LibraryError, match="written by a newer sottovoce"):
        Library(path)


def test_a_file_that_is_no_library_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite3"
    path.write_text("Dear diary, " * 100)
    with pytest.raises(LibraryError, match="not a library: move it away"):
        Library(path)


def test_many_processes_may_be_the_first_to_open_a_library(tmp_path: Path) -> None:
    for attempt in range(5):
        path = tmp_path / f"{attempt}.sqlite3"
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for opened in [pool.submit(_open_and_close, path) for _ in range(8)]:
                opened.result()
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (len(STEPS),)


def _open_and_close(path: Path) -> None:
    Library(path).close()
