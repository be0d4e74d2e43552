"""Notes by extraction: what a model too small to follow instructions does well once tuned for it.

Short windows of numbered lines go in; one note a line comes out, under a grammar that knows only
the window's lines and names:

    T|line|owner|what|when    a task             D|line|what    a decision
    Q|line|what               an open question   K|line|what    a key point
    G|title|gist              the topic, last; of it the title is used, as gists invent

Each note is checked against its lines; what they do not support is dropped and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..interfaces import Question
from .checks import checked
from .evidence import Line, content_words
from .names import names_in
from .windows import Window, lines_of, read_as, windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..interfaces import Conversation, TextGenerator
    from ..values import Transcript

SYSTEM = "You take meeting notes."
_MOST_TOKENS = 320
GROUP = 4
"""Windows that are asked about in one call. In what company an answer is computed may change a
close choice: the same groups in the same order give the same answers, read ahead or not."""


@dataclass(slots=True)
class Note:
    """One note and the positions of the lines that it rests on."""

    kind: str
    text: str
    lines: tuple[int, ...]
    owner: str = ""
    when: str = ""


@dataclass(frozen=True, slots=True)
class Extraction:
    notes: tuple[Note, ...]
    """In the order of their lines"""
    lines: tuple[Line, ...]
    dropped: int
    topics: tuple[tuple[int, str], ...] = ()
    """Titles of the stretches of talk, in their words, each with the position of its first line"""

    def of(self, kind: str) -> list[Note]:
        return [note for note in self.notes if note.kind == kind]


def extract(
    transcript: Transcript,
    generator: TextGenerator,
    progress: Callable[[float, float], None] = lambda done, total: None,
    ready: Mapping[Group, list[str]] | None = None,
) -> Extraction:
    """Read a transcript window by window. ``progress`` hears of windows done and in all; what is
    ``ready`` was answered before and is not asked again."""
    lines = read_as(lines_of(transcript))
    parts = telling_windows(lines)
    notes: list[Note] = []
    topics: dict[str, int] = {}
    dropped = 0
    answers = _answers(generator, parts, transcript.speakers, progress, ready or {})
    for window, answer in zip(parts, answers, strict=True):
        if topic := _topic(answer, window):
            topics.setdefault(topic, window.first)
        for note in parse(answer):
            borne_out = checked(note, window, lines)
            if borne_out is None:
                dropped += 1
            else:
                notes.append(borne_out)
    titled = tuple((first, title) for title, first in topics.items())
    return Extraction(tuple(merged(notes, lines)), tuple(lines), dropped, titled)


def _topic(answer: str, window: Window) -> str:
    """The title that the answer ends with, if the window's talk has all of its words."""
    last = answer.rpartition("\n")[2]
    if not last.startswith("G|"):
        return ""
    title = last.split("|")[1].strip()
    spoken = set().union(*(content_words(line.text) for line in window.lines))
    return title if content_words(title) and content_words(title) <= spoken else ""


Group = tuple[Question, ...]


def telling_windows(lines: Sequence[Line]) -> list[Window]:
    """The windows in which somebody uses words that carry meaning: the others support no note."""
    parts = windows(lines) if lines else []
    return [it for it in parts if any(content_words(line.text) for line in it.lines)]


def groups(parts: Sequence[Window], known: Sequence[str]) -> Iterator[Group]:
    """What the model is asked about the windows, a few in one call. ``known`` are the speakers."""
    for first in range(0, len(parts), GROUP):
        yield tuple(
            Question(
                text=f"{window.text}\n\nNotes:",
                grammar=grammar(window, known),
                max_tokens=_MOST_TOKENS,
            )
            for window in parts[first : first + GROUP]
        )


def _answers(
    generator: TextGenerator,
    parts: Sequence[Window],
    known: Sequence[str],
    progress: Callable[[float, float], None],
    ready: Mapping[Group, list[str]],
) -> Iterator[str]:
    """In the order of the windows, group by group: memory does not grow with them."""
    if not parts:
        return
    progress(0, len(parts))
    conversation = generator.open(system=SYSTEM)
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        progress(done, len(parts))

    try:
        for group in groups(parts, known):
            if group in ready:
                for answer in ready[group]:
                    tell()
                    yield answer
            else:
                yield from answered(conversation, group, tell)
    finally:
        conversation.close()


def answered(
    conversation: Conversation,
    questions: Sequence[Question],
    tell: Callable[[], None] = lambda: None,
) -> list[str]:
    """The answers, of one that was cut off only the whole lines; ``tell`` hears of each."""
    answers = [""] * len(questions)
    for piece in conversation.ask(questions):
        answers[piece.question] += piece.text
        if piece.last:
            if piece.truncated:
                answers[piece.question] = answers[piece.question].rpartition("\n")[0]
            tell()
    return answers


