"""Tells commands and web addresses that a person configured of what became ready.

The hooks only queue an event in the library's outbox and start ``sotto events retry --due`` beside
the job, which delivers it: no job waits for a receiver or fails with one. What was not delivered
stays in the outbox, and whichever command runs next starts its delivery once it is due.
"""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sottovoce import Connection, MeetingNotes, Transcript, UsageError, hookimpl
from sottovoce.home import Home, find_home

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

log = logging.getLogger(__name__)

EVENTS = ("transcript_ready", "notes_ready")
_SERVICE = "sottovoce"
_KEYS = {"events", "command", "url", "timeout", "signed", "secret_file"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A command or an address; exactly one of the two."""

    name: str
    events: tuple[str, ...] = ("notes_ready",)
    command: tuple[str, ...] = ()
    url: str = ""
    timeout: float = 30.0
    """Seconds for the whole delivery"""
    signed: bool = True
    """Addresses only"""
    secret_file: Path | None = None
    """Holds the secret instead of the keyring"""

    @property
    def where(self) -> str:
        return self.url or shlex.join(self.command)


def load_targets(home: Home) -> dict[str, Target]:
    """The targets by name. Raises ``UsageError`` for a file that is wrong."""
    return {name: _target(name, it, home) for name, it in _read(home).unwrap().items()}


def _read(home: Home) -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(home.events.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise UsageError(f"{home.events} cannot be read: {error}; mend it or delete it") from error


def _target(name: str, fields: Any, home: Home) -> Target:
    def wrong(what: str) -> UsageError:
        return UsageError(f"{home.events}: [{name}] {what}")

    if not isinstance(fields, dict):
        raise wrong("must be a table")
    if unknown := set(fields) - _KEYS:
        raise wrong(f"has unknown keys: {', '.join(sorted(unknown))}")
    events = fields.get("events", ["notes_ready"])
    if not isinstance(events, list) or not events or set(map(str, events)) - set(EVENTS):
        raise wrong(f"events must be a list of {' and '.join(EVENTS)}")
    command, url = fields.get("command", []), fields.get("url", "")
    if bool(command) == bool(url):
        raise wrong("must have either a command or a url")
    if not isinstance(command, list) or not all(isinstance(it, str) for it in command):
        raise wrong('command must be a list of strings: ["program", "argument"]')
    if not isinstance(url, str):
        raise wrong("url must be a string")
    if url:
        try:
            check_url(url)
        except UsageError as error:
            raise wrong(str(error)) from error
    timeout = fields.get("timeout", 30)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 600:
        raise wrong("timeout must be seconds, up to 600")
    if not isinstance(fields.get("signed", True), bool):
        raise wrong("signed must be true or false")
    file = fields.get("secret_file")
    if file is not None and not isinstance(file, str):
        raise wrong("secret_file must be a path")
    return Target(
        name=name,
        events=tuple(events),
        command=tuple(command),
        url=url,
        timeout=float(timeout),
        signed=fields.get("signed", True),
        secret_file=Path(file) if file else None,
    )


def check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port_is_legal = parts.port is None or parts.port > 0
    except ValueError as error:
        raise UsageError(f"'{url}' is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_legal:
        raise UsageError(f"'{url}' is no address: it must be like https://host/path")
    if parts.username or parts.password:
        raise UsageError("an address may not hold a user name or a password")
    if not url.isascii() or any(character.isspace() for character in url):
        raise UsageError(f"'{url}' is no address: percent-encode what is not ASCII")


def add_target(home: Home, target: Target) -> None:
    """Write a target to ``events.toml``, keeping what a person wrote there."""
    import tomlkit

    document = _read(home)
    if target.name in document:
        raise UsageError(f"there is a target '{target.name}' already; remove it first")
    table = tomlkit.table()
    table["events"] = list(target.events)
    if target.command:
        table["command"] = list(target.command)
    else:
        table["url"] = target.url
        table["signed"] = target.signed
        if target.secret_file is not None:
            table["secret_file"] = str(target.secret_file)
    table["timeout"] = target.timeout
    _target(target.name, table.unwrap(), home)
    document[target.name] = table
    _write(home, document)


def remove_target(home: Home, name: str) -> Target:
    """Take a target out of ``events.toml``; its secret leaves the keyring, a file stays."""
    document = _read(home)
    if name not in document:
        known = ", ".join(document) or "none"
        raise UsageError(f"no target '{name}'; known: {known}")
    target = _target(name, document[name].unwrap(), home)
    document.remove(name)
    _write(home, document)
    if target.url and target.signed and target.secret_file is None:
        from keyring.errors import KeyringError

        try:
            _keyring().delete_password(_SERVICE, f"events/{name}")
        except (KeyringError, UsageError) as error:
            log.warning("the secret of '%s' was not in the keyring: %s", name, error)
    return target


def _write(home: Home, document: TOMLDocument) -> None:
    import tomlkit

    home.create()
    # Its own file first, of mode 600: an address may itself be what lets one in.
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=home.config, prefix=".events-", delete=False
    ) as file:
        file.write(tomlkit.dumps(document))
    Path(file.name).replace(home.events)


def _keyring() -> Any:
    import keyring
    from keyring.backends.fail import Keyring as NoKeyring

    found = keyring.get_keyring()
    if isinstance(found, NoKeyring):
        raise UsageError(
            "this machine has no keyring to hold the secret: name a file for it with "
            "--secret-file, or send without a signature with --unsigned"
        )
    return found


def make_secret(target: Target) -> str | None:
    """Make and keep a secret for a new target; ``None`` where its file holds one already."""
    import base64
    import secrets

    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    if target.secret_file is None:
        from keyring.errors import KeyringError

        try:
            _keyring().set_password(_SERVICE, f"events/{target.name}", secret)
        except KeyringError as error:
            raise UsageError(
                f"the keyring did not take the secret: {error}; name a file with --secret-file"
            ) from error
        return secret
    try:
        file = os.open(target.secret_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        read_secret(target)
        return None
    except OSError as error:
        raise UsageError(f"{target.secret_file} cannot be written: {error.strerror}") from error
    with os.fdopen(file, "w", encoding="ascii") as stream:
        stream.write(secret + "\n")
    return secret


def read_secret(target: Target) -> bytes:
    """The key of a target's signatures. Raises ``UsageError`` where there is none."""
    import base64
    import binascii

    if target.secret_file is not None:
        try:
            mode = target.secret_file.stat().st_mode & 0o777
            text = target.secret_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the secret file {target.secret_file}: {error}") from error
        if os.name == "posix" and mode & 0o077:
            raise UsageError(
                f"others can read the secret file {target.secret_file}; run: "
                f"chmod 600 '{target.secret_file}'"
            )
        where = str(target.secret_file)
    else:
        from keyring.errors import KeyringError

        try:
            text = _keyring().get_password(_SERVICE, f"events/{target.name}") or ""
        except KeyringError as error:
            raise UsageError(f"the keyring cannot be read: {error}; unlock it") from error
        where = "the keyring"
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 16:
        raise UsageError(
            f"no secret for '{target.name}' in {where}: it is whsec_ and base64 of 16 bytes or "
            "more; remove the target and add it again to make one"
        )
    return key


@hookimpl
def register_connections() -> list[Connection]:
    why = "is told of {}, as you configured with 'sotto events' ('{}')"
    return [
        Connection(
            host=str(urlsplit(it.url).hostname), why=why.format(" and ".join(it.events), it.name)
        )
        for it in load_targets(find_home()).values()
        if it.url
    ]


@hookimpl
def transcript_ready(transcript: Transcript) -> None:
    _occurred("transcript_ready", transcript.recording_id)


@hookimpl
def notes_ready(notes: MeetingNotes) -> None:
    _occurred("notes_ready", notes.recording.id)


def _occurred(event: str, meeting_id: str) -> None:
    from sottovoce.library.outbox import Outbox

    home = find_home()
    if not home.events.exists() or not home.library.exists():
        return
    told = [it.name for it in load_targets(home).values() if event in it.events]
    if not told:
        return
    with Outbox(home.library) as outbox:
        added = outbox.add(meeting_id, event, told)
    if added:
        start_delivery()


def deliver_in_background(home: Home) -> None:
    """Start the delivery of what is due from earlier runs, and say what was given up."""
    from sottovoce.library.outbox import counts

    if not home.events.exists():
        return
    due, given_up = counts(home.library, time.time())
    if due:
        start_delivery()
    if given_up:
        log.warning(
            "%d events could not be delivered: 'sotto events list' says why, 'sotto events retry' "
            "tries again",
            given_up,
        )


def start_delivery() -> None:
    """Deliver what is due in a process beside this one, which does not wait for it."""
    subprocess.Popen(
        [sys.executable, "-m", "sottovoce", "events", "retry", "--due"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
