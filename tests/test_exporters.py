"""Files that are handed over: read back by what people open them with."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sottovoce import NoteExporter, Segment, Statement, Word
from sottovoce.home import VARIABLE
from sottovoce.library.codec import notes_from_json
from sottovoce_integrations.documents import Docx, Html
from sottovoce_integrations.json_export import Json
from sottovoce_integrations.subtitle_import import Subtitles
from sottovoce_integrations.subtitles import Srt, Vtt, cues

from .conftest import Sample, sotto
from .test_obsidian import NASTY, NOTES, TRANSCRIPT

EMPTY = replace(
    NOTES, summary=(), decisions=(), action_items=(), open_questions=(), topics=(), coverage=(0, 0)
)
FILES = [Docx(), Html(), Json(), Srt(), Vtt()]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))


@pytest.mark.parametrize("exporter", FILES, ids=lambda it: it.name)
def test_an_edited_file_stays_and_new_notes_go_beside_it(
    exporter: NoteExporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    path = exporter.export(NOTES, TRANSCRIPT, folder)
    before = path.read_bytes()
    real = time.time()
    monkeypatch.setattr(time, "time", lambda: real + 100)  # which a ZIP archive would tell of
    assert exporter.export(NOTES, TRANSCRIPT, folder) == path
    assert path.read_bytes() == before
    more = replace(TRANSCRIPT, segments=TRANSCRIPT.segments[:-1])
    assert exporter.export(NOTES, more, folder) == path, "nobody touched it: brought up to date"
    assert path.read_bytes() != before
    path.write_bytes(edited := path.read_bytes() + b"mine")
    beside = exporter.export(NOTES, TRANSCRIPT, folder)
    assert beside.stem == f"{path.stem} (2)"
    assert path.read_bytes() == edited
    assert len(list(folder.iterdir())) == 2


def test_json_holds_everything(tmp_path: Path) -> None:
    body = json.loads(Json().export(NOTES, TRANSCRIPT, tmp_path).read_text(encoding="utf-8"))
    assert (body["format"], body["version"]) == ("sottovoce meeting", 1)
    assert notes_from_json(body["notes"], NOTES.recording) == NOTES
    assert [it["text"] for it in body["transcript"]["segments"]] == [
        it.text for it in TRANSCRIPT.segments
    ]
    assert body["meeting"]["started_at"] == "2026-03-02T09:05:00+00:00"


LONG = (
    "We measured every room of the new building twice and found that the desks, "
    "which are old, do not fit into any of them unless somebody takes off the doors."
)
SPOKEN = replace(
    TRANSCRIPT,
    segments=(
        *(replace(it, text=it.text.replace("<b>", "& b")) for it in TRANSCRIPT.segments),
        Segment(id=4, start=3700.0, end=3712.0, text=LONG, speaker="Ann-Marie O'Neil"),
    ),
)


@pytest.mark.parametrize("exporter", [Srt(), Vtt()], ids=lambda it: it.name)
def test_subtitles_are_read_back_as_they_were(exporter: NoteExporter, tmp_path: Path) -> None:
    path = exporter.export(NOTES, SPOKEN, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 60
    assert "01:01:40" in text
    found = Subtitles().read(path).segments
    assert [(it.speaker, it.text) for it in found] == [
        (it.speaker, it.text) for it in SPOKEN.segments
    ]
    assert [it.start for it in found] == pytest.approx([it.start for it in SPOKEN.segments])


def test_long_segments_are_cut_evenly_and_at_their_words() -> None:
    shown = list(cues(replace(TRANSCRIPT, segments=SPOKEN.segments[-1:])))
    assert [len(it.rows) for it in shown] == [2, 2]
    assert min(len(row) for it in shown for row in it.rows) > 25
    words = tuple(
        Word(start=3700 + i * 0.1, end=3700 + i * 0.1 + 0.05, text=text, probability=1.0)
        for i, text in enumerate(LONG.split())
    )
    timed = replace(SPOKEN.segments[-1], words=words)
    first, second = cues(replace(TRANSCRIPT, segments=(timed,)))
    said = len(" ".join(first.rows).split())
    assert first.end == words[said - 1].end == second.start
    assert second.end == 3712.0


def test_the_word_document_opens_with_everything(tmp_path: Path) -> None:
    import docx

    notes = replace(NOTES, decisions=(Statement(text="Bill\x0bmonthly \x00now.", segments=(0,)),))
    document = docx.Document(str(Docx().export(notes, TRANSCRIPT, tmp_path)))
    text = [it.text for it in document.paragraphs]
    assert text[0] == "Acme: weekly / review?"
    assert "2 March 2026, 09:05 · 01:30 · Ana López · Speaker 2 · Bo" in text
    assert "☐ Bo: Send the prices (by Friday, 2026-03-06)  00:20" in text
    assert "☑ Ana López: Sign  00:00" in text
    assert f"00:10  Speaker 2: {NASTY}" in text
    assert [it.text for it in document.paragraphs if it.style and it.style.name == "Heading 1"] == [
        *(it.title for it in NOTES.outline()),
        "Transcript",
    ]


class _Checked(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_is_one_well_formed_file_that_asks_nothing_of_anybody(tmp_path: Path) -> None:
    notes = replace(NOTES, title="<script>alert(1)</script>")
    parser = _Checked()
    parser.feed(Html().export(notes, TRANSCRIPT, tmp_path).read_text(encoding="utf-8"))
    assert parser.open == []
    assert parser.addresses == []
    text = "".join(parser.text)
    assert "<script>alert(1)</script>" in text
    assert NASTY in text
    assert "http" not in text


@pytest.mark.parametrize("exporter", [Docx(), Html()], ids=lambda it: it.name)
def test_silence_is_said_to_be_silence(exporter: NoteExporter, tmp_path: Path) -> None:
    path = exporter.export(EMPTY, replace(TRANSCRIPT, segments=()), tmp_path)
    if exporter.name == "docx":
        import docx

        text = "\n".join(it.text for it in docx.Document(str(path)).paragraphs)
    else:
        text = path.read_text(encoding="utf-8")
    assert "Nothing was said in this recording." in text


def test_export_writes_in_every_form_and_goes_where_it_went_before(
    processed: Sample, tmp_path: Path
) -> None:
    import shutil

    home = tmp_path / "own"
    shutil.copytree(processed.home, home)
    forms = ["docx", "html", "json", "srt", "vtt"]
    wanted = [part for form in forms for part in ("--with", form)]
    ran = sotto("export", "--all", "--to", tmp_path / "out", *wanted, home=home)
    assert ran.status == 0, ran.err
    assert [Path(it).suffix[1:] for it in ran.out.splitlines()] == forms
    again = sotto("export", "--all", "--with", "srt", home=home)
    assert again.out.splitlines() == [it for it in ran.out.splitlines() if it.endswith(".srt")]
    wrong = sotto("export", "--all", "--with", "papyrus", home=home)
    assert wrong.status == 1
    assert wrong.err.startswith("sotto: no exporter 'papyrus'; known: ")
    outside = sotto("export", "--all", "--with", "obsidian", "--to", tmp_path / "out", home=home)
    assert outside.status == 1
    assert "is in no Obsidian vault" in outside.err
