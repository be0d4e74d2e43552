"""Putting notes into the sections of a template, around what a person wrote down."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..values import SectionKind
from .carried import carried
from .own import own_sections

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..values import MeetingNotes, Section, Statement
    from .evidence import Line
    from .request import Request


def arranged(
    notes: MeetingNotes,
    request: Request,
    lines: Sequence[Line],
    extra: Mapping[SectionKind | str, Sequence[Statement]],
    settled: Mapping[int, tuple[int, ...]] | None = None,
) -> MeetingNotes:
    """The notes with the template's sections, and before them those of a person's own notes.

    ``extra`` has the statements of sections that no field of the notes holds: by kind, or by the
    title of an asked one. ``settled`` is for ``carried``. What was placed under a heading of the
    person's is not said again.
    """
    notes = replace(
        notes,
        template=request.template.name,
        carried=carried(request.previous, lines, settled) if request.previous else (),
    )
    own, placed = own_sections(request.own, notes, lines)
    sections: list[Section] = [*own]
    for section in request.template.sections:
        statements = extra.get(section.title, extra.get(section.kind, ()))
        field = getattr(notes, section.kind, ())
        left = tuple(it for it in field if it not in placed)
        if field and not left:
            continue
        sections.append(
            replace(section, statements=tuple(statements) or (left if left != field else ()))
        )
    kinds = {section.kind for section in sections}
    if notes.quotes and SectionKind.QUOTES not in kinds:
        from ..values import Section

        sections.append(Section(title="Quotes", kind=SectionKind.QUOTES))
    return replace(notes, sections=tuple(sections))
