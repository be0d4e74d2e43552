"""Where a meeting turns to another topic, and what a topic is called.

Borders lie where the words before and after have least in common (TextTiling: Hearst 1997, by
depth scores over blocks of lines). A title is made of words that were said.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from .evidence import STOP, content_words, stem
from .spoken import english, readable, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .evidence import Line

_BLOCK = 120
"""Words on either side of a place that are compared"""
_PER_TOPIC = 900
"""Words of talk for which one border is drawn, on average"""
_LEAST = 250
"""Words of a topic"""
_MOST = 24
"""Topics of a meeting, however long"""

_CHATTER_WORDS = (
    "think know thing something anything everything nothing gonna gotta wanna yeah yep nope"
    " okay mean guess right really sort kind like maybe probably actually basically see look"
    " say said saying tell told come came make made take took put give gave use used thank"
    " thanks sorry hello hi bye good great nice fine sure course way lot bit little much many"
    " one two three first second last next time today point stuff guy people person everybody"
    " everyone somebody someone anybody question issue work try start begin end back even"
    " still already again quite pretty though because cause since while mm hmm uh um oh ah ha"
    " huh eh alright anyway whatever else ever never always sometimes able sense idea happen"
    " keep let might could would should must shall can whole different same other another own"
    " such those these moment minute important interesting problem matter fact case example mr"
    " mrs ms dr isn't doesn't didn't won't can't couldn't wouldn't haven't hasn't wasn't"
    " weren't aren't you're they're he's she's there's what's who's where's you've they've"
    " we've i've i'd you'd we'd they'd gosh wow cool yes big small down off through before"
    " after between during without within under around kinda sorta only particular"
    " particularly seem version pass obvious obviously clear clearly simple simply certain"
    " certainly bad hard easy new old meant understand believe suppose agree hear heard talk"
    " talking show shown using bunch couple couple's half third minutes hour hours day days"
    " week weeks month year years ago later soon yet careful care want looking getting doing"
    " having itself myself yourself themselves ourselves instead less least than rather per percent"
    " cent hundred thousand million twenty thirty forty fifty sixty seventy eighty ninety either"
    " neither"
)
_CHATTER = frozenset(map(stem, _CHATTER_WORDS.split()))
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_PHRASE_TOKEN = re.compile(rf"{_TOKEN.pattern}|[\d.,:;!?()\"“”—–-]")
"""Also what ends a phrase"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lines that belong together."""

    first: int
    end: int
    """The line after the last"""


def telling(text: str) -> set[str]:
    """Stems of the words of a text that say what it is about."""
    found = content_words(text) - _CHATTER
    return {word for word in found if len(word) > 1 or word > "\u3040"}  # a character is a word


_COMMON = 0.12
"""Share of a meeting's lines in which a word stands that says nothing, in other languages than the
one whose such words are known"""
_ENOUGH = 30
"""Lines from which that can be told"""


def telling_lines(lines: Sequence[Line]) -> list[set[str]]:
    """For each line the stems of the words that say what it is about, in any language."""
    found = [telling(line.text) for line in lines]
    if len(lines) < _ENOUGH or all(english(line.language) for line in lines):
        return found
    counts = Counter(word for stems in found for word in stems)
    common = {word for word, count in counts.items() if count > _COMMON * len(lines)}
    return [stems - common for stems in found]


