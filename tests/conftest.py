"""What the tests share: an empty host, a home of its own for each test, and the real sample."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sottovoce.home import CACHE, VARIABLE, find_home
from sottovoce.host import Host

from .audio import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

os.environ.setdefault(
    CACHE, str(Path(tempfile.gettempdir(), f"sottovoce-tests-{getpass.getuser()}"))
)
"""What is only made anew, as the starter with its adapter, is made once for all tests"""

SAMPLE = Path(str(files("sottovoce") / "sample" / "meeting.opus"))
SCRIPT = SAMPLE.with_suffix(".txt")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything that the program keeps goes to a folder of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


@pytest.fixture
def host(home: Path) -> Iterator[Host]:
    """Without any plugin."""
    host = Host(find_home())
    host.home.create()
    yield host
    host.close()


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def sotto(*arguments: str | Path, home: Path, timeout: float = 240, **environment: str) -> Ran:
    """Run the real command in a process of its own."""
    done = subprocess.run(
        command(*arguments),
        env={**os.environ, VARIABLE: str(home), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def command(*arguments: str | Path) -> list[str]:
    return [str(Path(sys.executable).with_name("sotto")), *map(str, arguments)]


@dataclass(frozen=True)
class Sample:
    """The sample meeting as ``sotto process`` left it."""

    home: Path
    notes_folder: Path
    result: dict[str, Any]

    @property
    def note(self) -> Path:
        return Path(self.result["files"][0])


@pytest.fixture(scope="session")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The sample taken through the whole job once, by the real engines. Do not change it."""
    return _process(SAMPLE, tmp_path_factory.mktemp("processed"))


@pytest.fixture(scope="session")
def excerpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's first half minute, for what has to run several times."""
    path = tmp_path_factory.mktemp("excerpt") / "excerpt.flac"
    return encode(path, [decode(SAMPLE)[: 16_000 * 30]], codec="flac")


@pytest.fixture(scope="session")
def processed_excerpt(excerpt: Path, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return _process(excerpt, tmp_path_factory.mktemp("processed"))


def _process(recording: Path, folder: Path) -> Sample:
    notes = folder / "notes"
    ran = sotto("process", recording, "--to", notes, "--json", home=folder / "home")
    assert ran.status == 0, ran.err
    return Sample(folder / "home", notes, ran.json[0])
