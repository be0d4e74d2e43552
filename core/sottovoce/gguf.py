"""The header of a GGUF file: what a model is, and how many bytes each of its tensors takes.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import ModelError
from .values import ModelShape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LONGEST_ARRAY = 4096
"""Elements of an array that is kept; longer ones are vocabularies"""
_MOST = 1 << 24
"""Of tensors, keys and elements: more is a damaged file"""
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_STRING, _ARRAY = 8, 9
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36),
}  # fmt: skip
"""Elements and bytes of a block, by the number of the type (``ggml_type``)"""


class IncompleteHeaderError(ModelError):
    """The bytes end before the header does."""


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    """The one that lies together in memory first"""
    kind: int
    """Number of its type (``ggml_type``)"""
    offset: int
    """Bytes after the header"""
    at: int
    """Where the header says of what type it is, and its offset"""
    elements: int
    size: int
    """Bytes"""


@dataclass(frozen=True, slots=True)
class Header:
    metadata: Mapping[str, Any]
    """Without arrays of more than some thousand elements"""
    tensors: tuple[Tensor, ...]
    length: int
    """Bytes of the file before the first tensor"""

    @property
    def file_size(self) -> int:
        """Bytes that the whole file has at least."""
        align = int(self.metadata.get("general.alignment", 32))
        before = sum(-(-it.size // align) * align for it in self.tensors[:-1])
        return self.length + before + (self.tensors[-1].size if self.tensors else 0)

    @property
    def architecture(self) -> str:
        return str(self.metadata["general.architecture"])

    @property
    def tied(self) -> bool:
        """Whether the output is the token embedding."""
        return all(it.name != "output.weight" for it in self.tensors)

    def of(self, key: str, default: Any = None) -> Any:
        """A value under the architecture's own prefix."""
        return self.metadata.get(f"{self.architecture}.{key}", default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Bytes of a model's tensors, by where llama.cpp puts them."""

    layers: tuple[int, ...]
    output: int
    """On the device of the last layer; where the output is tied, a copy of the token embedding"""
    token_embedding: int
    layer_embeddings: int = 0


def read_header(path: Path) -> Header:
    """Raises ``ModelError`` where the file is not a GGUF file, or a damaged one."""
    try:
        with path.open("rb") as file:
            amount = 1 << 20
            while True:
                file.seek(0)
                data = file.read(amount)
                try:
                    return parse_header(data)
                except IncompleteHeaderError:
                    if len(data) < amount:
                        raise
                    amount *= 4
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except ModelError as error:
        raise type(error)(f"{path.name} is not a model that can be loaded: {error}") from error


def parse_header(data: bytes) -> Header:
    """Of the first bytes of a file. Raises ``IncompleteHeaderError`` where more are needed."""
    reader = _Reader(data)
    if data[:4] != b"GGUF"[: len(data[:4])]:
        raise ModelError("it is not a GGUF file")
    _, version, tensors, keys = reader.unpack("4sIQQ")
    if version not in (2, 3):
        raise ModelError(f"it is GGUF version {version}, and 2 and 3 are known")
    if tensors > _MOST or keys > _MOST:
        raise ModelError("its header is damaged")
    metadata = {}
    for _ in range(keys):
        key = reader.string()
        (kind,) = reader.unpack("I")
        metadata[key] = reader.value(kind)
    found = tuple(reader.tensor() for _ in range(tensors))
    if not isinstance(metadata.get("general.architecture"), str):
        raise ModelError("it does not name its architecture")
    align = metadata.get("general.alignment", 32)
    if not isinstance(align, int) or align <= 0:
        raise ModelError("its header is damaged")
    return Header(metadata, found, -(-reader.position // align) * align)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def take(self, size: int) -> int:
        start = self.position
        if start + size > len(self._data):
            raise IncompleteHeaderError("it ends within its header; download it again")
        self.position += size
        return start

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack_from(
            "<" + layout, self._data, self.take(struct.calcsize("<" + layout))
        )

    def string(self) -> str:
        (length,) = self.unpack("Q")
        if length > _MOST:
            raise ModelError("its header is damaged")
        start = self.take(length)
        return self._data[start : start + length].decode(errors="replace")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise ModelError("its header is damaged")
        return self.unpack(_SCALARS[kind])[0]

    def _array(self) -> Any:
        kind, count = self.unpack("IQ")
        if count > _MOST or kind == _ARRAY:
            raise ModelError("its header is damaged")
        if kind in _SCALARS:
            if count <= _LONGEST_ARRAY:
                return self.unpack(f"{count}{_SCALARS[kind]}")
            self.take(count * struct.calcsize("<" + _SCALARS[kind]))
            return None
        if kind != _STRING:
            raise ModelError("its header is damaged")
        if count <= _LONGEST_ARRAY:
            return tuple(self.string() for _ in range(count))
        self._skip_strings(count)
        return None

    def _skip_strings(self, count: int) -> None:
        # There are hundreds of thousands of them, in every header.
        data, position, length = self._data, self.position, struct.Struct("<Q").unpack_from
        try:
            for _ in range(count):
                position += 8 + length(data, position)[0]
        except struct.error:
            position = len(data) + 1
        self.take(position - self.position)

    def tensor(self) -> Tensor:
        name = self.string()
        (dimensions,) = self.unpack("I")
        if dimensions > 4:
            raise ModelError("its header is damaged")
        shape = self.unpack(f"{dimensions}Q")
        at = self.position
        kind, offset = self.unpack("IQ")
        if kind not in _BLOCKS:
            raise ModelError(f"its tensor {name} is of a type that is not known ({kind})")
        block, size = _BLOCKS[kind]
        elements = math.prod(shape)
        return Tensor(name, shape, kind, offset, at, elements, elements // block * size)


def weights_of(header: Header) -> Weights:
    """Where llama.cpp puts which bytes (``llama-model.cpp``, ``load_tensors``)."""
    layers = [0] * int(header.of("block_count", 0))
    output = token_embedding = layer_embeddings = 0
    for tensor in header.tensors:
        part = tensor.name.split(".")
        if part[0] == "blk" and part[1].isdigit() and int(part[1]) < len(layers):
            layers[int(part[1])] += tensor.size
        elif part[0] == "token_embd":
            token_embedding += tensor.size
        elif part[0] == "per_layer_token_embd":
            layer_embeddings += tensor.size
        elif part[0] == "per_layer_model_proj" and layers:
            layers[0] += tensor.size  # goes where the first layer is
        else:
            output += tensor.size
    if header.tied:
        output += token_embedding
    return Weights(
        layers=tuple(layers),
        output=output,
        token_embedding=token_embedding,
        layer_embeddings=layer_embeddings,
    )


def shape_of(header: Header) -> ModelShape:
    """The dimensions that memory is computed from. Raises ``ModelError`` where some are missing."""
    of = header.of
    needed = ("block_count", "embedding_length")
    if missing := [key for key in needed if of(key) is None]:
        raise ModelError(f"its header does not say {', '.join(missing)}")
    layers, hidden = int(of("block_count")), int(of("embedding_length"))
    heads = of("attention.head_count", 0)
    heads = int(max(heads) if isinstance(heads, tuple) else heads)
    sliding = of("attention.sliding_window_pattern")
    window = int(of("attention.sliding_window", 0)) if isinstance(sliding, tuple) else 0
    recurrent = int(of("full_attention_interval", 0)) if of("ssm.state_size") else 0
    kv_heads = of("attention.head_count_kv", heads)
    per_layer = kv_heads if isinstance(kv_heads, tuple) else (kv_heads,) * layers
    if window and isinstance(sliding, tuple):
        kinds = "".join("w" if it else "f" for it in sliding)
    elif recurrent:
        kinds = "r" * (recurrent - 1) + "f"
    else:
        kinds = "".join("f" if it else "r" for it in per_layer) or "f"
    attending = dict(zip(kinds * layers, per_layer, strict=False))
    embedding = sum(it.elements for it in header.tensors if it.name == "token_embd.weight")
    experts = int(of("expert_count", 0))
    widths = of("expert_feed_forward_length" if experts else "feed_forward_length", 0)
    early, late = (widths[0], widths[-1]) if isinstance(widths, tuple) else (widths, widths)
    return ModelShape(
        architecture=header.architecture,
        layers=layers,
        hidden=hidden,
        vocabulary=embedding // hidden,
        feed_forward=int(early),
        pattern=_period(kinds),
        heads=heads,
        kv_heads=int(attending.get("f", 0)),
        head_size=int(of("attention.key_length", hidden // max(1, heads))),
        window=window,
        window_kv_heads=int(attending.get("w", 0)),
        window_head_size=int(of("attention.key_length_swa", 0)) if window else 0,
        shared_layers=int(of("attention.shared_kv_layers", 0)),
        late_feed_forward=0 if late == early else int(late),
        conv=int(of("ssm.conv_kernel", 0)),
        state_size=int(of("ssm.state_size", 0)),
        state_groups=int(of("ssm.group_count", 0)),
        state_heads=int(of("ssm.time_step_rank", 0)),
        experts=experts,
        experts_used=int(of("expert_used_count", 0)),
        shared_feed_forward=int(of("expert_shared_feed_forward_length", 0)),
        per_layer_width=int(of("embedding_length_per_layer_input", 0)),
        tied=header.tied,
    )


def copies_embedding(architecture: str) -> bool:
    """Whether llama.cpp loads a tied output a second time even where both are on the CPU."""
    return architecture.startswith("gemma")


def _period(kinds: str) -> str:
    """The shortest pattern that repeats to these kinds."""
    for n in range(1, len(kinds)):
        if (kinds[:n] * len(kinds))[: len(kinds)] == kinds:
            return kinds[:n]
    return kinds
