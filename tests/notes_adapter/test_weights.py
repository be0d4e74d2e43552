"""The committed weights are the recipe's."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from sottovoce_catalog.notes_adapter.adapter_file import metadata

FOLDER = Path(str(files("sottovoce_catalog.notes_adapter")))
WEIGHTS = FOLDER / "notes-lora.gguf"


def test_the_weights_carry_the_recipe() -> None:
    recipe = tomllib.loads((FOLDER / "recipe.toml").read_text(encoding="utf-8"))
    told = metadata(WEIGHTS)
    assert told["recipe.version"] == recipe["version"]
    assert told["recipe.seed"].isdecimal()
    assert len(told["recipe.data_sha256"]) == 64
    assert len(told["recipe.base_sha256"]) == 64


def test_the_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 12_000_000
