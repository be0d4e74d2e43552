"""Taking notes with whichever method the model is able to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ModelError
from ..values import MeetingNotes, NotesMethod
from .ahead import Ahead
from .compose import compose
from .extract import extract
from .reading import Reading
from .request import Request
from .schema import ask_by_schema
from .sections import arranged
from .template import obeyable
from .windows import spoken

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..interfaces import TextGenerator
    from ..values import Recording, Transcript


def take_notes(
    recording: Recording,
    transcript: Transcript,
    load: Callable[[], TextGenerator],
    progress: Callable[[float, float], None] = lambda done, total: None,
    *,
    request: Request | None = None,
    ahead: Ahead | Reading | None = None,
) -> MeetingNotes:
    """Notes in which every statement cites the segments that it rests on.

    ``load`` gives the model, and is not called when nothing was said: then the notes are empty.
    ``progress`` hears of steps done and in all. ``ahead`` has begun while the transcript was still
    made. Raises ``ModelError`` where the model cannot do what the request asks for.
    """
    request = request or Request()
    if not spoken(transcript):
        empty = MeetingNotes(recording=recording, title=recording.title)
        return arranged(empty, request, (), {})
    generator = load()
    spec = generator.spec
    obeyable(request.template, spec)
    if spec.languages and transcript.language and transcript.language not in spec.languages:
        raise ModelError(
            f"{spec.label} reads {', '.join(spec.languages)} and this meeting is in "
            f"'{transcript.language}': choose a model that reads it"
        )
    language = request.language or request.template.language or transcript.language
    if spec.languages and language and language not in spec.languages:
        raise ModelError(
            f"{spec.label} writes {', '.join(spec.languages)} only and the notes are asked for in "
            f"'{language}': choose a model that writes it"
        )
    match spec.notes:
        case NotesMethod.EXTRACT:
            ready = ahead.answers() if isinstance(ahead, Ahead) else None
            found = extract(transcript, generator, progress, ready)
            return compose(recording, transcript, found, request)
        case NotesMethod.SCHEMA:
            reading = ahead if isinstance(ahead, Reading) else None
            return ask_by_schema(recording, transcript, generator, progress, request, reading)
        case None:
            raise ModelError(f"{spec.label} cannot take notes: its catalog entry names no method")
