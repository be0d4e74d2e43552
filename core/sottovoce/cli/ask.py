"""``sotto ask``: questions about a meeting, or about all, answered with the places that say so."""

from __future__ import annotations

import sys
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..times import clock
from ..values import Feature, ModelTask, NotesMethod
from .output import place, print_json, show_around

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Iterable

    from rich.text import Text

    from ..chat import Chat, Passage
    from ..chat.chat import Part
    from ..host import Host

_HELP = "Type a question, '/open N' to read around segment N, '/play N' to hear it, or '/quit'."


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "ask",
        help="ask about a meeting, or about all of them",
        description="Ask about a meeting, or with --all about all of them. Each sentence of the "
        "answer names the places in the recording that it rests on. Without a question you are "
        "asked for one after another.",
    )
    parser.add_argument(
        "words", nargs="*", metavar="MEETING QUESTION", help="with --all no MEETING"
    )
    parser.add_argument("--all", action="store_true", help="answer from all meetings")
    parser.add_argument("--model", metavar="MODEL", help="the language model")
    parser.add_argument("--json", action="store_true", help="print the answers as JSON")
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    from ..chat import Chat, of_meeting
    from ..engines.contexts import Contexts

    meeting = None
    words = list(arguments.words)
    if not arguments.all:
        if not words:
            raise UsageError("name the meeting, or say --all; 'sotto meetings' lists them")
        meeting = host.library.find(words.pop(0))
        if "transcription" not in meeting.stages:
            raise UsageError(
                f"'{meeting.recording.title}' is not transcribed yet; "
                f"finish it with: sotto process '{meeting.recording.path}'"
            )
    question = " ".join(words).strip()
    if words and not question:
        raise UsageError("the question is empty")
    host.require(Feature.CHAT)
    spec = host.model(ModelTask.GENERATION, arguments.model)
    # A model that follows no instructions would only take up memory here.
    writes = spec.notes is NotesMethod.SCHEMA
    answers: list[dict[str, Any]] = []
    with closing(host.load_text_generator(spec)) if writes else nullcontext() as generator:
        chat: Chat | None = None
        if meeting is not None:
            notes = host.library.notes(meeting)
            kept = Contexts(host.home.contexts, meeting.id)
            chat = Chat(of_meeting(host.library, meeting), generator, notes, kept)
        if not writes and not arguments.json:
            print(
                f"{spec.label} does not answer in words of its own: these are the places that "
                "match best.",
                file=sys.stderr,
            )
        try:
            for asked in [question] if question else _typed(host, meeting.id if meeting else None):
                mine = chat or Chat(_from_all(host, asked), generator)
                if arguments.json:
                    answers.append(_json(asked, mine.ask(asked)))
                else:
                    _show(mine.ask(asked), several=meeting is None)
                if chat is None:
                    mine.close()
        finally:
            if chat is not None:
                chat.close()
    if arguments.json:
        print_json(answers[0] if question else answers)
    return 0


def _from_all(host: Host, question: str) -> list[Passage]:
    from ..chat import of_meetings

    return of_meetings(host.library, question)


def _typed(host: Host, meeting: str | None) -> Iterable[str]:
    """Questions from the terminal, or one a line from a pipe."""
    person = sys.stdin.isatty()
    if person:
        import readline  # noqa: F401 - lets a person edit and recall lines

        print(_HELP)
    while True:
        try:
            line = input("? ") if person else sys.stdin.readline()
        except EOFError:
            return
        if not line and not person:
            return
        text = line.strip()
        if text in ("/quit", "/exit"):
            return
        if text.startswith(("/open", "/play")):
            _open(host, meeting, text[5:].strip(" #"), aloud=text.startswith("/play"))
        elif text.startswith("/"):
            print(_HELP)
        elif text:
            yield text


def _open(host: Host, meeting: str | None, number: str, *, aloud: bool) -> None:
    if meeting is None or not number.isdecimal():
        print("Say '/open' or '/play' and a segment's number; with --all ask about the meeting.")
        return
    from .open import play, seconds

    known = host.library.find(meeting)
    try:
        start = seconds(host, known, number)
        if aloud:
            play(known.recording.path, start)
            return
    except UsageError as error:
        print(error)
        return
    show_around(host.library.transcript(meeting), int(number))


def _show(parts: Iterable[Part], *, several: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from ..chat import Cited, NotSaid, Words

    console = Console(highlight=False)
    begun = False
    for part in parts:
        match part:
            case NotSaid():
                where = "any meeting" if several else "this meeting"
                console.print(f"{chr(10) * begun}Not said in {where}.")
            case Words(text):
                begun = True
                console.print(Text(text), end="")
            case Cited(passages, quoted=True):
                (passage,) = passages
                line = _stamp(passage, several=several)
                line.append(f"  {passage.line.speaker}: {passage.line.text}", style="not dim")
                console.print(line)
            case Cited(passages, verified):
                console.print(_stamps(passages, several=several), end="")
                console.print("" if verified else " (unverified)")


def _stamps(passages: Iterable[Passage], *, several: bool) -> Text:
    from rich.text import Text

    return Text(" ").join(_stamp(it, several=several) for it in passages)


def _stamp(passage: Passage, *, several: bool) -> Text:
    """The time and the segment, as a link into the recording."""
    from rich.text import Text

    recording = passage.meeting.recording
    where = f"{recording.title} {recording.started_at:%Y-%m-%d} " if several else ""
    stamp = f"[{where}{clock(passage.start)} #{passage.line.segment}]"
    return Text(stamp, style=f"dim link {place(recording.path, passage.start)}")


def _json(question: str, parts: Iterable[Part]) -> dict[str, Any]:
    from ..chat import Cited, NotSaid, Words

    sentences: list[dict[str, Any]] = []
    text = ""
    said = True
    for part in parts:
        match part:
            case NotSaid():
                said = False
            case Words(more):
                text += more
            case Cited(passages, verified, quoted):
                if quoted:
                    text = passages[0].line.text
                cites = [
                    {
                        "meeting": it.meeting.id,
                        "segment": it.line.segment,
                        "start": round(it.start, 3),
                        "speaker": it.line.speaker,
                        "text": it.line.text,
                        "place": place(it.meeting.recording.path, it.start),
                    }
                    for it in passages
                ]
                sentences.append(
                    {"text": text.strip(), "quoted": quoted, "verified": verified, "cites": cites}
                )
                text = ""
    return {"question": question, "said": said, "sentences": sentences}
