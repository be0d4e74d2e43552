"""What is in an exported vault, read as Obsidian and its Tasks plugin read it."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sottovoce import (
    ActionItem,
    ExportError,
    MeetingNotes,
    Recording,
    Segment,
    Statement,
    Topic,
    Transcript,
    UsageError,
)
from sottovoce.filenames import legal
from sottovoce.home import VARIABLE, find_home
from sottovoce_integrations.obsidian import Obsidian
from sottovoce_integrations.vault import moment
from sottovoce_integrations.written import merge

NASTY = "[[Evil]] #tag ^block `code` %%hidden%% $x$ ==mark== <b> | --- * _it_ ![[x]]"
RECORDING = Recording(
    id="cafe0123",
    title="Acme: weekly / review?",
    path=Path("/recordings/weekly.wav"),
    source="recorded-file",
    started_at=datetime(2026, 3, 2, 9, 5, tzinfo=UTC),
    duration=90.0,
    sha256="cafe0123" * 8,
)
TRANSCRIPT = Transcript(
    recording_id=RECORDING.id,
    language="en",
    segments=tuple(
        Segment(id=number, start=number * 10.0, end=number * 10.0 + 9, text=text, speaker=speaker)
        for number, (speaker, text) in enumerate(
            [
                ("Ana López", "Let us bill monthly."),
                ("Speaker 2", NASTY),
                ("Bo", "I will send the prices."),
                (None, "Who tells the customers?"),
            ]
        )
    ),
)
NOTES = MeetingNotes(
    recording=RECORDING,
    title=RECORDING.title,
    summary=(Statement(text="They talked about bills.", segments=(0, 2)),),
    decisions=(
        Statement(text="Bill monthly.", segments=(0,)),
        Statement(text="Bill in euros.", segments=(0,)),
    ),
    action_items=(
        ActionItem(text="Send the prices", segments=(2,), assignee="Bo", due=date(2026, 3, 6),
                   due_text="by Friday"),
        ActionItem(text=NASTY, segments=(1,), assignee="Speaker 2", due_text="soon"),
        ActionItem(text="Sign", segments=(0,), assignee="Ana López", done=True),
    ),
    open_questions=(Statement(text="Who tells the customers?", segments=(3,), verified=False),),
    topics=(
        Topic(text="Bills", segments=(0, 1), start=0, end=20,
              points=(Statement(text=NASTY, segments=(1,)),)),
    ),
)  # fmt: skip


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    find_home().create()
    vault = tmp_path / "Vault"
    (vault / ".obsidian").mkdir(parents=True)
    return vault


def export(folder: Path, notes: MeetingNotes = NOTES, transcript: Transcript = TRANSCRIPT) -> Path:
    return Obsidian().export(notes, transcript, folder)


def settings(**fields: Any) -> None:
    find_home().config.mkdir(parents=True, exist_ok=True)
    rows = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    (find_home().config / "obsidian.toml").write_text("\n".join(rows))


def notes_in(vault: Path) -> dict[str, str]:
    return {
        path.relative_to(vault).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(vault.rglob("*.md"))
    }


# A reader of vaults: the smallest that follows Obsidian's documentation.


def properties(text: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    return yaml.safe_load(found[1]) if found else {}


def without_escapes(text: str) -> str:
    return re.sub(r"\\.", "", text)


def wikilinks(text: str) -> Iterator[tuple[str, str]]:
    """Target and block id of every link of a note."""
    for inside in re.findall(r"\[\[(.+?)\]\]", without_escapes(text)):
        target, _, block = inside.split("|")[0].partition("#^")
        yield target.partition("#t=")[0], block


def resolve(vault: Path, target: str) -> Path | None:
    for path in (vault / f"{target}.md", vault / target):
        if path.is_file():
            return path
    return next((it for it in vault.rglob(f"{Path(target).name}.md")), None)


def assert_opens_cleanly(vault: Path) -> None:
    for name, text in notes_in(vault).items():
        properties(text)
        for target, block in wikilinks(text):
            path = resolve(vault, target)
            assert path, f"{name}: {target} leads nowhere"
            if block:
                assert re.fullmatch(r"[A-Za-z0-9-]+", block)
                ids = re.findall(r"(?<=[ \n])\^([A-Za-z0-9-]+)$", path.read_text(), re.M)
                assert ids.count(block) == 1, f"{name}: {target}#^{block}"


TASK = re.compile(
    r"^\s*[-*+] \[(?P<status>.)\] (?P<text>.*?)"
    r"(?P<signs>(?: (?:📅|⏳|🛫|➕|✅|❌) \d{4}-\d\d-\d\d)*)$"
)


def tasks(text: str) -> list[dict[str, str]]:
    rows = [row for row in text.splitlines() if re.match(r"\s*[-*+] \[.\]", row)]
    found = [TASK.match(row) for row in rows]
    assert all(found), rows
    assert not any("📅" in it["text"] for it in found if it)
    return [it.groupdict() for it in found if it]


def test_the_vault_opens_cleanly(vault: Path) -> None:
    settings(people="People", series="Series")
    path = export(vault / "Meetings")
    assert path == vault / "Meetings" / "2026-03-02 Acme weekly review.md"
    assert_opens_cleanly(vault)
    text = path.read_text(encoding="utf-8")
    assert properties(text) == {
        "title": "Acme: weekly / review?",
        "type": "meeting",
        "date": datetime(2026, 3, 2, 9, 5),
        "minutes": 1.5,
        "attendees": ["[[People/Ana López|Ana López]]", "Speaker 2", "[[People/Bo|Bo]]"],
        "tags": ["meeting"],
        "recording": "/recordings/weekly.wav",
        "transcript": "[[Meetings/2026-03-02 Acme weekly review transcript]]",
        "sottovoce-id": "cafe0123",
    }
    assert "[[Evil]]" not in text
    assert "^d-0000\n" in text
    assert "^d-0000-2\n" in text
    assert "(unverified)" in text
    assert set(notes_in(vault)) == {
        "2026-03-02.md",
        "Meetings/2026-03-02 Acme weekly review transcript.md",
        "Meetings/2026-03-02 Acme weekly review.md",
        "People/Ana López.md",
        "People/Bo.md",
        "Series/Acme weekly review.md",
    }


def test_tasks_parse_as_the_tasks_plugin_has_them(vault: Path) -> None:
    first, second, third = tasks(export(vault).read_text(encoding="utf-8"))
    assert first["status"] == " "
    assert first["text"].startswith("#task Send the prices — Bo ")
    assert first["signs"] == " 📅 2026-03-06"
    assert second["signs"] == ""
    assert third["status"] == "x"


def test_exporting_twice_changes_nothing(vault: Path) -> None:
    settings(people="People", series="Series")
    export(vault)
    before = {it: it.stat().st_mtime_ns for it in vault.rglob("*")}
    export(vault)
    assert {it: it.stat().st_mtime_ns for it in vault.rglob("*")} == before


def test_fifty_exports_lose_none_of_a_persons_edits(vault: Path) -> None:
    settings(people="People", series="Series")
    random_ = random.Random(9)
    notes, path = NOTES, export(vault / "Meetings")
    added: set[str] = set()
    ticked: set[str] = set()
    for turn in range(50):
        for target in [it for it in vault.rglob("*.md") if random_.random() < 0.5]:
            lines = target.read_text(encoding="utf-8").splitlines(keepends=True)
            word = f"mine-{turn}-{random_.randrange(10**6)}"
            # Not between the properties, where a person's line would be no YAML.
            place = random_.randint(_body(lines), len(lines))
            if random_.random() < 0.3 and place < len(lines) and lines[place].strip():
                lines[place] = lines[place].rstrip("\n") + f" {word}\n"
            else:
                lines.insert(place, f"{word}\n")
            added.add(word)
            if target == path:
                open_ = [i for i, row in enumerate(lines) if row.startswith("- [ ] #task")]
                if open_:
                    i = random_.choice(open_)
                    word = f"ticked-{turn}"
                    lines[i] = lines[i].replace("- [ ] #task", f"- [x] #task {word}")
                    ticked.add(word)
            target.write_text("".join(lines), encoding="utf-8")
        if random_.random() < 0.2:
            new = vault / f"Elsewhere {turn}" / f"Renamed {turn}.md"
            new.parent.mkdir()
            path.rename(new)
        if random_.random() < 0.7:
            notes = _changed(notes, turn, random_)
        path = export(vault / "Meetings", notes)
        text = "".join(notes_in(vault).values())
        assert not {it for it in added if not re.search(rf"{it}\b", text)}
        assert all(re.search(rf"- \[x\] #task {it}\b", text) for it in ticked)
        assert properties(path.read_text(encoding="utf-8"))["sottovoce-id"] == RECORDING.id
    assert ticked
    assert any(f"Turn {turn}." in text for turn in range(50))
    assert sum('sottovoce-id: "cafe0123"' in it for it in notes_in(vault).values()) == 1


def _body(lines: list[str]) -> int:
    return lines.index("---\n", 1) + 1 if lines[0] == "---\n" else 0


def _changed(notes: MeetingNotes, turn: int, random_: random.Random) -> MeetingNotes:
    new = Statement(text=f"Turn {turn}.", segments=(turn % 4,))
    task = ActionItem(text=f"Do {turn}", segments=(turn % 4,), assignee="Bo")
    return random_.choice(
        [
            replace(notes, decisions=(*notes.decisions, new)),
            replace(notes, decisions=(new, *notes.decisions[1:])),
            replace(notes, summary=(new,)),
            replace(notes, action_items=(*notes.action_items, task)),
            replace(notes, action_items=notes.action_items[1:]),
            replace(notes, title=f"Acme {turn}"),
        ]
    )


def test_a_note_stays_where_a_person_put_it(vault: Path) -> None:
    path = export(vault / "Meetings")
    moved = vault / "Clients" / "Acme in March.md"
    moved.parent.mkdir()
    path.rename(moved)
    assert export(vault / "Meetings", _changed(NOTES, 1, random.Random(1))) == moved
    assert not path.exists()


def test_a_deleted_note_stays_deleted(vault: Path) -> None:
    path = export(vault / "Meetings")
    (vault / ".trash").mkdir()
    path.rename(vault / ".trash" / path.name)
    with pytest.raises(ExportError, match="stays deleted"):
        export(vault / "Meetings")
    assert not path.exists()
    assert export(vault / "Again").exists()


def test_the_daily_note_is_the_vaults_own_and_gets_one_link(vault: Path) -> None:
    told = {"folder": "Days/", "format": "YYYY/MM-MMMM/[Day] Do dddd"}
    (vault / ".obsidian" / "daily-notes.json").write_text(json.dumps(told))
    daily = vault / "Days" / "2026" / "03-March" / "Day 2nd Monday.md"
    daily.parent.mkdir(parents=True)
    daily.write_text("# Monday\n\n## Meetings\n\n- lunch\n\n## Log\n\nRain.\n")
    for _ in range(3):
        export(vault / "Meetings")
    link = "- [[Meetings/2026-03-02 Acme weekly review|Acme: weekly / review?]]"
    assert daily.read_text() == (f"# Monday\n\n## Meetings\n\n- lunch\n{link}\n\n## Log\n\nRain.\n")
    daily.write_text("# Monday\n")  # the person does not want it there
    export(vault / "Meetings")
    assert daily.read_text() == "# Monday\n"


def test_a_new_daily_note_begins_with_the_vaults_template(vault: Path) -> None:
    told = {"template": "Templates/Day"}
    (vault / ".obsidian" / "daily-notes.json").write_text(json.dumps(told))
    (vault / "Templates").mkdir()
    (vault / "Templates" / "Day.md").write_text("# {{title}}, {{date:dddd}}\n\n## Meetings\n")
    export(vault / "Meetings")
    link = "- [[Meetings/2026-03-02 Acme weekly review|Acme: weekly / review?]]"
    daily = (vault / "2026-03-02.md").read_text()
    assert daily == f"# 2026-03-02, Monday\n\n## Meetings\n\n{link}\n"


def test_a_person_who_has_a_note_already_gets_no_second_one(vault: Path) -> None:
    settings(people="People")
    contact = vault / "Contacts" / "Ana López.md"
    contact.parent.mkdir()
    contact.write_text("Knows everybody.\n")
    path = export(vault / "Meetings")
    assert "[[Contacts/Ana López|Ana López]]" in path.read_text()
    assert contact.read_text().startswith("Knows everybody.\n\n## Meetings\n\n- [[Meetings/")
    assert [it.name for it in (vault / "People").iterdir()] == ["Bo.md"]
    assert_opens_cleanly(vault)


def test_a_meeting_whose_name_begins_as_anothers_is_listed_too(vault: Path) -> None:
    export(vault / "Meetings")
    other = replace(RECORDING, id="beef0123", title="Acme")
    export(vault / "Meetings", replace(NOTES, recording=other, title="Acme"),
           replace(TRANSCRIPT, recording_id="beef0123"))  # fmt: skip
    assert (vault / "2026-03-02.md").read_text().count("- [[Meetings/") == 2


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("a/b: c? <d>|e*", "a b c d e"), ("Con", "Con_"), ("aux.notes", "aux_.notes"),
        ("console", "console"), (" .hidden. ", "hidden"), ("///", "Meeting"), ("é" * 90, "é" * 50),
    ],
)  # fmt: skip
def test_names_are_legal_everywhere(title: str, name: str) -> None:
    assert legal(title) == name


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("YYYY-MM-DD", "2026-03-02"),
        ("dddd, MMMM Do YYYY", "Monday, March 2nd 2026"),
        ("GGGG-[W]WW", "2026-W10"),
        ("YY.M.D HH.mm", "26.3.2 09.05"),
        ("[Q]Q DDDD", "Q1 061"),
    ],
)
def test_dates_are_written_as_moment_writes_them(form: str, expected: str) -> None:
    assert moment(form, RECORDING.started_at) == expected


def test_the_recording_is_embedded_where_the_vault_keeps_attachments(
    vault: Path, tmp_path: Path
) -> None:
    settings(audio="embed")
    (vault / ".obsidian" / "app.json").write_text('{"attachmentFolderPath": "Files"}')
    sound = tmp_path / "weekly.opus"
    sound.write_bytes(b"sound")
    path = export(vault, replace(NOTES, recording=replace(RECORDING, path=sound)))
    assert (vault / "Files" / "2026-03-02 Acme weekly review.opus").read_bytes() == b"sound"
    assert "![[Files/2026-03-02 Acme weekly review.opus]]" in path.read_text()
    assert_opens_cleanly(vault)


def test_a_recording_that_is_in_the_vault_is_linked_where_it_is(vault: Path) -> None:
    sound = vault / "Recordings" / "weekly.opus"
    sound.parent.mkdir()
    sound.write_bytes(b"sound")
    notes = replace(NOTES, recording=replace(RECORDING, path=sound))
    settings(audio="embed")
    assert "![[Recordings/weekly.opus]]" in export(vault / "One", notes).read_text()
    assert [it.name for it in vault.rglob("*.opus")] == ["weekly.opus"]
    settings(audio="link")
    path = export(vault / "One", notes)
    assert "[[Recordings/weekly.opus#t=20|▶]]" in path.read_text()
    assert "![[" not in path.read_text()
    assert_opens_cleanly(vault)


@pytest.mark.parametrize("audio", ["link", "embed"])
def test_a_transcript_without_sound_is_neither_linked_nor_embedded(audio: str, vault: Path) -> None:
    settings(audio=audio)
    path = vault / "captions.vtt"
    path.write_text("WEBVTT")
    text = export(
        vault / "One", replace(NOTES, recording=replace(RECORDING, path=path))
    ).read_text()
    assert "▶" not in text
    assert "![[" not in text


def test_statements_link_into_the_recording_on_request(vault: Path) -> None:
    settings(audio="link")
    assert "[▶](file:///recordings/weekly.wav#t=20)" in export(vault).read_text()


def test_a_template_of_the_vault_replaces_ours(vault: Path) -> None:
    (vault / "Templates").mkdir()
    (vault / "Templates" / "Meeting.md").write_text(
        "---\ntype: mine\nproject: Acme\naliases:\n  - '{{date}}'\n---\n"
        "# {{title}} on {{ date }}\n\n{{action_items}}\n\n{{decisions}}\n"
    )
    settings(template="Templates/Meeting.md", task_tag="")
    text = export(vault / "Meetings").read_text()
    assert "# Acme: weekly / review? on 2026-03-02\n\n- [ ] Send the prices — Bo" in text
    assert "## " not in text
    found = properties(text)
    assert (found["type"], found["project"]) == ("meeting", "Acme")
    assert found["aliases"] == ["2026-03-02"]
    assert_opens_cleanly(vault)


def test_a_folder_outside_of_vaults_is_refused(vault: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in no Obsidian vault"):
        export(tmp_path / "plain")
    assert not (tmp_path / "plain").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [("audio = 'loud'", "none, link or embed"), ("dayly = true", "unknown key 'dayly'"),
     ("daily = 'yes'", "'daily' has to be bool"), ("=", "cannot be read")],
)  # fmt: skip
def test_wrong_settings_are_one_line(vault: Path, text: str, message: str) -> None:
    find_home().config.mkdir(parents=True, exist_ok=True)
    (find_home().config / "obsidian.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        export(vault)


def test_a_note_written_from_another_device_keeps_what_was_changed_there(vault: Path) -> None:
    path = export(vault)
    edited = path.read_text() + "\nmine\n"
    path.write_text(edited)
    shutil.rmtree(find_home().data)  # another device knows nothing of what was written
    assert export(vault) == path
    assert path.read_text() == edited
    later = replace(NOTES, decisions=(*NOTES.decisions, Statement(text="Later.", segments=(0,))))
    assert export(vault, later) == path
    assert "- Later. [[" in path.read_text()
    assert path.read_text().endswith("\nmine\n")


LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n"]), max_size=8).map("".join)


@given(LINES, LINES, st.lists(st.tuples(st.integers(0, 8), st.integers(0, 999)), max_size=4))
def test_merging_keeps_every_line_that_a_person_added(
    base: str, ours: str, insertions: list[tuple[int, int]]
) -> None:
    lines = base.splitlines(keepends=True)
    for place, number in insertions:
        lines.insert(min(place, len(lines)), f"person {number}\n")
    person = "".join(lines)
    merged, _ = merge(base, person, ours)
    for _, number in insertions:
        assert f"person {number}\n" in merged


@given(LINES, LINES)
def test_merging_with_one_side_unchanged_gives_the_other(base: str, other: str) -> None:
    assert merge(base, other, base) == (other, 0)
    assert merge(base, base, other) == (other, 0)
    assert merge(base, other, other) == (other, 0)
