"""The overlay `browser`: its page in a real Chromium, its server against whom it is not for."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sottovoce import LiveCaption, LiveState
from sottovoce.testing import FakeControls
from sottovoce_plugins.browser import Browser
from sottovoce_plugins.shown import changes

from . import pictures
from .chromium import PROGRAM, Chromium
from .live_views import ASKED, CAPTIONS, EARLIER, QUIET, VIEW

real = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")


class Page:
    """An open overlay, and where it is."""

    def __init__(self) -> None:
        self.asked, self.overlay = FakeControls(), Browser()
        self.overlay.open(self.asked)
        self.address = self.asked.told[0].split(": ")[1]
        self.host, self.path = urlsplit(self.address).netloc, urlsplit(self.address).path
        self.overlay.update(VIEW)

    def done(self, what: str, wanted: object = None) -> bool:
        until = time.monotonic() + 30
        while (what, wanted) not in self.asked.done:
            assert time.monotonic() < until, f"{what} was not asked for; {self.asked.done} was"
            time.sleep(0.02)
        return True


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    for it in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(it, raising=False)
    page = Page()
    yield page
    page.overlay.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with Chromium() as chromium:
        yield chromium


@pytest.fixture
def shown(page: Page, chromium: Chromium) -> Chromium:
    chromium.events.clear()
    chromium.resize(1280, 720)
    chromium.go(page.address)
    chromium.wait("document.querySelectorAll('article').length === 2")
    return chromium


@real
def test_the_page_shows_the_meeting_and_asks_nobody_else(page: Page, shown: Chromium) -> None:
    assert shown.value("document.querySelector('header').innerText").split() == [
        "Recording", "13:26", "Trade", "fair,", "weekly", "Me", "Them", "◐",
    ]  # fmt: skip
    lines = shown.value("[...document.querySelectorAll('#captions li')].map(it => it.innerText)")
    assert len(lines) == len(CAPTIONS)
    assert lines[-1].split("\n")[-1] == f"Them{CAPTIONS[-1].text}"
    assert shown.value("document.querySelector('#saying').innerText").endswith("last year we …")
    newest = shown.value("document.querySelector('article').innerText")
    for text in (ASKED.text, ASKED.about, *(it.text for it in ASKED.evidence), "your notes"):
        assert text in newest
    assert shown.complaints() == []
    assert {urlsplit(it).netloc for it in shown.asked()} == {page.host}


@real
def test_it_follows_what_happens(page: Page, shown: Chromium) -> None:
    said = LiveCaption(start=806, speaker="Me", text="<b>Nothing</b> that I know of.")
    page.overlay.update(
        replace(VIEW, captions=(*CAPTIONS[3:], said), saying=(), suggestions=(EARLIER,),
                notices=("The headset is gone.",), missing=("Me",))
    )  # fmt: skip
    shown.wait("document.querySelector('#captions').lastChild.innerText.includes('that I know of')")
    assert shown.value("document.querySelectorAll('#captions li').length") == len(CAPTIONS) - 2
    assert shown.value("document.querySelector('#captions b')") is None, "speech is no markup"
    assert shown.value("document.querySelectorAll('article').length") == 1
    assert "Me ✕ not recorded" in shown.value("document.querySelector('#levels').innerText")
    assert "The headset is gone." in shown.value("document.querySelector('#notices').innerText")
    # The end of what is said is in sight.
    assert shown.value(
        "(({bottom}, box) => bottom <= box.bottom + 1)"
        "(document.querySelector('#captions').lastChild.getBoundingClientRect(),"
        " document.querySelector('#scroll').getBoundingClientRect())"
    )
    page.overlay.update(replace(QUIET, state=LiveState.PAUSED))
    shown.wait("document.querySelector('#state').innerText === 'Paused'")
    assert "Suggestions are off" in shown.value("document.querySelector('#help').innerText")
    page.overlay.update(replace(QUIET, state=LiveState.ENDED))
    shown.wait("document.querySelector('#state').innerText === 'Ended'")
    assert shown.value("document.querySelector('#pause').disabled")


@real
def test_every_key_does_what_its_button_says(page: Page, shown: Chromium) -> None:
    for key, what in (("m", "mark"), ("s", "suggest"), ("g", "toggle"), ("p", "pause")):
        shown.press(key)
        assert page.done(what)
    for key, what in (("n", "note"), ("?", "ask")):
        shown.press(key)
        shown.press("m")  # a letter of what is typed
        shown.type("any power?")
        shown.press("Enter")
        assert page.done(what, "many power?")
    shown.press("n")
    shown.press("Escape")
    shown.press("Escape")
    assert page.done("dismiss", ASKED.id)
    assert [it for it, _ in page.asked.done].count("mark") == 1
    page.overlay.update(replace(VIEW, state=LiveState.PAUSED))
    shown.wait("document.querySelector('#state').innerText === 'Paused'")
    shown.press("p")
    assert page.done("resume")
    shown.value("document.querySelector('#end').click()")
    assert ("end", None) not in page.asked.done, "it asks first"
    shown.value("document.querySelector('#end').click()")
    assert page.done("end")


@real
def test_a_screen_reader_is_told_what_is_what(shown: Chromium) -> None:
    told = shown.accessible()
    for it in [
        ("status", ""), ("timer", "Recorded so far"), ("log", "Captions"),
        ("region", "What is said"), ("region", "Suggestions"), ("toolbar", "Controls"),
        ("button", "Mark M"), ("button", "Pause P"), ("button", "Dismiss this suggestion"),
        ("button", "Switch between dark and light"), ("list", "It rests on"),
    ]:  # fmt: skip
        assert it in told
    assert shown.value("document.querySelector('#spoken').innerText") == (
        f"You were asked: {ASKED.text}"
    )
    assert ("button", "") not in told


@real
def test_it_is_dark_or_light_as_the_system_is_and_as_one_says(
    shown: Chromium, tmp_path: Path
) -> None:
    def bright() -> bool:
        colour: str = shown.value("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, colour[4:-1].split(","))) > 384

    shown.prefer(prefers_color_scheme="light")
    assert bright()
    shown.prefer(prefers_color_scheme="dark")
    assert not bright()
    shown.value("document.querySelector('#theme').click()")
    assert bright()


CONTRAST = """[...document.querySelectorAll(
  '#state, #time, #title, .level, #captions li span, #captions time, #captions strong, #saying p,' +
  'article h3, article p, article li, button, kbd, #marks'
)].filter(it => it.offsetParent).map(it => {
  const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = rgb(colour).map(v => v / 255).map(
      v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = it;
  while (rgb(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const [a, b] = [getComputedStyle(it).color, getComputedStyle(behind).backgroundColor].map(light);
  return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), it.outerHTML.slice(0, 60)];
})"""


@real
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_of_it_can_be_read(shown: Chromium, scheme: str) -> None:
    shown.prefer(prefers_color_scheme=scheme)
    found = shown.value(CONTRAST)
    assert len(found) > 40
    assert [it for it in found if it[0] < 4.5] == [], "WCAG 2.2, 1.4.3"


@real
def test_another_page_in_the_same_browser_can_do_nothing(page: Page, chromium: Chromium) -> None:
    chromium.go("about:blank")
    body = "JSON.stringify({do: 'mark'})"
    sent = f"fetch('{page.address}do', {{method: 'POST', mode: 'no-cors', body: {body}}})"
    read = f"fetch('{page.address}').then(it => it.text())"
    for what in (sent, read):
        assert chromium.value(f"{what}.catch(() => 'refused')") == "refused"
    assert page.asked.done == []


@real
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_picture_can_be_taken(chromium: Chromium, scheme: str, tmp_path: Path) -> None:
    pictures.browser(chromium, scheme, tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 20_000


@real
@pytest.mark.parametrize("window", ["1920×1080", "1280×720", "400×800", "3840×2160"])
def test_nothing_is_out_of_sight_in_any_window(shown: Chromium, window: str) -> None:
    width, height = map(int, window.split("×"))
    shown.resize(width, height)
    assert shown.value("document.documentElement.scrollWidth") <= width
    assert shown.value("document.documentElement.scrollHeight") <= height
    size = shown.value(
        "parseFloat(getComputedStyle(document.querySelector('article .text')).fontSize)"
    )
    assert size >= max(20, width / 60), "to be read across a room"


@real
def test_a_page_says_that_the_program_is_gone(page: Page, shown: Chromium) -> None:
    page.overlay.close()
    shown.wait("document.querySelector('#state').innerText.startsWith('No connection')")
    assert shown.value("document.querySelector('[data-do=mark]').disabled")


def ask(page: Page, method: str, path: str, body: object = None, **headers: str) -> int:
    connection = http.client.HTTPConnection(page.host, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, body=data, headers=named)
        return connection.getresponse().status
    finally:
        connection.close()


MARK = {"do": "mark"}
JSON = "application/json"


def test_its_own_page_is_served_and_obeyed(page: Page) -> None:
    assert ask(page, "GET", page.path) == 200
    own = f"http://{page.host}"
    assert ask(page, "POST", f"{page.path}do", MARK, Origin=own, Content_Type=JSON) == 200
    assert page.asked.done == [("mark", None)]


@pytest.mark.parametrize(
    "path", ["/", "/do", "/events", "/x/", "/x/events", "{}../", "{}page", "{}"]
)
@pytest.mark.parametrize("token", ["none", "wrong"])
def test_without_the_token_there_is_nothing(page: Page, path: str, token: str) -> None:
    wrong = "" if token == "none" else page.path.swapcase()
    assert ask(page, "GET", path.format(wrong) or "/") == 404


def test_other_pages_are_refused_even_with_the_token(page: Page) -> None:
    own, port = f"http://{page.host}", page.host.partition(":")[2]
    for headers, status in (
        ({"Host": "evil.example"}, 421),
        ({"Host": f"localhost:{port}"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
    ):
        sent = {"Origin": own, "Content_Type": JSON} | headers
        assert ask(page, "GET", f"{page.path}events", **sent) == status, headers
        assert ask(page, "POST", f"{page.path}do", MARK, **sent) == status, headers
    assert page.asked.done == []


def test_what_is_no_order_is_refused(page: Page) -> None:
    own = f"http://{page.host}"
    for body, origin, kind, status in (
        (MARK, None, JSON, 403),
        (MARK, own, "text/plain", 415),
        ({"do": "format"}, own, JSON, 400),
        ({"do": "note", "text": 5}, own, JSON, 400),
        ([], own, JSON, 400),
        ("x" * 20_000, own, JSON, 413),
    ):
        sent = {"Content_Type": kind} | ({"Origin": origin} if origin else {})
        assert ask(page, "POST", f"{page.path}do", body, **sent) == status, body
    assert page.asked.done == []


def test_the_address_that_a_browser_is_started_with_works_once(
    page: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    browser, started = tmp_path / "browser", tmp_path / "started"
    browser.write_text(f"#!/bin/sh\necho complaint >&2\necho $1 > {started}.part\n"
                       f"mv {started}.part {started}\n")  # fmt: skip
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setenv("DISPLAY", ":99")
    second = Page()
    try:
        until = time.monotonic() + 20
        while not started.exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        address = started.read_text().strip()
        assert second.path not in address, "other accounts see how a browser was started"
        assert [ask(second, "GET", urlsplit(address).path) for _ in range(2)] == [303, 404]
    finally:
        second.overlay.close()


def test_it_listens_for_this_machine_alone(page: Page) -> None:
    name, port = page.host.split(":")
    assert name == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", int(port)), timeout=2)


def test_a_page_that_does_not_read_holds_nobody_up(page: Page) -> None:
    stuck = socket.create_connection(("127.0.0.1", int(page.host.split(":")[1])), timeout=10)
    stuck.sendall(f"GET {page.path}events HTTP/1.1\r\nHost: {page.host}\r\n\r\n".encode())
    began = time.monotonic()
    for second in range(500):
        page.overlay.update(replace(VIEW, seconds=float(second)))
    page.overlay.close()
    assert time.monotonic() - began < 3
    stuck.close()


def test_only_what_changed_is_sent() -> None:
    assert changes(VIEW, VIEW) == {}
    assert changes(VIEW, replace(VIEW, marks=3)) == {"marks": 3}
    said = LiveCaption(start=1.0, speaker="Me", text="So")

    def sent(now: tuple[LiveCaption, ...]) -> tuple[int, int, list[str]]:
        found = changes(VIEW, replace(VIEW, captions=now))["captions"]
        return found["drop"], found["keep"], [it["text"] for it in found["lines"]]

    last = CAPTIONS[-1]
    assert sent((*CAPTIONS, said)) == (0, 11, ["So"])
    assert sent((*CAPTIONS[2:], said)) == (2, 9, ["So"])
    assert sent((*CAPTIONS[:10], said, last)) == (0, 10, ["So", last.text])
    assert sent(CAPTIONS[:10]) == (0, 10, [])
    assert sent((said,)) == (11, 0, ["So"])
    assert sent(()) == (11, 0, [])
    told = replace(VIEW, notices=("a", "b"))
    assert changes(told, replace(VIEW, notices=("b", "b", "c")))["notices"] == ("b", "c")
