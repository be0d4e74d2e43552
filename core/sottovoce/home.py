"""Where the program keeps what it keeps."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import LibraryError

VARIABLE = "SOTTOVOCE_HOME"
CACHE = "SOTTOVOCE_CACHE"


@dataclass(frozen=True, slots=True)
class Home:
    """Folders of the program's own. With ``SOTTOVOCE_HOME`` set, all of them lie under it, but for
    the cache where ``SOTTOVOCE_CACHE`` names another folder."""

    config: Path
    data: Path
    log: Path
    cache: Path
    """What can be made anew"""

    @property
    def library(self) -> Path:
        return self.data / "library.sqlite3"

    @property
    def notes(self) -> Path:
        """Where notes go that nobody sent elsewhere."""
        return self.data / "notes"

    @property
    def templates(self) -> Path:
        """A person's own templates for notes, one Markdown file each."""
        return self.config / "templates"

    @property
    def device(self) -> Path:
        """What the person chose for this device."""
        return self.config / "device.toml"

    @property
    def models(self) -> Path:
        """One folder for each installed model, by its id; it is there once it is complete."""
        return self.data / "models"

    @property
    def merged(self) -> Path:
        """Small models with their adapters, as one file each."""
        return self.cache / "models"

    @property
    def contexts(self) -> Path:
        """What models have read of meetings, in a folder for each meeting."""
        return self.data / "contexts"

    @property
    def speeds(self) -> Path:
        """How fast models were on this device, as ``sotto models bench`` measured it."""
        return self.data / "speeds.json"

    @property
    def voices(self) -> Path:
        """What people sound like whom the person wants recognised."""
        return self.data / "voices.json"

    @property
    def plugin_failures(self) -> Path:
        """One JSON object a line, the latest last."""
        return self.log / "plugin-failures.jsonl"

    @property
    def events(self) -> Path:
        """Whom to tell of what became ready."""
        return self.config / "events.toml"

    def lock(self, meeting_id: str) -> Path:
        """The file that the process working on a meeting holds locked."""
        folder = self.data / "locks"
        folder.mkdir(exist_ok=True)
        return folder / f"{meeting_id}.lock"

    @property
    def recordings(self) -> Path:
        """Where ``sotto record`` puts its recordings."""
        return self.data / "recordings"

    @property
    def recording_lock(self) -> Path:
        """The file that a process holds locked while it records."""
        return self.lock("recording")

    @property
    def queue_lock(self) -> Path:
        """The file that the process working on a job of the queue holds locked."""
        return self.lock("queue")

    def engine_log(self, name: str) -> Path:
        return self.log / f"{name}.log"

    def create(self) -> None:
        for folder in (self.config, self.data, self.log):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise LibraryError(
                    f"cannot create the folder {folder}: {error.strerror}; "
                    f"set {VARIABLE} to a folder that can be written to"
                ) from error


def find_home() -> Home:
    cache = Path(it).expanduser().absolute() if (it := os.environ.get(CACHE)) else None
    if chosen := os.environ.get(VARIABLE):
        root = Path(chosen).expanduser().absolute()
        return Home(root / "config", root / "data", root / "log", cache or root / "cache")
    import platformdirs  # here: most commands are over before they need it

    folders = platformdirs.PlatformDirs("sottovoce", appauthor=False)
    return Home(
        Path(folders.user_config_dir),
        Path(folders.user_data_dir),
        Path(folders.user_log_dir),
        cache or Path(folders.user_cache_dir),
    )
