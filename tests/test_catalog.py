"""The catalog: what is in it, and what a table that is not right says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
import tomlkit

from sottovoce.values import ModelSpec, ModelTask
from sottovoce_catalog import load_models

MODELS = {it.id: it for it in load_models()}
HUB = [it for it in MODELS.values() if it.repository and it.task is ModelTask.GENERATION]

PUBLISHED = {
    "Qwen 3.5 2B": (1_280_835_840, 1, 24, 12_288),
    "Qwen 3.5 4B": (2_740_937_888, 1, 32, 32_768),
    "Gemma 4 E2B": (3_106_736_256, 1, 35, 6_144),
    "Gemma 4 E4B": (4_977_171_584, 2, 42, 16_384),
    "Qwen 3.5 9B": (5_680_522_464, 2, 32, 32_768),
    "Qwen 3.5 9B HQ": (9_527_502_048, 2, 32, 32_768),
    "Qwen 3.6 27B": (17_612_564_704, 3, 64, 65_536),
    "Gemma 4 31B": (18_323_733_440, 3, 60, 81_920),
    "Qwen 3.6 35B-A3B": (22_134_528_992, 3, 40, 20_480),
    "Qwen 3.5 27B": (16_740_812_704, 3, 64, 65_536),
}
"""Bytes, stars, layers, and bytes of keys and values per token in 16 bits"""


def test_the_models_of_the_hub_are_those_published_with_their_sizes_and_shapes() -> None:
    def facts(spec: ModelSpec) -> tuple[int, int, int, int]:
        shape = spec.shape
        assert shape is not None
        own = shape.kinds[: shape.layers - shape.shared_layers]
        per_token = own.count("f") * shape.kv_heads * shape.head_size * 2 * 2
        return spec.size, spec.stars, shape.layers, per_token

    assert {it.label: facts(it) for it in HUB} == PUBLISHED
    assert [it.label for it in HUB if it.archived] == ["Qwen 3.5 27B"]


@pytest.mark.parametrize("spec", HUB, ids=lambda it: it.id)
def test_what_is_read_per_token_is_the_file_less_the_tables_that_are_looked_up(
    spec: ModelSpec,
) -> None:
    assert spec.shape is not None
    assert spec.read_per_token is not None
    read = spec.size - spec.layer_embeddings - (0 if spec.shape.tied else spec.token_embedding)
    if spec.shape.experts:
        assert 1.9e9 <= spec.read_per_token <= 2.0e9
    else:
        assert spec.read_per_token == pytest.approx(read, rel=0.01)


def test_no_label_names_a_quantisation_and_no_two_are_the_same() -> None:
    labels = [it.label for it in MODELS.values()]
    assert len(set(labels)) == len(labels)
    assert not [it for it in labels if re.search(r"Q\d|F16|K_M|K_XL", it)]


def test_a_folder_of_the_hub_needs_a_revision_and_no_file() -> None:
    table = """
        [models.speech]
        label = "Speech"
        task = "transcription"
        engine = "faster-whisper"
        tier = "compact"
        size = 1
        license = "MIT"
        repository = "owner/name"
        """
    with pytest.raises(ValueError, match="model 'speech' lacks revision"):
        load_models(table)
    (spec,) = load_models(table + f'revision = "{"0" * 40}"')
    assert spec.filename is None


def qwen(change: Callable[[dict[str, Any]], object]) -> str:
    """The catalog's table of one model, changed."""
    text = (files("sottovoce_catalog") / "models.toml").read_text()
    table = tomllib.loads(text)["models"]["qwen3.5-2b"]
    change(table)
    return tomlkit.dumps({"models": {"qwen3.5-2b": table}})


@pytest.mark.parametrize(
    "field",
    "label task engine tier size license filename sha256 shape read_per_token token_embedding "
    "longest_ctx notes quality stars".split(),
)
def test_a_table_that_lacks_a_field_is_named_with_the_field(field: str) -> None:
    with pytest.raises(ValueError, match=rf"^model 'qwen3.5-2b' lacks {field}$"):
        load_models(qwen(lambda table: table.pop(field)))


def test_a_shape_that_lacks_a_field_is_named_with_the_field() -> None:
    with pytest.raises(ValueError, match="^model 'qwen3.5-2b': shape lacks heads$"):
        load_models(qwen(lambda table: table["shape"].pop("heads")))
    with pytest.raises(ValueError, match="^model 'qwen3.5-2b': shape lacks conv$"):
        load_models(qwen(lambda table: table["shape"].pop("conv")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sise": 1}, "unknown fields: sise"),
        ({"size": "1 GB"}, "size is '1 GB', not int"),
        ({"size": True}, "size is True, not int"),
        ({"size": -1}, "size is negative"),
        ({"size": 0}, "size is 0"),
        ({"stars": 4}, "stars is 4, not 0 to 3"),
        ({"sha256": "AAF4"}, "sha256 is not 64 lower-case"),
        ({"revision": "main"}, "revision is not a commit"),
        ({"notes": "magic"}, "notes is 'magic'; known: extract, schema"),
        ({"task": "art"}, "task is 'art'; known: transcription, generation"),
        ({"languages": "en"}, "languages is 'en', not a list of strings"),
        ({"label": "Qwen 3.5 2B Q4_K_M"}, "the label names a quantisation"),
        ({"package": "qwen"}, "lacks package or repository: one of the two"),
        ({"n_ctx": 1_000_000}, "n_ctx is more than longest_ctx"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"model 'qwen3.5-2b'.*{re.escape(message)}"):
        load_models(qwen(lambda table: table.update(change)))


def test_two_models_cannot_have_one_label() -> None:
    table = qwen(lambda table: None)
    with pytest.raises(ValueError, match="the label of another: Qwen 3.5 2B"):
        load_models(table + table.replace("qwen3.5-2b", "other"))
