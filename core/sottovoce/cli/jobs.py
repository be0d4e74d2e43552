"""``sotto jobs``: the queue of the watched folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host
    from ..library.jobs import Job, Jobs


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "jobs",
        help="the queue of the watched folders",
        description="What 'sotto watch' has to do, did, and could not do, and why.",
    )
    parser.set_defaults(run=_list, all=False, json=False)
    parser.add_argument("--json", action="store_true", help="print as JSON")
    actions = parser.add_subparsers(metavar="ACTION")
    listing = actions.add_parser("list", help="what is not done, and why (the default)")
    listing.add_argument("--all", action="store_true", help="what is done too")
    listing.add_argument("--json", action="store_true", help="print as JSON")
    listing.set_defaults(run=_list)
    actions.add_parser("pause", help="do no more until resumed").set_defaults(run=_pause)
    actions.add_parser("resume", help="go on").set_defaults(run=_resume)
    for name, words in (
        ("cancel", "do not do these, or stop doing them"),
        ("retry", "do these again, however they ended"),
        ("remove", "forget these; their files and notes stay"),
    ):
        action = actions.add_parser(name, help=words)
        action.add_argument("jobs", nargs="+", metavar="JOB", help="its number, or 'all'")
        action.set_defaults(run=_change, change=name)
    first = actions.add_parser("priority", help="do a job sooner or later")
    first.add_argument("jobs", nargs=1, metavar="JOB", help="its number")
    first.add_argument("priority", type=int, metavar="N", help="the highest is done first")
    first.set_defaults(run=_prioritise)


def _list(host: Host, arguments: Namespace) -> int:
    from ..library.jobs import State
    from ..watch.intake import shown

    with _queue(host) as queue:
        jobs = queue.all() if arguments.all else queue.all(*(set(State) - {State.DONE}))
        counts, pause = queue.counts(), queue.paused()
    if arguments.json:
        print_json(
            {
                "paused": pause and {"by_person": pause.by_person, "reason": pause.reason},
                "jobs": [_to_json(it) for it in jobs],
            }
        )
        return 0
    if pause is not None:
        print(f"The queue is paused: {pause.reason}")
    for job in jobs:
        reason = f": {job.reason}" if job.reason else ""
        print(f"{job.id:>5}  {job.state:<9}  {shown(job.path)}{reason}")
    done = counts.get(State.DONE, 0)
    print(f"{len(jobs) - done if arguments.all else len(jobs)} to do or set aside, {done} done")
    return 0


def _to_json(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "path": str(job.path).encode(errors="backslashreplace").decode(),
        "state": job.state,
        "reason": job.reason,
        "priority": job.priority,
        "attempts": job.attempts,
        "meeting": job.meeting_id or None,
        "sha256": job.sha256 or None,
    }


def _pause(host: Host, arguments: Namespace) -> int:
    with _queue(host) as queue:
        queue.pause()
    print("Paused; a job that is being done stops where it is. 'sotto jobs resume' goes on.")
    return 0


def _resume(host: Host, arguments: Namespace) -> int:
    with _queue(host) as queue:
        was = queue.resume()
    print("The queue goes on." if was else "The queue was not paused.")
    return 0


def _change(host: Host, arguments: Namespace) -> int:
    refused = 0
    with _queue(host) as queue:
        act = {"cancel": queue.cancel, "retry": queue.retry, "remove": queue.remove}
        for job in _named(queue, arguments.jobs, arguments.change):
            if not act[arguments.change](job):
                refused += 1
    if refused:
        raise UsageError(
            f"{refused} of them is being done right now; wait for it, or cancel it first"
        )
    return 0


def _prioritise(host: Host, arguments: Namespace) -> int:
    with _queue(host) as queue:
        for job in _named(queue, arguments.jobs, "priority"):
            queue.prioritise(job, arguments.priority)
    return 0


def _queue(host: Host) -> Jobs:
    from ..library.jobs import Jobs

    host.library  # noqa: B018 - makes the tables
    return Jobs(host.home.library)


def _named(queue: Jobs, names: list[str], change: str) -> list[Job]:
    from ..library.jobs import State

    if names == ["all"]:
        states = {
            "cancel": (State.QUEUED, State.RUNNING),
            "retry": (State.FAILED, State.SET_ASIDE, State.CANCELLED),
            "remove": (State.DONE, State.FAILED, State.SET_ASIDE, State.CANCELLED),
        }
        return queue.all(*states.get(change, tuple(State)))
    found = []
    for name in names:
        job = queue.get(int(name)) if name.isascii() and name.isdigit() else None
        if job is None:
            raise UsageError(f"no job '{name}'; 'sotto jobs list --all' shows their numbers")
        found.append(job)
    return found
