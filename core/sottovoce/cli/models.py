"""``sotto models``: which models there are, and what each would be like on this device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "models", help="list the models and how each fits this device", description="The models."
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    command = actions.add_parser("list", help="list the models (the default)")
    command.add_argument("--json", action="store_true", help="print as JSON")
    command.set_defaults(run=run_list)


def run_list(host: Host, arguments: Namespace) -> int:
    models = host.models.values()
    if arguments.json:
        print_json([{"id": it.id, "label": it.label, "size": it.size} for it in models])
        return 0
    for model in models:
        print(f"{model.id:18} {model.label}")
    return 0
