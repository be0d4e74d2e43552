"""`sottovoce.testing`, and the plugins that `sotto plugins new` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sottovoce_plugins.files
from sottovoce import AudioChunk, Question, UsageError, testing
from sottovoce.errors import ContextTooSmallError


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
