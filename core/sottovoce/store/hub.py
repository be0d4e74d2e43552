"""What the model hub says of a repository's files, asked through huggingface_hub.

Its own downloader is left out: its second protocol (Xet) is native code that the guard cannot see,
it retries in silence, and it does not check SHA-256. The mirror (``HF_ENDPOINT``) and the offline
mode (``HF_HUB_OFFLINE``) are its own and hold here too. A token goes out only for a repository that
asked for one, and only to the hub itself.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

from ..errors import DownloadError, ModelError
from ..guard import allow_hosts
from . import token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..values import ModelSpec

_T = TypeVar("_T")
_WHY = "downloading models"
_PROXIES = ("http", "https", "all")
_NOT_THE_MODEL = frozenset({".gitattributes", "README.md"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    name: str
    """Path within the repository"""
    url: str
    """Where its bytes are: the hub, or the storage that the hub names"""
    size: int
    sha256: str | None = None
    blob: str | None = None
    """For a small file, which the hub keeps in git: SHA-1 of git's own form of it"""
    authorization: str | None = None
    """The header, for a gated repository while its bytes are on the hub itself"""


def hub_host() -> str:
    """The host of the hub, or of the mirror that ``HF_ENDPOINT`` names."""
    return _host(_endpoint())


def _endpoint() -> str:
    # Read at each call: huggingface_hub reads it once, when it is imported.
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def is_offline() -> bool:
    """Whether the person forbade downloads: ``HF_HUB_OFFLINE``."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def proxy_hosts() -> list[str]:
    """The proxies that this system is set up to connect through."""
    return sorted({_host(it) for name, it in getproxies().items() if name in _PROXIES})


def allowed(*urls: str) -> contextlib.AbstractContextManager[None]:
    """Open the guard for the hub, and for the storage that it names."""
    return allow_hosts(hub_host(), *proxy_hosts(), *map(_host, urls), why=_WHY)


def files_of(spec: ModelSpec) -> list[HubFile]:
    """The files of a model, in order. Raises ``ModelError`` or ``DownloadError``."""
    if spec.repository is None:
        raise ModelError(f"{spec.label} is not on the model hub")
    if is_offline():
        raise DownloadError(
            f"{spec.label} cannot be downloaded: HF_HUB_OFFLINE is set; unset it first"
        )
    with allowed(), told(spec.repository, spec.filename):
        return _with_token(lambda key: _files(spec, key))


def location(repository: str, filename: str) -> tuple[str, str | None]:
    """Where the bytes of any file of the hub are, and the header that asks for them.

    Raises ``ModelError`` or ``DownloadError``.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(repository, filename, endpoint=_endpoint())

    def ask(key: str | None) -> tuple[str, str | None]:
        said = get_hf_file_metadata(url, token=key or False, endpoint=_endpoint())
        return said.location, _authorization(key, url, said.location)

    with allowed(), told(repository, filename):
        return _with_token(ask)


def _with_token(ask: Callable[[str | None], _T]) -> _T:
    """Without a token first: it says who is asking, and most repositories need none."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return ask(None)
    except (GatedRepoError, RepositoryNotFoundError) as refused:
        gated = isinstance(refused, GatedRepoError) or _status(refused) in (401, 403)
        if not gated or (key := token.read()) is None:
            raise
        return ask(key)


def _files(spec: ModelSpec, key: str | None) -> list[HubFile]:
    assert spec.repository is not None
    if spec.filename is not None:
        return [_file(spec, key, spec.filename, spec.size, spec.sha256, None)]
    from huggingface_hub import HfApi

    api = HfApi(endpoint=_endpoint(), token=key or False, library_name="sottovoce")
    # Not by list_repo_tree, which tries for half a minute, and talks of it, where nothing answers.
    about = api.model_info(spec.repository, revision=spec.revision, files_metadata=True)
    found = []
    for entry in about.siblings or ():
        name = entry.rfilename
        if name in _NOT_THE_MODEL:
            continue
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise ModelError(f"{spec.repository} holds a file of a forbidden name: {name}")
        sha256 = entry.lfs.sha256 if entry.lfs else None
        blob = None if entry.lfs else entry.blob_id
        found.append(_file(spec, key, name, entry.size or 0, sha256, blob))
    if not found:
        raise ModelError(f"{spec.repository} holds no files")
    return found


def _file(
    spec: ModelSpec, key: str | None, name: str, size: int, sha256: str | None, blob: str | None
) -> HubFile:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    assert spec.repository is not None
    url = hf_hub_url(spec.repository, name, revision=spec.revision, endpoint=_endpoint())
    said = get_hf_file_metadata(
        url, token=key or False, library_name="sottovoce", endpoint=_endpoint()
    )
    if said.size is not None and said.size != size:
        raise ModelError(
            f"{spec.repository} now has another {name}: {said.size:,} bytes, and the catalog says "
            f"{size:,}; nothing was downloaded"
        )
    if sha256 and said.etag and len(said.etag) == 64 and said.etag != sha256:
        raise ModelError(
            f"{spec.repository} now has another {name} (its SHA-256 is not the catalog's); "
            "nothing was downloaded"
        )
    return HubFile(
        name=name,
        url=said.location,
        size=size,
        sha256=sha256,
        blob=blob,
        authorization=_authorization(key, url, said.location),
    )


def _authorization(key: str | None, asked: str, location: str) -> str | None:
    """The header, where the bytes are on the hub itself: its storage is not to know the token."""
    return f"Bearer {key}" if key and _origin(location) == _origin(asked) else None


@contextlib.contextmanager
def told(where: str, filename: str | None) -> Iterator[None]:
    """What goes wrong between here and the hub, as one line that says what to do."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise DownloadError(
            f"{where} is gated: accept its terms at https://{hub_host()}/{where}, then store an "
            "access token with 'sotto models token'"
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        if _status(error) in (401, 403):
            raise DownloadError(
                f"the hub does not give {where} to this token, or to no token: 'sotto models "
                "token' stores one"
            ) from error
        raise ModelError(f"{where} is not on {hub_host()} (any more)") from error
    except errors.EntryNotFoundError as error:
        raise ModelError(f"{where} has no {filename} (any more)") from error
    except errors.OfflineModeIsEnabled as error:
        raise DownloadError(f"HF_HUB_OFFLINE is set: {where} was not asked for") from error
    except errors.HfHubHTTPError as error:
        raise DownloadError(
            f"{hub_host()} answered with an error ({_status(error)}); try again later"
        ) from error
    except httpx2.HTTPError as error:
        raise DownloadError(
            f"{hub_host()} cannot be reached ({error or type(error).__name__}); the same command "
            "goes on where this one was"
        ) from error


def _status(error: Any) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _host(url: str) -> str:
    return (urlsplit(url if "//" in url else f"//{url}").hostname or "").lower()


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
