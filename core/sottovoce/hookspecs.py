"""Every hook a plugin can implement.

Hook names and argument names are public API. An argument may be added in a minor release; a
hook or an argument is removed only after a release that warned about it with ``warn_on_impl``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from argparse import ArgumentParser, _SubParsersAction
    from collections.abc import Iterable

    from .interfaces import (
        AudioSource,
        NoteExporter,
        SuggestionOverlay,
        TextGenerator,
        Transcriber,
        TranscriptImporter,
    )
    from .values import (
        Connection,
        HardwareProfile,
        MeetingNotes,
        ModelSpec,
        NoteTemplate,
        Recording,
        Segment,
        Transcript,
    )

hookspec = pluggy.HookspecMarker("sottovoce")
hookimpl = pluggy.HookimplMarker("sottovoce")


@hookspec
def register_audio_sources() -> Iterable[AudioSource]:  # type: ignore[empty-body]
    """Return the audio sources this plugin adds."""


@hookspec
def register_transcript_importers() -> Iterable[TranscriptImporter]:  # type: ignore[empty-body]
    """Return the importers of other programs' transcripts and recordings this plugin adds."""


@hookspec
def register_note_exporters() -> Iterable[NoteExporter]:  # type: ignore[empty-body]
    """Return the note exporters this plugin adds."""


@hookspec
def register_note_templates() -> Iterable[NoteTemplate]:  # type: ignore[empty-body]
    """Return the templates for notes this plugin adds."""


@hookspec
def register_suggestion_overlays() -> Iterable[SuggestionOverlay]:  # type: ignore[empty-body]
    """Return the overlays that show a meeting that is going on, and what is suggested in it."""


@hookspec
def register_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Return models to add to the catalog."""


@hookspec
def register_connections() -> Iterable[Connection]:  # type: ignore[empty-body]
    """Return the hosts that this plugin would connect to as it is configured now."""


@hookspec
def register_commands(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    """Add subcommands; each sets ``run``, a function of the host and the parsed arguments that
    returns the exit status, as a default of its parser."""


@hookspec(firstresult=True)
def load_transcriber(spec: ModelSpec, hardware: HardwareProfile) -> Transcriber | None:
    """Load a speech-to-text model, or return ``None`` to leave it to the next plugin."""


@hookspec(firstresult=True)
def load_text_generator(spec: ModelSpec, hardware: HardwareProfile) -> TextGenerator | None:
    """Load a language model, or return ``None`` to leave it to the next plugin."""


@hookspec
def recording_started(recording: Recording) -> None:
    """Called once audio has begun to arrive."""


@hookspec
def segment_transcribed(recording: Recording, segment: Segment) -> None:
    """Called for every final segment as it is stored; return quickly."""


@hookspec
def recording_stopped(recording: Recording) -> None:
    """Called after the last audio of a recording was read."""


@hookspec
def transcript_ready(transcript: Transcript) -> None:
    """Called when a recording is transcribed and its speakers are known."""


@hookspec
def notes_ready(notes: MeetingNotes, transcript: Transcript) -> None:
    """Called when the notes of a recording are complete."""
