"""The pictures of the overlays in the docs: ``make pictures``. Their tests take the same."""

from __future__ import annotations

from pathlib import Path

from sottovoce_plugins.browser import Browser

from .chromium import Chromium
from .live_views import VIEW, Asked

FOLDER = Path(__file__).parents[1] / "docs" / "images"


def browser(chromium: Chromium, scheme: str, path: Path) -> None:
    overlay, asked = Browser(), Asked()
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


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with Chromium() as chromium:
        for scheme in ("light", "dark"):
            browser(chromium, scheme, FOLDER / f"live-browser-{scheme}.png")


if __name__ == "__main__":
    main()
