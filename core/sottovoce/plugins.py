"""Finding plugins, and calling them without letting one take down the others.

One guard stands around every call into a plugin: its import, its hooks, and every method called
later on an object that a hook returned (`Guarded`). What a plugin raises is recorded with the
plugin's name. Where the rest can go on, it does; where the caller waits for a result, it gets a
`PluginError`. An expected error (`SottovoceError`) passes as it is: it already says what to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from importlib.metadata import Distribution, EntryPoint, entry_points
from itertools import chain
from os import PathLike
from typing import Any

import pluggy

from . import guard, hookspecs
from .errors import NetworkRefusedError, PluginError, SottovoceError
from .interfaces import (
    AudioSource,
    Conversation,
    NoteExporter,
    SuggestionOverlay,
    TextGenerator,
    Transcriber,
    TranscriptImporter,
)
from .values import Connection, ModelSpec, NoteTemplate

GROUP = "sottovoce"
log = logging.getLogger(__name__)

_RETURNS: dict[str, type] = {
    "register_audio_sources": AudioSource,
    "register_transcript_importers": TranscriptImporter,
    "register_note_exporters": NoteExporter,
    "register_suggestion_overlays": SuggestionOverlay,
    "register_models": ModelSpec,
    "register_note_templates": NoteTemplate,
    "register_connections": Connection,
    "load_transcriber": Transcriber,
    "load_text_generator": TextGenerator,
}
_WITH_METHODS = (
    AudioSource,
    Conversation,
    NoteExporter,
    SuggestionOverlay,
    TextGenerator,
    Transcriber,
    TranscriptImporter,
)


@dataclass(frozen=True, slots=True)
class PluginFailure:
    plugin: str
    during: str
    error: BaseException

    def __str__(self) -> str:
        return f"{self.during}: {self.error!r}"


class PluginHost:
    def __init__(self, on_failure: Callable[[PluginFailure], None] = lambda failure: None) -> None:
        self.failures: list[PluginFailure] = []
        self._on_failure = on_failure
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._origins: dict[str, str] = {}
        self._off: list[str] = []

    def register(self, plugin: object, name: str, origin: str = "") -> None:
        """Add a plugin. Raises when a hook's signature is wrong or the name is taken."""
        hash(plugin)  # pluggy keeps plugins in sets: one without a hash would break every hook
        self._manager.register(plugin, name)
        self._manager.check_pending()
        self._origins[name] = origin

    def load_installed(self, off: Callable[[str], bool] = lambda name: False) -> None:
        """Load every installed plugin that is not off, in the order of their names.

        One that is off is not even imported.
        """
        for entry_point in sorted(entry_points(group=GROUP), key=lambda it: it.name):
            if off(entry_point.name):
                self._origins[entry_point.name] = _origin(entry_point)
                self._off.append(entry_point.name)
            else:
                self._load(entry_point)

    @property
    def off(self) -> list[str]:
        """The names of the plugins that the person turned off."""
        return list(self._off)

    def _load(self, entry_point: EntryPoint) -> None:
        origin = _origin(entry_point)
        self._origins[entry_point.name] = origin
        guard.belongs(entry_point.module, entry_point.name)
        try:
            with guard.calling(entry_point.name):
                plugin = entry_point.load()
            self.register(plugin, entry_point.name, origin)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may even exit
            self._manager.unregister(name=entry_point.name)
            self._report(entry_point.name, "loading", error)

    def origins(self) -> dict[str, str]:
        """Every plugin that was found, and the distribution it came from."""
        return dict(sorted(self._origins.items()))

    def hooks_of(self, plugin: str) -> list[str]:
        """The hooks that a loaded plugin implements."""
        found = self._manager.get_plugin(plugin)
        callers = self._manager.get_hookcallers(found) if found is not None else None
        return sorted(caller.name for caller in callers or ())

    def collect(self, hook: str, **arguments: Any) -> list[Any]:
        """Gather what every plugin returns; objects with methods are guarded."""
        return [item for _, item in self.collect_named(hook, **arguments)]

    def collect_named(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
        """As ``collect``, with the name of the plugin that each comes from."""
        collected: list[tuple[str, Any]] = []
        for plugin, caller in self._callers(hook):
            with self._recorded(plugin, hook):
                items = list(chain.from_iterable(caller(**arguments)))
                collected += [(plugin, self._checked(plugin, hook, item)) for item in items]
        return collected

    def _checked(self, plugin: str, hook: str, item: Any) -> Any:
        if not isinstance(item, _RETURNS[hook]):
            raise TypeError(f"{hook} returned {item!r}, which is no {_RETURNS[hook].__name__}")
        return Guarded(self, plugin, item) if isinstance(item, _WITH_METHODS) else item

    def first(self, hook: str, **arguments: Any) -> Any | None:
        """The first result that is not ``None``, guarded.

        A plugin that raises ends the search: nothing is tried on another engine in silence.
        """
        for plugin, caller in self._callers(hook):
            with self.guard(plugin, hook):
                if (result := caller(**arguments)) is not None:
                    return self._checked(plugin, hook, result)
        return None

    def notify(self, hook: str, **arguments: Any) -> None:
        """Tell every plugin of an event; one that fails does not keep the others from hearing."""
        for plugin, caller in self._callers(hook):
            with self._recorded(plugin, hook):
                caller(**arguments)

    def _callers(self, hook: str) -> Iterator[tuple[str, pluggy.HookCaller]]:
        """One caller per plugin, in pluggy's call order: last registered first.

        pluggy ends a hook call at the first exception, so plugins are called one at a time.
        """
        plugins = self._manager.get_plugins()
        for impl in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            others = plugins - {impl.plugin}
            yield impl.plugin_name, self._manager.subset_hook_caller(hook, others)

    @contextmanager
    def guard(self, plugin: str, during: str) -> Iterator[None]:
        """Record what a plugin raises, and raise it as an error that names the plugin."""
        try:
            with guard.calling(plugin):
                yield
        except NetworkRefusedError as error:
            self._report(plugin, during, error)
            raise
        except SottovoceError as error:
            if not isinstance(error, PluginError):
                log.info("%s raised during %s: %s", plugin, during, error)
            raise
        except Exception as error:
            self._report(plugin, during, error)
            raise PluginError(plugin, during, error) from error

    @contextmanager
    def _recorded(self, plugin: str, hook: str) -> Iterator[None]:
        try:
            with guard.calling(plugin):
                yield
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the plugin boundary
            self._report(plugin, hook, error)

    def _report(self, plugin: str, during: str, error: BaseException) -> None:
        failure = PluginFailure(plugin, during, error)
        self.failures.append(failure)
        log.error("plugin '%s' failed during %s: %r", plugin, during, error, exc_info=error)
        self._on_failure(failure)


def _origin(entry_point: EntryPoint) -> str:
    return _distribution(entry_point.dist) if entry_point.dist else ""


@cache  # each time a name or a version is asked for, all of the metadata is read
def _distribution(distribution: Distribution) -> str:
    return f"{distribution.name} {distribution.version}"


class Guarded:
    """Stands in for an object of a plugin; every call on it passes the plugin's guard.

    So do the context managers and iterators that its methods return.
    """

    def __init__(self, host: PluginHost, plugin: str, item: Any) -> None:
        self._host = host
        self._plugin = plugin
        self._item = item

    @property
    def plugin_name(self) -> str:
        return self._plugin

    def __getattr__(self, name: str) -> Any:
        during = f"{type(self._item).__name__}.{name}"
        with self._host.guard(self._plugin, during):
            value = getattr(self._item, name)
        if not callable(value):
            return value

        @wraps(value)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._host.guard(self._plugin, during):
                return self._guarded(value(*args, **kwargs), during)

        return call

    def _guarded(self, value: Any, during: str) -> Any:
        if isinstance(value, _WITH_METHODS):
            return Guarded(self._host, self._plugin, value)
        if isinstance(value, AbstractContextManager) and not isinstance(value, PathLike):
            return self._context(value, during)
        if isinstance(value, Iterator):
            return self._iterate(value, during)
        return value

    @contextmanager
    def _context(self, manager: AbstractContextManager[Any], during: str) -> Iterator[Any]:
        with self._host.guard(self._plugin, during):
            value = manager.__enter__()
        try:
            yield self._guarded(value, during)
        finally:
            # The body's own error is not the plugin's; leaving is all that the plugin hears of.
            with self._host.guard(self._plugin, during):
                manager.__exit__(None, None, None)

    def _iterate(self, iterator: Iterator[Any], during: str) -> Iterator[Any]:
        try:
            while True:
                with self._host.guard(self._plugin, during):
                    try:
                        item = next(iterator)
                    except StopIteration:
                        return
                yield item
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                with self._host.guard(self._plugin, during):
                    close()
