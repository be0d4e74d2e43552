from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest
from tests.engines.conftest import model_spec
from tests.tiny_models import ARCHITECTURES, tiny_adapter

from sottovoce.engines.llama import load_text_generator
from sottovoce.engines.llama.generator import LlamaConversation, LlamaGenerator
from sottovoce.engines.llama.settings import LlamaSettings
from sottovoce.errors import (
    Cancelled,
    ContextTooSmallError,
    DeadlineExceededError,
    EngineError,
    MissingExtraError,
    ModelError,
    UsageError,
    WorkerDiedError,
)
from sottovoce.interfaces import Conversation, Priority, Question
from sottovoce.values import HardwareProfile, ModelSpec, ModelTask

if TYPE_CHECKING:
    from pathlib import Path

Load = Callable[[str], LlamaGenerator]

LINES = "[1] Mara: We order the routers now.\n[2] Tom: I will do that by Monday.\n"
LONG = LINES * 20
"""1,500 tokens of the tiny models: several batches, many sliding windows"""
ENDLESS = Question(text=LINES, max_tokens=1800, grammar="root ::= [a-z]{1900}")

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


def answers(conversation: Conversation, questions: Sequence[Question]) -> list[str]:
    texts = [""] * len(questions)
    for piece in conversation.ask(questions):
        texts[piece.question] += piece.text
    return texts


def answer(conversation: Conversation, text: str = "What was decided?", tokens: int = 24) -> str:
    return answers(conversation, [Question(text=text, max_tokens=tokens)])[0]


def logits(conversation: LlamaConversation, text: str = "What was decided?") -> list[float]:
    values: list[float] = conversation.worker.call("logits", conversation.number, text)
    return values


