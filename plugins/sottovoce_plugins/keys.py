"""Keys of the terminal as they are pressed."""

from __future__ import annotations

import codecs
import os
import re
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK = 0.2
"""Seconds until it is noticed that no more keys are wanted"""
_SEQUENCE = 0.03
"""Seconds in which the rest of a key's sequence follows an escape"""
_SEQUENCES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O.)")
"""Of arrows, function keys, the borders of what is pasted (ECMA-48)"""
_NAMES = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "back",
    "\b": "back",
    "\x15": "clear",
    "\x1b": "esc",
}


class Keys:
    """From ``start`` to ``close``, ``pressed`` is called on a thread of its own: with a character,
    or with ``enter``, ``back``, ``clear``, ``esc``. Keys that give neither are left out."""

    def __init__(self, pressed: Callable[[str], None]) -> None:
        self._pressed = pressed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)

    def start(self) -> None:
        self._begin()
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._restore()

    def _begin(self) -> None: ...

    def _restore(self) -> None: ...

    def _read(self) -> str:
        """What was typed, after a moment."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self._ended.is_set():
            for character in _SEQUENCES.sub("", self._read()):
                key = _NAMES.get(character, character)
                if (key.isprintable() or key in _NAMES.values()) and not self._ended.is_set():
                    self._pressed(key)


class PosixKeys(Keys):
    def _begin(self) -> None:
        import termios
        import tty

        self._file = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._file)
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        tty.setcbreak(self._file)

    def _again(self) -> None:
        """A shell sets the terminal back when it stops this program (Ctrl-Z)."""
        import termios
        import tty

        try:
            ours = os.tcgetpgrp(self._file) == os.getpgrp() and not self._ended.is_set()
        except OSError:
            return  # it is not the terminal that this program was started from
        if ours and termios.tcgetattr(self._file)[3] & termios.ICANON:
            tty.setcbreak(self._file)

    def _restore(self) -> None:
        import termios

        termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)

    def _read(self) -> str:
        import select

        if not select.select([self._file], [], [], _LOOK)[0]:
            self._again()
            return ""
        # Past Python's buffer, into which two quick keys would both go.
        data = os.read(self._file, 1024)
        if not data:
            self._ended.set()  # the terminal is gone
        if data == b"\x1b" and select.select([self._file], [], [], _SEQUENCE)[0]:
            data += os.read(self._file, 1024)
        return self._decoder.decode(data)


class WindowsKeys(Keys):
    def _read(self) -> str:
        import msvcrt

        if not msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
            self._ended.wait(0.05)
            return ""
        typed: str = msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
        if typed in "\0\xe0":  # an arrow, a function key
            msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
            return ""
        return typed


def keys(pressed: Callable[[str], None]) -> Keys | None:
    """``None`` where standard input is no terminal."""
    if not sys.stdin.isatty():
        return None
    return WindowsKeys(pressed) if sys.platform == "win32" else PosixKeys(pressed)
