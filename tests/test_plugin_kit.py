"""`sottovoce.testing`, and the plugins that `sotto plugins new` writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sottovoce_plugins.files
from sottovoce import AudioChunk, Question, UsageError, testing
from sottovoce.cli import new_plugin
from sottovoce.errors import ContextTooSmallError
from sottovoce.home import find_home
from sottovoce.host import Host

from .conftest import sotto
from .test_third_party import install


def test_an_empty_host_takes_a_recording_through_the_job_with_the_fakes(tmp_path: Path) -> None:
    with testing.empty_host(tmp_path / "home") as host:
        host.plugins.register(sottovoce_plugins.files, "files")
        testing.add_fake_engines(host)
        done = testing.process(host, testing.write_wav(tmp_path / "memo.wav", 5.0))
        assert host.plugins.failures == []
    assert done.transcript.text == "This is sentence 1. This is sentence 2. This is sentence 3."
    assert done.transcript.speakers == ("Speaker 1",)
    assert [it.engine for it in done.notes.produced_by] == ["fake", "fake"]


def test_the_fake_transcriber_goes_on_where_it_was() -> None:
    chunks = [AudioChunk(bytes(32_000), float(second)) for second in range(5)]
    fake = testing.FakeTranscriber()
    whole = list(fake.transcribe(iter(chunks)))
    assert list(fake.transcribe(iter(chunks), start=whole[0].end)) == whole[1:]
    fake.close()
    with pytest.raises(UsageError, match="closed"):
        next(fake.transcribe(iter(chunks)))


def test_the_fake_generator_keeps_the_interface_of_a_real_one() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
        "required": ["a"],
    }
    with (
        testing.FakeTextGenerator(answer=lambda q: f"one two {q.text}", n_ctx=4) as generator,
        generator.open(system="be brief") as conversation,
    ):
        pieces = list(conversation.ask([Question(text="x"), Question(text="y", max_tokens=2)]))
        with pytest.raises(ContextTooSmallError, match="4 tokens and needs 5"):
            conversation.append("a b c")
    texts = ["".join(it.text for it in pieces if it.question == number) for number in (0, 1)]
    assert texts == ["one two x", "one two"]
    assert [(it.question, it.truncated) for it in pieces if it.last] == [(1, True), (0, False)]
    with testing.FakeTextGenerator() as generator, generator.open() as conversation:
        pieces = list(conversation.ask([Question(text="?", json_schema=schema)]))
    assert json.loads("".join(it.text for it in pieces)) == {"a": [""]}


def test_the_sample_notes_cite_the_sample_transcript() -> None:
    ids = {it.id for it in testing.transcript().segments}
    notes = testing.notes()
    sections = (
        notes.summary,
        notes.key_points,
        notes.decisions,
        notes.action_items,
        notes.open_questions,
    )
    assert all(sections)
    assert {number for section in sections for it in section for number in it.segments} <= ids


@pytest.mark.parametrize("kind", new_plugin.KINDS)
def test_a_new_plugin_passes_its_own_tests(kind: str, tmp_path: Path, home: Path) -> None:
    written = new_plugin.write(tmp_path, "my-demo", kind)
    make = subprocess.run(
        ["make", "test"], cwd=written, capture_output=True, text=True, check=False
    )
    assert make.returncode == 0, make.stdout + make.stderr
    assert "passed" in make.stdout


def test_a_new_plugin_installs_and_exports_the_notes_of_a_meeting(
    tmp_path: Path, home: Path
) -> None:
    new = [sys.executable, "-m", "sottovoce", "plugins", "new", "demo"]
    subprocess.run(new, cwd=tmp_path, check=True, capture_output=True)
    again = subprocess.run(new, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    site = tmp_path / "site"
    install(tmp_path / "demo", site)
    with Host(find_home()).library as library:
        made, done = testing.notes().produced_by
        library.add(testing.recording())
        library.complete_transcript(testing.transcript(), 60.0, made)
        library.save_notes(testing.notes(), done)
    to = tmp_path / "out"
    ran = sotto("export", "--all", "--with", "demo", "--to", to, home=home, PYTHONPATH=str(site))
    assert ran.status == 0, ran.err
    assert "Tom: Send the pricing" in Path(ran.out.strip()).read_text()


@pytest.mark.parametrize("name", ["Demo", "../up", "json", "a b", "-x", "class", "a--b", ""])
def test_a_name_that_cannot_be_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot name a plugin"):
        new_plugin.write(tmp_path, name, "exporter")
    assert list(tmp_path.iterdir()) == []
