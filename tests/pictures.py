"""The pictures of the overlays in the docs: ``make pictures``. Their tests take the same."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest
from rich.console import Console, ConsoleDimensions
from rich.terminal_theme import TerminalTheme

from sottovoce.testing import FakeControls
from sottovoce_plugins import terminal_picture as picture
from sottovoce_plugins.browser import Browser
from sottovoce_plugins.window import Window

from .chromium import Chromium
from .live_views import VIEW
from .screen import Screen

_THEME = TerminalTheme(
    (21, 24, 27), (214, 210, 202),
    [(60, 66, 72), (255, 122, 107), (127, 203, 162), (227, 184, 120),
     (143, 191, 232), (201, 174, 227), (143, 201, 232), (214, 210, 202)],
    [(70, 77, 84), (255, 122, 107), (127, 203, 162), (240, 195, 90),
     (143, 191, 232), (201, 174, 227), (143, 201, 232), (236, 232, 224)],
)  # fmt: skip
FOLDER = Path(__file__).parents[1] / "docs" / "images"


def browser(chromium: Chromium, scheme: str, path: Path) -> None:
    overlay, asked = Browser(), FakeControls()
    overlay.open(asked)
    try:
        overlay.update(VIEW)
        chromium.resize(1280, 720)
        chromium.prefer(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
        chromium.go(asked.told[0].split(": ")[1])
        chromium.wait("document.querySelectorAll('article').length === 2")
        chromium.wait("document.getAnimations().length === 0")
        chromium.screenshot(path)
    finally:
        overlay.close()


def terminal(path: Path, width: int = 80, height: int = 24) -> None:
    """What the terminal shows, as far as it has room."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    for it in VIEW.captions[-(height - 15) :]:
        console.print(picture.caption(it, width), highlight=False)
    console.print(picture.now(VIEW, ConsoleDimensions(width, height), None, True))
    svg = console.export_svg(title="sotto live", theme=_THEME)
    # The font is that of the reader's machine: nothing is fetched.
    fetched = re.compile(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", re.DOTALL)
    path.write_text(fetched.sub("", svg), encoding="utf-8")


def window(screen: Screen, path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", screen.display)
        overlay = Window()
        overlay.open(FakeControls())
        try:
            overlay.update(VIEW)
            place = screen.window()
            pictured, until = b"", time.monotonic() + 5
            while len(pictured) < 10_000 and time.monotonic() < until:  # until it is drawn
                time.sleep(0.5)
                screen.picture(path, place)
                pictured = path.read_bytes()
        finally:
            overlay.close()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    terminal(FOLDER / "live-terminal.svg")
    with Screen() as screen:
        window(screen, FOLDER / "live-window.png")
    with Chromium() as chromium:
        for scheme in ("light", "dark"):
            browser(chromium, scheme, FOLDER / f"live-browser-{scheme}.png")


if __name__ == "__main__":
    main()