def distance(one: list[float], other: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


@every_architecture
def test_appending_and_forking_agree_with_a_fresh_prefill(
    generators: Load, architecture: str
) -> None:
    generator = generators(architecture)
    with generator.open(system="Take notes.") as grown, generator.open(system="Take notes.") as new:
        for part in (LONG, LINES, "[3] Ana: Fine.\n"):
            grown.append(part)
            answer(grown)  # leaves no trace
        new.append(LONG + LINES + "[3] Ana: Fine.\n")
        # Apart they may be by what sums of 16-bit numbers in another order are apart.
        assert distance(logits(grown), logits(new)) < 1e-2 or answer(grown) == answer(new)


@every_architecture
def test_forks_of_one_batch_answer_as_one_after_the_other_does(
    generators: Load, architecture: str
) -> None:
    questions = [
        Question(text=f"{name}?", max_tokens=16)
        for name in ("Decisions", "Tasks", "Open questions", "Summary", "Dates", "Names", "Mood")
    ]
    with generators(architecture).open(system="Take notes.") as conversation:
        conversation.append(LONG)
        together = answers(conversation, questions)
        assert together == [answers(conversation, [question])[0] for question in questions]
        assert len(set(together)) > 1


def test_a_cache_that_the_model_cannot_have_is_a_typed_error(
    models: dict[str, Path], tmp_path: Path
) -> None:
    """Its heads are too small for blocks of 32."""
    settings = LlamaSettings(n_ctx=512, n_threads=1, kv_type="q8_0")
    with pytest.raises(EngineError, match="cache of q8_0 cannot be made .* another cache"):
        LlamaGenerator(model_spec("x"), models["llama"], None, settings, tmp_path / "log")


def test_with_a_quantised_cache_forks_agree_with_a_fresh_prefill_and_with_the_other_cache(
    generators: Load, models: dict[str, Path], tmp_path: Path
) -> None:
    settings = LlamaSettings(n_ctx=4096, n_threads=1, kv_type="q8_0")
    with (
        LlamaGenerator(
            model_spec("small"), models["qwen35"], None, settings, tmp_path / "log"
        ) as small,
        small.open(system="Take notes.") as grown,
        small.open(system="Take notes.") as new,
        generators("qwen35").open(system="Take notes.") as exact,
    ):
        for part in (LINES * 3, LINES):
            grown.append(part)
            answer(grown)
        for whole in (new, exact):
            whole.append(LINES * 4)
        assert distance(logits(grown), logits(new)) < 0.1
        assert 0 < distance(logits(grown), logits(exact)) < 1


@every_architecture
def test_a_question_leaves_no_trace(generators: Load, architecture: str) -> None:
    with generators(architecture).open() as conversation:
        conversation.append(LINES)
        before = logits(conversation)
        answer(conversation, "Something else entirely", 40)
        assert distance(logits(conversation), before) == 0


@every_architecture
def test_conversations_side_by_side_do_not_mix(generators: Load, architecture: str) -> None:
    generator = generators(architecture)
    with generator.open(system="One.") as one, generator.open(system="Two.") as two:
        one.append(LONG)
        first = answer(one)
        two.append(LINES)
        second = answer(two)
        assert [answer(one), answer(two), answer(one)] == [first, second, first]
        one.append(LINES)
        assert answer(two) == second


@every_architecture
def test_a_hundred_cancels_stop_the_work_and_the_next_answer_is_right(
    generators: Load, architecture: str
) -> None:
    """How soon in milliseconds, the benchmark says; here, beside the work that is stopped."""
    moments = random.Random(11)
    generator = generators(architecture)
    with generator.open() as whole:
        began = time.monotonic()
        whole.append(LINES * 40)
        uncancelled = time.monotonic() - began
    conversation = generator.open(system="Take notes.")
    conversation.append(LONG)
    expected = logits(conversation)
    delays = []
    for i in range(100):
        moment = moments.uniform(0, 0.05)
        if i % 2:
            delays.append(cancelled_append(conversation, moment))
        else:
            pieces = conversation.ask([ENDLESS] * 3)
            until = time.monotonic() + moment
            for _ in pieces:
                if time.monotonic() > until:
                    break
            began = time.monotonic()
            pieces.close()  # type: ignore[attr-defined]
            delays.append(time.monotonic() - began)
        if i % 2 and delays[-1] is None:  # it was faster than the cancel
            conversation.close()
            conversation = generator.open(system="Take notes.")
            conversation.append(LONG)
        if i % 10 in (0, 1):
            assert distance(logits(conversation), expected) < 1e-2
    conversation.close()
    measured = sorted(delay for delay in delays if delay is not None)
    assert len(measured) > 60
    assert measured[len(measured) // 2] < uncancelled / 3


def cancelled_append(conversation: LlamaConversation, moment: float) -> float | None:
    """Seconds from a cancel to its effect; ``None`` where there was nothing left to cancel."""
    began: list[float] = []

    def cancel() -> None:
        began.append(time.monotonic())
        conversation.worker.interrupt(conversation)

    timer = threading.Timer(moment, cancel)
    timer.start()
    try:
        conversation.append(LINES * 40)
    except Cancelled:
        return time.monotonic() - began[0]
    finally:
        timer.join()
    return None


def test_closing_a_conversation_stops_what_another_thread_asks_of_it(generators: Load) -> None:
    conversation = generators("llama").open()
    conversation.append(LINES)
    outcome: list[str] = []

    def ask() -> None:
        try:
            answers(conversation, [ENDLESS])
        except Cancelled:
            outcome.append("cancelled")

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.2)
    conversation.close()
    thread.join(5)
    assert outcome == ["cancelled"]
    with pytest.raises(UsageError, match="closed"):
        answer(conversation)


def test_a_deadline_stops_the_answer_and_not_the_model(generators: Load) -> None:
    with generators("qwen35").open() as conversation:
        conversation.append(LONG)
        expected = answer(conversation)
        with pytest.raises(DeadlineExceededError):
            list(conversation.ask([ENDLESS], deadline=0.1))
        assert answer(conversation) == expected


def test_a_live_question_is_answered_in_between(generators: Load) -> None:
    generator = generators("qwen35")
    with generator.open() as notes, generator.open() as live:
        notes.append(LONG)
        live.append(LINES)
        alone = answer(live, "Suggest.", 8)
        pieces = notes.ask([dataclasses.replace(ENDLESS, max_tokens=300)] * 3)
        next(pieces)
        urgent = Question(text="Suggest.", max_tokens=8, priority=Priority.LIVE)
        assert answers(live, [urgent]) == [alone]
        ended = [piece.question for piece in pieces if piece.last]
        assert sorted(ended) == [0, 1, 2]


@every_architecture
def test_a_live_question_is_answered_while_a_transcript_is_read(
    generators: Load, architecture: str
) -> None:
    generator = generators(architecture)
    with generator.open() as notes, generator.open() as live, generator.open() as alone:
        notes.append(LINES)
        alone.append(LINES)
        alone.append(LONG * 2)
        live.append(LINES)
        urgent = Question(text="Suggest.", max_tokens=4, priority=Priority.LIVE)
        expected = answers(live, [urgent])
        ended: list[str] = []

        def read() -> None:
            notes.append(LONG * 2)
            ended.append("read")

        reader = threading.Thread(target=read)
        reader.start()
        while generator.status()["tokens"] <= len(LINES) and not ended:
            time.sleep(0.001)
        assert answers(live, [urgent]) == expected
        assert not ended
        reader.join()
        assert distance(logits(notes), logits(alone)) < 1e-2


@every_architecture
def test_an_append_that_is_stopped_while_it_gave_way_leaves_the_conversation_as_it_was(
    generators: Load, architecture: str
) -> None:
    generator = generators(architecture)
    with generator.open() as notes, generator.open() as live:
        notes.append(LINES)
        live.append(LINES)
        expected = logits(notes)
        urgent = dataclasses.replace(ENDLESS, max_tokens=60, priority=Priority.LIVE)
        outcome: list[str] = []

        def read() -> None:
            try:
                notes.append(LONG * 4)
            except Cancelled:
                outcome.append("cancelled")

        reader = threading.Thread(target=read)
        reader.start()
        pieces = live.ask([urgent])
        next(pieces)
        notes.worker.interrupt(notes)
        reader.join(5)
        assert outcome == ["cancelled"]
        assert [piece.last for piece in pieces][-1]
        assert distance(logits(notes), expected) < 1e-2


def test_more_questions_than_fit_at_once_are_answered_in_rounds(
    models: dict[str, Path], tmp_path: Path
) -> None:
    settings = LlamaSettings(n_ctx=512, n_threads=1)
    with (
        LlamaGenerator(
            model_spec("llama"), models["llama"], None, settings, tmp_path / "log"
        ) as generator,
        generator.open() as conversation,
    ):
        conversation.append(LINES)
        questions = [Question(text=f"{i}?", max_tokens=120) for i in range(9)]
        ended = [piece.question for piece in conversation.ask(questions) if piece.last]
        assert sorted(ended) == list(range(9))


def test_what_cannot_fit_is_refused_and_changes_nothing(generators: Load) -> None:
    with generators("gemma4").open() as conversation:
        conversation.append(LONG)
        expected = answer(conversation)
        with pytest.raises(ContextTooSmallError, match=r"takes \d+ tokens .* holds 8192"):
            conversation.append(LONG * 6)
        with pytest.raises(ContextTooSmallError, match="ask about less"):
            answer(conversation, tokens=8000)
        assert answer(conversation) == expected


SCHEMA = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["task", "decision"]},
        "line": {"type": "integer", "minimum": 1, "maximum": 2},
    },
    "required": ["kind", "line"],
    "additionalProperties": False,
}


