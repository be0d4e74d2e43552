"""The adapter as a GGUF that llama.cpp loads, with its recipe in the metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, quantize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFIX = "sottovoce."
Q8_0 = GGMLQuantizationType.Q8_0
"""Half the size of f16, and so twice the rank in as much; it needs a rank that 32 divides"""


def write(
    path: Path, tensors: Mapping[str, np.ndarray], *, alpha: float, metadata: Mapping[str, str]
) -> None:
    """`tensors` by llama.cpp's names: `blk.0.attn_q.weight.lora_a` and so on."""
    writer = GGUFWriter(str(path), "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("general.name", "Sottovoce notes adapter")
    writer.add_string("general.license", "apache-2.0")
    writer.add_string("adapter.type", "lora")
    writer.add_key_value("adapter.lora.alpha", alpha, GGUFValueType.FLOAT32)
    for key, value in metadata.items():
        writer.add_string(PREFIX + key, value)
    for name, values in tensors.items():
        eight_bits = quantize(np.ascontiguousarray(values, dtype=np.float32), Q8_0)
        writer.add_tensor(name, eight_bits, raw_dtype=Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def metadata(path: Path) -> dict[str, str]:
    """What `write` was told of the recipe."""
    fields = GGUFReader(path).fields
    return {
        key.removeprefix(PREFIX): str(field.contents())
        for key, field in fields.items()
        if key.startswith(PREFIX)
    }
