"""Reading ``models.toml``. Adding a model is adding a table."""

from __future__ import annotations

import dataclasses
import tomllib
from importlib.resources import files
from typing import Any

from sottovoce.values import ModelSpec, ModelTask, NotesMethod

_FIELDS = {field.name: field for field in dataclasses.fields(ModelSpec)}
_REQUIRED = {
    name for name, field in _FIELDS.items() if field.default is dataclasses.MISSING and name != "id"
}


def load_models(text: str | None = None) -> tuple[ModelSpec, ...]:
    """The catalog in its order. Raises ``ValueError`` that names the model and what is wrong."""
    if text is None:
        text = (files("sottovoce_catalog") / "models.toml").read_text(encoding="utf-8")
    return tuple(_model(id, table) for id, table in tomllib.loads(text)["models"].items())


def _model(id: str, table: dict[str, Any]) -> ModelSpec:
    if missing := sorted(_REQUIRED - table.keys()):
        raise ValueError(f"model '{id}' lacks {', '.join(missing)}")
    if unknown := sorted(table.keys() - _FIELDS.keys()):
        raise ValueError(f"model '{id}' has unknown fields: {', '.join(unknown)}")
    values = dict(table)
    values["task"] = ModelTask(values["task"])
    values["languages"] = tuple(values.get("languages", ()))
    if "notes" in values:
        values["notes"] = NotesMethod(values["notes"])
    return ModelSpec(id=id, **values)
