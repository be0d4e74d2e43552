"""Events: real commands and real servers, told by the real program."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from sottovoce import UsageError, testing
from sottovoce.home import VARIABLE
from sottovoce.host import Host
from sottovoce.library.outbox import WAITS, Outbox
from sottovoce.library.privacy import set_private
from sottovoce_integrations import delivery, events
from sottovoce_integrations.delivery import DeliveryError, post
from sottovoce_integrations.events import Target

from .audio import decode, encode
from .conftest import SAMPLE, command, sotto

SCHEMA = Path(__file__).parents[1] / "docs" / "reference" / "events.schema.json"
VALID = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


class Receiver(ThreadingHTTPServer):
    """Answers with ``status``; keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 204
        self.headers: dict[str, str] = {}
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def meeting(host: Host) -> str:
    recording = testing.recording()
    made, done = testing.notes().produced_by
    host.library.add(recording)
    host.library.complete_transcript(testing.transcript(), 60.0, made)
    host.library.save_notes(testing.notes(), done)
    return recording.id


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The background process is counted instead of started, so that a test delivers itself."""
    counted: list[str] = []
    monkeypatch.setattr(events, "start_delivery", lambda: counted.append("started"))
    return counted


def add(host: Host, name: str = "crm", **fields: Any) -> Target:
    target = Target(name=name, **fields)
    events.add_target(host.home, target)
    return target


def occur(host: Host) -> None:
    events.transcript_ready(testing.transcript())
    events.notes_ready(testing.notes())


def deliver(host: Host, *, everything: bool = False) -> tuple[int, list[str]]:
    told: list[str] = []
    return delivery.deliver(host, everything=everything, tell=told.append), told


def waiting(host: Host) -> list[Any]:
    with Outbox(host.home.library) as outbox:
        return outbox.waiting()


BOTH = ("transcript_ready", "notes_ready")


def test_a_web_address_gets_both_events_signed_and_as_the_schema_says(
    host: Host, meeting: str, receiver: Receiver, started: list[str], tmp_path: Path
) -> None:
    target = add(host, url=receiver.url, events=BOTH, secret_file=tmp_path / "secret")
    secret = events.make_secret(target)
    assert secret is not None
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    occur(host)
    assert started == ["started", "started"]
    assert deliver(host)[0] == 0
    assert waiting(host) == []
    bodies = [json.loads(body) for _, body in receiver.got]
    assert [it["event"] for it in bodies] == ["transcript_ready", "notes_ready"]
    for (headers, raw), body in zip(receiver.got, bodies, strict=True):
        VALID.validate(body)
        assert "recording" not in body["meeting"]
        assert headers["webhook-id"] == body["id"]
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 600
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + raw
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{mac}"
    assert bodies[1]["notes"]["decisions"][0]["text"] == "We release on Friday."
    assert bodies[1]["transcript"]["speakers"] == ["Ana López", "Tom"]


def test_the_signature_is_that_of_the_standard() -> None:
    # The example of the Standard Webhooks specification and its reference libraries.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    headers = delivery.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_schema_tells_a_payload_that_is_wrong() -> None:
    body = json.loads(
        delivery.payload(
            "3f2b8c1e-0000-4000-8000-000000000000",
            "notes_ready",
            "2026-03-12T10:05:00+01:00",
            testing.recording(),
            testing.transcript(),
            testing.notes(),
            local=True,
        )
    )
    VALID.validate(body)
    for broken in (
        {**body, "version": 2},
        {**body, "event": "other"},
        {key: value for key, value in body.items() if key != "notes"},
        {**body, "transcript": {}},
        {**body, "meeting": {**body["meeting"], "duration": "long"}},
    ):
        assert not VALID.is_valid(broken)


def test_a_command_gets_the_event_on_its_standard_input_without_a_shell(
    host: Host, meeting: str, started: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "a; touch b"
    code = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    add(host, command=(sys.executable, "-c", code, str(out)))
    occur(host)
    assert deliver(host)[0] == 0
    body = json.loads(out.read_bytes())
    VALID.validate(body)
    assert body["event"] == "notes_ready"
    assert body["meeting"]["recording"] == str(testing.recording().path)


def test_a_failed_delivery_is_kept_and_tried_again_later_and_later(
    host: Host, meeting: str, receiver: Receiver, started: list[str]
) -> None:
    add(host, url=receiver.url, signed=False)
    occur(host)
    receiver.status = 503
    (first,) = waiting(host)
    for attempt in range(1, len(WAITS) + 2):
        failed, told = deliver(host, everything=True)
        assert failed == 1
        assert "answered 503" in told[0]
        (left,) = waiting(host)
        assert (left.id, left.attempts) == (first.id, attempt)
        assert deliver(host) == (0, [])  # not due yet, or given up
    assert left.due_at is None
    assert "given up" in told[0]
    receiver.status = 200
    assert deliver(host, everything=True)[0] == 0
    assert waiting(host) == []
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_a_redirect_is_not_followed(host: Host, receiver: Receiver, started: list[str]) -> None:
    with Receiver() as other:
        receiver.status, receiver.headers = 307, {"Location": f"{other.url}/steal"}
        with pytest.raises(DeliveryError, match="redirects to .*/steal.*not followed"):
            post(receiver.url, {}, b"{}", 5)
        assert other.got == []


@contextmanager
def dripping() -> Iterator[str]:
    """A server that sends a byte of its answer at a time, for ever."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        stop.set()
        thread.join()


