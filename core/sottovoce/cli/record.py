"""``sotto record``: the microphone and what the machine plays, into a recording with two sides."""

from __future__ import annotations

import argparse
import os
import queue
import re
import signal
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RecordingError, SottovoceError, UsageError
from ..values import ModelTask
from . import process
from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Iterator

    from rich.text import Text

    from ..capture.recorder import Recorder, Wanted
    from ..host import Host
    from ..transcription import Heard
    from ..values import Caption

_SIDES = {"microphone": "Me", "loopback": "Them"}
_BARS = "▁▂▃▄▅▆▇█"
_QUIET = -60.0
"""dBFS that show as the lowest bar"""


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "record",
        help="record the microphone and what the machine plays, then take notes",
        description="Record a meeting: the microphone as one side, what the machine plays as the "
        "other. Ctrl-C or q ends it, p pauses it; then it is transcribed and its notes are taken. "
        "Whatever is killed meanwhile, at most the last second is lost.",
    )
    for side, what in (("microphone", "of the microphone"), ("loopback", "of what is played")):
        parser.add_argument(
            f"--{side}",
            metavar="NAME",
            help=f"a part of the name {what}, or 'none' (default: the system's default)",
        )
    parser.add_argument("--list", action="store_true", help="list the devices, and end")
    parser.add_argument("--title", default="", help="what the meeting is called")
    parser.add_argument(
        "--recordings", type=Path, metavar="FOLDER", help="where the recording is written"
    )
    parser.add_argument(
        "--max", type=_seconds, metavar="TIME", help="end after so long: 90m, 1h30m, 45s"
    )
    parser.add_argument(
        "--captions",
        action="store_true",
        help="show what is said while it is said, by the starter model; where that is the model of "
        "the transcript too, the notes need not wait for another",
    )
    parser.add_argument("--announce", metavar="TEXT", help="shown at the start, to be read out")
    parser.add_argument("--no-notes", action="store_true", help="record only")
    parser.add_argument(
        "--finish", action="store_true", help="make whole what a crash left unfinished, and end"
    )
    process.add_options(parser)
    parser.set_defaults(run=run)
    # What the recorder starts; nobody types it.
    capture = subparsers.add_parser("capture", add_help=False)
    capture.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    capture.set_defaults(run=_capture)


def run(host: Host, arguments: Namespace) -> int:
    recordings = (arguments.recordings or host.home.recordings).expanduser().absolute()
    if arguments.list:
        return _list(host, as_json=arguments.json)
    status = _finish(recordings)
    if arguments.finish:
        return status
    if not arguments.no_notes:
        process.check(host, arguments)
    path, heard = _record(host, arguments, recordings)
    if arguments.no_notes:
        print_json([str(path)]) if arguments.json else print(path)
        return 0
    print(f"Recorded: {path}", file=sys.stderr)
    arguments.files = [path]
    return process.run(host, arguments, heard)


def _record(host: Host, arguments: Namespace, recordings: Path) -> tuple[Path, Heard | None]:
    """The recording, and its transcript where the captions are one."""
    import filelock

    from ..capture.recorder import Recorder

    tracks = _wanted(host, arguments)
    lock = filelock.FileLock(host.home.recording_lock)
    try:
        lock.acquire(timeout=0.5)  # a watch that looks whether somebody records holds it a moment
    except filelock.Timeout:
        raise UsageError("another sotto is recording; end that one first") from None
    try:
        recorder = Recorder(recordings, tracks, title=arguments.title, most=arguments.max)
        recorder.start()
        # How it is ended, also where a shell started it in the background and has it ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        captions = Captions(host, recorder) if arguments.captions else None
        own = OwnNotes()
        with suppress(KeyboardInterrupt):  # how a recording ends
            _until_the_end(recorder, arguments, captions, own)
        print("ending the recording …", file=sys.stderr)
        recorder.end()
        heard = captions.end(host, arguments.speech) if captions is not None else None
        path = recorder.stop()
        own.write(path, heard)
        for track, seconds in recorder.filled.items():
            if seconds > 0.5:
                print(
                    f"sotto: {_SIDES.get(track, track)}: {seconds:.1f} s did not arrive, and are "
                    "silence in the recording",
                    file=sys.stderr,
                )
        return path, heard
    finally:
        lock.release()


