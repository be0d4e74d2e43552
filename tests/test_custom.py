"""Model files of the person's own."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest

from sottovoce.errors import ModelError
from sottovoce.host import Host
from sottovoce.values import ModelTask

from .conftest import sotto
from .tiny_models import tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny_model("llama", tmp_path_factory.mktemp("tiny")).read_bytes()


@pytest.fixture
def file(tiny: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "mine" / "own.gguf"
    path.parent.mkdir()
    path.write_bytes(tiny)
    return path


def test_a_file_is_used_where_it_is_and_found_after_its_folder_is_renamed(
    host: Host, file: Path
) -> None:
    spec = host.store.add(file, "My model", None)
    assert (spec.id, spec.label) == ("custom-my-model", "My model")
    assert host.model(ModelTask.GENERATION, spec.id) == spec
    assert host.store.model_file(spec) == file
    kept = sum(it.stat().st_size for it in host.home.models.rglob("*") if it.is_file())
    assert kept < 5_000  # a reference, no copy
    moved = file.parent.rename(file.parent.with_name("elsewhere")) / file.name
    assert host.store.model_file(spec) == moved
    assert host.store.model_file(spec) == moved
    moved.unlink()
    with pytest.raises(ModelError, match=rf"the file of 'My model' is missing: {moved}"):
        host.store.model_file(spec)
    host.store.remove(spec.id)
    assert host.store.custom_models() == []


def test_a_file_of_another_size_in_its_place_is_noticed(host: Host, file: Path) -> None:
    spec = host.store.add(file, None, None)
    with file.open("ab") as out:
        out.write(b"more")
    with pytest.raises(ModelError, match="its size changed"):
        host.store.model_file(spec)


def test_the_command_adds_and_removes_and_leaves_the_file(file: Path, home: Path) -> None:
    ran = sotto("models", "add", file, "--label", "Own", home=home)
    assert ran.status == 0, ran.err
    assert "custom-own" in ran.out
    assert "of memory:" in ran.out
    listed = sotto("models", "--json", home=home).json["models"]
    assert next(it["installed"] for it in listed if it["id"] == "custom-own")
    away = file.rename(file.with_name("kept.safe"))
    away = away.rename(home / "kept.safe")  # not near where it was: it cannot be told
    gone = sotto("models", "--json", home=home).json
    assert not next(it["installed"] for it in gone["models"] if it["id"] == "custom-own")
    assert gone["missing"]["custom-own"].startswith(f"the file of 'Own' is missing: {file}")
    assert "Warning: the file of 'Own' is missing" in sotto("models", home=home).out
    away.rename(file)
    again = sotto("models", "add", file, "--label", "Own", home=home)
    assert again.status == 1
    assert "already" in again.err
    ran = sotto("models", "remove", "custom-own", "--yes", home=home)
    assert (ran.status, ran.out) == (0, "Forgotten; your file stays where it is.\n")
    assert file.exists()


def adapter(path: Path) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def embeddings(path: Path) -> Path:
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_causal_attention(False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def test_what_cannot_be_used_is_refused_with_its_reason(
    host: Host, tiny: bytes, tmp_path: Path
) -> None:
    text, short, new = (tmp_path / f"{it}.gguf" for it in ("text", "short", "new"))
    new.write_bytes(tiny.replace(b"llama", b"llamx"))
    text.write_text("no model")
    short.write_bytes(tiny[:-1_000])
    twice = "{% for message in messages %}{{ message.content * 2 }}{% endfor %}"
    cases = {
        tiny_model("llama", tmp_path, template="{{ nothing.here( }}"): "template cannot be used",
        tiny_model("qwen35", tmp_path, template=twice): "does not show what the user says once",
        tmp_path / "none.gguf": "there is no file",
        text: "not a GGUF file",
        short: "ends early",
        embeddings(tmp_path / "bert.gguf"): "embeddings",
        adapter(tmp_path / "lora.gguf"): "no language model, but of type adapter",
        new: "cannot be loaded by llama-cpp-python",
    }
    for path, message in cases.items():
        with pytest.raises(ModelError, match=message):
            host.store.add(path, None, None)
    assert host.store.installed() == frozenset()
