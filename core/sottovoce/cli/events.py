"""``sotto events``: commands and web addresses that are told when something is ready."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "events",
        help="tell a command or a web address when a transcript or notes are ready",
        description="Commands and web addresses that are told when something is ready.",
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    command = actions.add_parser("list", help="list who is told, and what waits (the default)")
    command.add_argument("--json", action="store_true", help="print as JSON")
    command.set_defaults(run=run_list)

    command = actions.add_parser("add", help="tell one more")
    command.add_argument("name", metavar="NAME", help="what you call it")
    where = command.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", metavar="URL", help="receives a POST with the event as JSON")
    where.add_argument(
        "--command",
        metavar="COMMAND",
        help="program and arguments, split as a shell would; run without one, with the event as "
        "JSON on its standard input",
    )
    command.add_argument(
        "--on",
        action="append",
        choices=("transcript_ready", "notes_ready"),
        help="which event (default: notes_ready; may be given again)",
    )
    command.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="for one delivery (30)"
    )
    signing = command.add_mutually_exclusive_group()
    signing.add_argument(
        "--secret-file",
        type=Path,
        metavar="FILE",
        help="keep the secret of the signature in this file instead of the keyring",
    )
    signing.add_argument("--unsigned", action="store_true", help="send without a signature")
    command.set_defaults(run=run_add)

    command = actions.add_parser("remove", help="tell it no longer; what waits for it is dropped")
    command.add_argument("name", metavar="NAME")
    command.set_defaults(run=run_remove)

    command = actions.add_parser("test", help="send a made-up event now and say what came of it")
    command.add_argument("name", metavar="NAME")
    command.set_defaults(run=run_test)

    command = actions.add_parser("retry", help="deliver now what waits")
    command.add_argument("--due", action="store_true", help="only what is due by now")
    command.set_defaults(run=run_retry)


def run_list(host: Host, arguments: Namespace) -> int:
    from sottovoce_integrations.events import load_targets

    targets = load_targets(host.home)
    waiting = _waiting(host)
    if arguments.json:
        print_json(
            {
                "targets": [
                    {"name": it.name, "events": list(it.events), "to": it.where}
                    for it in targets.values()
                ],
                "waiting": [_to_json(it) for it in waiting],
            }
        )
        return 0
    if not targets:
        print("Nobody is told. Begin with: sotto events add NAME --command COMMAND")
    for target in targets.values():
        print(f"{target.name}: {', '.join(target.events)} to {target.where}")
    for it in waiting:
        row = _to_json(it)
        state = f"next attempt {row['due_at']}" if row["due_at"] else "given up"
        print(f"  waits: {it.event} of {it.meeting_id} for {it.target}, {state}", end="")
        print(f", after {it.attempts} attempts: {it.error}" if it.attempts else "")
    return 0


def _waiting(host: Host) -> list[Any]:
    from ..library.outbox import Outbox

    host.library  # noqa: B018 - brings the tables to today's version
    with Outbox(host.home.library) as outbox:
        return outbox.waiting()


def _to_json(waiting: Any) -> dict[str, Any]:
    due = waiting.due_at and datetime.fromtimestamp(waiting.due_at).astimezone()
    return {
        "id": waiting.id,
        "target": waiting.target,
        "event": waiting.event,
        "meeting": waiting.meeting_id,
        "happened_at": waiting.happened_at,
        "attempts": waiting.attempts,
        "due_at": due and due.isoformat(timespec="seconds"),
        "error": waiting.error,
    }


def run_add(host: Host, arguments: Namespace) -> int:
    from urllib.parse import urlsplit

    from sottovoce_integrations.events import (
        Target,
        add_target,
        check_url,
        load_targets,
        make_secret,
    )

    if not _NAME.fullmatch(arguments.name):
        raise UsageError("a name is up to 40 letters, digits, dashes and underscores")
    if arguments.name in load_targets(host.home):
        raise UsageError(f"there is a target '{arguments.name}' already; remove it first")
    if arguments.command and (arguments.secret_file or arguments.unsigned):
        raise UsageError("a command's input is not signed: leave out --secret-file and --unsigned")
    target = Target(
        name=arguments.name,
        events=tuple(dict.fromkeys(arguments.on or ["notes_ready"])),
        command=_command(arguments.command) if arguments.command else (),
        url=arguments.url or "",
        timeout=arguments.timeout,
        signed=not arguments.unsigned,
        secret_file=arguments.secret_file and arguments.secret_file.expanduser().absolute(),
    )
    if not 0 < target.timeout <= 600:
        raise UsageError("--timeout must be more than 0 and at most 600 seconds")
    secret = None
    if target.url:
        check_url(target.url)
        secret = make_secret(target) if target.signed else None
    add_target(host.home, target)
    parts = urlsplit(target.url)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        print(
            "sotto: warning: what is said in meetings will travel unencrypted: prefer https",
            file=sys.stderr,
        )
    if secret:
        print("The secret for checking the signature, for the receiver:")
        print(secret)
    print(f"Try it with: sotto events test {target.name}")
    return 0


def _command(line: str) -> tuple[str, ...]:
    try:
        program, *rest = shlex.split(line, posix=sys.platform != "win32")
    except ValueError as error:
        raise UsageError(f"the command cannot be split: {error or 'it is empty'}") from error
    found = shutil.which(Path(program).expanduser())
    if found is None:
        raise UsageError(f"no program '{program}' was found; give its whole path")
    return (str(Path(found).absolute()), *rest)


def run_remove(host: Host, arguments: Namespace) -> int:
    from sottovoce_integrations.events import remove_target

    from ..library.outbox import Outbox

    remove_target(host.home, arguments.name)
    host.library  # noqa: B018 - brings the tables to today's version
    with Outbox(host.home.library) as outbox:
        if dropped := outbox.forget(arguments.name):
            print(f"{dropped} events that waited were dropped.")
    return 0


def run_test(host: Host, arguments: Namespace) -> int:
    from sottovoce_integrations.delivery import payload, send
    from sottovoce_integrations.events import load_targets

    from .. import testing

    targets = load_targets(host.home)
    if arguments.name not in targets:
        raise UsageError(f"no target '{arguments.name}'; known: {', '.join(targets) or 'none'}")
    target = targets[arguments.name]
    notes = testing.notes()
    id = str(uuid.uuid4())
    at = datetime.now().astimezone().isoformat(timespec="seconds")
    body = payload(
        id,
        "test",
        at,
        notes.recording,
        testing.transcript(),
        notes,
        local=bool(target.command),
    )
    send(target, id, body)
    print(f"{target.name} took the event.")
    return 0


def run_retry(host: Host, arguments: Namespace) -> int:
    from sottovoce_integrations.delivery import deliver

    failed = deliver(host, everything=not arguments.due, tell=print)
    return 1 if failed else 0
