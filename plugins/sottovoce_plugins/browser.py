"""The overlay `browser`: the meeting on a page that this machine alone can open."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from sottovoce import Connection, SuggestionOverlay, hookimpl

if TYPE_CHECKING:
    from sottovoce import LiveControls, LiveView, Suggestion

    from .browser_server import Server


class Browser(SuggestionOverlay):
    name = "browser"

    def __init__(self) -> None:
        self._server: Server | None = None
        self._controls: LiveControls | None = None

    def open(self, controls: LiveControls) -> None:
        """Raises ``UsageError`` where no port is to be had."""
        from .browser_server import Server

        self._server = Server(controls)
        controls.tell(f"The meeting is on a page for this machine alone: {self._server.address}")
        if _desktop():
            address = self._server.ticket()
            threading.Thread(target=_open, args=(address,), name="browser", daemon=True).start()

    def update(self, view: LiveView) -> None:
        assert self._server is not None
        self._server.show(view)

    def show(self, suggestion: Suggestion) -> None:
        """It is in the view."""

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


def _open(address: str) -> None:
    # In a process whose output goes nowhere: browsers complain to the terminal, which is in use.
    command = [sys.executable, "-m", "webbrowser", address]
    subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _desktop() -> bool:
    """Whether a browser has a screen: without one Python would start one in the terminal."""
    return sys.platform in ("win32", "darwin") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


@hookimpl
def register_suggestion_overlays() -> list[SuggestionOverlay]:
    return [Browser()]


@hookimpl
def register_connections() -> list[Connection]:
    why = "shows a live meeting on a page, while 'sotto live --overlay browser' runs"
    return [Connection(host="127.0.0.1", why=why, listens=True)]
