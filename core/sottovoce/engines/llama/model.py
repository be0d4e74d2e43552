"""One llama.cpp model: weights, adapter and vocabulary."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import llama_cpp

from ...errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from .native import NativeLog
    from .settings import LlamaSettings


class Model:
    """Frees its memory on ``close``, which has to come after that of its contexts."""

    def __init__(
        self,
        path: Path,
        adapter: Path | None,
        settings: LlamaSettings,
        log: NativeLog,
        *,
        vocabulary_only: bool = False,
    ) -> None:
        """Load a GGUF file and an adapter over it. Raises ``ModelError``, with the reason."""
        if not path.is_file():
            raise ModelError(f"there is no model file {path}")
        params = llama_cpp.llama_model_default_params()
        self.on_gpu = bool(llama_cpp.llama_supports_gpu_offload()) and settings.n_gpu_layers != 0
        layers = settings.n_gpu_layers
        params.n_gpu_layers = layers if layers is not None else (-1 if self.on_gpu else 0)
        params.vocab_only = vocabulary_only
        log.clear()
        self.pointer = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self.pointer:
            raise ModelError(
                f"{path.name} cannot be loaded ({log.cause()}); download it again, or choose a "
                f"model that llama-cpp-python {llama_cpp.__version__} supports"
            )
        self.adapter = None
        if adapter is not None:
            self.adapter = llama_cpp.llama_adapter_lora_init(self.pointer, str(adapter).encode())
            if not self.adapter:
                self.close()
                raise ModelError(
                    f"the adapter {adapter.name} cannot be loaded over {path.name} ({log.cause()})"
                )
        self.recurrent = bool(
            llama_cpp.llama_model_is_recurrent(self.pointer)
            or llama_cpp.llama_model_is_hybrid(self.pointer)
        )
        """Whether layers carry a state that cannot be taken back token by token"""
        self.vocabulary = Vocabulary(self.pointer)
        template = llama_cpp.llama_model_chat_template(self.pointer, None)
        self.chat_template: str | None = template.decode() if template else None

    def close(self) -> None:
        if self.pointer:
            llama_cpp.llama_model_free(self.pointer)  # frees the adapter with it
            self.pointer = None


class Vocabulary:
    """Text to tokens and back."""

    def __init__(self, model: llama_cpp.llama_model_p) -> None:
        self.pointer = llama_cpp.llama_model_get_vocab(model)
        self.size: int = llama_cpp.llama_vocab_n_tokens(self.pointer)
        self._pieces: dict[int, bytes] = {}
        bos = llama_cpp.llama_vocab_bos(self.pointer)
        eos = llama_cpp.llama_vocab_eos(self.pointer)
        self.bos: int | None = bos if bos >= 0 else None
        self.adds_bos = self.bos is not None and llama_cpp.llama_vocab_get_add_bos(self.pointer)
        self.bos_text = self._text(bos)
        self.eos_text = self._text(eos)
        # SentencePiece vocabularies may put a space before whatever they are given.
        self._adds_space = self._tokenize("a", special=False) != self._tokenize(
            "\na", special=False
        )[-1:] and self.text(self._tokenize("a", special=False)).startswith(b" ")

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """The tokens of a text. ``special`` reads control tokens in it: for templates only."""
        if not self._adds_space or not text:
            return self._tokenize(text, special=special)
        tokens = self._tokenize("\n" + text, special=special)
        for i, token in enumerate(tokens[:2]):
            if self.piece(token) == b"\n":
                return tokens[i + 1 :]
        return self._tokenize(text, special=special)

    def _tokenize(self, text: str, *, special: bool) -> list[int]:
        data = text.encode(errors="replace")
        room = len(data) + 8
        while True:
            buffer = (llama_cpp.llama_token * room)()
            n = llama_cpp.llama_tokenize(
                self.pointer, data, len(data), buffer, room, False, special
            )
            if n >= 0:
                return buffer[:n]
            room = -n

    def piece(self, token: int) -> bytes:
        """The bytes of a token, which may be a part of a character. Control tokens have none."""
        if (known := self._pieces.get(token)) is not None:
            return known
        buffer = ctypes.create_string_buffer(64)
        n = llama_cpp.llama_token_to_piece(self.pointer, token, buffer, 64, 0, False)
        if n < 0:
            buffer = ctypes.create_string_buffer(-n)
            n = llama_cpp.llama_token_to_piece(self.pointer, token, buffer, -n, 0, False)
        self._pieces[token] = buffer.raw[:n]
        return self._pieces[token]

    def text(self, tokens: list[int]) -> bytes:
        return b"".join(map(self.piece, tokens))

    def ends(self, token: int) -> bool:
        """Whether a token ends an answer."""
        return bool(llama_cpp.llama_vocab_is_eog(self.pointer, token))

    def _text(self, token: int) -> str:
        if token < 0:
            return ""
        return str(llama_cpp.llama_vocab_get_text(self.pointer, token).decode(errors="replace"))
