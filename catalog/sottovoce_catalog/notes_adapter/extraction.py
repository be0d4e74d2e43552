"""Answers from llama.cpp itself, and real meetings cut into windows: what the tests run on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .contract import Line, Note, foreign_owners, parse_answer, prompt, unsupported
from .qmsum import sentences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_LINE = 45
"""Words"""


class Reader:
    """The starter model with an adapter, answering greedily."""

    def __init__(self, model: Path, adapter: Path | None, threads: int) -> None:
        from llama_cpp import Llama

        self._llama: Any = Llama(
            str(model),
            lora_path=str(adapter) if adapter else None,
            n_ctx=2048,
            n_threads=threads,
            verbose=False,
        )

    def __call__(self, lines: str, longest: int = 300) -> str:
        done = self._llama.create_completion(
            prompt(lines), max_tokens=longest, temperature=0.0, stop=["<|im_end|>"]
        )
        return str(done["choices"][0]["text"])


def turns_as_lines(turns: list[dict[str, str]]) -> list[Line]:
    """A transcript's turns as numbered lines, long ones cut at sentences."""
    lines: list[Line] = []
    for turn in turns:
        said: list[str] = []
        for sentence in sentences(turn["content"]):
            if said and len(" ".join([*said, sentence]).split()) > LONGEST_LINE:
                lines.append(Line(len(lines), turn["speaker"], " ".join(said)))
                said = []
            said.append(sentence)
        if said:
            lines.append(Line(len(lines), turn["speaker"], " ".join(said)))
    return lines


def windows(
    lines: list[Line], size: int = 10, overlap: int = 2, most_words: int = 260
) -> Iterator[tuple[Line, ...]]:
    """Stretches of at most `size` lines that begin with the last `overlap` of the one before."""
    start = 0
    while start < len(lines):
        end = start
        while end < min(start + size, len(lines)) and (
            end - start < 4
            or sum(len(line.text.split()) for line in lines[start : end + 1]) <= most_words
        ):
            end += 1
        yield tuple(lines[start:end])
        if end == len(lines):
            return
        start = max(start + 1, end - overlap)


def extract(reader: Reader, lines: list[Line]) -> Iterator[Note]:
    """The supported notes of a transcript, each once."""
    seen: set[tuple[str, int]] = set()
    for window in windows(lines):
        numbers = {line.number for line in window}
        for note in parse_answer(reader("\n".join(map(str, window)))).notes:
            fine = (
                note.line in numbers
                and not unsupported(note, window, reach=1)
                and not foreign_owners(note, window)
            )
            if fine and (note.kind, note.line) not in seen:
                seen.add((note.kind, note.line))
                yield note
