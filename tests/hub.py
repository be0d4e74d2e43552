"""A stand-in of the model hub that speaks its protocol, and misbehaves as it is told.

HEAD on ``/OWNER/NAME/resolve/REVISION/FILE`` names commit, size, hash and storage, as the hub does;
the storage is the same server under another name, and answers byte ranges.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Answer:
    """How the storage answers one request."""

    drop_after: int | None = None
    """Bytes after which the connection ends"""
    resets: bool = False
    """Whether it ends by a reset, which may take back what was sent before"""
    stall_after: int | None = None
    """Bytes after which nothing more comes, though the connection stays"""
    corrupt: int | None = None
    """Where in the file a byte is wrong"""
    claims: int | None = None
    """What the size of the file is said to be"""
    extra: int = 0
    """Bytes sent beyond the end"""
    status: int | None = None
    ignores_range: bool = False
    slow: float = 0.0
    """Seconds between pieces of 16 KiB"""


@dataclass
class Hub:
    files: dict[str, bytes]
    """By path in the one repository there is"""
    answers: Callable[[int], Answer] = field(default=lambda n: Answer())
    """For the n-th request to the storage, from 0"""
    says_size: int | None = None
    says_hash: str | None = None
    token: str | None = None
    """What a gated repository asks for"""
    ranges: list[str | None] = field(default_factory=list)
    """What the storage was asked for"""
    authorized: list[tuple[str, str | None]] = field(default_factory=list)
    """Every request's method and path, and its token"""
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage(self) -> str:
        return f"http://localhost:{self.port}"


@contextlib.contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    server = _Server(("127.0.0.1", 0), _handler(hub))
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.stopping = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the client left, as it may


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server: _Server

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self._note()
            name = self.path.partition(f"/resolve/{COMMIT}/")[2]
            if self._refused():
                return
            if name not in hub.files:
                self._reply(404, {"X-Error-Code": "EntryNotFound"})
                return
            data = hub.files[name]
            headers = {
                "X-Repo-Commit": COMMIT,
                "X-Linked-Size": str(hub.says_size or len(data)),
                "X-Linked-Etag": f'"{hub.says_hash or hashlib.sha256(data).hexdigest()}"',
                "Location": f"{hub.storage}/storage/{name}",
            }
            self._reply(302, headers)

        def do_GET(self) -> None:
            self._note()
            if self.path.startswith("/storage/"):
                self._send(hub.files[self.path.removeprefix("/storage/")])
            elif self.path.startswith(f"/api/models/stand/in/revision/{COMMIT}"):
                if not self._refused():
                    self._reply(200, {"Content-Type": "application/json"}, self._about())
            else:
                self._reply(404, {})

        def _note(self) -> None:
            with lock:
                where = f"{self.command} {self.path}"
                hub.authorized.append((where, self.headers.get("Authorization")))

        def _refused(self) -> bool:
            if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
                self._reply(401, {"X-Error-Code": "GatedRepo"})
                return True
            return False

        def _about(self) -> bytes:
            entries = []
            for name, data in hub.files.items():
                blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
                entry = {"rfilename": name, "size": len(data), "blobId": blob}
                if name.endswith(".bin"):
                    digest = hashlib.sha256(data).hexdigest()
                    entry["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 130}
                entries.append(entry)
            return json.dumps({"id": "stand/in", "siblings": entries}).encode()

        def _send(self, data: bytes) -> None:
            with lock:
                answer = hub.answers(len(hub.ranges))
                hub.ranges.append(self.headers.get("Range"))
            if answer.status:
                self._reply(answer.status, {})
                return
            start = 0
            if (wanted := self.headers.get("Range")) and not answer.ignores_range:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(data):
                    self._reply(416, {"Content-Range": f"bytes */{len(data)}"})
                    return
            size = answer.claims or len(data)
            body = bytearray(data[start:])
            if answer.corrupt is not None and answer.corrupt >= start:
                body[answer.corrupt - start] ^= 0x20
            body += bytes(answer.extra)
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            if answer.extra:
                self.send_header("Connection", "close")  # and no length, as some mirrors do
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(size - start))
            self.end_headers()
            self._pour(bytes(body), answer)

        def _pour(self, body: bytes, answer: Answer) -> None:
            limits = (answer.drop_after, answer.stall_after, len(body))
            end = min(it for it in limits if it is not None)
            for at in range(0, end, 16_384):
                self.wfile.write(body[at : min(at + 16_384, end)])
                if answer.slow:
                    time.sleep(answer.slow)
            self.wfile.flush()
            if answer.stall_after is not None:
                self.server.stopping.wait(5)
            if answer.drop_after is not None or answer.stall_after is not None or end < len(body):
                self.close_connection = True
                if answer.resets:  # without lingering
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.connection.close()

        def _reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
