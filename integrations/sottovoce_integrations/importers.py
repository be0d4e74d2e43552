"""The built-in importers, as one plugin: the platforms first, then any subtitle file."""

from __future__ import annotations

from sottovoce import TranscriptImporter, hookimpl


@hookimpl(trylast=True)
def register_transcript_importers() -> list[TranscriptImporter]:
    # Here, because each command loads this plugin and few need these.
    from .meet import Meet
    from .subtitle_import import Subtitles
    from .teams import Teams
    from .zoom import Zoom

    return [Zoom(), Teams(), Meet(), Subtitles()]
