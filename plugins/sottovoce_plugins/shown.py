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
    """The fields that are others than before; of captions and notices only what was added, and
    whether that follows what was there (``from`` is 0 where it does not)."""
    if before is None:
        fields = as_json(now)
        fields["captions"] = {"from": 0, "lines": fields["captions"]}
        fields["notices"] = fields["notices"][-2:]
        return fields
    changed = {
        name: value
        for name, value in as_json(now).items()
        if getattr(now, name) != getattr(before, name)
    }
    if "captions" in changed:
        kept = _kept(before.captions, now.captions)
        changed["captions"] = {"from": kept, "lines": changed["captions"][kept:]}
    if "notices" in changed:
        changed["notices"] = changed["notices"][_kept(before.notices, now.notices) :]
    return changed


def _kept(before: Sequence[object], now: Sequence[object]) -> int:
    """How many of the first of ``now`` were the last of ``before``: of a long meeting the first
    lines go."""
    for kept in range(min(len(before), len(now)), 0, -1):
        if now[kept - 1] == before[-1] and tuple(now[:kept]) == tuple(before[-kept:]):
            return kept
    return 0


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
