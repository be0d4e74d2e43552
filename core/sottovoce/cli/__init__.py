"""The command line: ``sotto``. Expected errors are one line and a non-zero exit."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from ..atomic import writing
from ..errors import Cancelled, LibraryError, SottovoceError
from ..host import start

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import FrameType

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    _warnings_to_terminal()
    host = start()
    parser = argparse.ArgumentParser(
        prog="sotto",
        description="Meeting AI that never leaves the machine.",
        epilog="'sotto COMMAND --help' explains a command. SOTTOVOCE_HOME, when set, is the folder "
        "for everything that the program keeps.",
    )
    parser.add_argument("--version", action="version", version=f"sottovoce {_version()}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    host.plugins.notify("register_commands", subparsers=subparsers)
    parsed = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        host.home.create()
        _everything_to_file(host.home.log / "sotto.log")
        if parsed.run.__module__ != f"{__name__}.events":
            from sottovoce_integrations.events import deliver_in_background

            deliver_in_background(host.home)
        status: int = parsed.run(host, parsed)
        sys.stdout.flush()
        return status
    except (KeyboardInterrupt, Cancelled):
        print("sotto: stopped; the same command goes on where this one was", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has left; Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except SottovoceError as error:
        log.info("ended by an expected error", exc_info=error)
        print(f"sotto: {error}", file=sys.stderr)
        return 1
    finally:
        host.close()


def _version() -> str:
    from importlib.metadata import version

    return version("sottovoce")


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class _OneLine(logging.Formatter):
    """Without the traceback, which goes to the log file."""

    def format(self, record: logging.LogRecord) -> str:
        return f"sotto: {record.levelname.lower()}: {record.getMessage()}"


def _warnings_to_terminal() -> None:
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_OneLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _everything_to_file(path: Path) -> None:
    from logging.handlers import RotatingFileHandler

    class File(RotatingFileHandler):
        def handleError(self, record: logging.LogRecord) -> None:
            if not isinstance(sys.exception(), OSError):  # of a full disk the command itself tells
                super().handleError(record)

    with writing(path, LibraryError):
        handler = File(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(process)d %(name)s %(levelname)s %(message)s")
    )
    logging.getLogger().addHandler(handler)
