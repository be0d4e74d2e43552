"""Sizing a file of the hub before it is downloaded, against a local stand-in for the hub."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sottovoce_catalog import load_models

from .conftest import sotto
from .headers import write_header

SPEC = next(it for it in load_models() if it.id == "qwen3.5-4b")
URL = "/owner/name/resolve/main/folder/model.gguf"


@dataclasses.dataclass
class Hub:
    endpoint: str
    sent: int = 0
    """Bytes of bodies"""
    ranges: bool = True
    token: str | None = None
    """What a gated repository asks for"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """Serves one model file whose header is followed by nothing but zeros."""
    path = tmp_path / "model.gguf"
    write_header(SPEC, path, words=250_000)  # longer than what the first request asks for
    size = path.stat().st_size

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            if found.token and self.headers.get("Authorization") != f"Bearer {found.token}":
                self.send_response(401)
                self.send_header("X-Error-Code", "GatedRepo")
            elif self.path == URL:
                self.send_response(200)
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", str(size))
            self.end_headers()

        def do_GET(self) -> None:
            if self.path != URL:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            first, last = 0, size - 1
            if wanted and found.ranges:
                first, last = int(wanted[1]), min(int(wanted[2]), size - 1)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(last - first + 1))
            self.end_headers()
            with path.open("rb") as file:
                file.seek(first)
                left = last - first + 1
                try:
                    while left:
                        part = file.read(min(left, 1 << 16))
                        self.wfile.write(part)
                        found.sent += len(part)
                        left -= len(part)
                except OSError:
                    pass  # whoever asked has what they wanted

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Hub(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_of_the_hub_is_sized_from_its_header_alone(
    hub: Hub, home: Path, ranges: bool
) -> None:
    hub.ranges = ranges
    ran = sotto(
        "models", "show", "owner/name/folder/model.gguf", "--json", home=home,
        HF_ENDPOINT=hub.endpoint,
    )  # fmt: skip
    assert ran.status == 0, ran.err
    assert hub.sent < 96 << 20, "what a busy system keeps on its way is counted too"
    known = sotto("models", "show", SPEC.id, "--context", "16384", "--json", home=home).json
    assert ran.json["size"] == pytest.approx(SPEC.size, rel=0.01)
    assert ran.json["memory"]["total"] == pytest.approx(known["memory"]["total"], rel=0.01)
    planned = ran.json["planned_memory"]
    if planned is not None:
        assert planned["total"] == pytest.approx(ran.json["memory"]["total"], rel=0.03)


@pytest.mark.parametrize(
    ("reference", "environment", "message"),
    [
        ("owner/name/absent.gguf", {}, "owner/name has no absent.gguf"),
        ("owner/name", {}, "write OWNER/NAME/FILE.gguf"),
        ("/nowhere/model.gguf", {}, "neither a file here nor one of the hub"),
        ("owner/name/folder/model.gguf", {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
        (
            "owner/name/folder/model.gguf",
            {"HF_ENDPOINT": "http://127.0.0.1:9"},
            "127.0.0.1 cannot be reached",
        ),
    ],
)
def test_what_the_hub_does_not_give_is_one_line(
    hub: Hub, home: Path, reference: str, environment: dict[str, str], message: str
) -> None:
    settings: dict[str, Any] = {"HF_ENDPOINT": hub.endpoint} | environment
    ran = sotto("models", "show", reference, home=home, **settings)
    assert ran.status == 1
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_gated_file_is_sized_with_the_token_and_said_to_need_one(hub: Hub, home: Path) -> None:
    hub.token = "hf_secret"
    command = ("models", "show", "owner/name/folder/model.gguf", "--json")
    ran = sotto(*command, home=home, HF_ENDPOINT=hub.endpoint, HF_TOKEN="")
    assert ran.status == 1
    assert "owner/name is gated: accept its terms at" in ran.err
    ran = sotto(*command, home=home, HF_ENDPOINT=hub.endpoint, HF_TOKEN="hf_secret")
    assert ran.status == 0, ran.err


def test_a_file_of_the_persons_own_is_sized_as_well(hub: Hub, home: Path, tmp_path: Path) -> None:
    ran = sotto("models", "show", tmp_path / "model.gguf", "--json", home=home)
    assert ran.status == 0, ran.err
    assert ran.json["size"] == (tmp_path / "model.gguf").stat().st_size
    assert hub.sent == 0
    other = tmp_path / "photo.gguf"
    other.write_bytes(b"JFIF" * 99)
    ran = sotto("models", "show", other, home=home)
    assert ran.status == 1
    assert "photo.gguf is not a model that can be loaded: it is not a GGUF file" in ran.err
