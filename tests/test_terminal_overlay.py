"""The overlay `terminal`, on terminals of every size and on none."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, ConsoleDimensions

from sottovoce import LiveCaption, LiveView, Suggestion
from sottovoce_plugins import terminal_picture as picture

from . import pictures
from .live_views import ASKED, CAPTIONS, QUIET, VIEW

LONG = replace(
    VIEW,
    title="x" * 300,
    suggestions=(replace(ASKED, text="word " * 60, about="why " * 80),),
    saying=tuple(LiveCaption(start=1.0, speaker=it, text="so " * 200) for it in ("Me", "Them")),
    suggesting="slowly: on battery",
)


def lines(view: LiveView, width: int, height: int, entry: picture.Entry | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True,
                      color_system=None)  # fmt: skip
    console.print(picture.now(view, ConsoleDimensions(width, height), entry, True))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("view", [QUIET, VIEW, LONG], ids=["quiet", "usual", "long"])
@pytest.mark.parametrize("size", ["80×24", "200×60", "60×16", "40×14"])
def test_it_fits_and_leaves_room_for_what_was_said(view: LiveView, size: str) -> None:
    width, height = map(int, size.split("×"))
    drawn = lines(view, width, height)
    assert max(map(len, drawn)) <= min(width, 100)
    assert len(drawn) <= height - 4
    assert any("● Recording" in it for it in drawn)


def test_it_shows_what_a_suggestion_rests_on() -> None:
    drawn = "\n".join(lines(VIEW, 80, 24))
    for text in ("You were asked", ASKED.about, "06:52  Them: The hall wants the power form",
                 "your notes  Who sends", "★ 2", "suggestions on"):  # fmt: skip
        assert text in drawn
    assert "Me ✕ not recorded" in "\n".join(lines(replace(VIEW, missing=("Me",)), 80, 24))
    growing = replace(VIEW, suggestions=(Suggestion(text="", timestamp=0.0, complete=False),))
    assert "│ … " in "\n".join(lines(growing, 80, 24))


def test_of_a_long_line_the_end_is_in_sight() -> None:
    typed = picture.Entry("Note", lambda text: None, "a" * 200 + " the end")
    assert lines(QUIET, 80, 24, typed)[-2].endswith("the end▏")
    saying = replace(QUIET, saying=(LiveCaption(start=0.0, speaker="Me", text="a" * 99 + " z"),))
    assert lines(saying, 80, 24)[0].endswith(" z …")


APP = """
import sys, time
from tests.live_views import VIEW, QUIET
from sottovoce.testing import FakeControls
from sottovoce_plugins.terminal import Terminal
overlay, asked = Terminal(), FakeControls()
overlay.open(asked)
until = time.monotonic() + 60
overlay.update(QUIET)
overlay.update(VIEW)
overlay.show(VIEW.suggestions[-1])
while ("end", None) not in asked.done and time.monotonic() < until and sys.stdin.isatty():
    overlay.update(VIEW)
    time.sleep(0.05)
overlay.close()
print(asked.done)
"""


def test_every_key_does_what_the_last_line_says(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    ours, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", APP], cwd=Path(__file__).parents[1],
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
        stdin=other, stdout=subprocess.PIPE, stderr=other, text=True,
    )  # fmt: skip
    os.close(other)
    screen = b""
    while b"q\x1b[0m\x1b[2m end" not in screen:
        screen += os.read(ours, 65_536)
    time.sleep(0.3)  # nothing is typed for a while
    for typed in ("p", "m", "n", "Yesx\x7f, m\n", "?", "who?\x15When?\r", "n", "never", "\x1b",
                  "\x1b[A", "s", "g", "é", "x", "q"):  # fmt: skip
        os.write(ours, typed.encode())
        time.sleep(0.06)  # an escape alone is told from an arrow by the time
    with contextlib.suppress(OSError):  # its end
        while os.read(ours, 65_536):
            pass
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    assert out.strip() == str([
        ("pause", None), ("mark", None), ("note", "Yes, m"), ("ask", "When?"),
        ("suggest", None), ("toggle", None), ("dismiss", ASKED.id), ("end", None),
    ])  # fmt: skip


def test_where_there_is_no_terminal_there_are_lines() -> None:
    done = subprocess.run(
        [sys.executable, "-c", APP], cwd=Path(__file__).parents[1], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"
    said = done.stderr.splitlines()
    assert said[0] == "recording; end it with SIGINT"
    assert said[1] == f"12:04 Them: {CAPTIONS[0].text}"
    assert f"→ {ASKED.text}" in said
    assert "\x1b" not in done.stderr


def test_its_picture_can_be_taken(tmp_path: Path) -> None:
    pictures.terminal(tmp_path / "terminal.svg")
    drawn = (tmp_path / "terminal.svg").read_text(encoding="utf-8")
    assert "Recording" in drawn
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")
