"""Names of files that every platform takes."""

from __future__ import annotations

import re

_ILLEGAL = re.compile(r'[\\/:*?"<>|#^\[\]\x00-\x1f]')
"""Not in file names on one platform or another, or with a meaning in Obsidian's links"""
_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)", re.IGNORECASE)
"""What Windows takes for a device, whatever the suffix"""
_LONGEST = 100
"""Bytes of a title in a file's name, so that it fits wherever it is synced to"""


def legal(title: str) -> str:
    """A title as a part of a file's name."""
    title = _ILLEGAL.sub(" ", title)
    while len(title.encode()) > _LONGEST:
        title = title[:-1]
    return _RESERVED.sub(r"\1_", " ".join(title.split()).strip(". ") or "Meeting")