def test_a_receiver_that_drips_is_cut_off() -> None:
    with dripping() as url, pytest.raises(DeliveryError, match=r"did not answer within 0\.5 s"):
        post(url, {}, b"{}", 0.5)


def test_nobody_there_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(DeliveryError, match="could not be reached"):
        post(f"http://127.0.0.1:{port}", {}, b"{}", 5)


def test_a_proxy_of_the_environment_is_passed_by(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    post(receiver.url, {}, b"{}", 5)
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('no crm today')", "ended with 1: no crm today"),
        ("import time; time.sleep(60)", "did not end within 0.5 s and was killed"),
        (
            "import subprocess, sys, time\n"
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            "time.sleep(60)",
            "was killed",
        ),
    ],
)
def test_a_command_that_fails_or_hangs_is_ended_and_named(code: str, message: str) -> None:
    target = Target(name="x", command=(sys.executable, "-c", code), timeout=0.5)
    if "sys.exit" in code:
        target = Target(name="x", command=target.command, timeout=60)
    with pytest.raises(DeliveryError, match=message):
        delivery.send(target, "id", b"{}")


def test_a_command_that_does_not_read_its_input_is_fine() -> None:
    target = Target(name="x", command=(sys.executable, "-c", "pass"), timeout=60)
    delivery.send(target, "id", b"x" * 5_000_000)


def test_an_event_that_waits_tells_what_the_meeting_holds_when_it_is_told(
    host: Host, meeting: str, receiver: Receiver, started: list[str]
) -> None:
    add(host, url=receiver.url, signed=False)
    occur(host)
    occur(host)  # the notes were written anew meanwhile
    host.library.rename_speaker(meeting, "Tom", "Thomas")
    assert deliver(host)[0] == 0
    ((_, body),) = receiver.got
    assert json.loads(body)["notes"]["action_items"][0]["assignee"] == "Thomas"


