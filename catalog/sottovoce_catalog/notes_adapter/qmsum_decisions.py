"""Windows of QMSum's training meetings whose decisions can be labelled from its reference answers.

A sentence that sounds like a decision and shares words with a reference answer that rests on its
turn is taken for one.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

from .contract import Answer, Gist, Line, Note, content_words
from .qmsum import meetings, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SOUNDS = re.compile(
    r"\b(?:we'll|we will|we're going to|we're gonna|we are going to|we decided to|we've decided to"
    r"|let's|let us)(?: just| also| then| definitely)? "
    r"(?P<what>(?:go for|go with|stick (?:with|to)|use|keep|drop|scrap|scratch|leave|put|take"
    r"|target|sell|aim|add|include|remove|choose|buy|record|limit|skip|develop|produce|focus|adopt"
    r"|reduce|offer|combine|replace|change|require|postpone|allow) [^.?!,;]*)",
    re.IGNORECASE,
)
_UNSURE = re.compile(
    r"\b(?:maybe|if|sorry|let's|we|perhaps|could|might|whether|look|break|minutes)\b", re.I
)
_OPEN = re.compile(
    r"\b(?:if|unless|maybe|not sure|could|might|move on|should|depends|whether|how|where|what|which"
    r"|example|opportunity)\b|\?",
    re.I,
)
_LOOSE_END = re.compile(
    r"(?:\s(?:a|an|the|of|to|and|or|for|with|that|in|on|we|is|it's|so|as|but|just|then))+$", re.I
)
_FEWEST, _MOST = 3, 14
"""Words of a decision"""
_SHARED = 1
"""Content words that a decision and the reference must share"""


def windows(archive: Path, seed: int = 0) -> list[tuple[str, str]]:
    """Lines and answers, in the order of the archive."""
    rng = random.Random(seed)
    return [sample for meeting in meetings(archive) for sample in _of_meeting(meeting, rng)]


def _of_meeting(meeting: dict[str, Any], rng: random.Random) -> Iterator[tuple[str, str]]:
    said = [
        (number, turn["speaker"], sentence)
        for number, turn in enumerate(meeting["meeting_transcripts"])
        for sentence in sentences(turn["content"])
    ]
    sounds = {at: match for at, (_, _, text) in enumerate(said) if (match := _decision(text))}
    labelled = {at for at in sounds if _in_references(meeting, said[at][0], sounds[at])}
    for at in sorted(labelled):
        first = at - rng.randint(2, 5)
        last = at + rng.randint(1, 4)
        near = [i for i in sounds if first <= i <= last]
        if first < 0 or last >= len(said) or any(i not in labelled for i in near):
            continue
        start = rng.choice((1, 1, rng.randint(1, 200)))
        lines = tuple(
            Line(start + i - first, said[i][1], said[i][2]) for i in range(first, last + 1)
        )
        if any(
            len(line.text.split()) > 60 or "|" in line.text or "[" in line.text for line in lines
        ):
            continue
        notes = tuple(Note("D", start + i - first, sounds[i]) for i in near)
        gist = _gist(meeting, said[at][0], lines, notes)
        yield "\n".join(map(str, lines)), str(Answer(notes, gist))


def _decision(sentence: str) -> str:
    """What a sentence decides, if it sounds like a decision."""
    match = _SOUNDS.search(sentence)
    if match is None or _UNSURE.search(match["what"]) or _OPEN.search(sentence):
        return ""
    what = re.sub(r"\b(?:uh|um|er|mm|you know|like|I mean)\b ?", "", match["what"]).strip()
    what = _LOOSE_END.sub("", re.sub(r"\b(\w+) \1\b", r"\1", what))
    return what if _FEWEST <= len(what.split()) <= _MOST else ""


def _in_references(meeting: dict[str, Any], turn: int, what: str) -> bool:
    told = content_words(what)
    for query in (*meeting["specific_query_list"], *meeting["general_query_list"]):
        spans = query.get("relevant_text_span")
        if spans and not any(int(a) <= turn <= int(b) for a, b in spans):
            continue
        for sentence in re.split(r"(?<=[.;])\s+", query["answer"]):
            shared = {w for w in told & content_words(sentence) if len(w) > 3}
            if len(shared) >= _SHARED:
                return True
    return False


def _gist(
    meeting: dict[str, Any], turn: int, lines: tuple[Line, ...], notes: tuple[Note, ...]
) -> Gist:
    """The reference's topic where its words are said, else the words of the decision."""
    said = frozenset(word for line in lines for word in content_words(line.text))
    title = " ".join(notes[0].what.split()[:6])
    for topic in meeting["topic_list"]:
        inside = any(int(a) <= turn <= int(b) for a, b in topic["relevant_text_span"])
        name = re.sub(
            r"^(?:discussion|presentation|opening|introduction) (?:on|about|of) ",
            "",
            topic["topic"],
            flags=re.I,
        )
        if (
            inside
            and len(name.split()) <= 6
            and content_words(name)
            and content_words(name) <= said
        ):
            title = name
    return Gist(title[:1].upper() + title[1:], f"The group decides to {notes[0].what}.")
