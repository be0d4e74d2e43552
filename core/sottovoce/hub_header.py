"""The header of a model file on the hub, without the rest of it: some megabytes of gigabytes.

This connects to the model hub, or to the mirror that ``HF_ENDPOINT`` names: only when a person
named a file there.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ModelError, UsageError
from .gguf import IncompleteHeaderError, parse_header

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST, _MOST = 1 << 20, 1 << 28
"""Bytes asked for at first, and bytes of a header that is given up"""


@dataclass(frozen=True, slots=True)
class HubHeader:
    repository: str
    filename: str
    data: bytes
    """The first bytes of the file, all of its header among them"""
    size: int
    """Bytes of the whole file"""

    @contextlib.contextmanager
    def as_file(self) -> Iterator[Path]:
        """A file of the real size of which only the header is there, while the block runs."""
        with tempfile.TemporaryDirectory(prefix="sottovoce-") as folder:
            path = Path(folder) / Path(self.filename).name
            with path.open("wb") as file:
                file.write(self.data)
                file.truncate(self.size)
            yield path


def fetch_header(reference: str) -> HubHeader:
    """Of ``OWNER/NAME/FILE.gguf``. Raises ``ModelError`` or ``DownloadError``."""
    parts = reference.split("/", 2)
    if len(parts) < 3 or not all(parts) or not parts[2].endswith(".gguf"):
        raise UsageError(
            f"'{reference}' is neither a file here nor one of the hub: write OWNER/NAME/FILE.gguf"
        )
    repository, filename = f"{parts[0]}/{parts[1]}", parts[2]
    data, size, amount = b"", 0, _FIRST
    while True:
        more, size = _fetch(repository, filename, len(data), amount)
        data += more
        try:
            parse_header(data)
            return HubHeader(repository, filename, data, size)
        except IncompleteHeaderError as error:
            if len(data) >= min(size, _MOST) or not more:
                raise ModelError(f"{reference}: {error}") from error
            amount = 3 * len(data)
        except ModelError as error:
            raise ModelError(f"{reference}: {error}") from error


def _fetch(repository: str, filename: str, start: int, amount: int) -> tuple[bytes, int]:
    """Bytes from ``start`` on, and how many the whole file has."""
    from huggingface_hub import get_session
    from huggingface_hub.utils._http import hf_raise_for_status

    from .store import hub

    headers = {"Range": f"bytes={start}-{start + amount - 1}", "Accept-Encoding": "identity"}
    url, authorization = hub.location(repository, filename)
    if authorization:
        headers["Authorization"] = authorization
    with (
        hub.told(repository, filename),
        hub.allowed(url),
        get_session().stream("GET", url, headers=headers, timeout=15.0) as response,
    ):
        hf_raise_for_status(response)
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        whole = not total.isdigit()  # it does not know ranges, and sends all of the file
        data = b""
        for chunk in response.iter_bytes(1 << 16):
            data += chunk
            if len(data) >= amount + start * whole:
                break
        size = int(response.headers.get("Content-Length", 0)) if whole else int(total)
        return data[start * whole :][:amount], size