def stretches(lines: Sequence[Line]) -> list[Stretch]:
    """The topics of a meeting, in order and without gaps. Time grows with the lines' number."""
    if not lines:
        return []
    sizes = [size(line.text) for line in lines]
    total = sum(sizes)
    wanted = min(_MOST, max(1, round(total / _PER_TOPIC)))
    turns = depths(lines)
    least = max(_LEAST, total // (3 * wanted))
    before = [0]
    for words in sizes:
        before.append(before[-1] + words)
    borders: list[int] = []
    for at in sorted(range(1, len(lines)), key=lambda it: (-turns[it], it)):
        if len(borders) == wanted - 1:
            break
        edges = [0, *borders, len(lines)]
        if all(abs(before[at] - before[edge]) >= least for edge in edges):
            borders.append(at)
    edges = [0, *sorted(borders), len(lines)]
    return [Stretch(a, b) for a, b in pairwise(edges)]


def depths(lines: Sequence[Line]) -> list[float]:
    """For the place before each line: how much less alike its two sides are than at the peaks
    around it."""
    alike = _alike(telling_lines(lines), [size(line.text) for line in lines])
    count = len(alike)
    left, right = alike[:], alike[:]
    for at in range(1, count):
        left[at] = max(alike[at], left[at - 1] * 0.98)
    for at in range(count - 2, -1, -1):
        right[at] = max(alike[at], right[at + 1] * 0.98)
    return [left[at] + right[at] - 2 * alike[at] for at in range(count)]


def _alike(stems: Sequence[set[str]], sizes: Sequence[int]) -> list[float]:
    """Cosine of the word counts on either side, before each line; the blocks slide."""
    behind: Counter[str] = Counter()
    ahead: Counter[str] = Counter()
    start = end = words_behind = words_ahead = 0
    alike = []
    for at in range(len(stems)):
        while end < len(stems) and (words_ahead < _BLOCK or end <= at):
            ahead.update(stems[end])
            words_ahead += sizes[end]
            end += 1
        common = sum(count * ahead[word] for word, count in behind.items())
        norm = math.sqrt(
            sum(count * count for count in behind.values())
            * sum(count * count for count in ahead.values())
        )
        alike.append(common / norm if norm else 0.0)
        _move(ahead, stems[at], -1)
        words_ahead -= sizes[at]
        behind.update(stems[at])
        words_behind += sizes[at]
        while words_behind - sizes[start] > _BLOCK:
            _move(behind, stems[start], -1)
            words_behind -= sizes[start]
            start += 1
    return alike


def _move(counts: Counter[str], words: set[str], by: int) -> None:
    for word in words:
        counts[word] += by
        if counts[word] <= 0:
            del counts[word]


def titles(lines: Sequence[Line], parts: Sequence[Stretch]) -> list[str]:
    """For each topic the phrases that mark it out from the others; empty where nothing does."""
    nouns = Nouns(lines)
    phrases = []
    for part in parts:
        inside = lines[part.first : part.end]
        phrases.append(_phrases(inside, nouns) or _phrases(inside, None))
    spread: Counter[tuple[str, ...]] = Counter()
    for found in phrases:
        spread.update(found.keys())
    return [_title(found, spread, len(parts)) for found in phrases]


def _phrases(lines: Sequence[Line], nouns: Nouns | None) -> dict[tuple[str, ...], Counter[str]]:
    """Runs of one to three telling words that end in a noun, by their stems, with the forms they
    were said in."""
    found: dict[tuple[str, ...], Counter[str]] = {}
    for line in lines:
        run: list[str] = []
        for token in _PHRASE_TOKEN.findall(f"{readable(line.text, line.language)}."):
            root = stem(token.lower().replace("’", "'"))
            if _names_something(token, root):
                run.append(token)
                continue
            for count in (1, 2, 3):
                for at in range(len(run) - count + 1):
                    said = run[at : at + count]
                    key = tuple(stem(word.lower()) for word in said)
                    if nouns is None or nouns.may_be(key):
                        found.setdefault(key, Counter())[" ".join(said)] += 1
            run = []
    return found


def _names_something(token: str, root: str) -> bool:
    if not token[0].isalpha() or token.lower() in STOP or root in _CHATTER:
        return False
    if re.search(r"['’](?!s$)", token) and token.islower():  # it'll
        return False
    return len(root) > 2 and not token.endswith("ly")


class Nouns:
    """Which words of a talk are used as nouns, by the words beside them. Of English only: in other
    languages every word may be one."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._as_noun: Counter[str] = Counter()
        self._otherwise: Counter[str] = Counter()
        self._heads: Counter[str] = Counter()
        """Where it ends a noun phrase: "the cover is", not "the cover design" """
        self._knows = all(english(line.language) for line in lines)
        for line in lines:
            tokens = [it.lower() for it in _TOKEN.findall(line.text)]
            for at, (before, word) in enumerate(pairwise(["", *tokens])):
                after = tokens[at + 1] if at + 1 < len(tokens) else ""
                root = stem(word)
                if before in _BEFORE_NOUNS or after in _AFTER_NOUNS:
                    self._as_noun[root] += 1
                    self._heads[root] += not after or after in STOP
                elif before in _BEFORE_VERBS or after in _AFTER_VERBS:
                    self._otherwise[root] += 1

    def may_be(self, phrase: tuple[str, ...]) -> bool:
        """Whether these stems are a phrase that names something: their last one is a noun, which
        has also been heard without another after it."""
        last = phrase[-1]
        often = len(phrase) > 1 or self._heads[last] >= 2
        return not self._knows or (often and self._as_noun[last] > 2 * self._otherwise[last])

    def is_verb(self, root: str) -> bool:
        """Whether it is one most of the time."""
        return self._knows and self._otherwise[root] > self._as_noun[root]


_LINKS = frozenset("of for and in on to with the a an".split())


def names_topic(title: str, nouns: Nouns) -> bool:
    """Whether a model's title names something: its words are no verbs and no words of talking."""
    found = [word.lower() for word in _TOKEN.findall(title)]
    telling_words = [word for word in found if word not in _LINKS]
    if not telling_words or found[0] in _LINKS - {"the", "a", "an"} or found[-1] in _LINKS:
        return False
    if any(word in STOP or len(word) < 2 or stem(word) in _CHATTER for word in telling_words):
        return False
    return not nouns.is_verb(stem(telling_words[-1]))


_BEFORE_NOUNS = frozenset(
    "the a an this that these those my your his her its our their some any no every each which what"
    " of in on at for with from about into over between per without under by and or two three four"
    " five six ten many few several more most other another same different new".split()
)
_AFTER_NOUNS = frozenset("of is are was were has have had will would can that which who".split())
_BEFORE_VERBS = (
    frozenset(
        "to i we you he she they who can could will would shall should may might must don't didn't"
        " doesn't won't can't couldn't i'll we'll you'll they'll he'll let's not gonna just and"
        " then please never always be been being is are was were am i'm we're you're they're very"
        " so too more really quite pretty as it's that's".split()
    )
    - _BEFORE_NOUNS
)
_AFTER_VERBS = frozenset("it them him us me you this that the a an up down out off".split()) - (
    _AFTER_NOUNS
)


def _title(
    found: dict[tuple[str, ...], Counter[str]], spread: Counter[tuple[str, ...]], parts: int
) -> str:
    def weight(key: tuple[str, ...]) -> float:
        often = sum(found[key].values())
        rare = math.log(1 + parts / spread[key])
        return (often - (0.5 if len(key) == 1 else 0.0)) * rare * (1 + 0.8 * (len(key) - 1))

    chosen: list[tuple[str, ...]] = []
    ranked = sorted(
        (key for key in found if sum(found[key].values()) >= 2), key=lambda it: (-weight(it), it)
    )
    for key in ranked:
        if not any(set(key) & set(other) for other in chosen):
            chosen.append(key)
        if len(chosen) == 2:
            break
    forms = [found[key].most_common(1)[0][0] for key in chosen]
    return ", ".join(form if _name(form) else form.lower() for form in forms)


def _name(form: str) -> bool:
    return all(word[:1].isupper() for word in form.split())
