"""A plugin from its own folder, and plugins that fail, through the real command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sottovoce import testing
from sottovoce.home import find_home
from sottovoce.host import Host

from .audio import decode
from .conftest import SAMPLE, Ran, sotto

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
EXAMPLE = EXAMPLES / "sottovoce-pcm"


def install(project: Path, target: Path) -> None:
    """As a person would with pip, but into a folder of the test's own and without a network."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*pip, *offline, "--target", str(target), str(project)],
        check=True,
        env={
            **os.environ,
            "PIP_FIND_LINKS": "",
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_CONFIG_FILE": os.devnull,
        },
    )


def fake(name: str, source: str, target: Path) -> None:
    """What pip leaves behind of a plugin with one module."""
    target.mkdir(exist_ok=True)
    (target / f"{name}.py").write_text(source)
    info = target / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[sottovoce]\n{name} = {name}\n")


def test_the_example_plugin_adds_an_audio_source(tmp_path: Path, home: Path) -> None:
    site = tmp_path / "site"
    install(EXAMPLE, site)
    recording = tmp_path / "memo.pcm"
    speech = decode(SAMPLE)[: 12 * 16_000]
    recording.write_bytes((speech * 32767).astype("<i2").tobytes())
    ran = sotto("process", recording, "--json", home=home, PYTHONPATH=str(site))
    assert ran.status == 0, ran.err
    (result,) = ran.json
    assert result["meeting"]["source"] == "pcm-file"
    assert "this is maria" in result["transcript"]["segments"][0]["text"].lower()
    rows = {
        row["name"]: row for row in sotto("plugins", "--json", home=home, PYTHONPATH=str(site)).json
    }
    assert rows["pcm"] == {
        "name": "pcm",
        "distribution": "sottovoce-pcm 0.1",
        "hooks": ["register_audio_sources"],
        "failures": [],
        "off": False,
    }


def test_the_example_exporter_writes_an_outline_and_leaves_an_edited_one_alone(
    tmp_path: Path, home: Path
) -> None:
    site, to = tmp_path / "site", tmp_path / "org"
    install(EXAMPLES / "sottovoce-org", site)
    with Host(find_home()).library as library:
        made, done = testing.notes().produced_by
        library.add(testing.recording())
        library.complete_transcript(testing.transcript(), 60.0, made)
        library.save_notes(testing.notes(), done)

    def export() -> Ran:
        again = ("export", "--all", "--with", "org", "--to", to)
        return sotto(*again, home=home, PYTHONPATH=str(site))

    ran = export()
    assert ran.status == 0, ran.err
    path = Path(ran.out.strip())
    text = path.read_text(encoding="utf-8")
    assert "** TODO Send the pricing to Acme :Tom:\n   DEADLINE: <2026-03-16 Mon>\n" in text
    assert "- 00:48 Ana López :: Who tells R&D? <Nobody> has *asked* them.\n" in text
    assert export().status == 0
    assert path.read_text(encoding="utf-8") == text
    path.write_text(text.replace("TODO", "DONE"), encoding="utf-8")
    refused = export()
    assert refused.status == 1
    assert refused.err == f"sotto: {path} was edited and is left alone; move it to export anew\n"
    assert "** DONE Send" in path.read_text(encoding="utf-8")
    assert list(to.iterdir()) == [path]


HOOK = "from sottovoce import hookimpl, NoteExporter\n"
BAD = {
    "at_import": "raise RuntimeError('no licence')",
    "exits": "raise SystemExit(3)",
    "in_hook": f"{HOOK}\n@hookimpl\ndef segment_transcribed(segment): 1 / 0\n",
    "in_register": f"{HOOK}\n@hookimpl\ndef register_audio_sources(): raise OSError('gone')\n",
    "in_command": f"{HOOK}\n@hookimpl\ndef register_commands(subparsers): subparsers.nope()\n",
    "bad_name": f"{HOOK}\n@hookimpl\ndef no_such_hook(): pass\n",
}


def test_plugins_that_fail_are_named_and_the_job_is_done(tmp_path: Path, home: Path) -> None:
    site = tmp_path / "site"
    for name, source in BAD.items():
        fake(name, source, site)
    recording = tmp_path / "memo.wav"
    from .audio import encode

    encode(recording, [decode(SAMPLE)[: 6 * 16_000]], codec="pcm_s16le")
    ran = sotto("process", recording, home=home, PYTHONPATH=str(site))
    assert ran.status == 0, ran.err
    assert "Traceback" not in ran.err
    assert Path(ran.out.strip()).exists()
    rows = sotto("plugins", "--json", home=home, PYTHONPATH=str(site)).json
    failed = {row["name"]: row["failures"][-1]["during"] for row in rows if row["failures"]}
    assert failed == {
        "at_import": "loading",
        "exits": "loading",
        "in_hook": "segment_transcribed",
        "in_register": "register_audio_sources",
        "in_command": "register_commands",
        "bad_name": "loading",
    }


def test_an_exporter_that_raises_is_named_and_the_notes_stay(tmp_path: Path, home: Path) -> None:
    site = tmp_path / "site"
    fake(
        "vault",
        f"{HOOK}\nclass Vault(NoteExporter):\n    name = 'vault'\n"
        "    def export(self, notes, transcript, folder): raise ValueError('no vault')\n"
        "@hookimpl\ndef register_note_exporters(): return [Vault()]\n",
        site,
    )
    recording = tmp_path / "memo.wav"
    from .audio import encode

    encode(recording, [np.zeros(32_000, np.float32)], codec="pcm_s16le")
    ran = sotto("process", recording, "--export", "vault", home=home, PYTHONPATH=str(site))
    assert ran.status == 1
    assert "plugin 'vault' failed during Vault.export: no vault" in ran.err
    assert sotto("export", "memo", home=home).status == 0


@pytest.mark.parametrize("command", ["process", "plugins", "meetings"])
def test_help_imports_no_engine(command: str, home: Path) -> None:
    code = (
        "import sys\nfrom sottovoce.cli import main\n"
        f"try: main([{command!r}, '--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'av', 'rich', 'llama_cpp', 'onnxruntime', 'moonshine_voice', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
