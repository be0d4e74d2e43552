"""Files for a person: names that every platform takes, writes that are whole, edits that stay."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sottovoce import ExportError
from sottovoce.filenames import legal
from sottovoce.home import find_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sottovoce import MeetingNotes

NOTHING = "Nothing was said in this recording."


def stem(notes: MeetingNotes) -> str:
    return f"{notes.recording.started_at:%Y-%m-%d} {legal(notes.title)}"


_TEXTS = frozenset({".docx", ".sbv", ".srt", ".txt", ".vtt"})


def has_sound(notes: MeetingNotes) -> bool:
    """Whether there is something to hear: a transcript alone is a meeting too."""
    return notes.recording.path.suffix.lower() not in _TEXTS


def names(folder: Path, stem: str, suffix: str) -> Iterator[Path]:
    """``stem``, then ``stem (2)`` and so on."""
    yield folder / f"{stem}{suffix}"
    number = 2
    while True:
        yield folder / f"{stem} ({number}){suffix}"
        number += 1


def write(path: Path, data: bytes) -> None:
    """Whole or not at all: into a file beside it, which then takes its name."""
    part = path.with_name(f".{hashlib.sha1(path.name.encode()).hexdigest()[:12]}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


@contextmanager
def as_export_error(folder: Path) -> Iterator[None]:
    """What goes wrong with files under ``folder``, as what the person is told."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ExportError(f"a file in {folder} is not UTF-8 text: {error}") from error
    except OSError as error:
        raise ExportError(
            f"{error.filename or folder}: the note could not be written: {error.strerror}; "
            "the notes are safe in the library: run 'sotto export' when that is mended"
        ) from error


def place(folder: Path, stem: str, suffix: str, data: bytes) -> Path:
    """Write a file, anew where it is still as it was written; an edited one stays, and the new
    content goes beside it under a number."""
    folder.mkdir(parents=True, exist_ok=True)
    with _record() as record:
        for path in names(folder.resolve(), stem, suffix):
            known = record.get(str(path))
            if path.exists():
                there = path.read_bytes()
                if there == data:
                    return path
                if known != _digest(there):
                    continue
            write(path, data)
            record[str(path)] = _digest(data)
            return path
    raise AssertionError("names never end")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextmanager
def _record() -> Iterator[dict[str, str]]:
    """What was written where, by this device."""
    import filelock

    home = find_home()
    home.create()
    path = home.data / "written.json"
    with filelock.FileLock(path.with_suffix(".lock")):
        try:
            record: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            record = {}
        before = dict(record)
        yield record
        if record != before:
            write(path, json.dumps(record, ensure_ascii=False, indent=0).encode())


def merge(base: str, person: str, ours: str) -> tuple[str, int]:
    """A three-way merge by lines: what a person changed stays, the rest becomes ours.

    Where both changed the same lines the person's stay; how often that was is returned too.
    What both added in one place stands there twice, the person's first.
    """
    before, theirs, mine = (it.splitlines(keepends=True) for it in (base, person, ours))
    merged: list[str] = []
    conflicts = 0
    b = p = o = 0
    for b_end, p_end, o_end, size in _common(before, theirs, mine):
        old, edited, new = before[b:b_end], theirs[p:p_end], mine[o:o_end]
        if edited in (old, new):
            merged += new
        elif not old:
            merged += edited + new
        else:
            merged += edited
            conflicts += new != old
        merged += before[b_end : b_end + size]
        b, p, o = b_end + size, p_end + size, o_end + size
    return "".join(merged), conflicts


def _common(
    base: Sequence[str], one: Sequence[str], two: Sequence[str]
) -> Iterator[tuple[int, int, int, int]]:
    """Stretches of the base that both others have: where in each they begin, and their length.

    The last one is empty, at the three ends.
    """
    first = difflib.SequenceMatcher(None, base, one, autojunk=False).get_matching_blocks()
    second = difflib.SequenceMatcher(None, base, two, autojunk=False).get_matching_blocks()
    i = j = 0
    while i < len(first) and j < len(second):
        start = max(first[i].a, second[j].a)
        end = min(first[i].a + first[i].size, second[j].a + second[j].size)
        if start < end:
            yield (
                start,
                first[i].b + start - first[i].a,
                second[j].b + start - second[j].a,
                end - start,
            )
        if first[i].a + first[i].size < second[j].a + second[j].size:
            i += 1
        else:
            j += 1
    yield len(base), len(one), len(two), 0
