"""What a model has read of a meeting, kept on disk for when the meeting is opened again.

A context is kept where reading took long, and is found again by what was read: another transcript,
model or version is read anew. The folder is a meeting's own and goes with it.
"""

from __future__ import annotations

import hashlib
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import EngineError, UsageError
from ..interfaces import Priority

if TYPE_CHECKING:
    from pathlib import Path

    from ..interfaces import Conversation, TextGenerator

log = logging.getLogger(__name__)

_WORTH = 3.0
"""Seconds of reading from which on a context is kept: a graphics card reads as fast as a disk"""
_MOST = 4 << 30
"""Bytes of all contexts; beyond it those go that were not used for longest"""
_SUFFIX = ".context"


class Contexts:
    def __init__(self, folder: Path, meeting_id: str, *, worth: float = _WORTH) -> None:
        """``folder`` is that of all meetings; ``worth`` is in seconds."""
        self._all = folder
        self._folder = folder / meeting_id
        self._worth = worth

    def open(
        self,
        generator: TextGenerator,
        system: str,
        text: str,
        *,
        priority: Priority = Priority.CHAT,
    ) -> Conversation:
        """A conversation that has read ``text``, as it was kept or by reading it now."""
        path = self._path(generator, system, text)
        if path.exists():
            try:
                conversation = generator.restore(path)
            except (EngineError, UsageError) as error:
                log.info("%s is read anew: %s", path.parent.name, error)
                path.unlink(missing_ok=True)
            else:
                path.touch()
                return conversation
        began = time.monotonic()
        conversation = generator.open(system=system, priority=priority)
        try:
            conversation.append(text)
            if time.monotonic() - began >= self._worth:
                self._keep(conversation, path)
        except BaseException:
            conversation.close()
            raise
        return conversation

    def _path(self, generator: TextGenerator, system: str, text: str) -> Path:
        read = hashlib.sha256(f"{system}\0{text}".encode(errors="replace")).hexdigest()[:16]
        return self._folder / f"{generator.spec.id}-{read}{_SUFFIX}"

    def _keep(self, conversation: Conversation, path: Path) -> None:
        """What cannot be kept is read anew next time; the person has an answer all the same."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            for part in path.parent.glob(f".*{_SUFFIX}.*"):  # of a process that was killed
                part.unlink(missing_ok=True)
            conversation.save(path)
        except (EngineError, UsageError, OSError) as error:
            log.warning("the context of %s is not kept: %s", path.parent.name, error)
            return
        model = path.stem.rpartition("-")[0]
        for old in path.parent.glob(f"*{_SUFFIX}"):  # of an earlier transcript or summary
            if old != path and old.stem.rpartition("-")[0] == model:
                old.unlink(missing_ok=True)
        self._make_room()

    def _make_room(self) -> None:
        found = []
        for path in self._all.glob(f"*/*{_SUFFIX}"):
            with suppress(OSError):  # another process makes room too
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        used = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if used <= _MOST:
                return
            path.unlink(missing_ok=True)
            used -= size
