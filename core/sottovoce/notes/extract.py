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
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..interfaces import Question
from .dates import deadline_in
from .evidence import Line, content_words, speaks_to_the_model, support, words
from .names import names_in
from .windows import Window, lines_of, windows

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
    lines = lines_of(transcript)
    parts = telling_windows(lines)
    notes: list[Note] = []
    topics: dict[str, int] = {}
    dropped = 0
    answers = _answers(generator, parts, transcript.speakers, progress, ready or {})
    for window, answer in zip(parts, answers, strict=True):
        if topic := _topic(answer, window):
            topics.setdefault(topic, window.first)
        for note in parse(answer):
            supported = checked(note, window, lines)
            if supported is None:
                dropped += 1
            else:
                notes.append(supported)
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
        f'note{n} ::= "T|{n}|" owner "|" text "|" text? | ("D" | "Q" | "K") "|{n}|" text'
        for n in range(1, count + 1)
    ]
    return "\n".join(
        [
            'root ::= "none" | topic | from1',
            *rules,
            'topic ::= "G|" text "|" text',
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


def checked(note: Note, window: Window, lines: Sequence[Line]) -> Note | None:
    """The note with its evidence as positions among all lines, or ``None`` without evidence."""
    evidence = support(note.text, [window.first + note.lines[0] - 1], lines)
    if evidence is None:
        return None
    if any(speaks_to_the_model(lines[it].text) for it in evidence):
        return None
    cited = evidence[-1]
    said = " ".join(lines[it].text for it in evidence)
    if note.kind == "D" and _only_asked([lines[it].text for it in evidence]):
        return None
    after = lines[cited + 1 : cited + 3]
    if note.kind == "D" and not _DECIDES.search(" ".join([said, *(it.text for it in after)])):
        return None
    if note.kind == "T" and not (_COMMITS.search(said) or _REQUESTS.search(said)):
        return None
    if note.kind == "T" and _PUTS_OFF.search(lines[cited].text):
        return None
    if note.kind == "Q" and _answered(cited, lines):
        return None
    note.when = _deadline(note.when, evidence, lines)
    note.owner = _owner(note.owner, cited, evidence, lines)
    note.lines = evidence
    return note


def _deadline(when: str, evidence: Sequence[int], lines: Sequence[Line]) -> str:
    """The deadline that the model gives, if its words were said there; else the one that was."""
    spoken = [lines[it].text for it in evidence]
    if deadline_in(when) and any(" ".join(words(when)) in " ".join(words(it)) for it in spoken):
        return when
    return next(filter(None, map(deadline_in, spoken)), "")


_COMMITS = re.compile(
    r"\b(?:I will|I'll|I can|I shall|I could|I am going to|I'm going to|let me)\b", re.I
)


_PUTS_OFF = re.compile(r"\blet me (?:\w+ ){0,3}first\b|\blet me (?:see|think|finish|just)\b", re.I)
"""Asks for time, in the words of a promise"""
_REQUESTS = re.compile(
    r"\b(?:please|(?:can|could|will|would|should) (?:you|he|she|they)|will|shall|should|must"
    r"|needs? to|ha(?:s|ve) to|going to|let's|let us)\b|'ll\b",
    re.I,
)
_SETTLES = re.compile(
    r"\b(?:let's|let us|we will|we'll|we shall|decided?|agreed?|then we|so we)\b", re.I
)

_DECIDES = re.compile(
    _SETTLES.pattern + r"|\b(?:will|shall|should|going to|gonna|have to|propos\w*|suggest\w*|prefer"
    r"|instead|final|settled?|favou?r|objections?|cho(?:ose|se|ice)|keep|stick|then|okay|fine|good"
    r" idea|no more|better)\b|'ll\b",
    re.I,
)
"""One of these stands near whatever is decided; where none does, the words were misheard or talk"""


def _only_asked(said: Sequence[str]) -> bool:
    """Whether all that was said is a question: asking is not deciding."""
    return all(text.rstrip().endswith("?") and not _SETTLES.search(text) for text in said)


def _owner(owner: str, cited: int, evidence: Sequence[int], lines: Sequence[Line]) -> str:
    """The owner, where the lines bear it out: who commits there, or who is named there."""
    near = range(max(0, evidence[0] - 1), min(len(lines), evidence[-1] + 2))
    commits = [lines[it].speaker for it in near if _COMMITS.search(lines[it].text)]
    named = {w for it in near for w in words(lines[it].text)}
    if owner in commits or (words(owner) and set(words(owner)) <= named):
        return owner
    if lines[cited].speaker in commits:
        return lines[cited].speaker
    return ""


_ANSWER = re.compile(r"^(?:yes|no|sure|of course|exactly|right|correct|agreed)\b", re.I)


def _answered(cited: int, lines: Sequence[Line]) -> bool:
    """Whether another speaker settles the question at once: then it is not open."""
    after = lines[cited + 1] if cited + 1 < len(lines) else None
    return (
        after is not None
        and after.speaker != lines[cited].speaker
        and _ANSWER.match(after.text) is not None
    )


_NEAR = 6
"""Lines within which two like notes are one"""


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
        twin.lines = tuple(sorted({*twin.lines, *note.lines}))
        twin.owner = twin.owner or note.owner
        twin.when = twin.when or note.when
    return sorted(kept, key=lambda it: it.lines)


def _same(note: Note, other: Note, lines: Sequence[Line]) -> bool:
    if note.kind != other.kind or note.lines[0] - other.lines[-1] > _NEAR:
        return False
    mine, theirs = content_words(note.text), content_words(other.text)
    common = len(mine & theirs) / max(1, min(len(mine), len(theirs)))
    if note.kind == "T" and note.owner and other.owner and note.owner != other.owner:
        return False
    return common >= 0.7
