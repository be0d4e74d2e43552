"""A small model and its adapter become one file, which says what the two of them say."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gguf import GGUFReader, GGUFWriter, dequantize
from tests.tiny_models import tiny_adapter

from sottovoce.engines.llama.files import adapter_file, loaded_files, model_file
from sottovoce.engines.llama.generator import LlamaGenerator
from sottovoce.engines.llama.merged import merged
from sottovoce.engines.llama.settings import LlamaSettings
from sottovoce.errors import EngineError, ModelError
from sottovoce.interfaces import Question
from sottovoce_catalog import load_models

if TYPE_CHECKING:
    from pathlib import Path

STARTER = next(it for it in load_models() if it.id == "starter-notes")
LINES = "[1] Maria: Let us rent the van for Saturday.\n[2] Henry: Fine, I will call them today."


def test_the_starter_with_its_adapter_is_one_file_that_answers_as_the_two_of_them(
    tmp_path: Path,
) -> None:
    model, adapter = model_file(STARTER), adapter_file(STARTER)
    one, none = loaded_files(STARTER)
    assert none is None
    assert loaded_files(STARTER) == (one, None), "made once"
    question = Question(text=f"{LINES}\n\nNotes:", max_tokens=60)
    logits, answers = [], []
    for path, more in ((model, adapter), (one, None)):
        settings = LlamaSettings(n_ctx=512, n_gpu_layers=0)
        with closing(LlamaGenerator(STARTER, path, more, settings, tmp_path / "log")) as generator:
            talk = generator.open(system="You take meeting notes.")
            logits.append(generator.worker.call("logits", talk.number, question.text))
            answers.append("".join(piece.text for piece in talk.ask([question])))
    assert np.corrcoef(*logits)[0, 1] > 0.999
    assert answers[0] == answers[1]
    assert "T|2|Henry|call them|today" in answers[1]


def test_each_weight_is_the_sum_and_what_the_adapter_leaves_alone_stays_to_the_byte(
    tmp_path: Path,
) -> None:
    model, adapter = model_file(STARTER), adapter_file(STARTER)
    assert adapter is not None

    def values(tensor: Any) -> Any:
        return dequantize(tensor.data, tensor.tensor_type)

    plain, change, made = (GGUFReader(it) for it in (model, adapter, loaded_files(STARTER)[0]))
    halves = {it.name: it for it in change.tensors}
    for before, after in zip(plain.tensors, made.tensors, strict=True):
        assert before.name == after.name
        if (name := f"{before.name}.lora_a") not in halves:
            assert before.data.tobytes() == after.data.tobytes()
        elif before.name.startswith("blk.7."):
            down, up = values(halves[name]), values(halves[f"{before.name}.lora_b"])
            wanted, found = values(before) + 2.0 * up @ down, values(after)
            assert np.abs(found - wanted).max() <= np.abs(wanted).max() / 250


def test_a_new_adapter_makes_a_new_file_and_the_old_one_goes(tmp_path: Path) -> None:
    model, cache = tmp_path / "m.gguf", tmp_path / "cache"
    writer = GGUFWriter(model, "llama")
    writer.add_tensor("blk.0.ffn_up.weight", np.zeros((96, 64), np.float32))
    _close(writer)
    found = []
    for strength in (1.0, 2.0):
        found.append(merged(model, tiny_adapter("llama", tmp_path, strength=strength), cache))
        assert list(cache.iterdir()) == [found[-1]]
    assert found[0] != found[1]


def test_what_cannot_be_merged_is_left_to_the_engine_or_named(tmp_path: Path) -> None:
    adapter, cache = tiny_adapter("llama", tmp_path), tmp_path / "cache"
    for name, values in {
        "blk.1.ffn_up.weight": np.zeros((96, 64), np.float32),
        "blk.0.ffn_up.weight": np.zeros((96, 32), np.float32),
    }.items():
        model = tmp_path / f"{values.shape[1]}.gguf"
        writer = GGUFWriter(model, "llama")
        writer.add_tensor(name, values)
        _close(writer)
        with pytest.raises(ModelError, match="another model|another size"):
            merged(model, adapter, cache)
        assert not list(cache.glob("*"))
    narrow = tmp_path / "narrow.gguf"
    writer = GGUFWriter(narrow, "llama")
    writer.add_tensor("blk.0.ffn_up.weight", np.zeros((96, 48), np.float32))
    _close(writer)
    assert merged(narrow, adapter, cache) is None


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    model, adapter = model_file(STARTER), adapter_file(STARTER)
    assert adapter is not None
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot be written to"):
        merged(model, adapter, tmp_path / "file" / "models")


def _close(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
