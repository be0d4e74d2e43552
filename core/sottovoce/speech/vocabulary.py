"""Names and terms that a person gave: near misses of them in a transcript are put right.

Caution before help: a word that is right must stay. So a word is replaced only where it is no
common English word, is spelled nearly like the term and sounds nearly like it; and a term of
several words only where each of its words is met.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ..values import Word

_NEAR = 72.0
"""Likeness in spelling, of 100 (Jaro-Winkler's distance would favour mere beginnings: this is the
share of letters that stay in an edit of the least steps)"""
_ALIKE = 85.0
"""Likeness of the consonants that are heard"""
_SHORTEST = 4
"""Letters of a term that is corrected towards: among shorter ones too much is near"""
_LONG = 7
"""Letters from which a term is unlike any other word"""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


@dataclass(frozen=True)
class Vocabulary:
    terms: tuple[str, ...]

    @cached_property
    def _by_length(self) -> list[tuple[list[str], str]]:
        """The words of each term, the terms of most words first."""
        split = [(_WORD.findall(term), term) for term in dict.fromkeys(self.terms)]
        names = [(words, term) for words, term in split if words]
        # Of people, each part of the name is said alone.
        names += [([word], word) for words, _ in split if len(words) > 1 for word in words]
        return sorted(names, key=lambda it: -len(it[0]))

    def corrected(self, text: str) -> str:
        """The text with near misses of the terms written as the terms are."""
        if not self.terms or not text:
            return text
        found = list(_WORD.finditer(text))
        pieces, last, at = [], 0, 0
        while at < len(found):
            for words, term in self._by_length:
                here = found[at : at + len(words)]
                if len(here) == len(words) and _is_meant(here, words, text):
                    pieces += [text[last : here[0].start()], _as_said(here[-1][0], term)]
                    last = here[-1].end()
                    at += len(words)
                    break
            else:
                at += 1
        return "".join([*pieces, text[last:]])

    def corrected_words(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """The same for words with times. Where a correction changes how many there are, they stay
        as they are."""
        corrected = self.corrected(" ".join(word.text for word in words)).split()
        if len(corrected) != len(words):
            return words
        return tuple(replace(word, text=text) for word, text in zip(words, corrected, strict=True))


def _is_meant(heard: Sequence[re.Match[str]], words: Sequence[str], text: str) -> bool:
    if any(text[a.end() : b.start()].strip() for a, b in pairwise(heard)):
        return False  # a comma or a full stop in between
    pairs = list(zip((it[0] for it in heard), words, strict=True))
    if all(_bare(one) == word for one, word in pairs):
        return False  # it is right
    return all(_near(_bare(one), word, len(words) > 1) for one, word in pairs)


def _bare(word: str) -> str:
    return re.sub(r"['’]s$", "", word)


def _as_said(word: str, term: str) -> str:
    return term + word[len(_bare(word)) :]


def _near(heard: str, term: str, is_part: bool) -> bool:
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.fuzz import ratio

    one, other = heard.casefold(), term.casefold()
    if one == other:
        return is_part or heard[0].isupper() or not is_common(one)
    if len(other) < _SHORTEST or is_common(one):
        return False
    spelled = Levenshtein.normalized_similarity(one, other) * 100
    if heard[0].islower() and term[0].isupper() and not is_part:
        # The engine took it for a common word: only a long term is told from one.
        return len(other) >= _LONG and spelled >= _ALIKE
    return (spelled >= _NEAR and float(ratio(sounds(one), sounds(other))) >= _ALIKE) or (
        sounds(one) == sounds(other) and len(sounds(other)) >= 3 and spelled >= 50
    )


_SOUNDS = (
    ("ph", "f"), ("gh", "g"), ("ck", "k"), ("sch", "S"), ("tch", "C"), ("ch", "C"), ("sh", "S"),
    ("th", "t"), ("wh", "w"), ("wr", "r"), ("kn", "n"), ("x", "ks"), ("q", "k"), ("z", "s"),
    ("ce", "se"), ("ci", "si"), ("cy", "sy"), ("c", "k"), ("v", "f"), ("j", "g"), ("d", "t"),
    ("b", "p"),
)  # fmt: skip


def sounds(word: str) -> str:
    """The consonants that are heard, those told apart by voice alone made one; vowels only where a
    word begins with one. In the manner of Metaphone."""
    said = word.casefold()
    for letters, sound in _SOUNDS:
        said = said.replace(letters, sound)
    first, rest = said[:1], re.sub(r"[aeiouyhwàáâãäåèéêëìíîïòóôõöùúûü]", "", said[1:])
    first = "a" if first in "aeiouyàáâãäåèéêëìíîïòóôõöùúûü" else first
    return re.sub(r"(.)\1+", r"\1", first + rest)


def is_common(word: str) -> bool:
    """Whether a word is one that people say all the time, and so is no near miss of a name."""
    from ..notes.names import NOT_NAMES

    return word in _common_words() or word.capitalize() in NOT_NAMES


@cache
def _common_words() -> frozenset[str]:
    """Words that were said, in lower case, in four of 162 meetings or more (QMSum, MIT)."""
    text = (files("sottovoce.speech") / "common_words.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """Terms from a text file, one a line; ``#`` begins a remark. Raises ``UsageError``."""
    from ..errors import UsageError

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise UsageError(f"{path}: the vocabulary cannot be read: {why}") from error
    return terms(line.partition("#")[0] for line in lines)


def terms(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(term for it in lines if (term := " ".join(it.split()))))
