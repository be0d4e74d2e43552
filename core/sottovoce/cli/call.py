"""``--when-call``: wait until a call goes on, and record that."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..capture.calls import Calls
    from ..host import Host
    from ..live.session import LiveSession


@dataclass(frozen=True, slots=True)
class Call:
    """One that goes on."""

    program: str
    calls: Calls


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--when-call",
        nargs="?",
        const="ask",
        choices=("ask", "always"),
        help="wait until another program opens the microphone, ask whether to record (or do it "
        "always), and end when that program closes it",
    )


def wait(host: Host, arguments: Namespace) -> Call | None:
    """The call that is to be recorded, where that was asked for. Raises ``UsageError``."""
    if arguments.when_call is None:
        return None
    from ..capture.calls import calls

    ask = arguments.when_call == "ask"
    if ask and not sys.stdin.isatty():
        raise UsageError(
            "--when-call asks before it records, and there is no terminal to ask on; "
            "'--when-call always' records without asking"
        )
    found = calls(host)
    _say("waiting until another program opens the microphone; Ctrl-C ends that")
    program = found.wait(_agreed if ask else lambda program: True)
    _say(f"{program} has the microphone open: recording until it closes it")
    return Call(program, found)


def ending(call: Call | None, session: LiveSession) -> AbstractContextManager[None]:
    """Within it the session is ended when the call is over."""
    if call is None:
        return nullcontext()

    def ended() -> None:
        session.tell(f"{call.program} has closed the microphone: the call is over")
        session.end()

    return call.calls.ending(call.program, ended)


def _agreed(program: str) -> bool:
    print(f"\a{program} has the microphone open. Record the call? [y/N] ", end="", file=sys.stderr)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise UsageError("nobody answers any more")
    return answer.strip().casefold() in ("y", "yes")


def _say(text: str) -> None:
    print(f"sotto: {text}", file=sys.stderr)
