"""The notes format that the adapter reads and writes, shared by generator, training and test."""

from __future__ import annotations

import re
from dataclasses import dataclass

SYSTEM = "You take meeting notes."
NOTHING = "none"
KINDS = ("T", "D", "Q", "K")

_LINE = re.compile(r"\[(\d+)\] ([^:]+): (.*)")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_STOP = frozenset(
    _WORD.findall(
        """a an and are as at be by do for from he her him his i in is it its me my no not of off on
        or our out she so that the their them then they this to up us was we will with you your"""
    )
)


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    speaker: str
    text: str

    def __str__(self) -> str:
        return f"[{self.number}] {self.speaker}: {self.text}"


@dataclass(frozen=True, slots=True)
class Note:
    kind: str
    """T task, D decision, Q open question, K key point"""
    line: int
    what: str
    owner: str = ""
    """Names, comma separated; empty where it is nobody in particular. Tasks only, like `when`."""
    when: str = ""

    def __str__(self) -> str:
        if self.kind == "T":
            return f"T|{self.line}|{self.owner}|{self.what}|{self.when}"
        return f"{self.kind}|{self.line}|{self.what}"

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.owner.split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class Gist:
    title: str
    text: str

    def __str__(self) -> str:
        return f"G|{self.title}|{self.text}"


@dataclass(frozen=True, slots=True)
class Answer:
    notes: tuple[Note, ...]
    gist: Gist | None = None
    malformed: tuple[str, ...] = ()
    """Lines that follow no form of the contract"""

    def __str__(self) -> str:
        return "\n".join(str(part) for part in (*self.notes, *filter(None, [self.gist]))) or NOTHING


def prompt(lines: str) -> str:
    """The whole text before the answer, with the model's control tokens."""
    return (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{lines}\n\nNotes:<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def parse_lines(text: str) -> tuple[Line, ...]:
    found = (_LINE.match(line) for line in text.splitlines())
    return tuple(Line(int(m[1]), m[2], m[3]) for m in found if m)


def parse_answer(text: str) -> Answer:
    """What a model wrote, as values; never raises."""
    notes: list[Note] = []
    malformed: list[str] = []
    gist = None
    for line in filter(None, map(str.strip, text.splitlines())):
        match line.split("|"):
            case ["T", number, owner, what, when] if number.isdecimal() and what:
                notes.append(Note("T", int(number), what, owner, when))
            case ["D" | "Q" | "K" as kind, number, what] if number.isdecimal() and what:
                notes.append(Note(kind, int(number), what))
            case ["G", title, sentence]:
                gist = Gist(title, sentence)
            case [word] if word == NOTHING:
                pass
            case _:
                malformed.append(line)
    return Answer(tuple(notes), gist, tuple(malformed))


def words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))


def content_words(text: str) -> frozenset[str]:
    """The words that carry meaning: what a note may not contain unless its line says it."""
    return frozenset(words(text)) - _STOP


def unsupported(note: Note, lines: tuple[Line, ...], reach: int = 2) -> frozenset[str]:
    """The content words of a note that neither its line nor `reach` neighbours either side say."""
    place = next((i for i, line in enumerate(lines) if line.number == note.line), None)
    if place is None:
        return content_words(note.what) | {f"line {note.line}"}
    near = lines[max(0, place - reach) : place + reach + 1]
    said = frozenset(word for line in near for word in words(line.text))
    return (content_words(note.what) | content_words(note.when)) - said


def foreign_owners(note: Note, lines: tuple[Line, ...]) -> tuple[str, ...]:
    """The owners of a task who neither speak in the window nor are named in it."""
    labels = {line.speaker for line in lines}
    said = frozenset(word for line in lines for word in words(line.text.replace("'s", "")))
    return tuple(o for o in note.owners if o not in labels and not set(words(o)) <= said)
