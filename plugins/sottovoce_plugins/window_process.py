"""The process of the overlay `window`: views come in as lines of JSON, orders go out so."""

from __future__ import annotations

import json
import queue
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from sottovoce import clock
from sottovoce.guard import install

from .window_look import BUTTONS, DARK, LIGHT, Look
from .window_private import keep_out

if TYPE_CHECKING:
    import tkinter as tk

_LOOK = 50
"""Milliseconds between two looks at what came"""
_NOTICE = 30_000
"""Milliseconds that a notice is shown"""
_QUIET = -60.0
"""dBFS at which a meter begins"""
_STATES = {"recording": ("Recording", "record"), "paused": ("Paused", "wait"),
           "finishing": ("Finishing", "dim"), "ended": ("Ended", "dim")}  # fmt: skip
_KINDS = {"question": "You were asked", "answer": "Answer"}
_SURE = 4000
"""Milliseconds in which it has to be said again that the recording is to end"""


class Window(Look):
    def __init__(self) -> None:
        super().__init__()
        self._view: dict[str, Any] = {}
        self._entering = ""
        self._following = True
        self._known: tuple[Any, ...] = ()
        """The captions that are shown"""
        self._notices: list[str] = []
        self._fading = self._sure = ""
        for (key, _), button in zip(BUTTONS, self._buttons, strict=True):
            button.configure(command=partial(self._do, key))
        self._end.configure(command=self._ask_to_end)
        self._said.bind("<Configure>", lambda event: self._follow())
        for turned in ("<MouseWheel>", "<Button-4>", "<Button-5>"):
            self._said.bind(turned, self._scrolled, add=True)
        self.root.bind("<Key>", self._key)
        self.root.bind("<Configure>", self._wrap)
        self.root.protocol("WM_DELETE_WINDOW", self.root.destroy)
        self.root.update_idletasks()
        if about := keep_out(self.root.winfo_id()):
            _say({"tell": about})

    def show(self, view: dict[str, Any]) -> None:
        if not view:
            return
        self._view, c = view, self._colours
        name, colour = _STATES[view["state"]]
        self._sign.configure(text=f"● {name}", foreground=c[colour])
        self._time.configure(text=clock(view["seconds"]))
        self.root.title(
            f"{'● ' if view['state'] == 'recording' else ''}{view['title'] or 'Sottovoce'}"
        )
        self._show_levels(view["levels"], view["missing"])
        self._show_suggestion(view["suggestions"][-1] if view["suggestions"] else None)
        self._show_said(view["captions"], view["saying"])
        self._show_notice(view["notices"])
        self._buttons[-1].configure(text="Resume p" if view["state"] == "paused" else "Pause p")

    def _show_levels(self, levels: list[tuple[str, float | None]], missing: list[str]) -> None:
        meters, c = self._meters, self._colours
        meters.delete("all")
        for number, (speaker, level) in enumerate(levels[:2]):
            part = 0.0 if level is None else max(0.0, min(1.0, 1 - level / _QUIET))
            y = 6 + 12 * number
            if speaker in missing:
                meters.create_text(128, y, text=f"{speaker} ✕ not recorded", anchor="e",
                                   fill=c["wait"], font=self._fonts["small"])  # fmt: skip
                continue
            meters.create_text(46, y, text=speaker, anchor="e", fill=c[_side(speaker)],
                               font=(self._fonts["small"].actual("family"), 8))  # fmt: skip
            meters.create_line(52, y, 128, y, fill=c["line"], width=3)
            if part:
                meters.create_line(52, y, 52 + 76 * part, y, fill=c[_side(speaker)], width=3)

    def _show_notice(self, notices: list[str]) -> None:
        if notices != self._notices:
            self._notices = notices
            self._notice.configure(text=notices[-1] if notices else "")
            self._notice.pack(fill="x", before=self._said)
            if self._fading:
                self.root.after_cancel(self._fading)
            self._fading = self.root.after(_NOTICE, self._notice.pack_forget)

    def _show_suggestion(self, it: dict[str, Any] | None) -> None:
        if it is None:
            self._card.pack_forget()
            return
        title = _KINDS.get(it["kind"], "Suggestion")
        self._kind.configure(text=f"{title}: “{it['about']}”" if it["about"] else title)
        self._text.configure(text=it["text"] + ("" if it["complete"] else " …"))
        rests = [
            f"{one['meeting'] or clock(one['start'])}  "
            f"{one['speaker'] + ': ' if one['speaker'] else ''}{one['text']}"
            for one in it["evidence"][-2:]
        ]
        self._rests.configure(text="\n".join(rests))
        self._card.pack(fill="x", padx=12, pady=(10, 2), after=self._rule)

    def _show_said(self, captions: list[dict[str, Any]], saying: list[dict[str, Any]]) -> None:
        box = self._said
        lines = [(it, "") for it in captions] + [(it, "dim") for it in saying]
        known = (captions, saying, id(self._colours))
        if known == self._known:
            return
        self._known = known
        box.configure(state="normal")
        box.delete("1.0", "end")
        for number, (it, tag) in enumerate(lines):
            box.insert("end", "\n" if number else "")
            box.insert("end", f"{it['speaker']}  ", ("speaker", _side(it["speaker"])))
            box.insert("end", it["text"] + (" …" if tag else ""), tag)
        box.configure(state="disabled")
        self._follow()

    def _follow(self) -> None:
        """To the end, unless the person scrolled away from it."""
        if self._following:
            self.root.after_idle(self._said.yview_moveto, 1.0)

    def _scrolled(self, event: tk.Event[tk.Misc]) -> None:
        def look() -> None:
            self._following = self._said.yview()[1] > 0.999

        self.root.after_idle(look)

    def _wrap(self, event: tk.Event[tk.Misc]) -> None:
        if event.widget is self.root:
            for it in (self._kind, self._text, self._rests):
                it.configure(wraplength=max(120, self.root.winfo_width() - 56))
            self._notice.configure(wraplength=max(120, self.root.winfo_width() - 28))
            self._follow()

    def _key(self, event: tk.Event[tk.Misc]) -> None:
        if self._entering:
            if event.keysym in ("Return", "KP_Enter"):
                if text := self._entry.get().strip():
                    _say({"do": self._entering, "text": text})
                self._leave()
            elif event.keysym == "Escape":
                self._leave()
        else:
            self._do("Escape" if event.keysym == "Escape" else event.char)

    def _do(self, key: str) -> None:
        suggestions = self._view.get("suggestions")
        match key:
            case "m":
                _say({"do": "mark"})
            case "n" | "?":
                self._enter("note" if key == "n" else "ask")
            case "s":
                _say({"do": "suggest"})
            case "g":
                _say({"do": "toggle"})
            case "p":
                _say({"do": "resume" if self._view.get("state") == "paused" else "pause"})
            case "Escape" | "x" if suggestions:
                _say({"do": "dismiss", "id": suggestions[-1]["id"]})
            case "+" | "-":
                self._alpha = min(1.0, max(0.35, self._alpha + (0.1 if key == "+" else -0.1)))
                self._paint()
            case "t":
                self._colours = LIGHT if self._colours is DARK else DARK
                self._paint()
                self.show(self._view)

    def _ask_to_end(self) -> None:
        if self._sure:
            self.root.after_cancel(self._sure)
            _say({"do": "end"})
            self._not_sure()
        else:
            self._end.configure(text="End it?", foreground=self._colours["record"])
            self._sure = self.root.after(_SURE, self._not_sure)

    def _not_sure(self) -> None:
        self._sure = ""
        self._end.configure(text="End", foreground=self._colours["dim"])

    def _enter(self, what: str) -> None:
        self._entering = what
        self._label.configure(text="Note" if what == "note" else "Ask")
        self._entry.delete(0, "end")
        self._form.pack(fill="x", side="bottom", after=self._foot)
        # After the key that led here, which is no letter of the text.
        self.root.after_idle(self._entry.focus_set)

    def _leave(self) -> None:
        self._entering = ""
        self._form.pack_forget()
        self.root.focus_set()


def _side(speaker: str) -> str:
    name = speaker.casefold()
    return name if name in ("me", "them") else "accent"


def _say(order: dict[str, Any]) -> None:
    print(json.dumps(order), flush=True)  # noqa: T201 - to the overlay


def main() -> None:
    install()
    came: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            came.put(json.loads(line))
        came.put(None)

    threading.Thread(target=read, name="views", daemon=True).start()
    window = Window()

    def look() -> None:
        view: dict[str, Any] | None = {}
        while not came.empty():
            view = came.get()
        if view is None:
            window.root.destroy()
            return
        window.show(view)
        window.root.after(_LOOK, look)

    look()
    window.root.mainloop()


if __name__ == "__main__":
    main()
