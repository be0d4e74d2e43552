"""What an overlay in another process, or on a page, is sent of a view, and the orders it sends
back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sottovoce import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sottovoce import LiveControls, LiveView

_LONGEST = 2000
"""Characters of a note or a question"""


def as_json(view: LiveView) -> dict[str, Any]:
    """All of a view, as JSON has it."""
    return asdict(view)


def changes(before: LiveView | None, now: LiveView) -> dict[str, Any]:
    """The fields that are others than before. Of the captions: how many go at the beginning, how
    many then stay, and the lines behind those; of the notices those that are new."""
    fields = as_json(now)
    if before is None:
        fields["captions"] = {"drop": 0, "keep": 0, "lines": fields["captions"]}
        fields["notices"] = fields["notices"][-2:]
        return fields
    fields = {it: value for it, value in fields.items() if getattr(now, it) != getattr(before, it)}
    if "captions" in fields:
        old, new = before.captions, now.captions
        drop = old.index(new[0]) if new and new[0] in old else len(old)
        keep = 0
        for one, other in zip(old[drop:], new, strict=False):
            if one != other:
                break
            keep += 1
        fields["captions"] = {"drop": drop, "keep": keep, "lines": fields["captions"][keep:]}
    if "notices" in fields:
        fields["notices"] = after(before.notices, now.notices)
    return fields


def after(before: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """What is new of lines of which only the latest are kept."""
    for kept in range(min(len(before), len(now)), 0, -1):
        if tuple(now[:kept]) == tuple(before[-kept:]):
            return now[kept:]
    return now


def obey(controls: LiveControls, order: object) -> None:
    """Do what a page or a window asks for: ``{"do": "note", "text": "…"}``. Raises
    ``UsageError``."""
    if not isinstance(order, dict):
        raise UsageError("an order is an object")
    match order:
        case {"do": "mark"}:
            controls.mark()
        case {"do": "note", "text": str(text)} if text.strip():
            controls.note(text.strip()[:_LONGEST])
        case {"do": "ask", "text": str(text)} if text.strip():
            controls.ask(text.strip()[:_LONGEST])
        case {"do": "suggest"}:
            controls.suggest()
        case {"do": "toggle"}:
            controls.toggle_suggestions()
        case {"do": "dismiss", "id": int(number)}:
            controls.dismiss(number)
        case {"do": "pause"}:
            controls.pause()
        case {"do": "resume"}:
            controls.resume()
        case {"do": "end"}:
            controls.end()
        case _:
            raise UsageError(f"no such order: {str(order.get('do'))[:40]}")
