"""``sotto templates``: what notes can look like, and a copy to make one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from .output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from ..host import Host


def add(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "templates", help="list the templates for notes, copy one to edit it"
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    command = actions.add_parser("show", help="print a built-in template")
    command.add_argument("template", metavar="TEMPLATE")
    command.set_defaults(run=run_show)
    command = actions.add_parser("copy", help="copy a built-in template, to edit it")
    command.add_argument("template", metavar="TEMPLATE")
    command.add_argument("name", nargs="?", metavar="NAME", help="its name (default: the same)")
    command.set_defaults(run=run_copy)


def run_list(host: Host, arguments: Namespace) -> int:
    found = host.templates()
    if arguments.json:
        print_json(
            [
                {"name": name, "error": str(it)}
                if isinstance(it, UsageError)
                else {
                    "name": name,
                    "label": it.label,
                    "about": it.about,
                    "language": it.language,
                    "sections": [
                        {"title": s.title, "kind": s.kind, "instruction": s.instruction}
                        for s in it.sections
                    ],
                }
                for name, it in found.items()
            ]
        )
        return 0
    for name, template in found.items():
        print(f"{name:16}  {template if isinstance(template, UsageError) else template.about}")
    return 0


def run_show(host: Host, arguments: Namespace) -> int:
    from ..notes.template import source

    print(source(arguments.template), end="")
    return 0


def run_copy(host: Host, arguments: Namespace) -> int:
    """Prints the path of the copy."""
    from ..notes.template import source

    name = arguments.name or arguments.template
    if not name.strip() or "/" in name or "\\" in name or name.startswith("."):
        raise UsageError(f"'{name}' cannot be a file's name; use letters, digits and hyphens")
    text = source(arguments.template)
    host.home.templates.mkdir(parents=True, exist_ok=True)
    path = host.home.templates / f"{name}.md"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already; edit that, or name another") from None
    print(path)
    return 0
