"""``sotto transcribe``: a recording in, its transcript out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..values import ModelTask, SpeechRequest
from .output import left_out

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Mapping

    from ..host import Host
    from ..library import Meeting
    from ..values import Production, Transcript

_FORMATS = ("txt", "srt", "vtt", "json")


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "transcribe",
        help="transcribe a recording and print the transcript",
        description="Transcribe a recording and print the transcript. It goes to the library as "
        "well, so what is stopped is taken up where it was, what is done is not done again, and "
        "'sotto process' goes on with the notes.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="audio or video")
    parser.add_argument("--format", choices=_FORMATS, help="default: by --output's suffix, or txt")
    parser.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
    parser.add_argument("--model", metavar="MODEL", help="the transcription model")
    parser.add_argument(
        "--language", metavar="CODE", default="", help="what is spoken, as 'en' or 'de'"
    )
    add_request(parser)
    parser.add_argument(
        "--again", action="store_true", help="transcribe anew what is transcribed already"
    )
    parser.set_defaults(run=run)


def add_request(parser: ArgumentParser) -> None:
    """The options that say what is heard, but for the language; ``request`` reads them."""
    parser.add_argument("--translate", action="store_true", help="write down in English")
    parser.add_argument("--speakers", type=int, metavar="N", help="how many speak; else found")
    parser.add_argument(
        "--vocabulary", type=Path, metavar="FILE", help="names and terms that are said, one a line"
    )


def request(arguments: Namespace, language: str) -> SpeechRequest:
    """What the options of ``add_request`` ask for. Raises ``UsageError``."""
    from ..speech.vocabulary import read_vocabulary

    if arguments.speakers is not None and arguments.speakers < 1:
        raise UsageError("--speakers takes a number from 1")
    return SpeechRequest(
        language=language.lower(),
        translate=arguments.translate,
        speakers=arguments.speakers,
        vocabulary=read_vocabulary(arguments.vocabulary) if arguments.vocabulary else (),
    )


def run(host: Host, arguments: Namespace) -> int:
    from ..library.inventions import inventions
    from ..pipeline import Progress, Stage
    from ..transcription import STAGE, Transcription, alone, begin
    from .progress import shown

    format = arguments.format or _by_suffix(arguments.output)
    hearing = request(arguments, arguments.language)
    speech = host.model(ModelTask.TRANSCRIPTION, arguments.model)
    meeting, file, source = begin(host, arguments.file)
    with alone(host, meeting):
        stages = host.library.stages(meeting.id)
        anew = arguments.again and STAGE in stages
        if anew and Stage.NOTES in stages:
            raise UsageError(
                f"'{meeting.recording.title}' has notes that rest on its transcript; to begin "
                f"anew, first: sotto meetings delete {meeting.id}"
            )
        if not anew and STAGE in stages and (hearing != SpeechRequest() or arguments.model):
            print(
                "sotto: it is transcribed already, and this is that transcript; --again with the "
                "same options transcribes it anew",
                file=sys.stderr,
            )
        if anew or STAGE not in stages:
            with shown() as progress:
                progress.begin(arguments.file.name)

                def report(done: float, total: float | None) -> None:
                    progress.report(Progress(Stage.TRANSCRIPTION, done, total))

                job = Transcription(host, speech, hearing, report)
                try:
                    job.load()
                    if anew:
                        host.library.forget_transcript(meeting.id)
                    job.run(meeting, file, source)
                finally:
                    job.close()
    meeting = host.library.find(meeting.id)
    transcript = host.library.transcript(meeting.id)
    text = _written(format, meeting, transcript, inventions(host.library, meeting.id))
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        _write(arguments.output, text)
    made = host.library.stages(meeting.id)[STAGE]
    for line in told(made, inventions(host.library, meeting.id)):
        print(f"sotto: {line}", file=sys.stderr)
    return 0


def told(made: Production, removed: Mapping[str, int]) -> list[str]:
    """How a transcript was made, and what the guards left out of it."""
    lines = [f"transcribed by {made.model}, {made.engine}, in {made.seconds:.1f} s"]
    if removed:
        lines.append(left_out(removed))
    return lines


def _by_suffix(output: Path | None) -> str:
    suffix = output.suffix.lower().lstrip(".") if output else ""
    return suffix if suffix in _FORMATS else "txt"


def _written(
    format: str, meeting: Meeting, transcript: Transcript, removed: Mapping[str, int]
) -> str:
    if format == "json":
        import json

        from ..library.codec import transcript_to_json
        from .output import meeting_to_json

        body: dict[str, Any] = {
            "meeting": meeting_to_json(meeting),
            **transcript_to_json(transcript),
            "removed": dict(removed),
        }
        return json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    if format == "txt":
        return "".join(
            f"{segment.speaker}: {segment.text}\n" if segment.speaker else f"{segment.text}\n"
            for segment in transcript.segments
        )
    from sottovoce_integrations.subtitles import srt, vtt

    return srt(transcript) if format == "srt" else vtt(transcript)


def _write(path: Path, text: str) -> None:
    """Whole or not at all. Raises ``UsageError``."""
    import os
    import tempfile

    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".sotto-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path}: it cannot be written: {error.strerror}") from error
