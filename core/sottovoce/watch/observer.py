"""Native events of the system, handed on as paths that something happened to."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .folders import Folder

log = logging.getLogger(__name__)


@contextmanager
def observed(
    folders: Sequence[Folder], look: Callable[[Path], None], say: Callable[[str], None]
) -> Iterator[list[Path]]:
    """Call ``look`` for what happens in the folders; the ones of which no event can be had."""
    from watchdog import events
    from watchdog.observers import Observer

    class Handler(events.FileSystemEventHandler):
        def on_any_event(self, event: events.FileSystemEvent) -> None:
            if event.is_directory and event.event_type == events.EVENT_TYPE_MODIFIED:
                return  # something in it changed, and has its own event
            look(Path(os.fsdecode(event.src_path)))
            if event.dest_path:
                look(Path(os.fsdecode(event.dest_path)))

    wanted = [
        events.FileCreatedEvent,
        events.FileModifiedEvent,
        events.FileClosedEvent,
        events.FileDeletedEvent,
        events.FileMovedEvent,
        events.DirCreatedEvent,
        events.DirMovedEvent,
    ]
    observer = Observer()
    without: list[Path] = []
    for folder in folders:
        if folder.polled:
            continue
        try:
            observer.schedule(
                Handler(), str(folder.path), recursive=folder.recursive, event_filter=wanted
            )
        except OSError as error:
            without.append(folder.path)
            say(f"{folder.path}: no events ({error.strerror}); it is polled instead")
    try:
        observer.start()
    except OSError as error:  # inotify's limit of watches, most often
        without = [it.path for it in folders if not it.polled]
        say(f"no events of the system can be had ({error.strerror}); the folders are polled")
        yield without
        return
    try:
        yield without
    finally:
        observer.stop()
        observer.join()
