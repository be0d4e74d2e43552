from __future__ import annotations

from pathlib import Path

import pytest

import sottovoce
from sottovoce import hookspecs

DOCS = Path(__file__).parents[1] / "docs"
HOOKS = [name for name, it in vars(hookspecs).items() if hasattr(it, "sottovoce_spec")]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_in_the_reference(hook: str) -> None:
    assert f"### `{hook}(" in (DOCS / "reference" / "hooks.md").read_text()


@pytest.mark.parametrize("name", sottovoce.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    pages = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    assert f"`{name}" in pages


def test_every_link_between_pages_leads_somewhere() -> None:
    import re

    for page in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
