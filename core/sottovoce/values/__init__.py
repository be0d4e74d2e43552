"""The values that cross a boundary. Times are seconds from the start of the recording."""

from __future__ import annotations

from .audio import AudioChunk, AudioDevice, AudioFormat, RecordedFile, Recording, SourceKind
from .device import Connection, Feature, Gpu, GpuKind, HardwareProfile
from .live import Evidence, LiveCaption, LiveState, LiveView, Suggestion, SuggestionKind
from .models import EngineSettings, ModelShape, ModelSpec, ModelTask, NotesMethod
from .notes import (
    ActionItem,
    MeetingNotes,
    NoteTemplate,
    Production,
    Section,
    SectionKind,
    Statement,
    Topic,
)
from .speech import Caption, ImportedMeeting, Segment, SpeechRequest, Transcript, Word

__all__ = [
    "ActionItem",
    "AudioChunk",
    "AudioDevice",
    "AudioFormat",
    "Caption",
    "Connection",
    "EngineSettings",
    "Evidence",
    "Feature",
    "Gpu",
    "GpuKind",
    "HardwareProfile",
    "ImportedMeeting",
    "LiveCaption",
    "LiveState",
    "LiveView",
    "MeetingNotes",
    "ModelShape",
    "ModelSpec",
    "ModelTask",
    "NoteTemplate",
    "NotesMethod",
    "Production",
    "RecordedFile",
    "Recording",
    "Section",
    "SectionKind",
    "Segment",
    "SourceKind",
    "SpeechRequest",
    "Statement",
    "Suggestion",
    "SuggestionKind",
    "Topic",
    "Transcript",
    "Word",
]
