"""Scenes: a few turns in which one thing happens, with the note that should come of it.

A scene is drawn from a template of the phrase files. The markers are explained there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .speech import Utterance, Word
from .vocabulary import fill, number

if TYPE_CHECKING:
    import random

    from .speech import Field
    from .vocabulary import Topic, Vocabulary

_MARKS = re.compile(r"<(?:w|t|c|C|n|N|q|Q|f|F)>|\{\w+\}")
_THING, _NAMED = "the {adjectives} {nouns}", "the {nouns}"
_MANY = "{n} {adjectives} {nouns}s"
_INVENTED = {
    "T": (
        f"{{verbs}} [{_THING}]",
        f"{{verbs}} [{_NAMED}]",
        f"{{verbs}} [{_MANY}]",
        f"send [{_THING}] to {{firm}}",
        f"{{verbs}} [{_THING}] for {_NAMED} in {{place}}",
        f"ask {{firm}} about [{_NAMED}]",
        f"{{verbs}} [{_NAMED}] and {{verbs}} {_THING}",
        f"take [{_THING}] out",
        f"bring [{_NAMED}] up with {_NAMED}",
        f"put [{_THING}] in {_NAMED}",
        f"hand [{_THING}] over to {{firm}}",
        f"write to {{firm}} about [{_THING}]",
        f"talk to {{firm}} about [{_NAMED}]",
        f"bring [{_THING}] along",
        f"pick [{_THING}] up in {{place}}",
        f"set [{_THING}] up",
        f"sort [{_NAMED}] out",
        f"go to {{place}} and {{verbs}} [{_THING}]",
        f"find out what [{_THING}] costs",
        f"find out whether [{_NAMED}] fits {_NAMED}",
        f"show {{firm}} [{_THING}]",
        f"look after [{_NAMED}]",
        f"give [{_THING}] to {{firm}}",
        f"get a price for [{_THING}]",
    ),
    "K": (
        f"{_THING} costs {{money}}",
        f"{_NAMED} is {{n}} days late",
        "{nouns}s went up by {pct}",
        f"{_THING} broke {{n}} times",
        f"we only have {_MANY}",
        f"{_THING} does not fit {_NAMED}",
        f"{{firm}} wants {{money}} for {_NAMED}",
        f"{_THING} comes in {{month}}",
        "{pct} of the {nouns}s have no {nouns}",
    ),
    "D": (
        f"{{choices}} {_THING}",
        f"{{choices}} {_NAMED} for {_NAMED} in {{place}}",
        f"buy {_MANY}",
        f"move {_THING} to {{day}}",
        f"have {_THING} instead of {_NAMED}",
        f"leave {_NAMED} out",
        f"spend {{money}} on {_THING}",
        f"{{choices}} {_THING} until {{month}}",
        f"start with {_NAMED}",
    ),
    "C": (
        f"{_THING} stays in {{place}}",
        f"{_THING} stays as it is",
        f"{_NAMED} comes first",
        f"{_NAMED} comes after {_NAMED}",
        "it is {n} {nouns}s",
        "we have {n} {nouns}s, but only until {day}",
        f"{_THING} moves to {{day}}",
        f"{_NAMED} is on {{day}}",
        f"{_NAMED} ends at {{few}}",
        f"{_NAMED} goes on, but only until {{few}}",
        f"{_THING} starts in {{month}}",
        "everybody gets {n} {nouns}s",
        "nobody needs a {nouns}",
        f"{_NAMED} is {{adjectives}} and {_NAMED} is {{adjectives}}",
        "we meet on {day}s",
        f"{{firm}} does {_THING}",
        f"{_THING} goes to {{firm}}",
        "there is no {adjectives} {nouns} this time",
        f"{_THING} is out",
        f"{_THING} is in",
        f"no need for {_THING}",
        f"{_NAMED} will be {{adjectives}}",
        f"{_NAMED} is gonna be {{adjectives}}",
        f"{_NAMED} has to be {{adjectives}} and {{adjectives}}",
        "we want it to be {adjectives} and {adjectives}",
        "it has to be {adjectives}",
        f"we drop {_THING}",
        f"we lose {_THING}",
        f"we don't need {_THING}",
        f"we skip {_NAMED}",
        f"we leave {_NAMED} for later",
        f"{_NAMED} goes on top",
        f"{_NAMED} in {{place}} instead of {_NAMED}",
        f"we only have {_THING}",
        f"we take {_THING}, no {_NAMED}",
        f"{_THING} for {_NAMED}",
        f"{_NAMED} is for {{firm}}",
        "it should be one {nouns} with {n} {nouns}s",
    ),
    "N": (
        _THING,
        _NAMED,
        _MANY,
        "a {adjectives} {nouns}",
        "one {adjectives} {nouns} and {few} {nouns}s",
        "{adjectives} {nouns}s",
        "{adjectives} and {adjectives}",
        f"{_NAMED} and {_NAMED}",
        "no {nouns}",
        f"{_THING} instead of {_NAMED}",
        "a {nouns} with {few} {nouns}s",
        "{money}",
        "{day}",
    ),
    "Q": (
        f"who {{verbs}}s {_THING}",
        f"where does {_THING} go",
        "how many {nouns}s do we need",
        f"what does {_THING} cost",
        f"does {_THING} work with {_NAMED}",
        f"when does {_THING} arrive",
        f"who is responsible for {_NAMED}",
        f"should {_NAMED} be {{adjectives}}",
    ),
}


_GOES_ON = 0.4


@dataclass(frozen=True, slots=True)
class Person:
    label: str
    """As the transcript gives the speaker"""
    called: str
    """As the others say the name"""
    shown: str
    """As the notes give the name where it was said"""


@dataclass(slots=True)
class Stage:
    """What the scenes of one meeting draw from; phrases are used once."""

    rng: random.Random
    words: Vocabulary
    people: list[Person]
    topics: list[Topic]
    used: set[str] = field(default_factory=set)
    last: str = ""
    """Who spoke last"""

    def phrase(self, group: str, key: str) -> str:
        return self.rng.choice(self.words.phrases[group][key])

    def cast(self) -> dict[str, Person]:
        """Who plays in a scene; now and then whoever spoke last goes on."""
        three = self.rng.sample(self.people, min(3, len(self.people)))
        last = next((it for it in self.people if it.label == self.last), None)
        if last is not None and self.rng.random() < _GOES_ON:
            three = [last, *(it for it in three if it is not last)][:3]
        return dict(zip("ABC", (three * 3)[:3], strict=True))

    @property
    def topic(self) -> Topic:
        return self.rng.choice(self.topics)

    def content(self, kind: str) -> str:
        """A task, fact, decision, question or decided clause (C) that this meeting has not had."""
        for _ in range(20):
            topic = self.topic
            pools = {
                "T": topic.tasks,
                "K": topic.facts,
                "D": topic.decisions,
                "Q": topic.questions,
            }
            real = kind in pools and self.rng.random() < 0.72
            text = self.rng.choice(pools[kind]) if real else self._invented(kind)
            if text not in self.used:
                break
        self.used.add(text)
        return fill(self.rng, self.words, text)

    def when(self) -> str:
        return fill(self.rng, self.words, self.rng.choice(self.words.slots["when"]))

    def _invented(self, kind: str) -> str:
        """Any verb with any thing: what is said need not be likely, only copied."""
        frame = self.rng.choice(_INVENTED[kind])
        return re.sub(
            r"\{(verbs|choices|nouns|adjectives)\}",
            lambda slot: self.rng.choice(self.words.slots[slot[1]]),
            frame,
        )


def follow_up(stage: Stage) -> list[Utterance]:
    """Something is decided or told about a thing, and then somebody does something with "it"."""
    rng = stage.rng
    while not (match := re.search(r"\[(.*?)\]", what := stage.content("T"))):
        pass
    thing = match[1]
    talk = rng.random()
    if talk < 0.5:
        choice = rng.choice(stage.words.slots["choices"])
        before = play(
            stage, "decision", rng.choice(("made", "made", "proposed")), f"{choice} {thing}"
        )
    else:
        before = play(stage, "talk", "thing", thing)
    if not before:
        return play(stage, "task", "promise")
    between = play(stage, "talk", "background") if rng.random() < 0.3 else []
    key = rng.choice(("promise", "request", "request", "someone"))
    stage.last = (between or before)[-1].speaker
    return [*before, *between, *play(stage, "task", key, _with_pronoun(what, thing))]


def play(stage: Stage, group: str, key: str, given: str = "") -> list[Utterance]:
    """One scene, its note attached to the turn whose words the note copies. What it is about may be
    given."""
    rng, people = stage.rng, stage.cast()
    template = stage.phrase(group, key)
    while given and "<w>" not in template and "{thing}" not in template:
        template = stage.phrase(group, key)
    three = "{C}" in template or "C:" in template
    if three and len({person.label for person in people.values()}) < 3:
        return []
    if {"B: ", "{B}"} & set(re.findall(r"B: |\{B\}", template)) and people["A"] is people["B"]:
        return []
    kind = {"task": "T", "decision": "D"}.get(group, "")
    noted = kind and key not in {"none", "refused"}
    what = given or (stage.content(kind) if kind else "")
    thing = match[1].split("=")[0] if (match := re.search(r"\[(.*?)\]", what)) else ""
    when = stage.when() if noted and kind == "T" and rng.random() < 0.6 else ""
    spoken: list[Utterance] = []
    if noted and kind == "T" and thing and not given and key != "passed_on" and rng.random() < 0.12:
        mention = rng.choice(
            (
                f"There is still {thing}.",
                f"What about {thing}?",
                f"We need {thing}.",
                f"I have {thing} on my list.",
            )
        )
        spoken.append(
            Utterance(
                people["A"].label, [Word(word, kept=True) for word in mention.split()], tied=True
            )
        )
        what = _with_pronoun(what, thing)
    elif not given and key == "someone" and "{w}" in template and thing and rng.random() < 0.6:
        what = _with_pronoun(what, thing)  # "Who orders the lamps?" "I can order them."
    render = _Renderer(stage, people, what, when, keep=bool(given))
    for turn in template.split(" | "):
        role, text = turn.split(": ", 1)
        utterance = Utterance(people[role].label, render(text), tied=render.tied)
        fields = {word.field for word in utterance.words}
        if "what" in fields:
            utterance.kind = render.kind or kind
            utterance.about = thing.removeprefix("the ")
        spoken.append(utterance)
    if noted and kind == "T":
        owner = _owner(key, template, people)
        for utterance in spoken:
            if utterance.kind == "T":
                utterance.owner = owner
        for utterance in spoken:
            utterance.tied = (
                utterance.tied or key in {"someone", "passed_on"} or "{B}" not in template
            )
    return spoken


def _owner(key: str, template: str, people: dict[str, Person]) -> str:
    def name(role: str) -> str:
        return people[role].shown if f"{{{role}}}" in template else people[role].label

    match key:
        case "promise":
            return people["A"].label
        case "request" | "assigned" | "someone":
            return name("B")
        case "passed_on":
            return people["C"].label
        case "joint":
            return (
                f"{name('B')}, {name('C')}"
                if "{C}" in template
                else f"{people['A'].label}, {name('B')}"
            )
    return ""


def _plain_words(text: str, part: Field = "") -> list[Word]:
    return [Word(word, part) for word in text.split()]


def _with_pronoun(what: str, thing: str) -> str:
    """`order [the lamps]` as `order them`, the note keeping the lamps."""
    plural = thing.endswith("s") and not thing.endswith("ss")
    pronoun = "them" if plural else "it"
    return what.replace(f"[{thing}]", f"[{thing}={pronoun}]")


class _Renderer:
    """Turns one turn of a template into words."""

    def __init__(
        self, stage: Stage, people: dict[str, Person], what: str, when: str, *, keep: bool
    ) -> None:
        self.stage, self.people, self.what, self.when = stage, people, what, when
        self.keep = keep
        """Words that a pronoun stands for later must be heard"""
        self.kind = ""
        self.tied = False

    def __call__(self, text: str) -> list[Word]:
        self.kind, self.tied = "", False
        text = re.sub(r"\{(accept|refuse|volunteer|assent|unknown)\}", self._pool, text)
        words: list[Word] = []
        for chunk in text.split():
            self._chunk(chunk, words)
        if words and words[0].text[:1].islower():
            words[0] = _capital(words[0])
        return words

    def _pool(self, match: re.Match[str]) -> str:
        self.tied = match[1] in {"refuse", "volunteer"}
        return self.stage.phrase("pool", match[1])

    def _chunk(self, chunk: str, words: list[Word]) -> None:
        mark = _MARKS.search(chunk)
        if mark is None:
            words.append(Word(chunk))
            return
        before, tail = chunk[: mark.start()], chunk[mark.end() :]
        made = self._marked(mark[0])
        if not made and words and tail:
            words[-1] = Word(words[-1].text + tail, words[-1].field, words[-1].note, words[-1].kept)
        if made:
            first = made[0]
            made[0] = Word(
                before + first.text,
                first.field,
                first.note if not before else first.text,
                first.kept,
            )
            last = made[-1]
            made[-1] = Word(last.text + tail, last.field, last.note, last.kept)
        words += made

    def _marked(self, mark: str) -> list[Word]:
        stage = self.stage
        match mark:
            case "<w>":
                return self._what(self.what)
            case "{w}" | "{other}":
                text = self.what if mark == "{w}" else stage.content("D")
                words = _plain_words(re.sub(r"=\w+\]|[\[\]]", "", text))
                # The words that a pronoun stands for later must be heard.
                return [Word(it.text, kept=True) for it in words] if "=" in text else words
            case "<c>" | "<C>" | "<n>" | "<N>":
                self.kind = "D"
                words = _plain_words(stage.content(mark[1].upper()), "what")
                return [_capital(words[0]), *words[1:]] if mark[1].isupper() else words
            case "{thing}":
                return [Word(word, kept=True) for word in self.what.split()]
            case "{c}" | "{n}":
                return _plain_words(stage.content(mark[1].upper()))
            case "<t>":
                return self._when()
            case "<q>" | "<Q>":
                self.kind = "Q"
                words = _plain_words(stage.content("Q"), "what")
                return [_capital(words[0]), *words[1:]] if mark == "<Q>" else words
            case "{q}" | "{Q}":
                words = _plain_words(stage.content("Q"))
                return [_capital(words[0]), *words[1:]] if mark == "{Q}" else words
            case "<f>" | "<F>" | "{fact}":
                self.kind = "K"
                words = _plain_words(stage.content("K"), "what")
                return [_capital(words[0]), *words[1:]] if mark == "<F>" else words
            case "{topic}":
                return _plain_words(
                    stage.topics[0].title if stage.rng.random() < 0.8 else stage.topic.title
                )
            case "{noun}":
                return [Word(stage.rng.choice(stage.words.slots["nouns"]))]
            case "{A}" | "{B}" | "{C}":
                return [Word(word, kept=True) for word in self.people[mark[1]].called.split()]
        raise ValueError(f"unknown mark {mark}")

    def _what(self, what: str) -> list[Word]:
        match = re.fullmatch(r"(.*)\[(.*)=(\w+)\](.*)", what)
        if match:
            return [
                *_plain_words(match[1], "what"),
                Word(match[3], "what", note=match[2]),
                *_plain_words(match[4], "what"),
            ]
        words = _plain_words(re.sub(r"[\[\]]", "", what), "what")
        if self.keep:
            return [Word(word.text, "what", kept=True) for word in words]
        return self._corrected(words)

    def _corrected(self, words: list[Word]) -> list[Word]:
        """Now and then a number said wrongly first: "four, no, five lamps"."""
        rng = self.stage.rng
        for at, word in enumerate(words):
            if word.text.isdecimal() and rng.random() < 0.2:
                slip = [
                    Word(number(rng) + ",", "what", note=""),
                    Word(rng.choice(("no,", "sorry,")), "what", note=""),
                ]
                return words[:at] + slip + words[at:]
        return words

    def _when(self) -> list[Word]:
        rng, when = self.stage.rng, self.when
        if not when:
            return []
        words = _plain_words(when, "when")
        if rng.random() < 0.1:
            slip = self.stage.when().split()
            word = rng.choice(("no,", "sorry,", "I mean,", "or rather,", "no wait,"))
            return [Word(w, note="") for w in slip[:-1]] + [
                Word(slip[-1] + ",", note=""),
                Word(word, note=""),
                *words,
            ]
        return words


def _capital(word: Word) -> Word:
    note = word.text if word.note is None else word.note
    return Word(word.text[:1].upper() + word.text[1:], word.field, note, word.kept)
