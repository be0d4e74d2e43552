"""How the window of the overlay `window` looks, and that it can be moved and stretched."""

from __future__ import annotations

import tkinter as tk
from tkinter import font as fonts

_FAMILIES = ("Inter", "Segoe UI", "SF Pro Text", "Helvetica Neue", "Noto Sans", "DejaVu Sans")
DARK = {
    "paper": "#15181b", "card": "#1f252a", "line": "#3a434a", "ink": "#ece8e0", "dim": "#a3a8ab",
    "me": "#8fbfe8", "them": "#e3b878", "accent": "#7fcbc2", "record": "#ff7a6b", "wait": "#f0c35a",
}  # fmt: skip
LIGHT = {
    "paper": "#f6f4ef", "card": "#fffefb", "line": "#d5cfc3", "ink": "#22262a", "dim": "#5f646a",
    "me": "#2c5f8a", "them": "#8a5a1c", "accent": "#1f6a64", "record": "#c0362c", "wait": "#8f6200",
}  # fmt: skip
BUTTONS = (("m", "Mark"), ("n", "Note"), ("?", "Ask"), ("s", "Suggest"), ("p", "Pause"))


class Look:
    def __init__(self) -> None:
        self.root = root = tk.Tk(className="Sottovoce")
        root.title("Sottovoce")
        if root.tk.call("tk", "windowingsystem") == "x11":
            root.attributes("-type", "utility")
        root.attributes("-topmost", True)
        root.geometry(f"460x380+{max(0, root.winfo_screenwidth() - 490)}+40")
        root.minsize(280, 180)
        self._colours, self._alpha = DARK, 0.95
        found = set(fonts.families(root))
        family = next((it for it in _FAMILIES if it in found), "TkDefaultFont")
        self._fonts = {
            "small": fonts.Font(root, family=family, size=9),
            "text": fonts.Font(root, family=family, size=11),
            "bold": fonts.Font(root, family=family, size=11, weight="bold"),
            "large": fonts.Font(root, family=family, size=15),
        }
        self._build()
        self._paint()

    def _build(self) -> None:
        root, font = self.root, self._fonts
        self._head = tk.Frame(root, padx=14, pady=9, cursor="fleur")
        self._sign = tk.Label(self._head, font=font["bold"])
        self._time = tk.Label(self._head, font=font["text"])
        self._meters = tk.Canvas(self._head, width=130, height=24, highlightthickness=0)
        self._sign.pack(side="left")
        self._time.pack(side="left", padx=(8, 0))
        self._meters.pack(side="right")
        self._head.pack(fill="x")
        self._rule = tk.Frame(root, height=1)
        self._rule.pack(fill="x")

        self._foot = tk.Frame(root, padx=8, pady=5)
        self._buttons = [
            tk.Button(self._foot, text=f"{name} {key}", font=font["small"], relief="flat", bd=0,
                      padx=6, pady=3, highlightthickness=1, takefocus=True)
            for key, name in BUTTONS
        ]  # fmt: skip
        for button in self._buttons:
            button.pack(side="left", padx=2)
        self._end = tk.Button(
            self._foot, text="End", font=font["small"], relief="flat", bd=0, padx=6, pady=3,
            highlightthickness=1,
        )  # fmt: skip
        self._end.pack(side="left", padx=2)
        self._grip = tk.Canvas(self._foot, width=14, height=14, highlightthickness=0)
        self._grip.configure(cursor="bottom_right_corner")
        self._grip.pack(side="right", anchor="se")
        self._foot.pack(fill="x", side="bottom")

        self._form = tk.Frame(root, padx=14, pady=6)
        self._label = tk.Label(self._form, font=font["bold"])
        self._entry = tk.Entry(self._form, font=font["text"], relief="flat", highlightthickness=1)
        self._label.pack(side="left", padx=(0, 8))
        self._entry.pack(side="left", fill="x", expand=True, ipady=3)

        self._card = tk.Frame(root, padx=12, pady=9, highlightthickness=1)
        self._bar = tk.Frame(self._card, width=3)
        self._bar.place(x=-12, y=-9, relheight=1, height=18)
        self._kind = tk.Label(self._card, font=font["small"], anchor="w", justify="left")
        self._text = tk.Label(self._card, font=font["large"], anchor="w", justify="left")
        self._rests = tk.Label(self._card, font=font["small"], anchor="w", justify="left")
        for label in (self._kind, self._text, self._rests):
            label.pack(fill="x")
        self._notice = tk.Label(root, font=font["small"], anchor="w", justify="left", padx=14)
        self._said = tk.Text(root, font=font["text"], wrap="word", relief="flat", bd=0, padx=14,
                             pady=8, spacing3=4, cursor="arrow", takefocus=False, height=3,
                             highlightthickness=0)  # fmt: skip
        self._said.pack(fill="both", expand=True)
        handles: list[tk.Misc] = [self._head, self._sign, self._time, self._meters]
        for handle in handles:
            handle.bind("<ButtonPress-1>", self._grab)
            handle.bind("<B1-Motion>", self._drag)
        self._grip.bind("<ButtonPress-1>", self._grab)
        self._grip.bind("<B1-Motion>", self._stretch)

    def _paint(self) -> None:
        """The colours."""
        c = self._colours
        self.root.attributes("-alpha", self._alpha)
        for it in (self.root, self._head, self._foot, self._form, self._meters, self._grip):
            it.configure(background=c["paper"])
        self._rule.configure(background=c["line"])
        self._bar.configure(background=c["accent"])
        self._card.configure(background=c["card"], highlightbackground=c["line"])
        for label, back, ink in (
            (self._time, "paper", "dim"), (self._label, "paper", "accent"),
            (self._kind, "card", "accent"), (self._text, "card", "ink"),
            (self._rests, "card", "dim"), (self._notice, "paper", "wait"),
            (self._sign, "paper", "dim"),
        ):  # fmt: skip
            label.configure(background=c[back], foreground=c[ink])
        for button in (*self._buttons, self._end):
            button.configure(background=c["paper"], foreground=c["dim"],
                             activebackground=c["card"], activeforeground=c["ink"])  # fmt: skip
            button.configure(highlightbackground=c["paper"], highlightcolor=c["accent"])
        self._entry.configure(background=c["card"], foreground=c["ink"],
                              insertbackground=c["ink"], highlightbackground=c["line"],
                              highlightcolor=c["accent"])  # fmt: skip
        self._said.configure(background=c["paper"], foreground=c["ink"],
                             selectbackground=c["line"])  # fmt: skip
        for name in ("me", "them", "accent", "dim"):
            self._said.tag_configure(name, foreground=c[name])
        self._said.tag_configure("speaker", font=self._fonts["bold"])
        self._grip.delete("all")
        for at in (4, 9):
            self._grip.create_line(at, 13, 13, at, fill=c["dim"])

    def _grab(self, event: tk.Event[tk.Misc]) -> None:
        self._held = (event.x_root, event.y_root, self.root.winfo_x(), self.root.winfo_y(),
                      self.root.winfo_width(), self.root.winfo_height())  # fmt: skip

    def _drag(self, event: tk.Event[tk.Misc]) -> None:
        x, y, left, top, _, _ = self._held
        self.root.geometry(f"+{left + event.x_root - x}+{top + event.y_root - y}")

    def _stretch(self, event: tk.Event[tk.Misc]) -> None:
        x, y, _, _, width, height = self._held
        wide, high = self.root.minsize()
        self.root.geometry(
            f"{max(wide, width + event.x_root - x)}x{max(high, height + event.y_root - y)}"
        )
