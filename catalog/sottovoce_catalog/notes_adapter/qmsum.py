"""Real talk from QMSum's training split (MIT): meetings as the host reads them, and sentences that
call for no note, to be strewn in.

Nothing of it is kept in the repository. The six meetings that the project measures with are left
out, as they are also part of that split.
"""

from __future__ import annotations

import json
import lzma
import re
from typing import TYPE_CHECKING, Any

from sottovoce import Segment, Transcript
from sottovoce.notes.windows import lines_of, read_as

from .contract import Line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

MEASURED = frozenset({"Bmr016", "Bro023", "ES2012d", "IS1008d", "TS3005b", "education_15"})

_ANNOTATION = re.compile(r"\{\w+\}")
_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_CUE = re.compile(
    r"\b(will|'ll|shall|should|let's|let us|gonna|going to|decid\w*|agree\w*|needs? to|gotta|must"
    r"|(?:have|has|had) to|(?:can|could|would) you|please|(?:how|what) about|what if|why don't"
    r"|(?:we|i) (?:can|could)|suggest\w*|propos\w*|settled?|so we|we're|move on|i'd like|we want"
    r"|don't know|not sure|question|wonder\w*)\b",
    re.IGNORECASE,
)


def meetings(archive: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(archive, "rt", encoding="utf-8") as lines:
        for line in lines:
            meeting: dict[str, Any] = json.loads(line)
            if meeting["id"] not in MEASURED:
                yield meeting


def tidy(text: str) -> str:
    """Words as a transcript shows them: no annotations, punctuation closed up."""
    text = _ANNOTATION.sub("", text).replace("_", "")
    text = re.sub(r"\s+([.,?!;:])", r"\1", text)
    text = re.sub(r"\s+('s|'m|'re|'ve|'ll|'d|n't)\b", r"\1", text)
    text = re.sub(r"\s-\s\w+\b", "", text)
    text = re.sub(r"([.,?!])(?:\s*[.,?!])+", r"\1", text)
    return re.sub(r"\s+", " ", text).strip(" ,-")


def sentences(text: str) -> list[str]:
    return [part.strip() for part in _SENTENCE.split(tidy(text)) if part.strip()]


def lines(archive: Path, wanted: Collection[str]) -> dict[str, list[Line]]:
    """The lines of the meetings, numbered over each, as the host gives them to the model."""
    found = {}
    for meeting in meetings(archive):
        if meeting["id"] in wanted:
            segments = tuple(
                Segment(
                    id=n, start=n, end=n + 0.5, text=tidy(turn["content"]), speaker=turn["speaker"]
                )
                for n, turn in enumerate(meeting["meeting_transcripts"])
                if any(map(str.isalnum, tidy(turn["content"])))
            )
            talk = Transcript(recording_id=meeting["id"], language="en", segments=segments)
            read = read_as(lines_of(talk))
            found[meeting["id"]] = [Line(n, it.speaker, it.text) for n, it in enumerate(read)]
    return found


def small_talk(archive: Path) -> list[str]:
    """Sentences of 2 to 28 words with no sign of a task, decision or question about them."""
    found: dict[str, None] = {}
    for meeting in meetings(archive):
        for turn in meeting["meeting_transcripts"]:
            for said in sentences(turn["content"]):
                count = len(said.split())
                short_question = said.endswith("?") and count > 6
                if (
                    2 <= count <= 28
                    and "|" not in said
                    and "[" not in said
                    and not short_question
                    and not _CUE.search(said)
                ):
                    found.setdefault(said)
    return list(found)
