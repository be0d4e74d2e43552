from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import Sample, sotto


@pytest.fixture
def copied(processed_excerpt: Sample, tmp_path: Path) -> tuple[Path, str]:
    """A home that may be changed, and the id of its meeting."""
    home = tmp_path / "copied"
    shutil.copytree(processed_excerpt.home, home)
    return home, processed_excerpt.result["meeting"]["id"]


def test_notes_are_taken_anew_without_the_recording_and_versions_are_kept(
    copied: tuple[Path, str], tmp_path: Path
) -> None:
    home, meeting = copied
    own = tmp_path / "own.md"
    own.write_text("# Mine\n- satellite connection!\n")
    first = sotto("notes", meeting, "--json", home=home).json
    ran = sotto("notes", meeting, "--template", "stand-up", "--notes", own, "--json", home=home)
    assert ran.status == 0, ran.err
    assert ran.json["template"] == "stand-up"
    mine = next(it for it in ran.json["sections"] if it["kind"] == "own")
    assert mine["statements"][0]["text"] == "satellite connection!"
    rows = sotto("notes", meeting, "--versions", "--json", home=home).json
    assert [(it["version"], it["template"]) for it in rows] == [(1, "general"), (2, "stand-up")]
    assert sotto("notes", meeting, "--version", "1", "--json", home=home).json == first
    compared = sotto("notes", meeting, "--compare", "1", "2", home=home).out
    assert "+Mine" in compared
    assert "+Who said what" in compared
    note = Path(sotto("export", meeting, home=home).out.strip()).read_text(encoding="utf-8")
    assert "## Mine\n\n- satellite connection!" in note


def test_what_cannot_be_asked_for_is_one_line_and_leaves_the_notes_alone(
    copied: tuple[Path, str], tmp_path: Path
) -> None:
    home, meeting = copied
    for options, why in (
        (["--template", "clinical-soap"], "does not follow instructions"),
        (["--template", "nope"], "no template 'nope'; known:"),
        (["--language", "de"], "writes en only"),
        (["--notes", str(tmp_path / "absent.md")], "no notes of your own"),
        (["--version", "7"], "no version 7; there are 1"),
        (["--model", "starter-speech"], "no generation model"),
    ):
        ran = sotto("notes", meeting, *options, home=home)
        assert (ran.status, ran.err.count("\n")) == (1, 1), ran.err
        assert why in ran.err
    assert len(sotto("notes", meeting, "--versions", "--json", home=home).json) == 1
