"""Windows of synthetic meetings: numbered lines and the notes that should come of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .contract import Answer, Gist, Line, Note, content_words, foreign_owners, unsupported
from .scenes import Person, Stage, follow_up, play
from .speech import CLEAN, Utterance, Word, disturb, drawn_noise

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from .speech import Noise
    from .vocabulary import Topic, Vocabulary

SCENES: dict[tuple[str, str], float] = {
    ("task", "promise"): 8,
    ("task", "request"): 7,
    ("task", "assigned"): 2,
    ("task", "someone"): 3,
    ("task", "passed_on"): 1,
    ("task", "joint"): 1,
    ("task", "unowned"): 0.6,
    ("task", "refused"): 1.2,
    ("task", "none"): 4,
    ("task", "follow_up"): 5,
    ("decision", "made"): 6,
    ("decision", "proposed"): 4,
    ("decision", "stated"): 2,
    ("decision", "silence"): 1.5,
    ("decision", "short"): 4,
    ("decision", "recap"): 1.5,
    ("decision", "reversed"): 1.2,
    ("decision", "none"): 5,
    ("question", "asked"): 5,
    ("question", "answered"): 2.5,
    ("question", "small"): 2.5,
    ("question", "settled"): 1.2,
    ("fact", "frames"): 8,
    ("talk", "background"): 5,
    ("talk", "fake_promise"): 3.5,
    ("talk", "chitchat"): 3,
    ("talk", "introduction"): 0.8,
}
"""How often each kind of scene comes up, relative to the others"""
MAX_FACTS = 3
LONGEST_LINE = 28
"""Words; the host cuts longer turns at sentences"""
SIZE = 10
"""Lines of a window"""


_ONSETS = re.findall(r"\w+", "b br ch d dr f g k kr l m n p r s sh st t tr v w y z")
_VOWELS = re.findall(r"\w+", "a e i o u ai ea ou")
_CODAS = re.findall(r"\w+", "l m n r s sh th k x rd")


@dataclass(frozen=True, slots=True)
class Window:
    lines: tuple[Line, ...]
    answer: Answer

    @property
    def text(self) -> str:
        return "\n".join(map(str, self.lines))


def window(rng: random.Random, words: Vocabulary, talk: Sequence[str] = ()) -> Window:
    """A window drawn from `words`, with sentences of real `talk` strewn in."""
    stage = Stage(rng, words, _people(rng, words), _topics(rng, words))
    noise = drawn_noise(rng)
    style = rng.random()
    if style < 0.07:
        spoken = _small_talk(stage)
    elif style < 0.19:
        spoken = _monologue(stage, talk)
    else:
        spoken = _discussion(stage, talk)
    for utterance in spoken:
        disturb(rng, utterance, noise)
    spoken = [utterance for utterance in spoken if utterance.words]
    if noise is not CLEAN and rng.random() < 0.15:
        _merge_speakers(rng, spoken)
    lines, notes = _cut(rng, *_number(stage, spoken, noise))
    gist = None if style < 0.07 else _gist(stage, lines, notes, spoken)
    if gist is None and style >= 0.07:  # nothing in it says what it is about
        return window(rng, words, talk)
    return Window(tuple(lines), Answer(tuple(notes), gist))


def _cut(
    rng: random.Random, lines: list[Line], notes: list[tuple[Note, str]]
) -> tuple[list[Line], list[Note]]:
    """The last lines that fit, as a window begins anywhere in the talk, and the notes that are left
    of it: with a pronoun where what it stands for is cut off."""
    first = max(0, len(lines) - SIZE, rng.choice((0, 0, 0, 1, 2)) if len(lines) > SIZE // 2 else 0)
    left = [Line(n, it.speaker, it.text) for n, it in enumerate(lines[first:], 1)]
    shown = tuple(left)
    found: list[Note] = []
    for note, literally in notes:
        moved = replace(note, line=note.line - first)
        if moved.line > 0 and unsupported(moved, shown, reach=6):
            moved = replace(moved, what=literally)
        if (
            moved.line > 0
            and not unsupported(moved, shown, reach=6)
            and not foreign_owners(moved, shown)
        ):
            found.append(moved)
    return left, found


def _people(rng: random.Random, words: Vocabulary) -> list[Person]:
    count = rng.choice((2, 3, 3, 4, 4, 5))
    names = [
        _invented_name(rng) if rng.random() < 0.12 else name
        for name in rng.sample(words.people, count)
    ]
    style = rng.random()
    if style < 0.12:
        return [Person(f"Speaker {i + 1}", name, name) for i, name in enumerate(names)]
    if style < 0.22:
        roles = rng.sample(words.roles, count)
        if rng.random() < 0.6:
            return [Person(role, role, role) for role in roles]
        return [Person(role, name, name) for role, name in zip(roles, names, strict=True)]
    if style < 0.30:
        full = [f"{name} {rng.choice(words.surnames)}" for name in names]
        return [Person(label, name, label) for label, name in zip(full, names, strict=True)]
    unknown = rng.random() < 0.2  # who did not say a name
    return [
        Person(f"Speaker {i + 1}", name, name)
        if unknown and rng.random() < 0.5
        else Person(name, _misspelt(rng, name), name)
        for i, name in enumerate(names)
    ]


def _invented_name(rng: random.Random) -> str:
    """A name that nobody has, so that names are copied rather than recalled."""
    syllables = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((1, 2, 2)))]
    return "".join((*syllables, rng.choice(_CODAS))).capitalize()


def _misspelt(rng: random.Random, name: str) -> str:
    """A name as a recogniser may write it when it is said."""
    if rng.random() > 0.12 or len(name) < 5:
        return name
    at = rng.randrange(1, len(name) - 1)
    return name[:at] + name[at + 1 :]


def _topics(rng: random.Random, words: Vocabulary) -> list[Topic]:
    domain = rng.choice(words.domains)
    if rng.random() < 0.3:
        return rng.sample(domain, min(2, len(domain)))
    return [rng.choice(domain)]


def _scene(stage: Stage, group: str, key: str) -> list[Utterance]:
    if (group, key) == ("task", "follow_up"):
        return follow_up(stage)
    if (group, key) != ("question", "settled"):
        return play(stage, group, key)
    before = play(stage, "question", "settled_before")
    between = play(stage, "talk", "background") if stage.rng.random() < 0.5 else []
    return [*before, *between, *play(stage, "question", "settled_after")]


def _real(stage: Stage, talk: Sequence[str], speaker: str | None = None) -> Utterance:
    said = [Word(word) for word in stage.rng.choice(talk).split()]
    return Utterance(speaker or stage.rng.choice(stage.people).label, said)


def _small_talk(stage: Stage) -> list[Utterance]:
    spoken: list[Utterance] = []
    for _ in range(stage.rng.randint(3, 7)):
        key = stage.rng.choice(("chitchat", "chitchat", "chitchat", "fake_promise", "introduction"))
        spoken += play(stage, "talk", key)
    return [utterance for utterance in spoken if not utterance.kind]


def _discussion(stage: Stage, talk: Sequence[str]) -> list[Utterance]:
    rng = stage.rng
    spoken = play(stage, "talk", "opener") if rng.random() < 0.55 else []
    chatter = rng.choice((0.0, 0.1, 0.1, 0.3, 0.6)) if talk else 0.0
    goal = rng.randint(5, 14)
    listens = rng.choice((0.0, 0.0, 0.1, 0.3, 0.5))
    while len(spoken) < goal:
        stage.last = spoken[-1].speaker if spoken else ""
        if rng.random() < chatter:
            spoken.append(_real(stage, talk))
            continue
        if spoken and rng.random() < listens:
            spoken += _listener(stage)
        group, key = rng.choices(list(SCENES), list(SCENES.values()))[0]
        if group == "fact" and sum(utterance.kind == "K" for utterance in spoken) >= MAX_FACTS:
            continue
        spoken += _scene(stage, group, key)
    return spoken


_LISTENING = (
    "Yeah.",
    "Mm-hmm.",
    "Mm.",
    "Yep.",
    "Okay.",
    "Right.",
    "Uh-huh.",
    "Yeah, yeah.",
    "Hmm.",
)


def _listener(stage: Stage) -> list[Utterance]:
    """Somebody says that he listens: it means nothing, as the scene before is over."""
    others = [it.label for it in stage.people if it.label != stage.last]
    if not others:
        return []
    return [Utterance(stage.rng.choice(others), [Word(stage.rng.choice(_LISTENING))])]


def _monologue(stage: Stage, talk: Sequence[str]) -> list[Utterance]:
    """One person talks for a hundred words, with a note or two in it; the rest is talk."""
    rng = stage.rng
    speaker = rng.choice(stage.people).label
    spoken: list[Utterance] = []
    singles = (
        ("fact", "frames"),
        ("task", "promise"),
        ("task", "none"),
        ("decision", "made"),
        ("decision", "none"),
        ("question", "asked"),
        ("fact", "frames"),
        ("talk", "fake_promise"),
    )
    hits = rng.sample(singles, rng.randint(1, 3))
    filler = rng.randint(4, 8)
    plan: list[tuple[str, str] | None] = [*hits, *([None] * filler)]
    rng.shuffle(plan)
    for part in [("talk", "opener"), *plan]:
        if part is None and talk and rng.random() < 0.7:
            spoken.append(_real(stage, talk, speaker))
            continue
        for utterance in play(stage, *(part or ("talk", "background")))[:1]:
            if utterance.kind == "T":
                utterance.owner = (
                    speaker if utterance.owner == utterance.speaker else utterance.owner
                )
            utterance.speaker = speaker
            spoken.append(utterance)
    return spoken


def _merge_speakers(rng: random.Random, spoken: list[Utterance]) -> None:
    """A recogniser that misses a change of speaker, where the notes do not hang on it."""
    free = [i for i in range(1, len(spoken)) if not spoken[i].kind and not spoken[i].tied]
    for i in rng.sample(free, min(len(free), rng.randint(1, 2))):
        if not spoken[i - 1].tied:
            spoken[i].speaker = spoken[i - 1].speaker


def _number(
    stage: Stage, spoken: list[Utterance], noise: Noise
) -> tuple[list[Line], list[tuple[Note, str]]]:
    """Sentences gathered into numbered lines, and the notes with those numbers, each also as it was
    said to the letter."""
    rng = stage.rng
    joined = rng.choice((0.0, 0.4, 0.8, 1.0))
    lines: list[Line] = []
    notes: list[tuple[Note, str]] = []
    speaking = {utterance.speaker for utterance in spoken}
    heard = {p.shown: p.called for p in stage.people if p.label not in speaking}
    for utterance in spoken:
        last = lines[-1] if lines else None
        fits = last is not None and len(last.text.split()) + len(utterance.words) <= LONGEST_LINE
        if (
            last is not None
            and last.speaker == utterance.speaker
            and fits
            and rng.random() < joined
        ):
            lines[-1] = Line(last.number, last.speaker, _joined(stage, last.text, utterance, noise))
        else:
            lines.append(Line(len(lines) + 1, utterance.speaker, utterance.text))
        if utterance.kind:
            what, when = utterance.noted("what"), utterance.noted("when")
            owner = ", ".join(heard.get(name, name) for name in utterance.owner.split(", "))
            note = Note(utterance.kind, lines[-1].number, what, owner, when)
            notes.append((note, utterance.noted("what", literally=True)))
    return lines, [(note, literally) for note, literally in notes if note.what]


def _joined(stage: Stage, said: str, utterance: Utterance, noise: Noise) -> str:
    """Two utterances in one line, now and then run together."""
    if stage.rng.random() < noise.runon and said[-1] in ".?" and not utterance.words[0].kept:
        more = utterance.text
        first = more.split()[0]
        if first != "I" and not first.startswith("I'"):
            more = more[:1].lower() + more[1:]
        return f"{said[:-1]}, {more}"
    return f"{said} {utterance.text}"


def _gist(
    stage: Stage, lines: list[Line], notes: list[Note], spoken: list[Utterance]
) -> Gist | None:
    said = frozenset(word for line in lines for word in content_words(line.text))
    titles = [topic.title for topic in stage.topics if content_words(topic.title) <= said]
    titles = (
        titles
        or [
            utterance.about
            for utterance in spoken
            if utterance.kind and utterance.about and content_words(utterance.about) <= said
        ][:1]
    )
    titles = titles or [note.what for note in notes if len(note.what.split()) <= 6][:1]
    if not titles:
        return None
    title = " and ".join(_bare(title) for title in titles)
    speakers = list(dict.fromkeys(line.speaker for line in lines))[:2]
    talk = "talks" if len(speakers) == 1 else "talk"
    chat = f"{' and '.join(speakers)} {talk} about {' and '.join(titles)}"
    return Gist(_capital(title), _capital(_sentence(notes) or chat) + ".")


def _sentence(notes: list[Note]) -> str:
    """What a person would say of the window in one sentence: the outcome, else the news."""
    first = {note.kind: note for note in reversed(notes) if note.kind != "T" or note.owner}
    task, decision, question, fact = (first.get(kind) for kind in "TDQK")
    done = f"{' and '.join(task.owners)} will {task.what} {task.when}".rstrip() if task else ""
    if decision:
        decided = f"The group decides: {decision.what}"
        return f"{decided}, and {done}" if done else decided
    if fact:
        return f"{fact.what}; {done}" if done else fact.what
    if done:
        return done
    return f"One question is open: {question.what}" if question else ""


def _bare(title: str) -> str:
    bare = re.sub(r"^(the|a|an) ", "", title)
    return bare if len(bare.split()) > 1 else title


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
