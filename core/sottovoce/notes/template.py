"""Templates as files: TOML that describes, then Markdown that looks like the notes.

    +++
    label = "Stand-up"
    about = "What each person did, and what is in the way"
    language = "de"                     # optional; the meeting's own where it is missing
    +++
    ## Who said what
    {{speakers}}

    ## In the way
    What keeps somebody from going on.

A section with a ``{{kind}}`` is made of what is found in every meeting; text beside it is to be
heeded. A section of text alone asks for something in its own words, which only a model that follows
instructions can give. The file's name is the template's name.
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING

from ..errors import ModelError, UsageError
from ..values import NotesMethod, NoteTemplate, Section, SectionKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ..values import ModelSpec

_FRONT = re.compile(
    r"\A\ufeff?\s*\+\+\+[ \t]*\n(?P<toml>.*?)^\+\+\+[ \t]*$(?P<body>.*)", re.S | re.M
)
_HEADING = re.compile(r"^##[ \t]+(?P<title>.+?)[ \t]*#*[ \t]*$", re.M)
_KIND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_FIELDS = {"label": str, "about": str, "language": str}
_KINDS = [kind.value for kind in SectionKind if kind not in (SectionKind.ASKED, SectionKind.OWN)]
_MOST = 20
"""Sections"""


def parse(text: str, name: str) -> NoteTemplate:
    """Raises ``UsageError`` that says what is wrong with the template, and where."""
    found = _FRONT.match(text.replace("\r\n", "\n"))
    if found is None:
        raise UsageError(f"template '{name}': it must begin with TOML between two lines '+++'")
    try:
        table = tomllib.loads(found["toml"])
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"template '{name}': its TOML cannot be read: {error}") from error
    if unknown := sorted(table.keys() - _FIELDS.keys()):
        raise UsageError(
            f"template '{name}': unknown {', '.join(unknown)}; known: {', '.join(_FIELDS)}"
        )
    for field, kind in _FIELDS.items():
        if not isinstance(table.get(field, kind()), kind):
            raise UsageError(f"template '{name}': {field} must be text in quotation marks")
    language = table.get("language")
    if language is not None and not re.fullmatch(r"[a-z]{2,3}", language):
        raise UsageError(f"template '{name}': language '{language}' is no code like 'en' or 'de'")
    sections = tuple(_sections(found["body"], name))
    if not sections:
        raise UsageError(f"template '{name}': it has no section; a section begins with '## Title'")
    if len(sections) > _MOST:
        raise UsageError(f"template '{name}': {len(sections)} sections; at most {_MOST} are taken")
    return NoteTemplate(
        name=name,
        label=table.get("label", name),
        about=table.get("about", ""),
        language=language,
        sections=sections,
    )


def _sections(body: str, name: str) -> Iterable[Section]:
    headings = list(_HEADING.finditer(body))
    ends = [it.start() for it in headings[1:]] + [len(body)]
    for heading, end in zip(headings, ends, strict=False):
        text = body[heading.end() : end]
        kinds = _KIND.findall(text)
        title = heading["title"]
        if len(kinds) > 1:
            raise UsageError(f"template '{name}': section '{title}' names {len(kinds)} kinds; one")
        if kinds and kinds[0] not in _KINDS:
            raise UsageError(
                f"template '{name}': section '{title}' asks for '{kinds[0]}'; "
                f"known: {', '.join(_KINDS)}"
            )
        instruction = " ".join(_KIND.sub(" ", text).split())
        if not kinds and not instruction:
            raise UsageError(
                f"template '{name}': section '{title}' is empty: write what it shall hold"
            )
        kind = SectionKind(kinds[0]) if kinds else SectionKind.ASKED
        yield Section(title=title, kind=kind, instruction=instruction)


def _built_in() -> Iterable[tuple[str, str]]:
    for file in files("sottovoce.notes").joinpath("templates").iterdir():
        if file.name.endswith(".md"):
            yield file.name.removesuffix(".md"), file.read_text(encoding="utf-8")


def source(name: str) -> str:
    """The text of a built-in template. Raises ``UsageError``."""
    texts = dict(_built_in())
    if name not in texts:
        raise UsageError(f"no built-in template '{name}'; known: {', '.join(sorted(texts))}")
    return texts[name]


def general() -> NoteTemplate:
    return parse(source("general"), "general")


def templates(
    folder: Path, plugins: Iterable[NoteTemplate]
) -> dict[str, NoteTemplate | UsageError]:
    """All templates by name; in place of one that cannot be read, why. A person's own, in
    ``folder``, go before those of plugins, and these before the built-in ones."""
    found: dict[str, NoteTemplate | UsageError] = {}
    for path in sorted(folder.glob("*.md")):
        try:
            found[path.stem] = parse(path.read_text(encoding="utf-8"), path.stem)
        except UsageError as error:
            found[path.stem] = error
        except (OSError, UnicodeDecodeError) as error:
            found[path.stem] = UsageError(f"template {path}: it cannot be read: {error}")
    for template in plugins:
        found.setdefault(template.name, template)
    for name, text in _built_in():
        found.setdefault(name, parse(text, name))
    return dict(sorted(found.items()))


def obeyable(template: NoteTemplate, spec: ModelSpec) -> None:
    """Raises ``ModelError`` that says why this model cannot follow this template."""
    if spec.notes is not NotesMethod.EXTRACT:
        return
    asked = [it.title for it in template.sections if it.kind is SectionKind.ASKED]
    if asked:
        raise ModelError(
            f"the template '{template.name}' asks in its own words for {_listed(asked)}, and "
            f"{spec.label} does not follow instructions: name another model with --model, or a "
            "template that asks for nothing of its own"
        )
    if template.language and spec.languages and template.language not in spec.languages:
        raise ModelError(
            f"the template '{template.name}' wants notes in '{template.language}', and "
            f"{spec.label} writes {', '.join(spec.languages)} only: name another with --model"
        )


def _listed(titles: list[str]) -> str:
    return ", ".join(f"'{title}'" for title in titles)