@every_architecture
def test_each_fork_obeys_its_own_schema_or_grammar(generators: Load, architecture: str) -> None:
    with generators(architecture).open() as conversation:
        conversation.append(LINES)
        made, spoken, free = answers(
            conversation,
            [
                Question(text="A task?", json_schema=SCHEMA),
                Question(text="Yes?", grammar='root ::= ("yes" | "no") " ☃ größer 会議"'),
                Question(text="And?", max_tokens=5),
            ],
        )
        note = json.loads(made)
        assert note["kind"] in ("task", "decision")
        assert note["line"] in (1, 2)
        assert spoken in ("yes ☃ größer 会議", "no ☃ größer 会議")
        assert free


def test_a_character_of_several_tokens_is_never_cut(generators: Load) -> None:
    with generators("llama").open() as conversation:
        grammar = 'root ::= "会議の☃メモ🎙"'
        pieces = list(conversation.ask([Question(text="?", grammar=grammar)]))
        assert "".join(piece.text for piece in pieces) == "会議の☃メモ🎙"
        assert [piece.text for piece in pieces[:-1]] == list("会議の☃メモ🎙")
        assert pieces[-1].last
        assert not pieces[-1].truncated


def test_an_answer_ended_by_its_limit_says_so(generators: Load) -> None:
    with generators("llama").open() as conversation:
        grammar = 'root ::= "a"{50}'
        last = list(conversation.ask([Question(text="?", grammar=grammar, max_tokens=7)]))[-1]
        assert last.last
        assert last.truncated


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (Question(text="?", grammar="root ::= nothing"), "not valid GBNF"),
        (Question(text="?", grammar="root ::= ", json_schema={}), "not both"),
        (Question(text="?", json_schema={"$ref": "#/nowhere"}), "cannot be made a grammar"),
    ],
)
def test_a_grammar_that_cannot_be_read_is_refused(
    generators: Load, question: Question, message: str
) -> None:
    with generators("llama").open() as conversation:
        with pytest.raises(UsageError, match=message):
            list(conversation.ask([question]))
        assert answer(conversation)


