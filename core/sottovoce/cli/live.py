"""``sotto live``: a meeting recorded, captioned and accompanied."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from ..errors import SottovoceError
from ..values import ModelTask
from . import process, record
from .notes import request

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host
    from ..live.assistant import Assistant
    from ..live.said import Said
    from ..live.session import LiveSession


log = logging.getLogger(__name__)


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "live",
        help="record a meeting with captions, answers, suggestions, and the notes at its end",
        description="Record a meeting as 'sotto record' does, and show what is said while it is "
        "said. Keys: ? asks about the meeting, s has something suggested, g turns suggestions on "
        "and off, m marks, n notes, p pauses, q ends. The language model reads along, so that the "
        "notes are there soon after the end. Where the transcription model is another than that "
        "of the captions, it then hears the recording in the background, and better notes follow.",
    )
    record.add_options(parser)
    parser.add_argument(
        "--no-second-pass",
        action="store_true",
        help="leave it at the transcript that the captions made",
    )
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    record.finish_all(record.recordings(host, arguments))
    process.check(host, arguments)
    spec = host.model(ModelTask.GENERATION, arguments.model)
    speech = host.model(ModelTask.TRANSCRIPTION, arguments.speech)
    wanted = request(host, arguments)
    first = record.captioning(host)
    spoken = arguments.spoken or host.config.speech_language or next(iter(first.languages), "")

    def assist(session: LiveSession, said: Said) -> Assistant:
        from ..live.assistant import Assistant

        return Assistant(
            host, spec, wanted, said, spoken, seconds=lambda: session.seconds, say=session.tell,
            noted=lambda: session.noted, agenda=lambda: _agenda(host),
        )  # fmt: skip

    with record.meeting(host, arguments, captions=True, assist=assist) as finished:
        print(f"Recorded: {finished.path}", file=sys.stderr)
        arguments.files = [finished.path]
        if finished.heard is None:
            return process.run(host, arguments)
        arguments.speech = first.id
        status = process.run(host, arguments, finished.heard, finished.prepared)
    if not status and speech != first and not arguments.no_second_pass:
        arguments.speech = speech.id
        told = process.again_in_background(host, arguments)
        print(
            f"sotto: {speech.label} now hears the recording, in the background; better notes "
            f"follow as a new version ({told} says when)",
            file=sys.stderr,
        )
    return status


def _agenda(host: Host) -> str:
    """Of the event that the calendars have now; empty where that is none, or not clear."""
    from sottovoce_integrations import calendar_sources as calendars

    from ..live.places import here

    try:
        sources = calendars.load(host.home)
        found = calendars.fitting(sources, here()) if sources else []
    except SottovoceError as error:
        log.warning("the calendar was left out: %s", error)
        return ""
    return found[0].event.agenda if len(found) == 1 else ""
