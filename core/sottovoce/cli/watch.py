"""``sotto watch``: folders in which recordings become notes by themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..values import ModelTask

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host
    from ..watch.folders import Folder, FolderSettings

_INSTALL = "install"
_CHOICES = ("speech", "model", "template", "language", "priority")
"""Options that a folder's jobs take along"""


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "watch",
        help="notes of whatever recording appears in a folder",
        description="Watch folders: whatever recording or transcript is in them, or appears, gets "
        "its notes, once. Nothing in them is moved, changed or deleted. 'sotto jobs' shows the "
        "queue. 'sotto watch install FOLDER…' sets the same up as a service of your account "
        "(for a folder of that name: ./install).",
    )
    parser.add_argument(
        "folders",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="to be watched (default: those of watch.toml, each with its own settings)",
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where the notes are written")
    parser.add_argument(
        "--export",
        action="append",
        metavar="EXPORTER",
        help="how they are written (default: markdown; may be given again)",
    )
    parser.add_argument("--recursive", action="store_true", help="folders in them too")
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="PATTERN", help="names that are left alone"
    )
    parser.add_argument(
        "--poll",
        action="store_true",
        help="look every few seconds instead of waiting for events; network disks and synced "
        "folders are polled anyway",
    )
    parser.add_argument("--once", action="store_true", help="do what is there, then end")
    parser.add_argument("--speech", metavar="MODEL", help="the transcription model")
    parser.add_argument("--model", metavar="MODEL", help="the language model for the notes")
    parser.add_argument("--template", metavar="NAME", help="'sotto templates' lists them")
    parser.add_argument("--language", metavar="CODE", help="the notes' language, as 'en' or 'de'")
    parser.add_argument(
        "--priority", type=int, default=0, metavar="N", help="of these files; the highest is first"
    )
    parser.add_argument(
        "--battery",
        type=int,
        default=30,
        metavar="PERCENT",
        help="on battery, wait below this charge (default: 30)",
    )
    parser.add_argument(
        "--unload-after",
        type=float,
        default=300,
        metavar="SECONDS",
        help="give the engines' memory back after so long without work (default: 300)",
    )
    parser.add_argument(
        "--while-recording", action="store_true", help="work while 'sotto record' records, too"
    )
    parser.add_argument(
        "--no-notify", action="store_true", help="no desktop notification when notes are ready"
    )
    parser.add_argument(
        "--print", action="store_true", help="with install: print the service, do not install it"
    )
    parser.set_defaults(run=run)


def run(host: Host, arguments: Namespace) -> int:
    install = [str(it) for it in arguments.folders[:1]] == [_INSTALL]
    if install:
        del arguments.folders[0]
    folders = _folders(host, arguments)
    if install:
        return _install(arguments)
    if arguments.print:
        raise UsageError("--print belongs to 'sotto watch install'")
    return _watch(host, arguments, folders)


def _folders(host: Host, arguments: Namespace) -> list[Folder]:
    """The folders as they are watched. Raises ``SottovoceError`` for what cannot work."""
    from ..watch.folders import read_settings

    named = [_from_command(it, arguments) for it in arguments.folders]
    wanted = named or read_settings(host.home.config / "watch.toml")
    if not wanted:
        raise UsageError(
            f"name the folders to be watched, or list them in {host.home.config / 'watch.toml'}"
        )
    found = [_checked(host, it) for it in wanted]
    return list({it.path: it for it in found}.values())


def _from_command(path: Path, arguments: Namespace) -> FolderSettings:
    from ..watch.folders import FolderSettings

    return FolderSettings(
        path=path,
        to=arguments.to,
        export=tuple(arguments.export or ()),
        recursive=arguments.recursive,
        poll=arguments.poll,
        ignore=tuple(arguments.ignore),
        **{name: getattr(arguments, name) for name in _CHOICES},
    )


def _checked(host: Host, wanted: FolderSettings) -> Folder:
    """What a person asked for as it will be done, or the error now and not at the first file."""
    from ..notes.template import obeyable
    from ..pipeline import check_exporters
    from ..watch.folders import Folder

    place = wanted.path.expanduser().resolve()
    if not place.is_dir():
        there = "this is a file" if place.exists() else "there is no such folder"
        raise UsageError(f"{wanted.path}: {there}; name a folder to be watched")
    language = host.model(ModelTask.GENERATION, wanted.model)
    host.model(ModelTask.TRANSCRIPTION, wanted.speech)
    obeyable(host.template(wanted.template or "general"), language)
    to = (wanted.to or host.notes_folder).expanduser().resolve()
    options: dict[str, Any] = {
        "to": str(to),
        "exporters": list(check_exporters(host, wanted.export or ["markdown"], to)),
        **{name: getattr(wanted, name) for name in _CHOICES},
    }
    return Folder(
        path=place,
        recursive=wanted.recursive,
        poll=True if wanted.poll else None,
        ignore=wanted.ignore,
        options=options,
    )


def _watch(host: Host, arguments: Namespace, folders: list[Folder]) -> int:
    import signal

    from ..watch.manners import step_back
    from ..watch.screen import screen
    from ..watch.watcher import Manners, Watcher

    if hasattr(signal, "SIGIO"):  # what `being_written` asks the system may end in one
        signal.signal(signal.SIGIO, signal.SIG_IGN)
    step_back()
    notes = (Path(it.options["to"]) for it in folders)
    ours = (*notes, host.home.config, host.home.data, host.home.log)
    off_limits = [it for it in ours if not any(f.path.is_relative_to(it) for f in folders)]
    with screen() as shown:
        watcher = Watcher(
            host,
            folders,
            off_limits=off_limits,
            screen=shown,
            manners=Manners(
                battery=arguments.battery,
                unload_after=arguments.unload_after,
                notify=not arguments.no_notify,
                while_recording=arguments.while_recording,
            ),
        )
        try:
            if arguments.once:
                return 1 if watcher.once() else 0
            for folder in folders:
                how = "polled" if folder.polled else "by events"
                shown.say(f"watching {folder.path} ({how}); notes go to {folder.options['to']}")
            watcher.run()
        finally:
            watcher.close()
    return 0


def _install(arguments: Namespace) -> int:
    from ..watch.service import service

    command = [sys.executable, "-m", "sottovoce", "watch"]
    command += [str(it.expanduser().resolve()) for it in arguments.folders]
    if arguments.to:
        command += ["--to", str(arguments.to.expanduser().resolve())]
    for option in ("export", "ignore"):
        for value in getattr(arguments, option) or ():
            command += [f"--{option}", value]
    for option in ("recursive", "poll", "no_notify", "while_recording"):
        command += [f"--{option.replace('_', '-')}"] * bool(getattr(arguments, option))
    for option in _CHOICES:
        value = getattr(arguments, option)
        command += [f"--{option}", str(value)] if value else []
    for option in ("battery", "unload_after"):
        command += [f"--{option.replace('_', '-')}", f"{getattr(arguments, option):g}"]
    made = service(command)
    if arguments.print:
        print(made.text, end="")
        return 0
    made.write()
    print(f"written: {made.path}")
    print(f"start it with: {made.start}")
    return 0
