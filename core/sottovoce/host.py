"""The host: what every command and every stage is handed."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .errors import ModelError, UsageError
from .home import Home, find_home
from .library import Library
from .plugins import PluginFailure, PluginHost
from .values import HardwareProfile, ModelSpec, ModelTask

if TYPE_CHECKING:
    from pathlib import Path

    from .interfaces import (
        FileSource,
        NoteExporter,
        TextGenerator,
        Transcriber,
        TranscriptImporter,
    )

log = logging.getLogger(__name__)

_FAILURES_SHOWN = 50
_STARTERS = {ModelTask.TRANSCRIPTION: "starter-speech", ModelTask.GENERATION: "starter-notes"}


@dataclass
class Host:
    home: Home
    plugins: PluginHost = field(default_factory=PluginHost)

    @cached_property
    def library(self) -> Library:
        self.home.create()
        return Library(self.home.library)

    @cached_property
    def models(self) -> dict[str, ModelSpec]:
        """The catalog's models and those of plugins, by id."""
        from sottovoce_catalog import load_models

        models = {spec.id: spec for spec in load_models()}
        for spec in self.plugins.collect("register_models"):
            if models.setdefault(spec.id, spec) is not spec:
                log.warning("a model '%s' is left out: the id is taken", spec.id)
        return models

    @cached_property
    def hardware(self) -> HardwareProfile:
        import psutil

        cores = psutil.cpu_count(logical=False) or 1
        allowed = (
            len(psutil.Process().cpu_affinity())
            if hasattr(psutil.Process, "cpu_affinity")
            else cores
        )
        return HardwareProfile(
            cpu_count=max(1, min(cores, allowed)), memory=psutil.virtual_memory().total
        )

    def model(self, task: ModelTask, wanted: str | None = None) -> ModelSpec:
        """The model a person asked for, or the starter. Raises ``ModelError``."""
        spec = self.models.get(wanted or _STARTERS[task])
        if spec is None or spec.task is not task:
            known = ", ".join(it.id for it in self.models.values() if it.task is task)
            raise ModelError(f"no {task} model '{wanted}'; known: {known}")
        return spec

    def load_transcriber(self, spec: ModelSpec) -> Transcriber:
        loaded: Transcriber | None = self.plugins.first(
            "load_transcriber", spec=spec, hardware=self.hardware
        )
        if loaded is None:
            raise ModelError(f"no plugin loads {spec.label} (engine '{spec.engine}')")
        return loaded

    def load_text_generator(self, spec: ModelSpec) -> TextGenerator:
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

    host = Host(home, PluginHost(on_failure=record))
    host.plugins.load_installed()
    return host
