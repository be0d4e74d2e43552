"""``sotto setup`` in a terminal: what a newcomer is asked, and what becomes of the answers."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sottovoce import device
from sottovoce.values import ModelTask

from .conftest import command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

NOWHERE = "http://127.0.0.1:9"


def setup(home: Path, *typed: str, **environment: str) -> tuple[int, str]:
    """What the command ends with and shows, when each of these is typed at a question."""
    import fcntl
    import pty
    import termios

    def take_terminal() -> None:
        # Where the tests run in the background, Ctrl-C is ignored, and that is inherited.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    terminal, end = pty.openpty()
    process = subprocess.Popen(
        command("setup"),
        stdin=end,
        stdout=end,
        stderr=end,
        preexec_fn=take_terminal,
        env={**os.environ, "SOTTOVOCE_HOME": str(home), "COLUMNS": "100", **environment},
    )
    os.close(end)
    shown, waiting = b"", list(typed)
    try:
        while True:
            # One that comes between the question and the reading of the answer is not noticed by
            # Python before the next key: a person presses it again.
            while not select.select([terminal], [], [], 3)[0]:
                if not waiting and typed[-1:] == ("\x03",):
                    os.write(terminal, b"\x03")
            if not (part := os.read(terminal, 1 << 16)):
                break
            shown += part
            if waiting and shown.endswith(b": "):
                os.write(terminal, waiting.pop(0).encode())
    except OSError:
        pass  # that is how a pseudo-terminal ends
    os.close(terminal)
    return process.wait(60), shown.decode().replace("\r\n", "\n")


def test_a_newcomer_gets_through_and_a_wrong_answer_is_asked_again(
    home: Path, tmp_path: Path
) -> None:
    vault = tmp_path / "vault"
    vault.mkdir()
    status, shown = setup(home, "99\n", "nonsense\n", "0\n", "\n", "/nowhere\n", f"{vault}\n")
    assert status == 0, shown
    for said in (
        "1. This device",
        "Processor: ",
        "2. The language model",
        "there is no number 99",
        "no generation model 'nonsense'; known: ",
        "3. The speech model",
        "there is no folder /nowhere; create it first",
        "Done. Notes are taken by Starter notes",
    ):
        assert said in shown
    assert "5. Download" not in shown
    found = device.load(home / "config" / "device.toml")
    assert found.notes == vault
    assert found.models == {
        ModelTask.GENERATION: "starter-notes",
        ModelTask.TRANSCRIPTION: "starter-speech",
    }
    # Enter keeps what was chosen.
    status, shown = setup(home, "\n", "\n", "\n")
    assert status == 0, shown
    assert f"Now: {vault}" in shown
    assert device.load(home / "config" / "device.toml") == found


def test_without_a_connection_the_other_answers_are_kept(home: Path, tmp_path: Path) -> None:
    status, shown = setup(home, "qwen3.5-2b\n", "\n", f"{tmp_path}\n", HF_ENDPOINT=NOWHERE)
    assert status == 1
    assert "'sotto setup' goes on with the download" in shown
    assert "sotto: 127.0.0.1 cannot be reached" in shown
    found = device.load(home / "config" / "device.toml")
    assert found.notes == tmp_path
    assert found.models == {ModelTask.TRANSCRIPTION: "starter-speech"}


@pytest.mark.parametrize(("key", "status"), [("\x03", 130), ("\x04", 1)], ids=["Ctrl-C", "Ctrl-D"])
def test_whoever_leaves_has_changed_nothing(key: str, status: int, home: Path) -> None:
    ended, shown = setup(home, "0\n", key)
    assert ended == status
    assert shown.splitlines()[-1].startswith(("sotto: stopped", "sotto: nothing was answered"))
    assert not (home / "config" / "device.toml").exists()


def test_a_damaged_file_of_settings_is_said_before_anything_is_asked(home: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "device.toml").write_text("[features")
    status, shown = setup(home)
    assert status == 1
    assert "device.toml is damaged" in shown
    assert "Which one?" not in shown
