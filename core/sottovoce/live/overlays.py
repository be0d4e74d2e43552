"""The overlays of a meeting: each on a thread of its own, and none of them in the way of it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from ..errors import SottovoceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..host import Host
    from ..interfaces import LiveControls, SuggestionOverlay
    from ..values import LiveView, Suggestion

log = logging.getLogger(__name__)

_OFTEN = 0.1
"""Seconds between two views"""
_PATIENCE = 3.0
"""Seconds that an overlay has to close"""


def find(host: Host, names: Sequence[str]) -> list[SuggestionOverlay]:
    """The overlays of these names. Raises ``UsageError`` for one that there is not."""
    known: dict[str, SuggestionOverlay] = {}
    for overlay in reversed(host.plugins.collect("register_suggestion_overlays")):
        if known.setdefault(overlay.name, overlay) is not overlay:
            log.warning("an overlay '%s' is left out: the name is taken", overlay.name)
    for name in names:
        if name not in known:
            raise UsageError(f"no overlay '{name}'; known: {', '.join(sorted(known))}")
    return [known[name] for name in dict.fromkeys(names)]


class Overlays:
    """Shows views until it is closed."""

    def __init__(
        self,
        overlays: Sequence[SuggestionOverlay],
        controls: LiveControls,
        say: Callable[[str], None],
    ) -> None:
        """``say`` is told of one that failed."""
        self._shown = [_Shown(it, controls, say) for it in overlays]

    @property
    def open(self) -> list[str]:
        """The names of those that work."""
        return [it.name for it in self._shown if it.thread.is_alive()]

    def update(self, view: LiveView) -> None:
        for it in self._shown:
            it.update(view)

    def close(self) -> None:
        for it in self._shown:
            it.end()
        for it in self._shown:
            it.thread.join(_PATIENCE)
            if it.thread.is_alive():
                log.warning("the overlay '%s' does not close", it.name)


class _Shown:
    def __init__(
        self, overlay: SuggestionOverlay, controls: LiveControls, say: Callable[[str], None]
    ) -> None:
        self.name = overlay.name
        self._overlay = overlay
        self._controls = controls
        self._say = say
        self._view: LiveView | None = None
        self._new = threading.Event()
        self._ending = threading.Event()
        self._suggested: dict[int, Suggestion] = {}
        self.thread = threading.Thread(target=self._run, name=f"overlay-{self.name}", daemon=True)
        self.thread.start()

    def update(self, view: LiveView) -> None:
        self._view = view
        self._new.set()

    def end(self) -> None:
        self._ending.set()
        self._new.set()

    def _run(self) -> None:
        try:
            self._overlay.open(self._controls)
            while not self._ending.is_set():
                self._new.wait()
                self._new.clear()
                self._show()
                self._ending.wait(_OFTEN)
            self._show()
        except SottovoceError as error:
            self._say(f"the overlay '{self.name}' is left out: {error}")
        try:
            self._overlay.close()
        except SottovoceError as error:
            log.warning("the overlay '%s' did not close: %s", self.name, error)

    def _show(self) -> None:
        view = self._view
        if view is None:
            return
        self._overlay.update(view)
        for suggestion in view.suggestions:
            if self._suggested.get(suggestion.id) != suggestion:
                self._suggested[suggestion.id] = suggestion
                self._overlay.show(suggestion)