def grammar(window: Window, known: Sequence[str]) -> str:
    """GBNF for a window's notes: no line and no owner that is not in it, and no line after a later
    one, so that a model that begins to repeat itself comes to an end."""
    names = names_in(window.lines, known)
    owners = " | ".join(
        '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names
    )
    count = len(window.lines)
    rules = [
        f'from{n} ::= note{n} ("\\n" (topic | from{n}))?' + (f" | from{n + 1}" if n < count else "")
        for n in range(1, count + 1)
    ]
    rules += [
        f'note{n} ::= "T|{n}|" owners? "|" text "|" text? | ("D" | "Q" | "K") "|{n}|" text'
        for n in range(1, count + 1)
    ]
    return "\n".join(
        [
            'root ::= "none" | topic | from1',
            *rules,
            'topic ::= "G|" text "|"',
            'owners ::= owner (", " owner)?',
            f"owner ::= {owners}",
            r"text ::= [^|\n]+",
            "",
        ]
    )


_FORM = re.compile(
    r"(?P<task>T)\|(?P<line>\d+)\|(?P<owner>[^|]*)\|(?P<what>[^|]+)\|(?P<when>[^|]*)$"
    r"|(?P<kind>[DQK])\|(?P<at>\d+)\|(?P<text>[^|]+)"
)


def parse(answer: str) -> Iterator[Note]:
    """The notes of an answer; their line is the number in the window, from 1."""
    for row in answer.splitlines():
        found = _FORM.match(row.strip())
        if found is None:
            continue
        if found["task"]:
            yield Note(
                "T",
                found["what"].strip(),
                (int(found["line"]),),
                found["owner"],
                found["when"].strip(),
            )
        else:
            yield Note(found["kind"], found["text"].strip(), (int(found["at"]),))


_NEAR = 6
"""Lines within which two like notes are one"""
_ALIKE, _ALIKE_OF_A_LINE = 0.7, 0.6
"""Share of content words that two notes have in common which say the same"""
_ANSWERED_WITHIN = 2
"""Lines from a request to the promise of somebody else"""


def merged(notes: Sequence[Note], lines: Sequence[Line]) -> list[Note]:
    """One note for what overlapping windows, or a request and its promise, gave twice."""
    kept: list[Note] = []
    for note in sorted(notes, key=lambda it: it.lines):
        twin = next((other for other in reversed(kept) if _same(note, other, lines)), None)
        if twin is None:
            kept.append(note)
            continue
        if len(content_words(note.text)) > len(content_words(twin.text)):
            twin.text = note.text
        if not twin.owner or note.lines[-1] > twin.lines[-1]:
            twin.owner = note.owner or twin.owner  # who answers a request has it, not who was asked
        twin.lines = tuple(sorted({*twin.lines, *note.lines}))
        twin.when = twin.when or note.when
    decided = Counter(it for note in kept if note.kind == "D" for it in note.lines)
    promised = {(note.owner, note.lines[0]) for note in kept if note.kind == "T"}
    return sorted(
        (
            it
            for it in kept
            if not (it.kind == "Q" and it.lines[-1] in decided)  # asked and decided in one breath
            and not (it.kind == "D" and _OPINION.search(it.text) and decided[it.lines[-1]] > 1)
            and not (
                it.kind == "T"
                and _POINTING.search(it.text)
                and (it.owner, it.lines[-1] + 1) in promised
            )
        ),
        key=lambda it: it.lines,
    )


_OPINION = re.compile(r"\b(?:is|are|would be) (?:better|nicer|cheaper|fine|good|great|okay)$", re.I)
"""The reason for what is decided in the same line"""
_POINTING = re.compile(r"\b(?:it|them|that)$", re.I)
"""A request that points to a thing; whoever answers it in his own words says it better"""


def _same(note: Note, other: Note, lines: Sequence[Line]) -> bool:
    if note.kind != other.kind or note.lines[0] - other.lines[-1] > _NEAR:
        return False
    mine, theirs = content_words(note.text), content_words(other.text)
    common = len(mine & theirs) / max(1, min(len(mine), len(theirs)))
    if note.kind == "T" and note.owner and other.owner and note.owner != other.owner:
        return common >= _ALIKE and note.lines[0] - other.lines[-1] <= _ANSWERED_WITHIN
    return common >= (_ALIKE_OF_A_LINE if note.lines == other.lines else _ALIKE)
