"""What an overlay in another process, or on a page, is sent of a view, and the orders it sends
back."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

from sottovoce import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sottovoce import LiveControls, LiveView

_LONGEST = 2000
"""Characters of a note or a question"""


def as_json(view: LiveView, captions: int) -> dict[str, Any]:
    """A view with its latest captions, as JSON has it."""
    return asdict(replace(view, captions=view.captions[-captions:]))


def changes(before: LiveView | None, now: LiveView) -> dict[str, Any]:
    """The fields that are others than before. Of the captions: how many go at the beginning, how
    many then stay, and the lines behind those; of the notices those that are new."""
    found: dict[str, Any] = {
        it.name: value
        for it in fields(now)
        if (value := getattr(now, it.name)) != getattr(before, it.name, None)
    }
    if "captions" in found:
        old, new = before.captions if before is not None else (), now.captions
        drop = old.index(new[0]) if new and new[0] in old else len(old)
        keep = 0
        for one, other in zip(old[drop:], new, strict=False):
            if one != other:
                break
            keep += 1
        found["captions"] = {"drop": drop, "keep": keep, "lines": _plain(new[keep:])}
    if "notices" in found:
        found["notices"] = after(before.notices, now.notices) if before else now.notices[-2:]
    return found | {it: _plain(found[it]) for it in ("saying", "suggestions") if it in found}


def _plain(several: Sequence[Any]) -> list[dict[str, Any]]:
    return [asdict(it) for it in several]


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
