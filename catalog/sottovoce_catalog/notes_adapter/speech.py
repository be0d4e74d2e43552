"""Words as they are spoken and heard: each keeps what the notes should say of it.

Noise changes the words of a line; because a note copies the words of its line, the same noise
reaches the note, and only what a note should not repeat (fillers, false starts) stays out of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from .vocabulary import misheard

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

Field = Literal["", "what", "when"]

FILLERS = (
    "um",
    "uh",
    "you know",
    "I mean",
    "well",
    "so",
    "actually",
    "like",
    "er",
    "sort of",
    "erm",
    "kind of",
)
STARTS = (
    "I think we,",
    "So the, the,",
    "We, um,",
    "What I, okay,",
    "And then, no,",
    "If we, well,",
    "Yeah but, um,",
    "I I",
    "The, uh,",
    "It's like,",
    "So so",
    "Okay so, um,",
    "You know, the,",
    "I was, hmm,",
)


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    field: Field = ""
    note: str | None = None
    """What the note says in its place, where that is not the word itself; empty for nothing"""
    kept: bool = False
    """It comes through as it is, because the notes hang on it elsewhere: a name, say"""


@dataclass(slots=True)
class Utterance:
    """Some sentences of one speaker that belong together, with at most one note about them."""

    speaker: str
    words: list[Word]
    kind: str = ""
    """The kind of note, or nothing"""
    owner: str = ""
    tied: bool = False
    """Its speaker matters to the notes, so it must keep its own line"""
    about: str = field(default="")
    """The thing that the note is about, where it is known"""

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    def noted(self, part: Field, *, literally: bool = False) -> str:
        """The words of a field as the notes give them; ``literally`` with pronouns as they are."""
        said = (
            word.text
            if literally and word.note and word.text in ("it", "them")
            else word.note
            if word.note is not None
            else word.text
            for word in self.words
            if word.field == part
        )
        text = " ".join(filter(None, said)).strip(" .,?!;:")
        return re.sub(r"[,.?!]+(?=\s|$)", "", text) if part == "when" else text


@dataclass(frozen=True, slots=True)
class Noise:
    """How often things go wrong in a meeting: shares of words or utterances."""

    filler: float
    restart: float
    start: float
    misheard: float
    dropped: float
    plain: bool
    """No punctuation and no capitals"""
    commaless: bool
    runon: float = 0.0
    """Ends of sentences and questions that are heard as commas and full stops"""


CLEAN = Noise(0, 0, 0, 0, 0, plain=False, commaless=False)


def drawn_noise(rng: random.Random) -> Noise:
    """The noise of one meeting: a third clean, a third as people talk, a quarter badly recognised,
    the rest as people write down talk to the letter."""
    level = rng.random()
    plain = rng.random() < 0.08
    commaless = rng.random() < 0.15
    if level < 0.3:
        return replace(CLEAN, plain=plain, commaless=commaless)
    runon = rng.choice((0.0, 0.2, 0.5))
    if level < 0.5:
        return Noise(0.02, 0.04, 0.06, 0.008, 0.0, plain, commaless, runon)
    if level < 0.64:
        return Noise(0.035, 0.06, 0.1, 0.03, 0.015, plain, commaless, runon)
    if level < 0.9:
        return Noise(0.005, 0.01, 0.02, rng.choice((0.05, 0.1)), 0.015, plain, commaless, runon)
    return Noise(0.08, 0.25, 0.25, 0.0, 0.0, plain, commaless, 0.2)


def disturb(rng: random.Random, spoken: Utterance, noise: Noise) -> None:
    """Make an utterance sound, and be heard, as the noise says."""
    words: list[Word] = []
    for at, word in enumerate(spoken.words):
        if rng.random() < noise.filler:
            words.append(Word(rng.choice(FILLERS) + rng.choice(("", ",")), word.field, note=""))
        if word.field and at and rng.random() < noise.restart / 4 and not word.kept:
            words += (replace(word, text=word.text.strip(",.?!") + rng.choice(("", ",")), note=""),)
        if not word.kept and rng.random() < noise.misheard:
            word = _misheard(rng, word)
        elif (
            not word.field
            and not word.kept
            and rng.random() < noise.dropped
            and len(spoken.words) > 4
        ):
            continue
        words.append(word)
    words = _run_on(rng, words, noise.runon)
    if rng.random() < noise.start:
        words = [Word(text, note="") for text in rng.choice(STARTS).split()] + words
    if noise.plain:
        words = [_both(word, _plain) for word in words]
    elif noise.commaless:
        words = [_both(word, lambda text: text.replace(",", "")) for word in words]
    spoken.words = [word for word in words if word.text]


def _run_on(rng: random.Random, words: list[Word], share: float) -> list[Word]:
    """Sentences run together with commas, and questions that end in a full stop."""
    heard: list[Word] = []
    lower = False
    for at, word in enumerate(words):
        if lower and not word.kept and not word.text.startswith(("I ", "I'")) and word.text != "I":
            word = _both(word, lambda text: text[:1].lower() + text[1:])
        inside = at + 1 < len(words)
        lower = inside and word.text.endswith((".", "?")) and rng.random() < share
        if lower:
            word = replace(word, text=word.text[:-1] + ",")
        elif word.text.endswith("?") and rng.random() < share:
            word = replace(word, text=word.text[:-1] + ".")
        heard.append(word)
    return heard


def _both(word: Word, change: Callable[[str], str]) -> Word:
    note = None if word.note is None else change(word.note)
    return replace(word, text=change(word.text), note=note)


def _plain(text: str) -> str:
    return re.sub(r"[.,?!]", "", text).lower()


def _misheard(rng: random.Random, word: Word) -> Word:
    """The word and what the note says of it, unless that is something else."""
    slip = _mishear(rng, word.text)
    if word.note is None:
        return replace(word, text=slip)
    if word.note.lower() != word.text.lower():
        return word
    return replace(word, text=slip, note=slip[:1].lower() + slip[1:])


_SOUNDS = tuple(
    tuple(pair.split(">"))
    for pair in (
        "ou>oo ea>ee ar>or i>e a>u e>i b>p p>b d>t t>d m>n n>m v>f s>z th>f er>a in>en".split()
    )
)


def _mishear(rng: random.Random, text: str) -> str:
    """What is known to be heard instead, else a sound heard wrongly in a longer word."""
    match = re.fullmatch(r"(\W*)([\w'-]+)(\W*)", text)
    if not match:
        return text
    core = match[2]
    known = misheard().get(core.lower())
    heard = rng.choice(known) if known else core
    if not known and len(core) > 4:
        sounds = [pair for pair in _SOUNDS if pair[0] in core[1:]]
        if sounds:
            said, instead = rng.choice(sounds)
            heard = core[0] + core[1:].replace(said, instead, 1)
    if core[0].isupper():
        heard = heard[0].upper() + heard[1:]
    return match[1] + heard + match[3]
