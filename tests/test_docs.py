from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import sottovoce
from sottovoce import hookspecs, testing

DOCS = Path(__file__).parents[1] / "docs"
HOOKS = [name for name, it in vars(hookspecs).items() if hasattr(it, "sottovoce_spec")]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_in_the_reference(hook: str) -> None:
    assert f"### `{hook}(" in (DOCS / "reference" / "hooks.md").read_text()


def test_the_reference_shows_every_hook_as_it_is_and_no_other() -> None:
    page = (DOCS / "reference" / "hooks.md").read_text()
    shown = dict(re.findall(r"^### `(\w+)(\(.*)`$", page, re.M))
    assert shown == {
        name: str(inspect.signature(getattr(hookspecs, name))).replace("'", "") for name in HOOKS
    }
    for name in HOOKS:
        purpose = " ".join(str(getattr(hookspecs, name).__doc__).split())
        assert purpose in " ".join(page.split()), name


def test_every_name_of_the_test_kit_is_in_the_reference() -> None:
    page = (DOCS / "reference" / "testing.md").read_text()
    own = [
        name
        for name, it in vars(testing).items()
        if not name.startswith("_") and getattr(it, "__module__", None) == testing.__name__
    ]
    assert len(own) > 5
    assert [name for name in own if f"`{name}" not in page] == []


@pytest.mark.parametrize("name", sottovoce.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    pages = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    assert f"`{name}" in pages


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
