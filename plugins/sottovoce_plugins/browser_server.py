"""The web server of the overlay `browser`.

It listens on 127.0.0.1 alone, on a port that the system chooses. Everything lies under a token of
256 bits. Another page in the same browser can reach the port, and can have a name of its own lead
there (DNS rebinding); so the ``Host`` has to be the address, and where the browser says which page
a request comes from (``Origin``, ``Sec-Fetch-Site``) that has to be this one.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import socketserver
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from sottovoce import LiveState, UsageError

from .shown import changes, obey

if TYPE_CHECKING:
    from sottovoce import LiveControls, LiveView

log = logging.getLogger(__name__)

_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_MOST = 16
"""Pages that are served at a time"""
_OFTEN = 0.1
"""Seconds between two messages at least"""
_BEAT = 5.0
"""Seconds after which a page that was told nothing is told so, to find out whether it is there"""
_BODY = 16_384
"""Bytes of an order at most"""


class Server:
    def __init__(self, controls: LiveControls) -> None:
        """Raises ``UsageError`` where no port is to be had."""
        self.controls = controls
        self.token = secrets.token_urlsafe(32)
        self._ticket = ""
        self._view: LiveView | None = None
        self._closing = False
        self._news = threading.Condition()
        self._pages = 0
        try:
            self._http = _Http(("127.0.0.1", 0), _Handler)
        except OSError as error:
            raise UsageError(f"no page can be shown: 127.0.0.1: {error.strerror}") from error
        self._http.overlay = self
        self.host = f"127.0.0.1:{self._http.server_address[1]}"
        self.origin = f"http://{self.host}"
        self.address = f"{self.origin}/{self.token}/"
        serve = threading.Thread(
            target=self._http.serve_forever, args=(_OFTEN,), name="browser", daemon=True
        )
        serve.start()

    def ticket(self) -> str:
        """An address that leads to the page once: what a browser is started with, every account of
        the machine can see."""
        self._ticket = secrets.token_urlsafe(32)
        return f"{self.origin}/{self._ticket}"

    def redeem(self, ticket: str) -> bool:
        with self._news:
            right = bool(self._ticket) and _same(ticket, self._ticket)
            if right:
                self._ticket = ""
        return right

    def show(self, view: LiveView) -> None:
        with self._news:
            self._view = view
            self._news.notify_all()

    def close(self) -> None:
        """Pages get the last view first."""
        with self._news:
            self._closing = True
            self._news.notify_all()
            self._news.wait_for(lambda: self._pages == 0, timeout=1)
        self._http.shutdown()
        self._http.server_close()

    def enter(self) -> bool:
        """Whether one more page can be served."""
        with self._news:
            if self._pages >= _MOST or self._closing:
                return False
            self._pages += 1
            return True

    def leave(self) -> None:
        with self._news:
            self._pages -= 1
            self._news.notify_all()

    def next(self, before: LiveView | None) -> tuple[LiveView | None, bool]:
        """The view when it is another, and whether it is the last; after a while the same."""
        with self._news:
            self._news.wait_for(lambda: self._closing or self._view is not before, timeout=_BEAT)
            return self._view, self._closing


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    overlay: Server

    def server_bind(self) -> None:
        # Without looking up the machine's name, as HTTPServer does.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.info("a page went away", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sotto", ""
    timeout = 30
    """Seconds that a request may take to arrive"""

    def do_GET(self) -> None:
        path = self._path()
        if path is None:
            return
        if path == "events":
            self._events()
        elif path in _FILES:
            name, kind = _FILES[path]
            self._answer((files(__package__) / "page" / name).read_bytes(), kind)
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        path = self._path()
        if path is None:
            return
        if self.headers.get("Origin") != self.server.overlay.origin:
            self._refuse(HTTPStatus.FORBIDDEN)
        elif path != "do":
            self._refuse(HTTPStatus.NOT_FOUND)
        elif self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        else:
            self._do()

    def _path(self) -> str | None:
        """What is asked for below the token; ``None`` where the request was refused."""
        overlay = self.server.overlay
        if self.headers.get_all("Host") != [overlay.host]:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
            return None
        origin = self.headers.get("Origin", overlay.origin)
        site = self.headers.get("Sec-Fetch-Site", "none")
        if origin != overlay.origin or site not in ("none", "same-origin"):
            self._refuse(HTTPStatus.FORBIDDEN)
            return None
        token, slash, path = self.path.removeprefix("/").partition("/")
        if not slash and overlay.redeem(token):
            self.send_response(HTTPStatus.SEE_OTHER)
            self._headers({"Location": overlay.address, "Content-Length": "0"})
            return None
        if not slash or not _same(token, overlay.token):
            self._refuse(HTTPStatus.NOT_FOUND)
            return None
        return path

    def _events(self) -> None:
        overlay = self.server.overlay
        if not overlay.enter():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        try:
            self.close_connection = True
            self.send_response(HTTPStatus.OK)
            self._headers({"Content-Type": "text/event-stream"})
            before: LiveView | None = None
            while True:
                view, last = overlay.next(before)
                if view is None or view is before:
                    self.wfile.write(b": still here\n\n")
                else:
                    text = json.dumps(changes(before, view), ensure_ascii=False)
                    self.wfile.write(f"data: {text}\n\n".encode())
                    before = view
                self.wfile.flush()
                if last or (view is not None and view.state is LiveState.ENDED):
                    return
                time.sleep(_OFTEN)
        finally:
            overlay.leave()

    def _do(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        try:
            obey(self.server.overlay.controls, json.loads(self.rfile.read(int(length))))
        except (ValueError, UsageError) as error:
            log.warning("the page sent what is no order: %s", error)
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        self._answer(b"{}", "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self._headers({"Content-Type": kind, "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True  # its body, if it has one, is not read
        self.send_response(status)
        self._headers({"Content-Length": "0", "Connection": "close"})

    def _headers(self, more: dict[str, str]) -> None:
        for name, value in (_HEADERS | more).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address holds the token."""


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