def _until_the_end(
    recorder: Recorder, arguments: Namespace, captions: Captions | None, own: OwnNotes
) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from ..times import clock

    console = Console(stderr=True)
    for track in recorder.tracks:
        console.print(f"{track.speaker}: {track.device.label}", highlight=False, markup=False)
    if arguments.announce:
        console.print(f"Say or paste: “{arguments.announce}”", style="bold", markup=False)
    with _keys() as keys, Live(console=console, auto_refresh=False, transient=True) as live:
        if not console.is_terminal:
            console.print("recording; end it with SIGINT")
        while not recorder.over:
            while not recorder.notices.empty():
                console.print(Text(f"sotto: {recorder.notices.get().text}", style="yellow"))
            if captions is not None:
                for line in captions.lines():
                    console.print(line, soft_wrap=True)
            if console.is_terminal:
                live.update(_status(recorder, captions), refresh=True)
            match keys.key():
                case "q":
                    return
                case "p":
                    recorder.resume() if recorder.paused else recorder.pause()
                case "m":
                    own.mark(recorder.seconds)
                    console.print(f"{clock(recorder.seconds)} ★ marked", style="dim")
                case "n":
                    live.stop()
                    own.note(recorder.seconds, keys.line("Note: "))
                    live.start()
    while not recorder.notices.empty():
        console.print(Text(f"sotto: {recorder.notices.get().text}", style="yellow"))


def _status(recorder: Recorder, captions: Captions | None) -> Text:
    from rich.text import Text

    from ..times import clock

    sign = ("⏸ PAUSED", "bold yellow") if recorder.paused else ("● REC", "bold red")
    text = Text.assemble(sign, f" {clock(recorder.seconds)}")
    for track in recorder.tracks:
        text.append(f"  {track.speaker} {_bar(recorder.levels.get(track.source))}")
    text.append("   p pause · m mark · n note · q end", style="dim")
    if captions is not None:
        for line in captions.being_said():
            text.append("\n")
            text.append_text(line)
    return text


class Captions:
    """What the terminal shows of what is said: lines that stay, and what is being said."""

    def __init__(self, host: Host, recorder: Recorder) -> None:
        from ..live.captioner import Captioner

        self._speakers = [it.speaker for it in recorder.tracks]
        self._spec = host.starter(ModelTask.TRANSCRIPTION)
        self._new: queue.SimpleQueue[Text] = queue.SimpleQueue()
        self._saying: dict[int, Caption] = {}
        self._captioner = Captioner(
            recorder.files,
            recorder.rate,
            lambda: host.load_transcriber(self._spec),
            self._show,
            self._say,
        )

    def end(self, host: Host, speech: str | None) -> Heard | None:
        """The transcript, where the captions are of the model that it is asked of."""
        from rich.console import Console

        heard = self._captioner.end()
        for line in self.lines():
            Console(stderr=True).print(line, soft_wrap=True)
        same = host.model(ModelTask.TRANSCRIPTION, speech).id == self._spec.id
        return heard if same else None

    def lines(self) -> Iterator[Text]:
        while not self._new.empty():
            yield self._new.get()

    def being_said(self) -> Iterator[Text]:
        from rich.text import Text

        for caption in list(self._saying.values()):
            yield Text(f"{self._speakers[caption.track]}: {caption.text} …", style="dim")

    def _show(self, caption: Caption) -> None:
        from rich.text import Text

        from ..speech.echo import MICROPHONE, own_part
        from ..times import clock

        if not caption.final:
            self._saying[caption.track] = caption
            return
        self._saying.pop(caption.track, None)
        text: str | None = caption.text
        speaker = self._speakers[caption.track]
        if speaker.casefold() in MICROPHONE:
            said = self._captioner.segments
            far = [it for it in said[-20:] if it.track != caption.track]
            own = next(it for it in reversed(said) if it.track == caption.track)
            kept = own_part(own, far)
            text = kept.text if kept is not None else None
        if text:
            style = "bold" if speaker == "Me" else "bold cyan"
            self._new.put(
                Text.assemble((f"{clock(caption.start)} ", "dim"), (f"{speaker}: ", style), text)
            )

    def _say(self, line: str) -> None:
        from rich.text import Text

        self._new.put(Text(f"sotto: {line}", style="yellow"))


def _bar(level: float | None) -> str:
    if level is None:
        return "·"
    place = (level - _QUIET) / -_QUIET * len(_BARS)
    return _BARS[max(0, min(len(_BARS) - 1, int(place)))]


class OwnNotes:
    """What a person noted and marked meanwhile: a Markdown file beside the recording, which its
    notes then follow."""

    def __init__(self) -> None:
        self._lines: list[tuple[float, str]] = []

    def mark(self, seconds: float) -> None:
        self._lines.append((seconds, ""))

    def note(self, seconds: float, text: str) -> None:
        if text.strip():
            self._lines.append((seconds, text.strip()))

    def write(self, recording: Path, heard: Heard | None) -> None:
        """A mark becomes what was said there, where that is known. Raises ``RecordingError``."""
        from ..times import clock

        if not self._lines:
            return
        rows = []
        for seconds, text in self._lines:
            said = [it.text for it in (heard.segments if heard else ()) if it.start <= seconds]
            rows.append(f"- {text or (said[-1] if said else f'Important, at {clock(seconds)}')}")
        path = recording.with_suffix(".md")
        try:
            path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        except OSError as error:
            raise RecordingError(
                f"{path}: your notes could not be written: {error.strerror}; they were: "
                + "; ".join(rows)
            ) from error


