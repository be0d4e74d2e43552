"""The network is closed: to plugins, to the engines, and the whole job works without one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sottovoce.engines.serving import Job
from sottovoce.engines.worker import Worker
from sottovoce.errors import NetworkRefusedError

from . import rig
from .audio import decode, encode
from .conftest import SAMPLE, command, sotto
from .test_third_party import HOOK, fake

NOWHERE = "192.0.2.1"  # an address of documentation (RFC 5737): nobody has it

LEAKY = f"""{HOOK}
import pathlib, socket, threading

def connect():
    socket.create_connection(("{NOWHERE}", 9), timeout=5)

class Leaky(NoteExporter):
    name = "leaky"
    def export(self, notes, transcript, folder):
        connect()

@hookimpl
def register_note_exporters(): return [Leaky()]

@hookimpl
def notes_ready(notes):
    def work():
        try:
            socket.getaddrinfo("example.com", 443)
        except Exception as error:
            pathlib.Path("{{said}}").write_text(str(error))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""


def test_a_plugin_that_connects_is_stopped_named_and_remembered(tmp_path: Path, home: Path) -> None:
    site, said = tmp_path / "site", tmp_path / "said"
    fake("leaky", LEAKY.replace("{said}", str(said)), site)
    recording = encode(tmp_path / "memo.wav", [np.zeros(32_000, np.float32)], codec="pcm_s16le")
    ran = sotto("process", recording, "--export", "leaky", home=home, PYTHONPATH=str(site))
    assert ran.status == 1
    assert f"'leaky' tried to connect to {NOWHERE}:9, which was not configured" in ran.err
    assert "Traceback" not in ran.err
    # In a thread of its own, too, and where it swallows the error.
    assert said.read_text().startswith("'leaky' tried to connect to example.com:443")
    assert "'leaky' tried to connect to example.com:443 and was stopped" in ran.err
    rows = {
        row["name"]: row for row in sotto("plugins", "--json", home=home, PYTHONPATH=str(site)).json
    }
    assert [it["during"] for it in rows["leaky"]["failures"]] == ["Leaky.export"]


def python(program: str, home: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SOTTOVOCE_HOME": str(home)},
    )
    return done.stdout.splitlines()


TRY = """
import socket, threading
from sottovoce import guard, allow_hosts
from sottovoce.errors import NetworkRefusedError
guard.install()

def attempt(host, what=None):
    try:
        (what or socket.create_connection)((host, 9), 0.05)
    except NetworkRefusedError as error:
        print("refused", error.where)
    except OSError:
        print("tried")

def datagram(address, timeout):
    with socket.socket(type=socket.SOCK_DGRAM) as it:
        it.sendto(b"secret", address)
"""


def test_a_host_is_open_in_its_block_and_in_its_thread_only(home: Path) -> None:
    program = f"""{TRY}
attempt("{NOWHERE}")
with allow_hosts("{NOWHERE}", why="a test"):
    attempt("{NOWHERE}")
    attempt("192.0.2.2")
    thread = threading.Thread(target=attempt, args=("{NOWHERE}",))
    thread.start()
    thread.join()
attempt("{NOWHERE}")
attempt("{NOWHERE}", datagram)
attempt("127.0.0.1")
attempt("example.com")
attempt("::ffff:{NOWHERE}")
"""
    where = f"refused {NOWHERE}:9"
    assert python(program, home) == [
        where,
        "tried",
        "refused 192.0.2.2:9",
        where,
        where,
        where,
        "tried",
        "refused example.com:9",
        f"refused ::ffff:{NOWHERE}:9",
    ]


class Talkative:
    """Served by a worker; tries what an engine must not."""

    def connect(self, job: Job, host: str) -> None:
        import socket

        socket.create_connection((host, 9), 0.05)

    def native(self, job: Job, family: int) -> int:
        """What the C library's ``socket`` gives, past the interpreter: 0 or the error's number."""
        import ctypes
        import socket

        libc = ctypes.CDLL(None, use_errno=True)
        if (number := libc.socket(family, socket.SOCK_STREAM, 0)) < 0:
            return ctypes.get_errno()
        os.close(number)
        return 0


@pytest.mark.parametrize("host", [NOWHERE, "127.0.0.1", "example.com"])
def test_a_worker_that_connects_is_refused_by_name(host: str, tmp_path: Path) -> None:
    with (
        Worker("tests.test_guard:Talkative", name="speech", log_file=tmp_path / "log") as worker,
        pytest.raises(NetworkRefusedError, match="'speech' tried to connect to"),
    ):
        worker.call("connect", host)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's filter is Linux's")
