"""``device.toml`` and the gate, through the real command and the host."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sottovoce import device, testing
from sottovoce.errors import ConfigError
from sottovoce.home import find_home
from sottovoce.host import Host
from sottovoce.values import EngineSettings, Feature, ModelTask

from .audio import encode
from .conftest import command, sotto
from .test_third_party import fake


@pytest.fixture
def path(host: Host) -> Path:
    return host.home.device


def anew() -> Host:
    """A host that reads the file as it is now."""
    return Host(find_home())


def test_without_a_file_all_is_on_and_the_starters_do_the_work(host: Host) -> None:
    host.require(Feature.CHAT)
    assert [host.model(task).id for task in ModelTask] == ["starter-speech", "starter-notes"]


def test_what_is_set_is_read_and_comments_stay(path: Path) -> None:
    device.change(path, {"engine.n_ctx": 2048, "plugins.off": ["a"]})
    path.write_text(path.read_text() + "# mine\n")
    device.change(path, {"features.chat": False, "engine.kv_type": "q8_0"})
    found = device.load(path)
    assert found.engine == EngineSettings(n_ctx=2048, kv_type="q8_0")
    assert found.features == device.DeviceConfig().features - {Feature.CHAT}
    assert found.plugins_off == ("a",)
    assert "# mine" in path.read_text()
    device.change(path, {"engine.n_ctx": None})
    assert device.load(path).engine == EngineSettings(kv_type="q8_0")


def test_the_gate_closes_for_a_feature_and_for_all(path: Path) -> None:
    device.change(path, {"features.suggestions": False})
    with pytest.raises(ConfigError, match=r"suggestions are off.*set features\.suggestions on"):
        anew().require(Feature.SUGGESTIONS)
    anew().require(Feature.CHAT)
    device.change(path, {"enabled": False})
    host = anew()
    speech, notes = host.models["starter-speech"], host.models["starter-notes"]
    gates: list[Callable[[], object]] = [
        lambda: host.model(ModelTask.GENERATION),
        lambda: host.load_transcriber(speech),
        lambda: host.load_text_generator(notes),
    ]
    for gate in gates:
        with pytest.raises(ConfigError, match="local AI is off on this device"):
            gate()


def test_the_persons_model_is_used_unless_another_is_asked_for(path: Path) -> None:
    device.change(path, {"models.generation": "qwen3.5-4b"})
    assert anew().model(ModelTask.GENERATION).id == "qwen3.5-4b"
    assert anew().model(ModelTask.GENERATION, "qwen3.5-2b").id == "qwen3.5-2b"
    assert anew().starter(ModelTask.GENERATION).id == "starter-notes"


def test_another_devices_file_is_refused_and_set_up_anew(path: Path, home: Path) -> None:
    device.change(path, {"engine.n_gpu_layers": 40, "features.chat": False, "plugins.off": ["x"]})
    path.write_text(path.read_text().replace(device.identity(), "0" * 32))
    with pytest.raises(ConfigError, match="written on another device"):
        anew().model(ModelTask.GENERATION)
    with pytest.raises(ConfigError, match="sotto setup"):
        device.change(path, {"enabled": True})
    assert device.plugins_off(path) == ("x",)
    vault = home / "vault"
    vault.mkdir()
    ran = sotto("setup", "--yes", "--model", "starter", "--vault", vault, home=home)
    assert ran.status == 0, ran.err
    found = device.load(path)
    assert found.notes == vault
    assert found.engine == EngineSettings()  # what was right for other hardware is gone
    assert found.features == device.DeviceConfig().features - {Feature.CHAT}


DAMAGED = {
    "cut off": "[features",
    "unknown": 'colour = "red"',
    "wrong type": 'enabled = "yes"',
    "too small": "[engine]\nn_ctx = 1",
    "no choice": '[engine]\nkv_type = "q2"',
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_one_line_and_can_be_reset(case: str, path: Path, home: Path) -> None:
    path.write_text(f'device = "{device.identity()}"\n{DAMAGED[case]}\n')
    with pytest.raises(ConfigError, match=r"device\.toml.*sotto config reset"):
        device.load(path)
    if case != "cut off":
        return
    ran = sotto("demo", home=home)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(f"sotto: {path} is damaged")
    assert len(ran.err.splitlines()) == 1
    assert sotto("config", "reset", "--yes", home=home).status == 0
    assert DAMAGED[case] in path.with_name("device.toml.before").read_text()
    assert sotto("config", "get", "enabled", home=home).out == "on\n"


@pytest.mark.skipif(sys.platform == "win32", reason="limits what a process may write")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("config", "set", "engine.n_ctx", "4096"), "config/device.toml"),
        (("setup", "--yes", "--model", "starter"), "config/device.toml"),
    ],
)
def test_a_disk_that_takes_no_more_is_one_line_and_the_settings_stay(
    arguments: tuple[str, ...], named: str, path: Path, home: Path
) -> None:
    import resource

    device.change(path, {"engine.n_ctx": 2048})
    before = path.read_text()
    done = subprocess.run(
        command(*arguments),
        env={**os.environ, "SOTTOVOCE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )
    assert (done.returncode, done.stderr) == (
        1,
        f"sotto: {home / named} cannot be written: File too large\n",
    )
    assert path.read_text() == before
    assert {it.name for it in path.parent.iterdir()} == {"device.toml", "device.lock"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "enabled", "maybe"), "enabled is on or off"),
        (("set", "engine.n_ctx", "many"), "is a whole number"),
        (("set", "models.generation", "starter-speech"), "no generation model"),
        (("set", "plugins.off", "commands"), "cannot be off"),
        (("set", "notes.folder", "/nowhere/at/all"), "there is no folder /nowhere/at/all"),
        (("get", "colour"), "there is no setting 'colour'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(
    arguments: tuple[str, ...], message: str, home: Path
) -> None:
    ran = sotto("config", *arguments, home=home)
    assert ran.status == 1
    assert message in ran.err
    assert not (home / "config" / "device.toml").exists()


def test_a_plugin_that_is_off_is_never_imported(tmp_path: Path, home: Path) -> None:
    site, mark = tmp_path / "site", tmp_path / "imported"
    fake("curious", f"open({str(mark)!r}, 'w').close()", site)
    assert sotto("plugins", "off", "curious", home=home, PYTHONPATH=str(site)).status == 0
    mark.unlink()
    rows = sotto("plugins", "--json", home=home, PYTHONPATH=str(site)).json
    assert next(it["off"] for it in rows if it["name"] == "curious")
    assert not mark.exists()
    assert sotto("plugins", "on", "curious", home=home, PYTHONPATH=str(site)).status == 0
    sotto("plugins", home=home, PYTHONPATH=str(site))
    assert mark.exists()


def test_notes_that_are_off_leave_the_transcript(tmp_path: Path, home: Path) -> None:
    assert sotto("config", "set", "features.notes", "off", home=home).status == 0
    recording = encode(tmp_path / "memo.wav", [np.zeros(32_000, np.float32)], codec="pcm_s16le")
    ran = sotto("process", recording, home=home)
    assert ran.status == 1
    assert ran.err.splitlines()[-1].startswith("sotto: notes are off on this device")
    (meeting,) = sotto("meetings", "--json", home=home).json
    assert meeting["stages"] == ["transcription"]


def test_summaries_that_are_off_are_in_no_section_of_the_notes(tmp_path: Path) -> None:
    from sottovoce_plugins import files

    def sections(folder: Path, **changes: object) -> set[str]:
        with testing.empty_host(folder) as host:
            device.change(host.home.device, changes)
            host.plugins.register(files, "files")
            testing.add_fake_engines(host)
            done = testing.process(host, testing.write_wav(folder / "memo.wav", 8.0))
            return {it.title for it in done.notes.sections}

    everything = sections(tmp_path / "on")
    assert "Summary" in everything
    off = sections(tmp_path / "off", **{"features.summaries": False})
    assert off == everything - {"Summary"}


def test_setup_asks_nothing_where_nobody_can_answer(home: Path) -> None:
    ran = sotto("setup", home=home)
    assert ran.status == 1
    assert "say --yes" in ran.err
