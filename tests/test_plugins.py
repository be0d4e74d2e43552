from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sottovoce import (
    AudioChunk,
    AudioDevice,
    AudioFormat,
    AudioSource,
    ExportError,
    NoteExporter,
    SourceKind,
    hookimpl,
)
from sottovoce.errors import PluginError
from sottovoce.plugins import PluginHost


class Broken(AudioSource):
    name = "broken"
    kind = SourceKind.LOOPBACK

    def devices(self) -> list[AudioDevice]:
        raise RuntimeError("no devices")

    @contextmanager
    def open(self, device: AudioDevice, format: AudioFormat) -> Iterator[Iterator[AudioChunk]]:
        def chunks() -> Iterator[AudioChunk]:
            yield AudioChunk(b"\0\0", 0.0)
            raise OSError("unplugged")

        yield chunks()


class Writes(NoteExporter):
    name = "writes"

    def export(self, notes: Any, transcript: Any, folder: Path) -> Path:
        raise ExportError("the vault is gone; mount it")


def plugin(**hooks: Any) -> ModuleType:
    module = ModuleType("plugin")
    vars(module).update({name: hookimpl(hook) for name, hook in hooks.items()})
    return module


def test_a_plugin_that_pluggy_cannot_hold_is_refused_before_it_breaks_the_others() -> None:
    host = PluginHost()
    with pytest.raises(TypeError, match="unhashable"):
        host.register([], "list")
    assert host.collect("register_audio_sources") == []


def test_a_plugin_that_raises_in_a_hook_is_named_and_the_others_are_heard() -> None:
    def breaks() -> list[AudioSource]:
        raise ZeroDivisionError("oops")

    host = PluginHost()
    host.register(plugin(register_audio_sources=lambda: [Broken()]), "good")
    host.register(plugin(register_audio_sources=breaks), "bad")
    assert [source.name for source in host.collect("register_audio_sources")] == ["broken"]
    (failure,) = host.failures
    assert (failure.plugin, failure.during) == ("bad", "register_audio_sources")


def test_an_event_reaches_every_plugin_though_one_raises() -> None:
    heard = []

    def breaks(recording: Any) -> None:
        raise ValueError

    host = PluginHost()
    host.register(plugin(recording_started=lambda recording: heard.append(recording)), "a")
    host.register(plugin(recording_started=breaks), "b")
    host.register(plugin(recording_started=lambda recording: heard.append(recording)), "c")
    host.notify("recording_started", recording="it")
    assert heard == ["it", "it"]
    assert [failure.plugin for failure in host.failures] == ["b"]


@pytest.fixture
def source() -> tuple[PluginHost, Any]:
    host = PluginHost()
    host.register(plugin(register_audio_sources=lambda: [Broken()]), "usb")
    (found,) = host.collect("register_audio_sources")
    return host, found


def test_a_method_of_a_returned_object_raises_an_error_that_names_the_plugin(
    source: tuple[PluginHost, Any],
) -> None:
    host, found = source
    with pytest.raises(PluginError, match=r"plugin 'usb' failed during Broken\.devices: no dev"):
        found.devices()
    assert [failure.plugin for failure in host.failures] == ["usb"]


def test_an_iterator_that_breaks_in_its_middle_names_the_plugin(
    source: tuple[PluginHost, Any],
) -> None:
    _, found = source
    device = AudioDevice("0", "Desk")
    with (
        pytest.raises(PluginError, match="unplugged"),
        found.open(device, AudioFormat()) as chunks,
    ):
        list(chunks)


def test_an_error_of_the_caller_is_not_blamed_on_the_plugin(
    source: tuple[PluginHost, Any],
) -> None:
    host, found = source
    with (
        pytest.raises(KeyError),
        found.open(AudioDevice("0", "Desk"), AudioFormat()),
    ):
        raise KeyError("ours")
    assert host.failures == []


def test_an_expected_error_passes_as_it_is() -> None:
    host = PluginHost()
    host.register(plugin(register_note_exporters=lambda: [Writes()]), "vault")
    (exporter,) = host.collect("register_note_exporters")
    with pytest.raises(ExportError, match="mount it"):
        exporter.export(None, None, Path())
    assert host.failures == []


def test_what_is_no_exporter_is_refused() -> None:
    host = PluginHost()
    host.register(plugin(register_note_exporters=lambda: ["text"]), "odd")
    assert host.collect("register_note_exporters") == []
    assert "NoteExporter" in str(host.failures[0])


def test_an_engine_that_fails_to_load_is_not_replaced_by_the_next() -> None:
    def fails(spec: Any, hardware: Any) -> None:
        raise MemoryError("too large")

    loaded = []
    host = PluginHost()
    host.register(plugin(load_transcriber=lambda spec, hardware: loaded.append(spec)), "second")
    host.register(plugin(load_transcriber=fails), "first")
    with pytest.raises(PluginError, match="'first'.*too large"):
        host.first("load_transcriber", spec=None, hardware=None)
    assert loaded == []


def test_a_hook_with_a_wrong_argument_is_refused_at_registration() -> None:
    host = PluginHost()
    with pytest.raises(Exception, match="no_such_argument"):
        host.register(plugin(recording_started=lambda no_such_argument: None), "typo")
