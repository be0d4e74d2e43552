"""The overlay `window`: a small window above all others, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from sottovoce import SuggestionOverlay, UsageError, hookimpl

from .shown import as_json, obey

if TYPE_CHECKING:
    from sottovoce import LiveControls, LiveView, Suggestion

_CAPTIONS = 30
"""Captions that the window is sent"""
_PATIENCE = 2.0
"""Seconds that it has to close"""


class Window(SuggestionOverlay):
    """It is told views by lines of JSON, and tells orders so. A window that crashes or hangs is one
    that is gone: nothing waits for it."""

    name = "window"

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def open(self, controls: LiveControls) -> None:
        """Raises ``UsageError`` where there is no screen, or no Tk."""
        if importlib.util.find_spec("tkinter") is None:
            raise UsageError("this Python has no Tk (Debian: apt install python3-tk)")
        if sys.platform not in ("win32", "darwin") and not os.environ.get("DISPLAY"):
            raise UsageError("there is no screen here (DISPLAY is not set)")
        self._controls = controls
        self._views: queue.Queue[LiveView | None] = queue.Queue(maxsize=1)
        self._closing = False
        self._over = ""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the window
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.window_process"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            text=True, encoding="utf-8", start_new_session=True,
        )  # fmt: skip
        self._threads = [
            threading.Thread(target=run, name="window", daemon=True)
            for run in (self._tell, self._hear)
        ]
        for it in self._threads:
            it.start()

    def update(self, view: LiveView) -> None:
        """Raises ``UsageError`` when the window broke."""
        if self._over:
            raise UsageError(self._over)
        self._put(view)

    def show(self, suggestion: Suggestion) -> None:
        """It is in the view."""

    def close(self) -> None:
        if self._process is None:  # it could not be opened
            return
        self._closing = True
        self._put(None)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        for it in self._threads:
            it.join()
        self._errors.close()

    def _put(self, view: LiveView | None) -> None:
        """In place of a view that the window has not taken yet."""
        while True:
            try:
                self._views.put_nowait(view)
            except queue.Full:
                try:
                    self._views.get_nowait()
                except queue.Empty:
                    continue
            else:
                return

    def _tell(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            with self._process.stdin as pipe:
                while (view := self._views.get()) is not None:
                    pipe.write(json.dumps(as_json(view, _CAPTIONS)) + "\n")
                    pipe.flush()
        except OSError:
            pass  # it is gone; `_hear` says why

    def _hear(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            for line in pipe:
                order: dict[str, Any] = json.loads(line)
                if "tell" in order:
                    self._controls.tell(str(order["tell"]))
                else:
                    obey(self._controls, order)
        if (status := self._process.wait()) and not self._closing:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
            self._over = f"the window broke: {said[-1] if said else f'it ended with {status}'}"


@hookimpl
def register_suggestion_overlays() -> list[SuggestionOverlay]:
    return [Window()]
