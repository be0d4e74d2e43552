"""The model's own tokenizer, rebuilt from its GGUF, and samples as rows of token ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

from .contract import prompt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

END = "<|im_end|>"
LONGEST = 1024
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"


class ModelTokenizer:
    def __init__(self, gguf: Path) -> None:
        fields = GGUFReader(gguf).fields
        vocabulary: list[str] = fields["tokenizer.ggml.tokens"].contents()
        merges: list[str] = fields["tokenizer.ggml.merges"].contents()
        kinds: list[int] = fields["tokenizer.ggml.token_type"].contents()
        pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
        self._tokenizer = Tokenizer(
            models.BPE({token: i for i, token in enumerate(vocabulary)}, pairs)
        )
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.Split(Regex(_GPT2), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        control = [token for token, kind in zip(vocabulary, kinds, strict=True) if kind == 3]
        self._tokenizer.add_special_tokens(
            [AddedToken(token, normalized=False) for token in control]
        )
        self._bytes = {char: byte for byte, char in _byte_alphabet().items()}
        self._vocabulary = vocabulary
        self.end = vocabulary.index(END)

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        joined = "".join(self._vocabulary[i] for i in ids)
        return bytes(self._bytes[char] for char in joined if char in self._bytes).decode(
            "utf-8", "replace"
        )

    def rows(self, samples: Sequence[tuple[str, str]]) -> list[tuple[list[int], int]]:
        """Each sample's token ids and how many of them are its prompt, on which there is no
        loss."""
        asked = self._many([prompt(lines) for lines, _ in samples])
        told = self._many([answer + END + "\n" for _, answer in samples])
        return [((a + b)[:LONGEST], len(a)) for a, b in zip(asked, told, strict=True)]

    def _many(self, texts: list[str]) -> list[list[int]]:
        found = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return [encoding.ids for encoding in found]


def _byte_alphabet() -> dict[int, str]:
    """GPT-2's printable character for every byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + i) for i, byte in enumerate(rest)}
