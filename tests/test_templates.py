from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sottovoce import NotesMethod, NoteTemplate, Section, SectionKind
from sottovoce.errors import ModelError, UsageError
from sottovoce.home import find_home
from sottovoce.host import Host
from sottovoce.notes import Request, take_notes
from sottovoce.notes.template import obeyable, parse, source, templates

from .conftest import sotto
from .test_notes import RECORDING, STARTER, TALK, Scripted
from .test_plugins import plugin

BUILT_IN = (
    "clinical-soap general interview lecture legal-intake one-to-one retrospective sales-call"
    " stand-up"
).split()
GERMAN = '+++\nlabel = "Wochenrunde"\nlanguage = "de"\n+++\n## Beschlüsse\n{{ decisions }}\n'


def test_the_built_in_templates_can_be_read(tmp_path: Path) -> None:
    found = templates(tmp_path, [])
    assert list(found) == BUILT_IN
    assert all(isinstance(it, NoteTemplate) and it.about for it in found.values())


@pytest.mark.parametrize("name", ["general", "interview", "lecture", "one-to-one", "stand-up"])
def test_the_starter_can_follow(name: str) -> None:
    obeyable(parse(source(name), name), STARTER)


@pytest.mark.parametrize("name", ["clinical-soap", "legal-intake", "retrospective", "sales-call"])
def test_what_the_starter_cannot_follow_it_refuses_with_the_sections(name: str) -> None:
    with pytest.raises(ModelError, match="in its own words for '.*does not follow instructions"):
        obeyable(parse(source(name), name), STARTER)
    obeyable(parse(source(name), name), replace(STARTER, notes=NotesMethod.SCHEMA))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("## Decisions\n{{decisions}}", "must begin with TOML"),
        ("+++\nlabel = Stand-up\n+++\n## A\nb", "TOML cannot be read"),
        ("+++\nlable = 'x'\n+++\n## A\nb", "unknown lable; known: label, about, language"),
        ("+++\nlabel = 3\n+++\n## A\nb", "label must be text"),
        ("+++\nlanguage = 'German'\n+++\n## A\nb", "is no code like 'en'"),
        ("+++\n+++\n# Only a title\n", "no section"),
        ("+++\n+++\n## A\n\n## B\nx", "section 'A' is empty"),
        ("+++\n+++\n## A\n{{descisions}}", "asks for 'descisions'; known: summary, topics"),
        ("+++\n+++\n## A\n{{summary}} {{topics}}", "names 2 kinds"),
    ],
)
def test_a_template_that_cannot_be_read_says_why(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse(text, "mine")


def test_a_template_in_any_language_orders_and_names_the_sections() -> None:
    text = "\ufeff+++\n+++\n## Открытые вопросы\n{{open_questions}}\n## 決定 ##\n{{decisions}}\n"
    text = text.replace("\n", "\r\n")
    request = Request(template=parse(text, "mein"))
    model = Scripted("D|3|rent the mobile routers\nQ|5|who pays for the parking")
    notes = take_notes(RECORDING, TALK, lambda: model, request=request)
    assert [it.title for it in notes.outline()] == ["Открытые вопросы", "決定"]
    assert notes.template == "mein"


def test_a_language_that_the_model_does_not_write_is_refused() -> None:
    request = Request(template=parse(GERMAN, "wochenrunde"))
    with pytest.raises(ModelError, match=r"wants notes in 'de'.* writes en only"):
        take_notes(RECORDING, TALK, lambda: Scripted(), request=request)
    with pytest.raises(ModelError, match=r"writes en only and the notes are asked for in 'fr'"):
        take_notes(RECORDING, TALK, lambda: Scripted(), request=Request(language="fr"))


def test_sections_in_ones_own_words_are_asked_of_a_model_that_follows_instructions() -> None:
    spec = replace(STARTER, notes=NotesMethod.SCHEMA, adapter=None)
    asked = '[{"text": "Nobody knows who pays for the parking.", "lines": [4, 5]}]'
    model = Scripted(*["[]"] * 5, asked, '{"title": "T"}', spec=spec)
    template = parse("+++\n+++\n## Sorrows\nWhat worried people.\n", "mine")
    notes = take_notes(RECORDING, TALK, lambda: model, request=Request(template=template))
    (section,) = notes.outline()
    assert (section.title, section.kind) == ("Sorrows", SectionKind.ASKED)
    assert [it.segments for it in section.statements] == [(4, 5)]
    assert any("What worried people." in question.text for question in model.asked)


def test_in_another_language_words_are_unverified_and_names_are_looked_up_all_the_same() -> None:
    spec = replace(STARTER, notes=NotesMethod.SCHEMA, adapter=None, languages=())
    answer = (
        '[{"text": "Die Router werden gemietet, sagt Maria.", "lines": [2]},'
        ' {"text": "Zoltan mietet 40 Router.", "lines": [2]}]'
    )
    model = Scripted(answer, *["[]"] * 4, '{"title": "T"}', spec=spec)
    notes = take_notes(RECORDING, TALK, lambda: model, request=Request(language="de"))
    # German nouns begin with a capital too, and so may be dropped though they are no names.
    assert notes.dropped + len(notes.summary) == 2
    assert not any(it.verified for it in notes.summary)
    assert "Zoltan" not in " ".join(it.text for it in notes.summary)


def test_a_persons_file_goes_before_a_plugin_and_a_plugin_before_the_built_in(host: Host) -> None:
    section = Section(title="From a plugin", kind=SectionKind.SUMMARY)
    mine = [NoteTemplate(name=n, label=n, sections=(section,)) for n in ("general", "stand-up")]
    host.plugins.register(plugin(register_note_templates=lambda: mine), "p")
    host.home.templates.mkdir()
    (host.home.templates / "general.md").write_text(GERMAN, encoding="utf-8")
    (host.home.templates / "broken.md").write_bytes(b"\xff\xfe")
    assert host.template("general").label == "Wochenrunde"
    assert host.template("stand-up").sections == (section,)
    with pytest.raises(UsageError, match="cannot be read"):
        host.template("broken")
    with pytest.raises(UsageError, match=r"no template 'x'; known: broken, clinical-soap"):
        host.template("x")


def test_a_copy_can_be_edited_and_is_never_overwritten(home: Path) -> None:
    ran = sotto("templates", "copy", "stand-up", "monday", home=home)
    path = Path(ran.out.strip())
    assert path == find_home().templates / "monday.md"
    path.write_text(GERMAN, encoding="utf-8")
    again = sotto("templates", "copy", "stand-up", "monday", home=home)
    assert (again.status, "is there already" in again.err) == (1, True)
    assert path.read_text(encoding="utf-8") == GERMAN
    listed = sotto("templates", "--json", home=home).json
    assert next(it for it in listed if it["name"] == "monday")["language"] == "de"
    assert sotto("templates", "copy", "stand-up", "../x", home=home).status == 1
