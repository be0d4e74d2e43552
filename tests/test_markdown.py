from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sottovoce import ExportError, MeetingNotes, Segment, Statement, Transcript
from sottovoce_integrations.markdown import Markdown

from .test_library import NOTES, TRANSCRIPT


def export(folder: Path, notes: MeetingNotes = NOTES, transcript: Transcript = TRANSCRIPT) -> Path:
    return Markdown().export(notes, transcript, folder)


CHANGED = replace(NOTES, decisions=(Statement(text="Open earlier.", segments=(1,)),))


def test_a_note_says_what_was_decided_when_and_who_does_it(tmp_path: Path) -> None:
    path = export(tmp_path, CHANGED)
    assert path.name == "2026-03-12 Weekly.md"
    text = path.read_text()
    assert "- Open earlier. [00:02](file:///recordings/weekly.wav#t=2)" in text
    assert "- [ ] **Speaker 2**: Open (soon: 2026-03-13) [00:02]" in text
    assert "**Speaker 2**: The café opens" in text
    assert "Transcription: m, e 1, 1.5 s on this machine" in text


def test_exporting_twice_changes_nothing(tmp_path: Path) -> None:
    path = export(tmp_path)
    before = path.stat().st_mtime_ns
    assert export(tmp_path) == path
    assert path.stat().st_mtime_ns == before
    assert [it.name for it in tmp_path.iterdir()] == [path.name]


def test_a_note_that_nobody_edited_is_brought_up_to_date(tmp_path: Path) -> None:
    path = export(tmp_path)
    assert export(tmp_path, CHANGED) == path
    assert "Open earlier" in path.read_text()


def test_an_edit_survives_and_changed_notes_go_beside_it(tmp_path: Path) -> None:
    path = export(tmp_path)
    edited = path.read_text() + "\nMy own words.\n"
    path.write_text(edited)
    assert export(tmp_path) == path
    beside = export(tmp_path, CHANGED)
    assert beside.name == "2026-03-12 Weekly (2).md"
    assert export(tmp_path, CHANGED) == beside
    assert path.read_text() == edited
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "2026-03-12 Weekly.md"
    theirs.write_bytes(b"\xff\xfe not ours")
    assert export(tmp_path).name == "2026-03-12 Weekly (2).md"
    assert theirs.read_bytes() == b"\xff\xfe not ours"


def test_a_renamed_meeting_keeps_its_file(tmp_path: Path) -> None:
    path = export(tmp_path)
    assert export(tmp_path, replace(NOTES, title="Other")) == path
    assert "# Other" in path.read_text()


@pytest.mark.parametrize("title", ['a/b\\c:d*e?f"g<h>i|j#k^l[m]n', "...", "x" * 300, "🎙" * 90])
def test_every_title_makes_a_legal_file_name(tmp_path: Path, title: str) -> None:
    name = export(tmp_path, replace(NOTES, title=title)).name
    assert not set(name) & set('\\/:*?"<>|#^[]')
    assert len(name.encode()) <= 140


def test_speech_is_text_and_never_markup(tmp_path: Path) -> None:
    said = "# Heading <b>x</b> [link](http://x) *bold* - [ ] task\n---\nsottovoce: x"
    hostile = replace(
        TRANSCRIPT,
        segments=(
            Segment(id=0, start=0, end=1, text=said, speaker="A *B*\n# C"),
            *TRANSCRIPT.segments[1:],
        ),
    )
    text = export(tmp_path, NOTES, hostile).read_text()
    body = text.split("## Transcript")[1]
    assert "\n# " not in body
    assert "<b>" not in body
    assert "[link](" not in body
    assert text.count("\n---\n") == 1


def test_an_empty_transcript_says_that_nothing_was_said(tmp_path: Path) -> None:
    empty = MeetingNotes(recording=NOTES.recording, title="Weekly")
    text = export(tmp_path, empty, replace(TRANSCRIPT, segments=())).read_text()
    assert "Nothing was said in this recording." in text
    assert "## " not in text


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ExportError, match="could not be written: .*safe in the library"):
        export(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
def test_a_full_disk_is_a_clear_error_and_leaves_no_half_note(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        path = export(disk)
        before = path.read_text()
        (disk / "filler").write_bytes(b"x" * 56 * 1024)
        long = replace(NOTES, key_points=(Statement(text="word " * 20_000, segments=(0,)),))
        with pytest.raises(ExportError, match="No space left on device"):
            export(disk, long)
        assert path.read_text() == before
        assert sorted(it.name for it in disk.iterdir()) == [path.name, "filler"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
