"""The overlay `window`, on a screen that nobody looks at."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from sottovoce import LiveState, UsageError
from sottovoce.testing import FakeControls
from sottovoce_plugins.window import Window
from sottovoce_plugins.window_private import SEEN

from . import pictures
from .live_views import ASKED, VIEW
from .screen import MISSING, Screen

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)} on this machine"),
    pytest.mark.skipif(importlib.util.find_spec("tkinter") is None, reason="no Tk in this Python"),
]


class Shown(Window):
    """An overlay that is open, and the window that it has."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self.asked = FakeControls()
        self.open(self.asked)
        self.update(VIEW)
        self.place = screen.window()


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with Screen() as screen:
        yield screen


@pytest.fixture
def shown(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    monkeypatch.setenv("DISPLAY", screen.display)
    shown = Shown(screen)
    yield shown
    shown.close()


def wait_for(what: Callable[[], object], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_its_keys_and_buttons_do_what_they_say(screen: Screen, shown: Shown) -> None:
    place, done = shown.place, shown.asked.done
    screen.hand("mousemove", place["X"] + 200, place["Y"] + 250)
    for key, what in (("m", "mark"), ("s", "suggest"), ("g", "toggle"), ("p", "pause")):
        screen.hand("key", key)
        wait_for(partial(done.count, (what, None)))
    screen.hand("key", "n", "sleep", "0.3", "type", "--delay", "5", "Ask Maria, m")
    screen.hand("key", "Return")
    wait_for(lambda: ("note", "Ask Maria, m") in done)
    screen.hand("key", "question", "sleep", "0.3", "type", "--delay", "5", "when?")
    screen.hand("key", "Escape", "key", "Escape")
    wait_for(lambda: ("dismiss", ASKED.id) in done)
    shown.update(replace(VIEW, state=LiveState.PAUSED))
    wait_for(lambda: (screen.hand("key", "p"), ("resume", None) in done)[1])
    assert [it for it, _ in done].count("mark") == 1
    screen.hand("mousemove", place["X"] + 40, place["Y"] + place["HEIGHT"] - 18, "click", 1)
    wait_for(lambda: [it for it, _ in done].count("mark") == 2)
    assert "ask" not in dict(done)
    screen.hand("mousemove", place["X"] + 350, place["Y"] + place["HEIGHT"] - 18, "click", 1)
    time.sleep(0.2)
    assert "end" not in dict(done), "it asks first"
    screen.hand("click", 1)
    wait_for(lambda: ("end", None) in done)


def test_it_can_be_moved_and_stretched(screen: Screen, shown: Shown) -> None:
    before = shown.place
    x, y = before["X"] + 150, before["Y"] + 15
    screen.hand("mousemove", x, y, "mousedown", 1, "mousemove", x - 300, y + 100, "mouseup", 1)
    wait_for(lambda: screen.window()["X"] == before["X"] - 300)
    moved = screen.window()
    assert moved["Y"] == before["Y"] + 100
    x, y = moved["X"] + moved["WIDTH"] - 14, moved["Y"] + moved["HEIGHT"] - 12
    screen.hand("mousemove", x, y, "mousedown", 1, "mousemove", x + 120, y + 60, "mouseup", 1)
    wait_for(lambda: screen.window()["WIDTH"] == moved["WIDTH"] + 120)
    assert screen.window()["HEIGHT"] == moved["HEIGHT"] + 60


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system keeps it out")
def test_it_says_that_others_see_it_when_the_screen_is_shared(shown: Shown) -> None:
    wait_for(lambda: shown.asked.told)
    assert shown.asked.told == [SEEN]


def test_a_window_that_is_killed_is_said_and_harms_nothing(shown: Shown) -> None:
    assert shown._process is not None
    shown._process.kill()
    wait_for(lambda: shown._over)
    with pytest.raises(UsageError, match="the window broke: it ended with -9"):
        shown.update(VIEW)


def test_a_window_that_hangs_holds_nobody_up(shown: Shown) -> None:
    assert shown._process is not None
    os.kill(shown._process.pid, signal.SIGSTOP)
    began = time.monotonic()
    for second in range(2000):
        shown.update(replace(VIEW, seconds=float(second)))
    assert time.monotonic() - began < 1
    shown.close()
    assert time.monotonic() - began < 4
    assert shown._process.returncode == -signal.SIGKILL


def test_without_a_screen_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    window = Window()
    with pytest.raises(UsageError, match="no screen"):
        window.open(FakeControls())
    window.close()
    monkeypatch.setenv("DISPLAY", ":4242")
    window.open(FakeControls())
    wait_for(lambda: window._over)
    with pytest.raises(UsageError, match="the window broke: .*couldn't connect to display"):
        window.update(VIEW)
    window.close()


def test_its_picture_can_be_taken(screen: Screen, tmp_path: Path) -> None:
    pictures.window(screen, tmp_path / "window.png")
    assert (tmp_path / "window.png").stat().st_size > 10_000