def test_private_and_deleted_meetings_are_not_told_of(
    host: Host, meeting: str, receiver: Receiver, started: list[str]
) -> None:
    add(host, url=receiver.url, signed=False)
    occur(host)
    set_private(host.library, meeting, True)
    assert waiting(host) == []
    occur(host)
    assert waiting(host) == []
    set_private(host.library, meeting, False)
    occur(host)
    assert len(waiting(host)) == 1
    host.library.delete(meeting)
    assert waiting(host) == []
    occur(host)
    assert waiting(host) == []
    assert receiver.got == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[crm", "cannot be read"),
        ("crm = 1", "must be a table"),
        ("[crm]\nurl = 'https://a.example'\nretries = 3", "unknown keys: retries"),
        ("[crm]\nevents = ['other']\nurl = 'https://a.example'", "must be a list of"),
        ("[crm]\nevents = ['notes_ready']", "either a command or a url"),
        ("[crm]\ncommand = 'rm -rf'", "must be a list of strings"),
        ("[crm]\nurl = 'ftp://a.example'", "like https://host/path"),
        ("[crm]\nurl = 'https://a:b@a.example'", "user name or a password"),
        ("[crm]\nurl = 'https://a.example'\ntimeout = 0", "timeout must be"),
        ("[crm]\nurl = 'https://a.example:99999'", "no address"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(host: Host, text: str, message: str) -> None:
    host.home.events.write_text(text)
    with pytest.raises(UsageError, match=message) as error:
        events.load_targets(host.home)
    assert str(host.home.events) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_broken_file_fails_the_plugin_and_not_the_job(host: Host, meeting: str) -> None:
    host.home.events.write_text("[crm")
    host.plugins.register(events, "events")
    host.plugins.notify("notes_ready", notes=testing.notes(), transcript=testing.transcript())
    (failure,) = host.plugins.failures
    assert failure.plugin == "events"
    assert "events.toml" in str(failure)


def test_adding_and_removing_keeps_what_a_person_wrote(host: Host) -> None:
    host.home.events.write_text("# mine\n[own]  # too\nurl = 'https://a.example/hook'\n")
    add(host, command=("/bin/true",))
    assert list(events.load_targets(host.home)) == ["own", "crm"]
    assert host.home.events.stat().st_mode & 0o777 == 0o600
    events.remove_target(host.home, "crm")
    assert "# mine\n[own]  # too\n" in host.home.events.read_text()
    with pytest.raises(UsageError, match="no target 'crm'; known: own"):
        events.remove_target(host.home, "crm")


NO_KEYRING: dict[str, Any] = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


def test_where_there_is_no_keyring_the_person_is_told_what_to_do(
    home: Path, receiver: Receiver
) -> None:
    url = f"{receiver.url}/hook?a=1"
    refused = sotto("events", "add", "crm", "--url", url, home=home, **NO_KEYRING)
    assert refused.status == 1
    assert refused.err.startswith("sotto: this machine has no keyring")
    assert "--secret-file" in refused.err
    assert sotto("events", "--json", home=home).json == {"targets": [], "waiting": []}
    secret = home / "secret"
    added = sotto("events", "add", "crm", "--url", url, "--secret-file", secret, home=home)
    assert added.status == 0, added.err
    assert secret.read_text().strip() in added.out
    tested = sotto("events", "test", "crm", home=home)
    assert (tested.status, tested.out) == (0, "crm took the event.\n")
    ((headers, body),) = receiver.got
    assert "webhook-signature" in headers
    VALID.validate(json.loads(body))
    secret.chmod(0o644)
    loose = sotto("events", "test", "crm", home=home)
    assert loose.status == 1
    assert "chmod 600" in loose.err


KEYRING = """
import json, pathlib, keyring.backend
FILE = pathlib.Path(__file__).with_suffix(".json")
class Keyring(keyring.backend.KeyringBackend):
    priority = 9
    def _all(self): return json.loads(FILE.read_text()) if FILE.exists() else {}
    def get_password(self, service, user): return self._all().get(service + "/" + user)
    def set_password(self, service, user, password):
        FILE.write_text(json.dumps({**self._all(), service + "/" + user: password}))
    def delete_password(self, service, user):
        left = self._all(); del left[service + "/" + user]; FILE.write_text(json.dumps(left))
"""


def test_the_secret_is_kept_in_the_keyring_and_leaves_with_the_target(
    home: Path, receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "backend_of_ours.py").write_text(KEYRING)
    ring: dict[str, Any] = {
        "PYTHONPATH": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "backend_of_ours.Keyring",
    }
    added = sotto("events", "add", "crm", "--url", receiver.url, home=home, **ring)
    assert added.status == 0, added.err
    held = json.loads((tmp_path / "backend_of_ours.json").read_text())
    assert held["sottovoce/events/crm"] in added.out
    assert "whsec_" not in (home / "config" / "events.toml").read_text()
    assert sotto("events", "test", "crm", home=home, **ring).status == 0
    assert "v1," in receiver.got[0][0]["webhook-signature"]
    assert sotto("events", "remove", "crm", home=home, **ring).status == 0
    assert json.loads((tmp_path / "backend_of_ours.json").read_text()) == {}


def test_a_recording_tells_its_events_though_the_receiver_was_down_and_the_job_ended(
    home: Path, receiver: Receiver, tmp_path: Path
) -> None:
    """The real job, its background delivery, a restart, and a delivery by the next command."""
    recording = encode(tmp_path / "memo.wav", [decode(SAMPLE)[: 6 * 16_000]], codec="pcm_s16le")
    receiver.status = 500
    for name, value in (("a", "transcript_ready"), ("b", "notes_ready")):
        sotto("events", "add", name, "--url", receiver.url, "--unsigned", "--on", value, home=home)
    ran = sotto("process", recording, home=home)
    assert ran.status == 0, ran.err
    assert ran.err == ""

    def left() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = sotto("events", "--json", home=home).json["waiting"]
        return found

    until(lambda: [it["attempts"] for it in left()] == [1, 1])
    assert {it["error"] for it in left()} == {"127.0.0.1 answered 500: "}
    receiver.status = 200
    make_due(home)
    assert sotto("meetings", home=home).status == 0
    until(lambda: left() == [])
    bodies = [json.loads(body) for _, body in receiver.got]
    assert sorted(it["event"] for it in bodies[2:]) == ["notes_ready", "transcript_ready"]
    for body in bodies:
        VALID.validate(body)


def make_due(home: Path) -> None:
    import sqlite3

    with sqlite3.connect(home / "data" / "library.sqlite3") as db:
        db.execute("UPDATE outbox SET due_at = 0")
    db.close()


def until(true: Any) -> None:
    for _ in range(240):
        if true():
            return
        time.sleep(0.25)
    raise AssertionError("it did not happen within a minute")


def test_what_was_given_up_is_said_by_every_command(home: Path, host: Host, meeting: str) -> None:
    add(host, command=("/nowhere/program",))
    with Outbox(host.home.library) as outbox:
        outbox.add(meeting, "notes_ready", ["crm"])
    for _ in range(len(WAITS) + 1):
        assert deliver(host, everything=True)[0] == 1
    ran = sotto("meetings", home=home)
    assert ran.status == 0
    assert ran.err.startswith("sotto: warning: 1 events could not be delivered")
    listed = sotto("events", home=home)
    assert "given up, after 8 attempts: /nowhere/program could not be started" in listed.out
    removed = sotto("events", "remove", "crm", home=home)
    assert removed.out == "1 events that waited were dropped.\n"


def test_two_deliveries_at_once_tell_each_event_once(
    home: Path, host: Host, meeting: str, receiver: Receiver
) -> None:
    add(host, url=receiver.url, signed=False)
    with Outbox(host.home.library) as outbox:
        outbox.add(meeting, "notes_ready", ["crm"])
    threads = [
        threading.Thread(target=lambda: sotto("events", "retry", home=home)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.got) == 1
    assert waiting(host) == []


def test_a_delivery_that_is_killed_is_done_again(
    home: Path, host: Host, meeting: str, tmp_path: Path
) -> None:
    begun, slow = tmp_path / "begun", tmp_path / "slow"
    slow.touch()
    code = (
        "import pathlib, sys, time\nbegun, slow = map(pathlib.Path, sys.argv[1:])\n"
        "begun.write_bytes(sys.stdin.buffer.read())\n"
        "while slow.exists(): time.sleep(0.05)\n"
    )
    add(host, command=(sys.executable, "-c", code, str(begun), str(slow)))
    with Outbox(host.home.library) as outbox:
        outbox.add(meeting, "notes_ready", ["crm"])
    with subprocess.Popen(
        command("events", "retry"),
        stdout=subprocess.DEVNULL,
        env={**os.environ, VARIABLE: str(home)},
    ) as process:
        until(lambda: begun.exists() and begun.stat().st_size)
        process.kill()
    slow.unlink()
    first = json.loads(begun.read_bytes())["id"]
    assert [(it.id, it.attempts) for it in waiting(host)] == [(first, 0)]
    assert deliver(host)[0] == 0
    assert json.loads(begun.read_bytes())["id"] == first
    assert waiting(host) == []
