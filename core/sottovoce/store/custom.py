"""Models from files of the person's own: a reference to each, never a copy.

A reference is a folder among the models' with one ``reference.json``: the path, what the file
system calls the file (device and inode), its size, and the specification read off its header.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import re
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import replace_text, writing
from ..errors import ModelError
from ..values import ModelShape, ModelSpec, ModelTask, NotesMethod

if TYPE_CHECKING:
    from ..gguf import Header

log = logging.getLogger(__name__)

_NAME = "reference.json"
_CONTEXT = 16_384
"""Tokens that a model is given room for unless the person says otherwise"""
_LOOKED_AT = 50_000
"""Entries of folders that are looked at for a file that moved"""
_DEPTH = 4
"""Levels below the nearest folder that is still there"""


def is_reference(folder: Path) -> bool:
    return (folder / _NAME).is_file()


def add(folder: Path, path: Path, label: str | None, n_ctx: int | None) -> ModelSpec:
    """Check a file, and keep a reference to it under ``folder``. Raises ``ModelError``."""
    from ..engines.llama.check import check_template
    from ..engines.llama.settings import LlamaSettings
    from ..engines.llama.sizing import measure
    from ..gguf import read_header

    path = path.expanduser().resolve()
    if not path.is_file():
        raise ModelError(f"there is no file {path}")
    header = read_header(path)
    size = path.stat().st_size
    _check_header(path, header, size)
    spec = _specification(path, header, size, label, n_ctx)
    measure(path, LlamaSettings(n_ctx=spec.n_ctx))  # by loading it as far as no memory is taken
    if not check_template(path):
        log.warning("%s has no chat template: it was probably not made for questions", path.name)
    target = folder / spec.id
    if target.exists():
        raise ModelError(
            f"there is a model '{spec.id}' already; name this one with --label, or remove that one"
        )
    with writing(target, ModelError):
        target.mkdir(parents=True)
    try:
        _write(target, spec, path)
    except ModelError:
        target.rmdir()
        raise
    return spec


def _check_header(path: Path, header: Header, size: int) -> None:
    kind = header.metadata.get("general.type", "model")
    if kind != "model" or header.architecture in ("clip", "whisper"):
        raise ModelError(f"{path.name} is no language model, but of type {kind}")
    if header.of("attention.causal", True) is False:
        raise ModelError(f"{path.name} turns text into numbers (embeddings) and cannot write")
    if header.metadata.get("split.count", 0) > 1:
        raise ModelError(
            f"{path.name} is one of several parts; join them with llama.cpp's llama-gguf-split"
        )
    if header.file_size > size:
        raise ModelError(
            f"{path.name} ends early: it has {size:,} bytes, and its header speaks of "
            f"{header.file_size:,}; download it again"
        )


def _specification(
    path: Path, header: Header, size: int, label: str | None, n_ctx: int | None
) -> ModelSpec:
    from ..gguf import shape_of, weights_of
    from ..memory import active_parameters

    shape, weights = shape_of(header), weights_of(header)
    label = label or str(header.metadata.get("general.name") or path.stem)
    parameters = sum(it.elements for it in header.tensors)
    longest = int(header.of("context_length", _CONTEXT))
    layers = sum(weights.layers)
    if shape.experts:
        whole = sum(it.elements for it in header.tensors if it.name.startswith("blk."))
        layers = layers * min(active_parameters(shape), whole) // max(1, whole)
    return ModelSpec(
        id="custom-" + (re.sub(r"[^a-z0-9.]+", "-", label.lower()).strip("-.") or "model"),
        label=label,
        task=ModelTask.GENERATION,
        engine="llama",
        tier="custom",
        size=size,
        license=str(header.metadata.get("general.license") or "not stated"),
        filename=path.name,
        n_ctx=min(n_ctx or _CONTEXT, longest),
        longest_ctx=longest,
        notes=NotesMethod.SCHEMA,
        stars=1 if parameters < 7e9 else 2 if parameters <= 12e9 else 3,
        shape=shape,
        read_per_token=max(1, layers + weights.output),
        token_embedding=weights.token_embedding,
        layer_embeddings=weights.layer_embeddings,
    )


def read_all(folder: Path) -> list[ModelSpec]:
    """The models that were added. A reference that cannot be read is left out, with a warning."""
    if not folder.is_dir():
        return []
    found = []
    for reference in sorted(folder.glob(f"*/{_NAME}")):
        try:
            found.append(_read(reference.parent)[1])
        except ModelError as error:
            log.warning("%s", error)
    return found


def locate(folder: Path) -> Path:
    """The file that a reference means, also where its folder was renamed since.

    Raises ``ModelError`` that says what is missing.
    """
    table, spec = _read(folder)
    path = Path(table["path"])
    if path.is_file():
        if path.stat().st_size == spec.size:
            return path
        raise ModelError(
            f"{path} is not the file that '{spec.label}' was added from: its size changed; "
            f"'sotto models remove {spec.id}', then add it anew"
        )
    moved = _find(path, table["device"], table["inode"])
    if moved is None or moved.stat().st_size != spec.size:
        raise ModelError(
            f"the file of '{spec.label}' is missing: {path}; put it back, or "
            f"'sotto models remove {spec.id}' and add it from where it is now"
        )
    log.info("%s moved to %s", path, moved)
    _write(folder, spec, moved)
    return moved


def _find(path: Path, device: int, inode: int) -> Path | None:
    """A file by what the file system calls it, near where it was."""
    if sys.platform == "darwin" and (found := _ask_macos(device, inode)) is not None:
        return found
    start = next((it for it in path.parents if it.is_dir()), None)
    if start is None or start.stat().st_dev != device:
        return None
    left = _LOOKED_AT
    waiting = deque([(start, 0)])
    while waiting:
        folder, depth = waiting.popleft()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue  # not ours to read, and so not where the person put a model for us
        for entry in entries:
            left -= 1
            if left < 0:
                return None
            if entry.is_dir(follow_symlinks=False):
                if depth < _DEPTH:
                    waiting.append((Path(entry.path), depth + 1))
            elif entry.inode() == inode and Path(entry.path).stat().st_dev == device:
                return Path(entry.path)
    return None


def _ask_macos(device: int, inode: int) -> Path | None:
    """macOS opens files by number, and tells their path (``F_GETPATH``)."""
    if sys.platform != "darwin":
        return None
    import fcntl

    try:
        descriptor = os.open(f"/.vol/{device}/{inode}", os.O_RDONLY)
    except OSError:
        return None
    try:
        found = fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024))
    finally:
        os.close(descriptor)
    return Path(os.fsdecode(found.rstrip(b"\0")))


def _write(folder: Path, spec: ModelSpec, path: Path) -> None:
    status = path.stat()
    table = {
        "path": str(path),
        "device": status.st_dev,
        "inode": status.st_ino,
        "model": dataclasses.asdict(spec),
    }
    replace_text(folder / _NAME, json.dumps(table, indent=1), ModelError)


def _read(folder: Path) -> tuple[dict[str, Any], ModelSpec]:
    try:
        table = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        model = dict(table["model"])
        model |= {
            "task": ModelTask(model["task"]),
            "notes": NotesMethod(model["notes"]),
            "shape": ModelShape(**model["shape"]),
            "languages": tuple(model["languages"]),
            "platforms": tuple(model["platforms"]),
        }
        table["path"], table["device"], table["inode"]
        return table, ModelSpec(**model)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the reference to the model '{folder.name}' is damaged: 'sotto models remove "
            f"{folder.name}', then add it anew"
        ) from error