def test_sampling_is_repeatable_by_its_seed(generators: Load) -> None:
    with generators("llama").open() as conversation:
        one, same, other = answers(
            conversation,
            [Question(text="?", temperature=1.5, seed=seed, max_tokens=24) for seed in (1, 1, 2)],
        )
        assert one == same
        assert one != other


def test_nothing_asked_is_nothing_answered(generators: Load) -> None:
    with generators("llama").open() as conversation:
        assert list(conversation.ask([])) == []


@every_architecture
def test_a_saved_context_continues_as_if_it_had_been_read(
    generators: Load, architecture: str, tmp_path: Path
) -> None:
    generator = generators(architecture)
    with generator.open(system="Take notes.") as conversation:
        conversation.append(LONG)
        conversation.save(tmp_path / "context")
        conversation.append(LINES)
        expected = logits(conversation)
    with generator.restore(tmp_path / "context") as again:
        again.append(LINES)
        assert distance(logits(again), expected) < 1e-2
    assert (tmp_path / "context").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["context"]


def test_a_saved_context_of_another_model_or_damaged_is_refused(
    generators: Load, tmp_path: Path
) -> None:
    saved = tmp_path / "context"
    with generators("llama").open() as conversation:
        conversation.append(LINES)
        conversation.save(saved)
    with pytest.raises(EngineError, match="another model's"):
        generators("qwen35").restore(saved)
    data = bytearray(saved.read_bytes())
    data[-100] ^= 1
    saved.write_bytes(data)
    with pytest.raises(EngineError, match="damaged"):
        generators("llama").restore(saved)
    saved.write_bytes(b"something else")
    with pytest.raises(EngineError, match="not a saved context"):
        generators("llama").restore(saved)
    with pytest.raises(EngineError, match="cannot be read"):
        generators("llama").restore(tmp_path / "absent")


