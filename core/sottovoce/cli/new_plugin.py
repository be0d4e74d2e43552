"""``sotto plugins new``: the package of a new plugin, with tests that pass."""

from __future__ import annotations

import keyword
import re
import shlex
import sys
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..host import Host

KINDS = ("source", "exporter", "overlay", "models", "command", "listener")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def fill(command: ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="lower case, digits and dashes: my-vault")
    command.add_argument(
        "--kind", choices=KINDS, default="exporter", help="what it adds (default: exporter)"
    )
    command.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    folder = write(Path.cwd(), arguments.name, arguments.kind)
    print(f"Wrote {folder}. Try it with: cd {shlex.quote(folder.name)} && make test")
    return 0


def write(parent: Path, name: str, kind: str) -> Path:
    """Write the package ``name`` into a new folder of that name under ``parent``."""
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(module) or module in sys.stdlib_module_names:
        raise UsageError(
            f"'{name}' cannot name a plugin: lower-case letters, digits and dashes, beginning with "
            "a letter, and no name that Python uses"
        )
    folder = parent / name
    values = {
        "name": name,
        "module": f"sottovoce_{module}",
        "title": "".join(part.capitalize() for part in name.split("-")),
        "kind": kind,
        "python": sys.executable,
    }
    templates = files("sottovoce") / "new_plugin"
    texts = {
        "pyproject.toml": "pyproject.toml",
        "Makefile": "Makefile",
        "README.md": "README.md",
        f"{values['module']}.py": f"{kind}.py",
        f"tests/test_{values['module']}.py": f"test_{kind}.py",
    }
    try:
        folder.mkdir()
        (folder / "tests").mkdir()
        for path, template in texts.items():
            text = (templates / f"{template}.txt").read_text(encoding="utf-8")
            (folder / path).write_text(Template(text).substitute(values), encoding="utf-8")
    except FileExistsError as error:
        raise UsageError(f"{folder} exists already; choose another name") from error
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    return folder
