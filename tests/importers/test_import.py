"""``sotto import`` as a person runs it, with the real model for the notes."""

from __future__ import annotations

from pathlib import Path

from ..conftest import sotto

CAPTIONS = (
    "[Sara Kim] 14:30:15\nGood morning, can you send the pricing to Acme?\n\n"
    "[Tom Berg] 14:30:20\nYes, I will send the pricing to Acme by Friday.\n\n"
    "[Sara Kim] 14:30:20\nThank you.\n"
)


def test_a_transcript_without_sound_is_a_meeting(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Zoom" / "2026-09-15 14.30.12 Acme Weekly 81234567890"
    folder.mkdir(parents=True)
    (folder / "closed_caption.txt").write_text(CAPTIONS)
    # What nobody could decode shows that the captions are taken and the sound is not needed.
    (folder / "audio98796876.m4a").write_bytes(b"no sound")
    (tmp_path / "Zoom" / "damaged.vtt").write_bytes(b"")
    before = {it: it.stat().st_mtime_ns for it in tmp_path.rglob("*") if it.is_file()}
    notes = tmp_path / "notes"
    ran = sotto("import", tmp_path / "Zoom", folder, "--to", notes, "--json", home=home)
    assert ran.status == 1
    assert "damaged.vtt: the file is empty" in ran.err
    (done,) = ran.json
    assert done["meeting"]["title"] == "Acme Weekly"
    assert done["meeting"]["started_at"].startswith("2026-09-15T14:30:12")
    segments = done["transcript"]["segments"]
    assert [(it["speaker"], it["start"]) for it in segments] == [
        ("Sara Kim", 3.0),
        ("Tom Berg", 8.0),
        ("Sara Kim", 8.001),  # of the same second, and not lost
    ]
    assert any(it["assignee"] == "Tom Berg" for it in done["notes"]["action_items"])
    assert done["notes"]["produced_by"][0]["engine"] == "import"
    assert {it: it.stat().st_mtime_ns for it in before} == before
    again = sotto("import", folder / "closed_caption.txt", "--to", notes, "--json", home=home)
    assert (again.status, again.json[0]["files"]) == (0, done["files"])
    assert len(sotto("meetings", "--json", home=home).json) == 1


def test_what_is_no_meeting_is_one_line(home: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Ana,\n")
    for path in (tmp_path, tmp_path / "letter.txt", tmp_path / "missing"):
        ran = sotto("import", path, home=home)
        assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
        assert ran.err.startswith("sotto: ")
