"""Delivers events: makes the payload, signs it, and hands it to a command or an address.

The signature is that of the Standard Webhooks specification
(https://github.com/standard-webhooks/standard-webhooks), for which receivers find libraries:
``webhook-id``, ``webhook-timestamp``, and in ``webhook-signature`` ``v1,`` and the base64 of the
HMAC-SHA256 of ``id.timestamp.body``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import logging
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sottovoce import SottovoceError, UsageError, allow_hosts
from sottovoce.library.codec import notes_to_json, transcript_to_json
from sottovoce.library.outbox import Delivery, Outbox

from .events import Target, load_targets, read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from sottovoce import MeetingNotes, Recording, Transcript
    from sottovoce.host import Host

log = logging.getLogger(__name__)

_SHOWN = 200
"""Characters of a receiver's answer that an error quotes"""


class DeliveryError(SottovoceError):
    """A receiver did not take an event."""


def deliver(host: Host, *, everything: bool, tell: Callable[[str], None]) -> int:
    """Deliver what is due, or all that waits, and return how many failed.

    One process delivers at a time and one more waits for it, which finds what that one left.
    """
    import filelock

    host.library  # noqa: B018 - brings the tables to today's version
    delivering = filelock.FileLock(host.home.data / "outbox.lock")
    waiting = filelock.FileLock(host.home.data / "outbox-next.lock")
    try:
        with waiting.acquire(timeout=-1 if everything else 0):
            delivering.acquire()
    except filelock.Timeout:
        return 0  # the one that waits delivers ours too
    try:
        return _deliver(host, everything, tell)
    finally:
        delivering.release()


def _deliver(host: Host, everything: bool, tell: Callable[[str], None]) -> int:
    targets = load_targets(host.home)
    failed = 0
    with Outbox(host.home.library) as outbox:
        for delivery in outbox.waiting() if everything else outbox.due(time.time()):
            target = targets.get(delivery.target)
            try:
                if target is None:
                    raise UsageError(f"there is no target '{delivery.target}' in events.toml")
                send(target, delivery.id, _payload(host, delivery, local=bool(target.command)))
            except SottovoceError as error:
                failed += 1
                _note(outbox, delivery, str(error), tell)
            else:
                outbox.delivered(delivery)
                tell(f"{delivery.target}: {delivery.event} of {delivery.meeting_id} delivered")
    return failed


def _note(outbox: Outbox, delivery: Delivery, error: str, tell: Callable[[str], None]) -> None:
    due = outbox.failed(delivery, error, time.time())
    then = "given up" if due is None else f"tried again in {due - time.time():.0f} s or later"
    tell(f"{delivery.target}: {delivery.event} of {delivery.meeting_id} failed, {then}: {error}")
    log.info("event %s to %s failed: %s", delivery.event, delivery.target, error)


def _payload(host: Host, delivery: Delivery, *, local: bool) -> bytes:
    meeting = host.library.find(delivery.meeting_id)
    return payload(
        delivery.id,
        delivery.event,
        delivery.happened_at,
        meeting.recording,
        host.library.transcript(meeting.id),
        host.library.notes(meeting) if delivery.event == "notes_ready" else None,
        local=local,
    )


def payload(
    id: str,
    event: str,
    at: str,
    recording: Recording,
    transcript: Transcript,
    notes: MeetingNotes | None,
    *,
    local: bool,
) -> bytes:
    """What docs/reference/events.schema.json describes, in UTF-8.

    The recording's path is for commands on this machine (``local``) alone.
    """
    meeting: dict[str, Any] = {
        "id": recording.id,
        "title": notes.title if notes else recording.title,
        "started_at": recording.started_at.isoformat(),
        "duration": round(recording.duration, 2),
    }
    if local:
        meeting["recording"] = str(recording.path)
    body: dict[str, Any] = {
        "version": 1,
        "id": id,
        "event": event,
        "happened_at": at,
        "meeting": meeting,
        "transcript": transcript_to_json(transcript),
    }
    if notes is not None:
        body["notes"] = notes_to_json(notes)
    return json.dumps(body, ensure_ascii=False).encode()


def send(target: Target, id: str, body: bytes) -> None:
    """Hand a payload to a target. Raises ``DeliveryError`` unless it was taken."""
    if target.command:
        _run(target, body)
    else:
        headers = {"Content-Type": "application/json", "User-Agent": "sottovoce", "webhook-id": id}
        if target.signed:
            headers |= signature(read_secret(target), id, int(time.time()), body)
        post(target.url, headers, body, target.timeout)


def signature(key: bytes, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove who sent a body, and when."""
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{digest}"}


def post(url: str, headers: dict[str, str], body: bytes, timeout: float) -> None:
    """The one place that connects: to the host of ``url``, past proxies, following no redirect.

    Raises ``DeliveryError`` unless the answer is 2xx within ``timeout`` seconds.
    """
    parts = urlsplit(url)
    host = str(parts.hostname)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(host, parts.port, timeout=timeout)
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):  # it ended by itself meanwhile
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)

    # A socket's timeout is for each read: a receiver that sends a byte now and then outlasts it.
    timer = threading.Timer(timeout, cut)
    timer.daemon = True
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    timer.start()
    try:
        with allow_hosts(host, why="an event that you asked to be told of"):
            connection.connect()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        status, said = answer.status, answer.read(2000).decode("utf-8", "replace")
        location = answer.headers.get("Location", "")
        if late.is_set():  # a cut reads like the end of the answer
            raise TimeoutError
    except (OSError, http.client.HTTPException) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            raise DeliveryError(f"{host} did not answer within {timeout:g} s") from error
        raise DeliveryError(f"{host} could not be reached: {error!r}") from error
    finally:
        timer.cancel()
        connection.close()
    if 300 <= status < 400:
        raise DeliveryError(
            f"{host} redirects to '{location[:_SHOWN]}', which is not followed: configure the "
            "address that it means"
        )
    if not 200 <= status < 300:
        raise DeliveryError(f"{host} answered {status}: {' '.join(said.split())[:_SHOWN]}")


def _run(target: Target, body: bytes) -> None:
    """Without a shell; the payload is the command's standard input."""
    program = target.command[0]
    with tempfile.TemporaryFile() as said:  # a pipe would wait for all who inherited it
        try:
            process = subprocess.Popen(
                target.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
            )
        except OSError as error:
            raise DeliveryError(f"{program} could not be started: {error.strerror}") from error
        try:
            process.communicate(body, timeout=target.timeout)
        except subprocess.TimeoutExpired as error:
            _kill(process)
            raise DeliveryError(
                f"{program} did not end within {target.timeout:g} s and was killed"
            ) from error
        except BaseException:
            _kill(process)
            raise
        if process.returncode:
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").split()
            raise DeliveryError(
                f"{program} ended with {process.returncode}: {' '.join(lines)[-_SHOWN:]}"
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With all that it started."""
    import psutil

    try:
        family = [*psutil.Process(process.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    process.kill()
    for child in family:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
