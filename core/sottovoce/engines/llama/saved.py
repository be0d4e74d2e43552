"""Contexts on disk: a meeting that is opened again need not be read again."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from .context import State

_MAGIC = b"sottovoce context 1\n"
_EDGE = 1 << 20
"""Bytes at either end of a model file that tell it from others"""


def fingerprint(path: Path) -> str:
    """Of a file's size and edges: a hash of gigabytes would cost what the saved context spares."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_EDGE))
        file.seek(max(0, size - _EDGE))
        digest.update(file.read(_EDGE))
    return digest.hexdigest()


def write(
    path: Path, identity: dict[str, Any], tokens: list[int], tail: list[int], state: State
) -> None:
    """Write a context, readable by this person only; there is the whole file or none."""
    header = json.dumps({"identity": identity, "tokens": tokens, "tail": tail}).encode()
    digest = hashlib.sha256(header)
    digest.update(state.data)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MAGIC + digest.digest() + struct.pack("<Q", len(header)))
            file.write(header)
            file.write(state.data)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise EngineError(f"the context cannot be saved to {path}: {error.strerror}") from error


def read(path: Path, identity: dict[str, Any]) -> tuple[list[int], list[int], State]:
    """Tokens, tail and state. Raises ``EngineError`` for another model's, or a damaged, file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EngineError(f"the saved context {path} cannot be read: {error.strerror}") from error
    start = len(_MAGIC) + 32
    if not data.startswith(_MAGIC) or len(data) < start + 8:
        raise EngineError(f"{path} is not a saved context")
    (length,) = struct.unpack_from("<Q", data, start)
    body = memoryview(data)[start + 8 :]
    if hashlib.sha256(body).digest() != data[len(_MAGIC) : start]:
        raise EngineError(f"the saved context {path} is damaged; read the transcript again")
    header = json.loads(bytes(body[:length]))
    if header["identity"] != identity:
        raise EngineError(
            f"the saved context {path} is another model's or version's; read the transcript again"
        )
    return header["tokens"], header["tail"], np.frombuffer(body, np.uint8, offset=length)