def load_file(path: Path, tmp_path: Path) -> LlamaGenerator:
    chosen = LlamaSettings(n_ctx=4096, n_threads=1)
    return LlamaGenerator(model_spec("broken"), path, None, chosen, tmp_path / "log")


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda data: data[: len(data) // 2], "corrupted or incomplete"),
        (lambda data: b"not a model at all" * 100, "magic"),
        (lambda data: b"", "magic|failed to read"),
        (lambda data: data.replace(b"llama", b"lamma"), "architecture"),
    ],
)
def test_a_file_that_is_no_usable_model_is_a_typed_error(
    models: dict[str, Path],
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    cause: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(damage(models["llama"].read_bytes()))
    began = time.monotonic()
    with pytest.raises(ModelError, match=cause) as error:
        load_file(path, tmp_path)
    assert "\n" not in str(error.value)
    assert "broken.gguf" in str(error.value)
    assert time.monotonic() - began < 60  # a hang would be one of ten minutes
    assert capfd.readouterr() == ("", "")


@every_architecture
def test_an_adapter_is_applied_to_its_model(
    generators: Load, architecture: str, models: dict[str, Path], tmp_path: Path
) -> None:
    settings = LlamaSettings(n_ctx=512, n_threads=1)
    found = []
    for strength in (0.0, 1.0):
        lora = tiny_adapter(architecture, tmp_path, strength=strength)
        with (
            LlamaGenerator(
                model_spec("adapted"), models[architecture], lora, settings, tmp_path / "log"
            ) as generator,
            generator.open() as conversation,
        ):
            conversation.append(LINES)
            found.append(logits(conversation))
    with generators(architecture).open() as conversation:
        conversation.append(LINES)
        plain = logits(conversation)
    assert distance(found[0], plain) < 1e-2
    assert distance(found[1], plain) > 0.1


def test_an_adapter_that_is_none_is_a_typed_error(models: dict[str, Path], tmp_path: Path) -> None:
    settings = LlamaSettings(n_ctx=512, n_threads=1)
    with pytest.raises(ModelError, match=r"adapter tiny-gemma4\.gguf cannot be loaded"):
        LlamaGenerator(
            model_spec("llama"), models["llama"], models["gemma4"], settings, tmp_path / "log"
        )


def test_a_kill_while_answering_is_a_typed_error_and_a_fresh_worker_serves(
    models: dict[str, Path], tmp_path: Path
) -> None:
    for _ in range(3):
        with load_file(models["qwen35"], tmp_path) as generator:
            conversation = generator.open()
            conversation.append(LINES)
            pieces = conversation.ask([ENDLESS])
            next(pieces)
            os.kill(generator.worker.pid, signal.SIGKILL)
            began = time.monotonic()
            with pytest.raises(WorkerDiedError, match="killed"):
                list(pieces)
            assert time.monotonic() - began < 1
            conversation.close()
    with load_file(models["qwen35"], tmp_path) as generator, generator.open() as conversation:
        conversation.append(LINES)
        assert logits(conversation)


def test_the_hook_leaves_other_engines_to_others() -> None:
    hardware = HardwareProfile(cpu_count=1, memory=1 << 33)
    spec = ModelSpec(
        id="x",
        label="x",
        task=ModelTask.GENERATION,
        engine="other",
        tier="test",
        size=0,
        license="none",
    )
    assert load_text_generator(spec, hardware) is None


def test_a_model_whose_package_is_absent_names_the_extra() -> None:
    hardware = HardwareProfile(cpu_count=1, memory=1 << 33)
    spec = ModelSpec(
        id="x",
        label="x",
        task=ModelTask.GENERATION,
        engine="llama",
        tier="test",
        size=0,
        license="none",
        package="no_such_package",
        filename="x.gguf",
        extra="starter",
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'sottovoce\[starter\]'"):
        load_text_generator(spec, hardware)


def test_loading_and_unloading_two_hundred_times_takes_no_more_memory(
    models: dict[str, Path], tmp_path: Path
) -> None:
    from sottovoce.engines.worker import Worker

    with Worker(
        "tests.engines.rounds:Rounds", models, name="rounds", log_file=tmp_path / "log"
    ) as worker:
        worker.call("run", 20)
        before = worker.call("memory")
        worker.call("run", 180)
        assert worker.call("memory") - before < 8 << 20
