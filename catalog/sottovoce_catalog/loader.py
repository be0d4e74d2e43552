"""Reading ``models.toml``. Adding a model is adding a table."""

from __future__ import annotations

import dataclasses
import re
import tomllib
import types
import typing
from importlib.resources import files
from typing import Any

from sottovoce.values import ModelShape, ModelSpec, ModelTask, NotesMethod

_QUANTISATION = re.compile(r"\b(I?Q\d|F16|BF16|UD-)", re.IGNORECASE)
_KINDS = frozenset("fwr")
_LANGUAGE_MODEL = (
    "shape",
    "read_per_token",
    "token_embedding",
    "longest_ctx",
    "notes",
    "quality",
    "stars",
)
"""What a language model of the hub needs besides what every model does"""


def load_models(text: str | None = None) -> tuple[ModelSpec, ...]:
    """The catalog in its order. Raises ``ValueError`` that names the model and what is wrong."""
    if text is None:
        text = (files("sottovoce_catalog") / "models.toml").read_text(encoding="utf-8")
    models = tuple(_model(id, table) for id, table in tomllib.loads(text)["models"].items())
    labels = [it.label for it in models]
    for model in models:
        if labels.count(model.label) > 1:
            raise ValueError(f"model '{model.id}' has the label of another: {model.label}")
    return models


def _model(id: str, table: dict[str, Any]) -> ModelSpec:
    where = f"model '{id}'"
    spec: ModelSpec = _read(ModelSpec, where, {"id": id, **table})
    _check(where, spec)
    return spec


def _read(kind: type[Any], where: str, table: dict[str, Any]) -> Any:
    """A dataclass from a table: complete, no field unknown, each of its type."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    required = {it.name for it in fields.values() if it.default is dataclasses.MISSING}
    if missing := sorted(required - table.keys()):
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    if unknown := sorted(table.keys() - fields.keys()):
        raise ValueError(f"{where} has unknown fields: {', '.join(unknown)}")
    hints = typing.get_type_hints(kind)
    return kind(**{name: _value(hints[name], f"{where}: {name}", it) for name, it in table.items()})


def _value(hint: Any, where: str, value: Any) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(it for it in typing.get_args(hint) if it is not types.NoneType)
    if hint is ModelShape and isinstance(value, dict):
        return _read(ModelShape, where, value)
    if hint in (ModelTask, NotesMethod):
        try:
            return hint(value)
        except ValueError:
            raise ValueError(f"{where} is {value!r}; known: {', '.join(hint)}") from None
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list) or not all(isinstance(it, str) for it in value):
            raise ValueError(f"{where} is {value!r}, not a list of strings")
        return tuple(value)
    if type(value) is not hint:
        raise ValueError(f"{where} is {value!r}, not {hint.__name__}")
    if hint is int and value < 0:
        raise ValueError(f"{where} is negative")
    return value


def _check(where: str, spec: ModelSpec) -> None:
    """What no single field shows."""
    if _QUANTISATION.search(spec.label):
        raise ValueError(f"{where}: the label names a quantisation; say what it is to a person")
    if (spec.package is None) == (spec.repository is None):
        raise ValueError(f"{where} lacks package or repository: one of the two")
    if spec.package is not None:
        missing = [name for name in ("extra", "filename") if getattr(spec, name) is None]
    else:
        missing = _missing_of_the_hub(spec)
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    if spec.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", spec.sha256):
        raise ValueError(f"{where}: sha256 is not 64 lower-case hexadecimal digits")
    if spec.revision is not None and not re.fullmatch(r"[0-9a-f]{40}", spec.revision):
        raise ValueError(f"{where}: revision is not a commit of 40 lower-case hexadecimal digits")
    if spec.size == 0:
        raise ValueError(f"{where}: size is 0")
    if not 0 <= spec.stars <= 3:
        raise ValueError(f"{where}: stars is {spec.stars}, not 0 to 3")
    if spec.longest_ctx is not None and spec.n_ctx > spec.longest_ctx:
        raise ValueError(f"{where}: n_ctx is more than longest_ctx")
    if spec.shape is not None:
        _check_shape(f"{where}: shape", spec.shape)


def _missing_of_the_hub(spec: ModelSpec) -> list[str]:
    missing = []
    if spec.filename is None:
        if spec.revision is None:
            missing.append("revision")  # nothing else would pin the files of a folder
    elif spec.sha256 is None:
        missing.append("sha256")
    if spec.task is ModelTask.GENERATION:
        missing += [name for name in ("filename", *_LANGUAGE_MODEL) if not getattr(spec, name)]
    return missing


def _check_shape(where: str, shape: ModelShape) -> None:
    if not shape.pattern or set(shape.pattern) - _KINDS:
        raise ValueError(f"{where}: pattern is {shape.pattern!r}, not made of f, w and r")
    needed: tuple[str, ...] = ()
    if "w" in shape.kinds:
        needed += ("window", "window_kv_heads", "window_head_size")
    if "r" in shape.kinds:
        needed += ("conv", "state_size", "state_groups", "state_heads")
    if shape.experts:
        needed += ("experts_used",)
    if missing := [name for name in needed if not getattr(shape, name)]:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
