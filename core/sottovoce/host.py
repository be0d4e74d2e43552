"""The host: what every command and every stage is handed."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import device, guard
from .errors import ConfigError, ModelError, UsageError
from .home import Home, find_home
from .plugins import PluginFailure, PluginHost
from .values import Feature, HardwareProfile, ModelSpec, ModelTask, NoteTemplate

if TYPE_CHECKING:
    from pathlib import Path

    from .interfaces import (
        FileSource,
        NoteExporter,
        TextGenerator,
        Transcriber,
        TranscriptImporter,
    )
    from .library import Library
    from .store import ModelStore

log = logging.getLogger(__name__)

_FAILURES_SHOWN = 50
_NOT_TO_BE_OFF = "commands"
_STARTERS = {ModelTask.TRANSCRIPTION: "starter-speech", ModelTask.GENERATION: "starter-notes"}


@dataclass
class Host:
    home: Home
    plugins: PluginHost = field(default_factory=PluginHost)

    @cached_property
    def library(self) -> Library:
        from .library import Library  # SQLite and search: not for commands that only print

        self.home.create()
        return Library(self.home.library)

    @cached_property
    def config(self) -> device.DeviceConfig:
        """What the person chose for this device. Raises ``ConfigError``."""
        return device.load(self.home.device)

    @property
    def notes_folder(self) -> Path:
        """Where notes go that nobody sent elsewhere."""
        return self.config.notes or self.home.notes

    @property
    def store(self) -> ModelStore:
        from .store import ModelStore

        return ModelStore(self.home.models)

    def require(self, feature: Feature | None = None) -> None:
        """The gate. Raises ``ConfigError`` where local AI, or a feature of it, is off here."""
        if not self.config.enabled:
            raise ConfigError("local AI is off on this device; 'sotto config set enabled on'")
        if feature is not None and feature not in self.config.features:
            raise ConfigError(
                f"{feature} are off on this device; 'sotto config set features.{feature} on'"
            )

    @cached_property
    def models(self) -> dict[str, ModelSpec]:
        """The models of the catalog, of the person's own files and of plugins, by id.

        Archived ones are among them while they are installed.
        """
        from sottovoce_catalog import load_models

        here = self.store.installed()
        models = {it.id: it for it in load_models() if not it.archived or it.id in here}
        for spec in [*self.store.custom_models(), *self.plugins.collect("register_models")]:
            if models.setdefault(spec.id, spec) is not spec:
                log.warning("a model '%s' is left out: the id is taken", spec.id)
        return models

    @cached_property
    def hardware(self) -> HardwareProfile:
        """This device as it was when first asked for."""
        from .hardware import detect

        return detect()

    def model(self, task: ModelTask, wanted: str | None = None) -> ModelSpec:
        """The model asked for, else the person's choice for this device, else the starter.

        Raises ``ModelError`` where there is none of that id, ``ConfigError`` where the gate is
        closed.
        """
        self.require()
        id = wanted or self.config.models.get(task) or _STARTERS[task]
        spec = self.models.get(id)
        if spec is None or spec.task is not task:
            known = ", ".join(it.id for it in self.models.values() if it.task is task)
            asked = "" if wanted else " (device.toml names it)"
            raise ModelError(f"no {task} model '{id}'{asked}; known: {known}")
        return spec

    def starter(self, task: ModelTask) -> ModelSpec:
        """The embedded model for a task, whatever the person chose."""
        return self.model(task, _STARTERS[task])

    def load_transcriber(self, spec: ModelSpec) -> Transcriber:
        self.require()
        loaded: Transcriber | None = self.plugins.first(
            "load_transcriber", spec=spec, hardware=self.hardware
        )
        if loaded is None:
            raise ModelError(f"no plugin loads {spec.label} (engine '{spec.engine}')")
        return loaded

    def load_text_generator(
        self, spec: ModelSpec, *, feature: Feature | None = None
    ) -> TextGenerator:
        """Load a language model for a feature, which the gate is asked for."""
        self.require(feature)
        loaded: TextGenerator | None = self.plugins.first(
            "load_text_generator", spec=spec, hardware=self.hardware
        )
        if loaded is None:
            raise ModelError(f"no plugin loads {spec.label} (engine '{spec.engine}')")
        return loaded

    def file_source(self, path: Path) -> FileSource:
        """The source that lists the file's suffix, else the built-in one, which looks inside."""
        sources: list[FileSource] = [
            it for it in self.plugins.collect("register_audio_sources") if it.kind == "file"
        ]
        for source in sources:
            if path.suffix.lower() in source.suffixes:
                return source
        if not sources:
            raise UsageError("no plugin reads recorded files; 'sotto plugins' says why")
        return sources[-1]

    def importers(self) -> dict[str, TranscriptImporter]:
        """By name, in the order in which they are asked: those of other plugins first."""
        found: dict[str, TranscriptImporter] = {}
        for importer in self.plugins.collect("register_transcript_importers"):
            if found.setdefault(importer.name, importer) is not importer:
                log.warning("an importer '%s' is left out: the name is taken", importer.name)
        return found

    def importer(self, path: Path) -> tuple[TranscriptImporter, Path] | None:
        """The importer that knows a file or folder, and what stands for the meeting there."""
        for importer in self.importers().values():
            if (claimed := importer.claim(path)) is not None:
                return importer, claimed
        return None

    def exporters(self) -> dict[str, NoteExporter]:
        found: dict[str, NoteExporter] = {}
        for exporter in reversed(self.plugins.collect("register_note_exporters")):
            if found.setdefault(exporter.name, exporter) is not exporter:
                log.warning("an exporter '%s' is left out: the name is taken", exporter.name)
        return found

    def templates(self) -> dict[str, NoteTemplate | UsageError]:
        """The templates for notes by name; in place of one that cannot be read, why."""
        from .notes.template import templates

        return templates(self.home.templates, self.plugins.collect("register_note_templates"))

    def template(self, name: str) -> NoteTemplate:
        """Raises ``UsageError`` for one that there is not, or that cannot be read."""
        found = self.templates()
        template = found.get(name)
        if template is None:
            raise UsageError(f"no template '{name}'; known: {', '.join(found)}")
        if isinstance(template, UsageError):
            raise template
        return template

    def failures(self) -> list[dict[str, Any]]:
        """What plugins raised lately, in this run and in earlier ones; the oldest first."""
        try:
            rows = self.home.plugin_failures.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(row) for row in rows[-_FAILURES_SHOWN:]]

    def close(self) -> None:
        if "library" in self.__dict__:
            self.library.close()


def start() -> Host:
    """A host with every installed plugin, which keeps a record of their failures."""
    home = find_home()

    def record(failure: PluginFailure) -> None:
        row = {
            "at": datetime.now().astimezone().isoformat(timespec="seconds"),
            "plugin": failure.plugin,
            "during": failure.during,
            "error": repr(failure.error),
        }
        home.create()
        with home.plugin_failures.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    guard.install()
    host = Host(home, PluginHost(on_failure=record))
    off = device.plugins_off(home.device)

    def is_off(plugin: str) -> bool:
        # Of a damaged file nobody knows what is off: all is, but what can mend it.
        return plugin != _NOT_TO_BE_OFF and (off is None or plugin in off)

    host.plugins.load_installed(is_off)
    return host