class _Keys:
    """A terminal that gives keys as they are pressed; elsewhere there are none."""

    def key(self) -> str | None:
        """Wait a moment for a key."""
        import time

        time.sleep(0.2)
        return None

    def line(self, prompt: str) -> str:
        """A whole line."""
        return ""


class _PosixKeys(_Keys):
    def __init__(self) -> None:
        import termios

        self._file = sys.stdin.fileno()
        self.before = termios.tcgetattr(self._file)

    def raw(self) -> None:
        import tty

        tty.setcbreak(self._file)

    def usual(self) -> None:
        import termios

        termios.tcsetattr(self._file, termios.TCSADRAIN, self.before)

    def key(self) -> str | None:
        import select

        if not select.select([self._file], [], [], 0.2)[0]:
            return None
        # Past Python's buffer, into which two quick keys would both go.
        return os.read(self._file, 1).decode(errors="ignore")

    def line(self, prompt: str) -> str:
        self.usual()
        try:
            print(prompt, end="", file=sys.stderr, flush=True)
            return os.read(self._file, 4096).decode(errors="replace")
        finally:
            self.raw()


@contextmanager
def _keys() -> Iterator[_Keys]:
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield _Keys()
        return
    keys = _PosixKeys()
    keys.raw()
    try:
        yield keys
    finally:
        keys.usual()


def _wanted(host: Host, arguments: Namespace) -> list[Wanted]:
    """The devices to record. Raises ``UsageError`` or ``RecordingError``."""
    from ..capture.recorder import Wanted

    found: list[Wanted] = []
    for source in host.plugins.collect("register_audio_sources"):
        asked = getattr(arguments, source.name, None)
        if source.name not in _SIDES or asked == "none":
            continue
        devices = source.devices()
        matching = [
            it for it in devices if asked is None or asked.lower() in f"{it.id} {it.label}".lower()
        ]
        exact = [it for it in matching if asked in (it.id, it.label)]
        if asked is not None and len(exact or matching) != 1:
            raise UsageError(
                f"--{source.name} {asked}: {'several' if matching else 'no'} devices have that in "
                "their name; 'sotto record --list' shows them"
            )
        if matching:
            found.append(Wanted(source.name, (exact or matching)[0], _SIDES[source.name]))
    missing = [it for it in _SIDES if getattr(arguments, it) != "none"]
    missing = [it for it in missing if it not in {track.source for track in found}]
    if not found:
        raise RecordingError(
            "there is nothing to record from: no microphone and nothing that is played was found; "
            "'sotto plugins' says whether a source failed"
        )
    for side in missing:
        hint = ""
        if side == "loopback" and sys.platform == "darwin":
            hint = (
                ": macOS gives it to no program; install a virtual device (BlackHole), play through"
                " it, and name it with --microphone in a second recording"
            )
        print(f"sotto: no {side} was found, it is left out{hint}", file=sys.stderr)
    return found


def _list(host: Host, *, as_json: bool) -> int:
    sources = [it for it in host.plugins.collect("register_audio_sources") if it.name in _SIDES]
    rows = [(it.name, device) for it in sources for device in it.devices()]
    if as_json:
        print_json([{"source": name, "id": it.id, "name": it.label} for name, it in rows])
        return 0
    if not rows:
        raise RecordingError("no device was found to record from; is the sound system running?")
    for name, it in rows:
        print(f"{name:<11} {it.label}")
    return 0


def _finish(recordings: Path) -> int:
    """Make whole what crashes left; 1 where that failed for one."""
    from ..capture.finish import finish, unfinished

    failed = 0
    for folder in list(unfinished(recordings)):
        try:
            path = finish(folder)
        except SottovoceError as error:
            failed = 1
            print(f"sotto: {error}", file=sys.stderr)
            continue
        print(
            f"sotto: an unfinished recording is whole again: {path}; its notes: "
            f"sotto process '{path}'",
            file=sys.stderr,
        )
    return failed


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text)
    if not text or found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no time; say 90m, 1h30m or 45s")
    hours, minutes, seconds = (int(it or 0) for it in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _capture(host: Host, arguments: Namespace) -> int:
    from ..capture.process import capture

    capture(host, arguments.folder)
    return 0
