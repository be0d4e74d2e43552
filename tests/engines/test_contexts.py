"""What was read of a meeting is found again, with a real model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.engines.test_llama import LONG, Load, distance, logits

from sottovoce.engines import contexts
from sottovoce.engines.contexts import Contexts
from sottovoce.engines.llama.generator import LlamaConversation, LlamaGenerator
from sottovoce.errors import EngineError
from sottovoce.testing import FakeTextGenerator

SYSTEM = "Answer."


def opened(kept: Contexts, generator: LlamaGenerator, text: str = LONG) -> list[float]:
    conversation = kept.open(generator, SYSTEM, text)
    assert isinstance(conversation, LlamaConversation)
    with conversation:
        return logits(conversation)


@pytest.fixture
def kept(tmp_path: Path) -> Contexts:
    return Contexts(tmp_path / "all", "meeting", worth=0)


def files(folder: Path) -> list[Path]:
    return sorted(it for it in folder.rglob("*") if it.is_file())


def test_what_was_read_once_is_not_read_again(
    kept: Contexts, generators: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = generators("qwen35")
    first = opened(kept, generator)
    (file,) = files(tmp_path)
    assert file.parent.name == "meeting"
    monkeypatch.delattr(LlamaConversation, "append")
    assert distance(opened(kept, generator), first) < 1e-2


def test_another_transcript_is_read_and_takes_the_place_of_the_earlier(
    kept: Contexts, generators: Load, tmp_path: Path
) -> None:
    generator = generators("llama")
    first = opened(kept, generator)
    (before,) = files(tmp_path)
    before.with_name(".cut-short.context.4711").touch()  # by a process that was killed
    assert distance(opened(kept, generator, LONG + "[3] Ana: No."), first) > 0.1
    (after,) = files(tmp_path)
    assert before != after


def test_a_damaged_file_is_read_anew_and_written_anew(
    kept: Contexts, generators: Load, tmp_path: Path
) -> None:
    generator = generators("llama")
    first = opened(kept, generator)
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert distance(opened(kept, generator), first) < 1e-2
    assert len(file.read_bytes()) == len(whole)


def test_what_was_read_fast_is_not_kept(generators: Load, tmp_path: Path) -> None:
    opened(Contexts(tmp_path / "all", "meeting", worth=60), generators("llama"))
    assert files(tmp_path) == []


def test_what_cannot_be_kept_is_answered_all_the_same(
    kept: Contexts, generators: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise EngineError("no space left on device")

    monkeypatch.setattr(LlamaConversation, "save", full)
    assert opened(kept, generators("llama"))
    assert files(tmp_path) == []
    with kept.open(FakeTextGenerator(), SYSTEM, "Hello.") as conversation:  # it can keep none
        list(conversation.ask([]))


def test_those_go_that_were_not_used_for_longest(
    generators: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = generators("llama")
    of = {name: Contexts(tmp_path / "all", name, worth=0) for name in ("one", "two", "three")}
    opened(of["one"], generator)
    opened(of["two"], generator)
    size = files(tmp_path)[0].stat().st_size
    opened(of["one"], generator)  # used again
    monkeypatch.setattr(contexts, "_MOST", size * 5 // 2)
    opened(of["three"], generator)
    assert [it.parent.name for it in files(tmp_path)] == ["one", "three"]
