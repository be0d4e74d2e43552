"""The test model's tokens: a byte-level BPE that has every word of its vocabulary whole, then the
empty token by which CTranslate2 knows a multilingual Whisper, and Whisper's special tokens."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from .sentences import HOMOPHONES, sentence

if TYPE_CHECKING:
    from pathlib import Path

_LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th"
    " ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr"
    " pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as"
    " tt haw ln ha ba jw su"
).split()
WORDS = 601
END = WORDS + 1
"""The end of a text, and the first special token"""
SPECIAL = {
    name: END + number
    for number, name in enumerate(
        [
            "<|endoftext|>",
            "<|startoftranscript|>",
            *(f"<|{it}|>" for it in _LANGUAGES),
            "<|translate|>",
            "<|transcribe|>",
            "<|startoflm|>",
            "<|startofprev|>",
            "<|nospeech|>",
            "<|notimestamps|>",
        ]
    )
}


def tokenizer() -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    random = Random(0)
    said = [" " + sentence(random, it).text for it in ("en", "de") * 4_000]
    said += [" " + it for it in HOMOPHONES.values()] * 100
    trainer = trainers.BpeTrainer(
        vocab_size=5_000,
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(said, trainer)
    return made


def _everything() -> dict[str, int]:
    """Every token by its text, the time stamps last."""
    stamps = {f"<|{n * 0.02:.2f}|>": END + len(SPECIAL) + n for n in range(1_501)}
    everything = {**tokenizer().get_vocab(), "": WORDS, **SPECIAL, **stamps}
    assert sorted(everything.values()) == list(range(len(everything)))
    return everything


def names() -> list[str]:
    """The tokens in order: ``vocabulary.json``."""
    everything = _everything()
    return sorted(everything, key=everything.__getitem__)


def write(folder: Path) -> None:
    """``tokenizer.json``, as a converted Whisper has it."""
    made = json.loads(tokenizer().to_str())
    made["added_tokens"] = [
        {
            "id": number,
            "content": name,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for name, number in _everything().items()
        if number >= END
    ]
    made["model"]["vocab"] = {name: it for name, it in _everything().items() if it < END}
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(text + "\n", encoding="utf-8")
