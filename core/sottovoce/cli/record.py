"""``sotto record``: the microphone and what the machine plays, into a recording with two sides."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SottovoceError, UsageError
from ..values import ModelTask
from . import call, process
from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Callable, Iterator, Sequence

    from ..capture.recorder import Recorder
    from ..host import Host
    from ..interfaces import SuggestionOverlay, Transcriber
    from ..live.assistant import Assistant
    from ..live.said import Said
    from ..live.session import Finished, LiveSession
    from ..values import ModelSpec

    Assist = Callable[[LiveSession, Said], Assistant]


_ANNOUNCEMENT = "This meeting is recorded and transcribed."


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "record",
        help="record the microphone and what the machine plays, then take notes",
        description="Record a meeting: the microphone as one side, what the machine plays as the "
        "other. Ctrl-C or q ends it, p pauses it; then it is transcribed and its notes are taken. "
        "Whatever is killed meanwhile, at most the last second is lost.",
    )
    parser.add_argument("--list", action="store_true", help="list the devices, and end")
    parser.add_argument(
        "--captions",
        action="store_true",
        help="show what is said while it is said; 'sotto live' does more",
    )
    parser.add_argument("--no-notes", action="store_true", help="record only")
    parser.add_argument(
        "--finish", action="store_true", help="make whole what a crash left unfinished, and end"
    )
    add_options(parser)
    parser.set_defaults(run=run)


def add_options(parser: ArgumentParser) -> None:
    """What is said of a recording, and of the notes that follow it."""
    for side, what in (("microphone", "of the microphone"), ("loopback", "of what is played")):
        parser.add_argument(
            f"--{side}",
            metavar="NAME",
            help=f"a part of the name {what}, or 'none' (default: the system's default)",
        )
    parser.add_argument("--title", default="", help="what the meeting is called")
    parser.add_argument(
        "--recordings", type=Path, metavar="FOLDER", help="where the recording is written"
    )
    parser.add_argument(
        "--max", type=_seconds, metavar="TIME", help="end after so long: 90m, 1h30m, 45s"
    )
    parser.add_argument("--announce", metavar="TEXT", help="shown at the start, to be read out")
    parser.add_argument(
        "--aloud",
        action="store_true",
        help="have the announcement spoken out of the loudspeakers",
    )
    call.add_options(parser)
    parser.add_argument(
        "--overlay",
        action="append",
        metavar="NAME",
        help="how the meeting is shown (default: terminal; may be given again)",
    )
    process.add_options(parser)


def run(host: Host, arguments: Namespace) -> int:
    if arguments.list:
        return _list(host, as_json=arguments.json)
    status = finish_all(recordings(host, arguments))
    if arguments.finish:
        return status
    if not arguments.no_notes:
        process.check(host, arguments)
    with meeting(host, arguments, captions=arguments.captions) as finished:
        if arguments.no_notes:
            print_json([str(finished.path)]) if arguments.json else print(finished.path)
            return 0
        print(f"Recorded: {finished.path}", file=sys.stderr)
        arguments.files = [finished.path]
        same = host.model(ModelTask.TRANSCRIPTION, arguments.speech) == captioning(host)
        return process.run(host, arguments, finished.heard if same else None)


def recordings(host: Host, arguments: Namespace) -> Path:
    folder: Path = arguments.recordings or host.home.recordings
    return folder.expanduser().absolute()


def captioning(host: Host) -> ModelSpec:
    """The model of the captions."""
    return host.starter(ModelTask.TRANSCRIPTION)


@contextmanager
def meeting(
    host: Host, arguments: Namespace, *, captions: bool, assist: Assist | None = None
) -> Iterator[Finished]:
    """Record one to its end, and give what it left."""
    import filelock

    from ..capture.announce import voice
    from ..capture.devices import wanted
    from ..capture.recorder import Recorder
    from ..live.overlays import find

    overlays = find(host, arguments.overlay or ["terminal"])
    if arguments.aloud:
        voice()
    going_on = call.wait(host, arguments)
    asked = {"microphone": arguments.microphone, "loopback": arguments.loopback}
    tracks = wanted(host, asked, _say)
    lock = filelock.FileLock(host.home.recording_lock)
    try:
        lock.acquire(timeout=0.5)  # a watch that looks whether somebody records holds it a moment
    except filelock.Timeout:
        raise UsageError("another sotto is recording; end that one first") from None
    try:
        recorder = Recorder(
            recordings(host, arguments), tracks, title=arguments.title, most=arguments.max
        )
        recorder.start()
        # How it is ended, also where a shell started it in the background and has it ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        finished = _accompany(host, arguments, recorder, overlays, captions, assist, going_on)
    finally:
        lock.release()
    yield finished


def _accompany(
    host: Host,
    arguments: Namespace,
    recorder: Recorder,
    overlays: Sequence[SuggestionOverlay],
    captions: bool,
    assist: Assist | None,
    going_on: call.Call | None,
) -> Finished:
    from ..live.overlays import Overlays
    from ..live.session import LiveSession

    def load() -> Transcriber:
        return host.load_transcriber(captioning(host))

    session = LiveSession(recorder, load if captions else None, assist)
    shown = Overlays(overlays, session, session.tell)

    def say(text: str) -> None:
        if "terminal" not in shown.open:
            _say(text)

    try:
        for track in recorder.tracks:
            session.tell(f"{track.speaker}: {track.device.label}")
        _announce(arguments, session)
        with suppress(KeyboardInterrupt), call.ending(going_on, session):  # how a recording ends
            session.run(shown, say)
        finished = session.finish(shown, say)
    finally:
        shown.close()
    for track in recorder.tracks:
        if (seconds := recorder.filled.get(track.source, 0.0)) > 0.5:
            _say(
                f"{track.speaker}: {seconds:.1f} s did not arrive, and are silence in the recording"
            )
        if abs(off := recorder.drift.get(track.source, 0.0)) > 0.2:
            way = "slow" if off > 0 else "fast"
            _say(
                f"{track.speaker}: the device's clock was {abs(off):.1f} s {way}; it is made up for"
            )
    return finished


def _announce(arguments: Namespace, session: LiveSession) -> None:
    from ..capture.announce import speak

    text = arguments.announce or _ANNOUNCEMENT

    def aloud() -> None:
        try:
            speak(text)
        except UsageError as error:
            session.tell(str(error))

    if arguments.aloud:
        session.tell(f"spoken: “{text}”")
        threading.Thread(target=aloud, name="announcement", daemon=True).start()
    elif arguments.announce:
        session.tell(f"say or paste: “{text}”")


def _say(text: str) -> None:
    print(f"sotto: {text}", file=sys.stderr)


def _list(host: Host, *, as_json: bool) -> int:
    from ..capture.devices import listed

    rows = listed(host)
    if as_json:
        print_json([{"source": name, "id": it.id, "name": it.label} for name, it in rows])
        return 0
    for name, it in rows:
        print(f"{name:<11} {it.label}")
    return 0


def finish_all(recordings: Path) -> int:
    """Make whole what crashes left; 1 where that failed for one."""
    from ..capture.finish import finish, unfinished

    failed = 0
    for folder in list(unfinished(recordings)):
        try:
            path = finish(folder)
        except SottovoceError as error:
            failed = 1
            _say(str(error))
            continue
        _say(f"an unfinished recording is whole again: {path}; its notes: sotto process '{path}'")
    return failed


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text)
    if not text or found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no time; say 90m, 1h30m or 45s")
    hours, minutes, seconds = (int(it or 0) for it in found.groups())
    return hours * 3600 + minutes * 60 + seconds
