"""``sotto voices``: people who are recognised in later meetings by how they sound."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..errors import UsageError
from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host

_KEY = "speech.profiles"


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "voices",
        help="recognise people in later meetings by their voices; off until you ask",
        description="Voice profiles: whom you name is recognised in later meetings. They are off "
        "until you switch them on, nothing is learned by itself, and they stay in one file of this "
        "device.",
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    command = actions.add_parser("list", help="list whose voices are known (the default)")
    command.add_argument("--json", action="store_true", help="print as JSON")
    command.set_defaults(run=run_list)

    for state, help in (("on", "recognise people from now on"), ("off", "recognise nobody")):
        command = actions.add_parser(state, help=help)
        command.set_defaults(run=run_switch, on=state == "on")

    command = actions.add_parser("learn", help="learn a voice from a meeting")
    command.add_argument("meeting", metavar="MEETING", help="its id, its title or a part of it")
    command.add_argument("speaker", metavar="SPEAKER", help="as the transcript shows it")
    command.add_argument("--as", dest="name", metavar="NAME", help="the person's name, if another")
    command.set_defaults(run=run_learn)

    command = actions.add_parser("forget", help="delete a voice profile, or all")
    command.add_argument("name", nargs="?", metavar="NAME")
    command.add_argument("--all", action="store_true", help="delete the file with all of them")
    command.set_defaults(run=run_forget)


def run_list(host: Host, arguments: Namespace) -> int:
    from ..speech.profiles import load

    on, profiles = host.config.speech_profiles, load(host.home.voices)
    if arguments.json:
        people = [
            {"name": it.name, "seconds": round(it.seconds, 1), "meetings": list(it.heard)}
            for it in profiles
        ]
        print_json({"on": on, "file": str(host.home.voices), "people": people})
        return 0
    print(
        "Voice profiles are on: whom you named is recognised in later meetings."
        if on
        else "Voice profiles are off: nobody is recognised. 'sotto voices on' switches them on."
    )
    for it in profiles:
        count = len(it.heard)
        print(f"  {it.name}: {it.seconds:.0f} s of {count} meeting{'s' * (count > 1)}")
    return 0


def run_switch(host: Host, arguments: Namespace) -> int:
    from .. import device
    from ..speech.profiles import load

    device.change(host.home.device, {_KEY: True if arguments.on else None})
    if not arguments.on and host.home.voices.exists():
        count = len(load(host.home.voices))
        print(f"{count} voice profile(s) stay, unused; 'sotto voices forget --all' deletes them.")
    return 0


def run_learn(host: Host, arguments: Namespace) -> int:
    import filelock

    from ..speech import profiles
    from ..speech.speakers import is_placeholder

    if not host.config.speech_profiles:
        raise UsageError("voice profiles are off on this device; first: sotto voices on")
    meeting = host.library.find(arguments.meeting)
    transcript = host.library.transcript(meeting.id)
    if arguments.speaker not in transcript.speakers:
        known = ", ".join(transcript.speakers) or "none"
        raise UsageError(f"no speaker '{arguments.speaker}' in this meeting; its speakers: {known}")
    name = " ".join((arguments.name or arguments.speaker).split())
    if not name or is_placeholder(name) or name.casefold() == "me":
        raise UsageError(f"'{name}' is nobody's name: say whose voice it is with --as NAME")
    said = [it for it in transcript.segments if it.speaker == arguments.speaker]
    heard = profiles.voices_of(said, [name] * len(said)).get(name)
    if heard is None:
        raise UsageError(
            f"no voice of '{arguments.speaker}' was kept: the meeting was imported, or that track "
            "has one person only and was transcribed while voice profiles were off"
        )
    path = host.home.voices
    with filelock.FileLock(host.home.lock("voices")):
        known_ones = profiles.load(path)
        others = [it for it in known_ones if it is not profiles.find(known_ones, name)]
        profiles.save(path, profiles.learned(known_ones, name, meeting.id, heard))
    for other in profiles.like(others, heard):
        print(
            f"sotto: this voice is like that of '{other}': where they cannot be told apart, "
            "neither is recognised",
            file=sys.stderr,
        )
    print(f"{name}: {heard.seconds:.0f} s learned from '{meeting.recording.title}'")
    return 0


def run_forget(host: Host, arguments: Namespace) -> int:
    import filelock

    from ..speech import profiles

    if bool(arguments.name) is arguments.all:
        raise UsageError("name whom to forget, or say --all")
    path = host.home.voices
    with filelock.FileLock(host.home.lock("voices")):
        if arguments.all:
            profiles.save(path, ())  # not even read: it may be damaged
            return 0
        known = profiles.load(path)
        gone = profiles.find(known, arguments.name)
        if gone is None:
            names = ", ".join(it.name for it in known) or "none"
            raise UsageError(f"no voice profile '{arguments.name}'; known: {names}")
        profiles.save(path, [it for it in known if it is not gone])
    return 0