def test_the_kernel_refuses_sockets_to_native_code_of_a_worker(tmp_path: Path) -> None:
    import errno
    import socket

    families = (socket.AF_INET, socket.AF_INET6, socket.AF_PACKET, socket.AF_UNIX)
    with Worker("tests.test_guard:Talkative", name="it", log_file=tmp_path / "log") as worker:
        found = [worker.call("native", int(family)) for family in families]
    assert found == [errno.EACCES, errno.EACCES, errno.EACCES, 0]
    assert "the kernel closes the network" in (tmp_path / "log").read_text()


WITH_TRACE = shutil.which("strace") is not None


def alone(trace: Path) -> list[str]:
    """What runs a command without network interfaces, its calls of the network traced."""
    prefix = ["unshare", "--net", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("no network namespace can be made here")
    traced = ["strace", "-f", "--seccomp-bpf", "-e", "trace=network", "-o", str(trace)]
    return [*prefix, *(traced if WITH_TRACE else [])]


def connects(trace: Path) -> list[str]:
    """The calls of all processes, the engines' among them, that have to do with connecting."""
    if not WITH_TRACE:
        pytest.skip("it works; strace, which shows that nothing connects, is not installed")
    calls = trace.read_text().splitlines()
    assert any("socketpair(" in it for it in calls)  # it did see the processes' calls
    return [it for it in calls if "connect(" in it or "AF_INET" in it]


def test_the_demo_works_without_interfaces_and_connects_nowhere(home: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*alone(tmp_path / "trace"), *command("demo", "--json")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SOTTOVOCE_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    assert '"action_items"' in done.stdout
    assert connects(tmp_path / "trace") == []


@pytest.mark.skipif(bool(rig.MISSING), reason=f"no {', '.join(rig.MISSING)} on this machine")
def test_a_live_meeting_works_without_interfaces_and_connects_to_the_sound_alone(
    home: Path, tmp_path: Path
) -> None:
    speech = decode(SAMPLE)[int(9.6 * 16_000) : int(13.9 * 16_000)]
    spoken = encode(tmp_path / "speech.wav", [speech], codec="pcm_s16le")
    options = ["--recordings", str(tmp_path / "r"), "--captions", "--max", "9s", "--json"]
    with rig.Rig() as sound:
        process = subprocess.Popen(
            [*alone(tmp_path / "trace"), *command("record", *options, "--to", tmp_path / "notes")],
            env={**os.environ, **sound.environment, "SOTTOVOCE_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while process.poll() is None and not list((tmp_path / "r").glob("*/loopback.wav")):
            time.sleep(0.05)
        time.sleep(0.5)
        sound.play(spoken, "rig_speakers").wait()
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    (meeting,) = json.loads(out)
    assert "new connection" in " ".join(it["text"] for it in meeting["transcript"]["segments"])
    assert "Them: " in err  # the captions
    assert Path(meeting["files"][0]).is_file()
    found = connects(tmp_path / "trace")
    assert found
    assert all(sound.environment["PULSE_SERVER"].removeprefix("unix:") in it for it in found)


def test_nothing_listens_for_other_machines(home: Path) -> None:
    program = f"""{TRY}
def listen(address, timeout):
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as it:
        it.bind((address[0], 0))
        print("listens")

for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", "{NOWHERE}"):
    attempt(host, listen)
"""
    *own, last = python(program, home)
    assert own == ["listens"] * 3 + [
        "refused 0.0.0.0", "refused ::", "refused all addresses",
    ]  # fmt: skip
    assert last == f"refused {NOWHERE}"


def test_privacy_lists_what_could_connect_from_the_settings_and_the_plugins(
    tmp_path: Path, home: Path
) -> None:
    site = tmp_path / "site"
    source = (
        "from sottovoce import Connection, hookimpl\n@hookimpl\ndef register_connections():\n"
        "    return [Connection(host='cal.example.com', why='reads your calendar')]\n"
    )
    fake("calendar_x", source, site)
    shown = sotto("privacy", "--json", home=home, PYTHONPATH=str(site), HF_ENDPOINT="").json
    rows = {row["host"]: row for row in shown["connects"]}
    assert rows["cal.example.com"]["who"] == "plugin 'calendar_x'"
    assert "huggingface.co" in rows
    mirrored = sotto("privacy", "--json", home=home, HF_ENDPOINT="https://mirror.example").json
    assert mirrored["connects"][0]["host"] == "mirror.example"
    assert sotto("privacy", "--json", home=home, HF_HUB_OFFLINE="1").json["connects"] == []
    assert {it["host"]: it["who"] for it in shown["listens"]} == {"127.0.0.1": "plugin 'browser'"}
    library = next(it for it in shown["stays"] if it["what"].startswith("meetings"))
    assert library["path"] == str(home / "data" / "library.sqlite3")
    if sys.platform == "linux":
        assert "kernel" in shown["guard"]["workers"]
