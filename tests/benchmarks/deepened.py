"""The tests' small Whisper with a real one's work: layers more that compute and change nothing.

Each is a copy of the encoder's last, with zeros for the weights of what it adds to its input. So
the text stays the same to the letter, and what half a minute costs is chosen.
"""

from __future__ import annotations

import re
import shutil
import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_ADDS = [f"{it}/linear_1/{kind}" for it in ("self_attention", "ffn") for kind in ("weight", "bias")]
"""What a layer adds to its input goes through these"""


def deepened(model: Path, folder: Path, layers: int) -> None:
    """Copy a CTranslate2 ``model``, with so many encoder layers, to the new ``folder``.

    Its file: three numbers and the specification's name, then the variables (name, shape, type,
    bytes) and the aliases, each after their number (`ctranslate2.specs.ModelSpec`).
    """
    shutil.copytree(model, folder)
    file = BytesIO((model / "model.bin").read_bytes())

    def number(form: str = "I") -> Any:
        return struct.unpack(form, file.read(struct.calcsize(form)))[0]

    def text() -> bytes:
        return file.read(number("H"))[:-1]

    version, name, revision = number(), text(), number()
    variables: dict[str, tuple[bytes, bytes]] = {}
    for _ in range(number()):
        variable = text().decode()
        shape = file.read(1)
        shape += file.read(4 * shape[0] + 1)
        variables[variable] = shape, file.read(number())
    rest = file.read()

    found = (re.match(r"encoder/layer_(\d+)/", it) for it in variables)
    last = max(int(it[1]) for it in found if it)
    copied = f"encoder/layer_{last}/"
    for layer in range(last + 1, layers):
        for variable in [it for it in variables if it.startswith(copied)]:
            part = variable.removeprefix(copied)
            shape, data = variables[variable]
            added = bytes(len(data)) if part in _ADDS else data
            variables[f"encoder/layer_{layer}/{part}"] = shape, added

    def written(it: bytes) -> bytes:
        return struct.pack("H", len(it) + 1) + it + b"\0"

    with (folder / "model.bin").open("wb") as out:
        out.write(struct.pack("I", version) + written(name) + struct.pack("I", revision))
        out.write(struct.pack("I", len(variables)))
        for variable, (shape, data) in variables.items():
            out.write(written(variable.encode()) + shape + struct.pack("I", len(data)) + data)
        out.write(rest)
