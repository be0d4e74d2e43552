"""What is installed; installing and removing."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..atomic import writing
from ..errors import DownloadError, ModelError, UsageError
from . import custom
from .hub import HubFile, files_of, told
from .transfer import Patience, fetch, is_right

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..values import ModelSpec

_SPARE = 256 << 20
"""Bytes that are to stay free on the disk"""


@dataclass(frozen=True, slots=True)
class Transferred:
    done: int
    total: int
    """Bytes, of all files of the model"""


Report = Callable[[Transferred], None]


class ModelStore:
    """The folder of the models: one folder each, which is there once the model is complete.

    What is under way lies in ``.partial`` and takes its place by being renamed.
    """

    def __init__(self, folder: Path, patience: Patience = Patience()) -> None:  # noqa: B008
        self.folder = folder
        self._patience = patience
        self._partial = folder / ".partial"

    def installed(self) -> frozenset[str]:
        """The ids of the models that are here, those of the person's own files included.

        One whose file was deleted by hand is not.
        """
        if not self.folder.is_dir():
            return frozenset()
        folders = (it for it in self.folder.iterdir() if not it.name.startswith("."))
        return frozenset(it.name for it in folders if _has_files(it))

    def add(self, path: Path, label: str | None, n_ctx: int | None) -> ModelSpec:
        """Make a GGUF file of the person's own a model, by a reference. Raises ``ModelError``."""
        return custom.add(self.folder, path, label, n_ctx)

    def custom_models(self) -> list[ModelSpec]:
        """The models that the person added, as specifications."""
        return custom.read_all(self.folder)

    def missing(self) -> dict[str, str]:
        """What is wrong with the person's own files that are not where they were, by id."""
        wrong = {}
        for spec in self.custom_models():
            try:
                custom.locate(self.folder / spec.id)
            except ModelError as error:
                wrong[spec.id] = str(error)
        return wrong

    def model_file(self, spec: ModelSpec) -> Path:
        """The GGUF file of an installed model. Raises ``ModelError`` that says what to do."""
        folder = self.folder / spec.id
        if custom.is_reference(folder):
            return custom.locate(folder)
        files = sorted(folder.glob("*.gguf"))
        if not files:
            raise ModelError(f"{spec.label} is not installed; run: sotto models install {spec.id}")
        return files[0]

    def install(self, spec: ModelSpec, report: Report = lambda it: None) -> Path:
        """Download a model, or go on with its download; the folder that it is in.

        Raises ``DownloadError`` where what arrived is kept for the next call, ``ModelError`` where
        the hub has not what the catalog promises, ``UsageError`` where another process is at it.
        """
        folder = self.folder / spec.id
        if _has_files(folder):
            return folder
        if spec.archived:
            raise ModelError(f"{spec.label} is archived: it is no longer offered for download")
        partial = self._partial / spec.id
        with writing(self.folder, DownloadError), self._locked(spec.id):
            if _has_files(folder):  # the other process was quicker
                return folder
            files = files_of(spec)
            partial.mkdir(parents=True, exist_ok=True)
            self._check_space(spec, files, partial)
            total = sum(it.size for it in files)
            before = 0
            for file in files:
                path = partial / file.name
                if path.exists() and not is_right(file, path):
                    path.unlink()  # of an earlier revision
                if not path.exists():
                    with told(str(spec.repository), file.name):
                        fetch(file, path, _adding(report, before, total), self._patience)
                before += file.size
                report(Transferred(before, total))
            self._drop_others(partial, files)
            if folder.exists():  # what a person left who deleted the file
                shutil.rmtree(folder)
            partial.replace(folder)
        return folder

    def under_way(self) -> dict[str, int]:
        """Bytes of the downloads that broke off, by model."""
        if not self._partial.is_dir():
            return {}
        sizes = {
            it.name: sum(file.stat().st_size for file in it.rglob("*") if file.is_file())
            for it in sorted(self._partial.iterdir())
        }
        return {id: size for id, size in sizes.items() if size}

    def remove(self, id: str) -> int:
        """Delete a model, or what arrived of it; the bytes that were freed.

        Of a file of the person's own only the reference goes. Raises ``ModelError`` where nothing
        of that id is here.
        """
        found = [it for it in (self.folder / id, self._partial / id) if it.is_dir()]
        if not found or id.startswith("."):
            raise ModelError(f"'{id}' is not installed; 'sotto models' shows what is")
        with writing(self.folder, ModelError), self._locked(id):
            freed = 0
            for folder in found:
                freed += sum(it.stat().st_size for it in folder.rglob("*") if it.is_file())
                shutil.rmtree(folder)
        (self._partial / f"{id}.lock").unlink(missing_ok=True)
        return freed

    def _check_space(self, spec: ModelSpec, files: list[HubFile], partial: Path) -> None:
        there = sum(it.stat().st_size for it in partial.rglob("*") if it.is_file())
        need = sum(it.size for it in files) - there
        free = shutil.disk_usage(partial).free
        if need + _SPARE > free:
            raise DownloadError(
                f"{spec.label} needs {_gigabytes(need)} more on the disk of {self.folder}, and "
                f"{_gigabytes(max(0, free - _SPARE))} can be used; free some space first"
            )

    def _drop_others(self, partial: Path, files: list[HubFile]) -> None:
        """Leave nothing of an earlier revision among the files of the model."""
        wanted = {partial / it.name for it in files}
        for path in [it for it in partial.rglob("*") if it.is_file() and it not in wanted]:
            path.unlink()

    @contextlib.contextmanager
    def _locked(self, id: str) -> Iterator[None]:
        import filelock

        self._partial.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self._partial / f"{id}.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise UsageError(
                f"another sotto is downloading '{id}'; wait for it, or stop it"
            ) from None
        try:
            yield
        finally:
            lock.release()


def _has_files(folder: Path) -> bool:
    """Whether anything is there but what a file manager leaves behind."""
    return any(it.is_file() and not it.name.startswith(".") for it in folder.rglob("*"))


def _adding(report: Report, before: int, total: int) -> Callable[[int], None]:
    return lambda done: report(Transferred(before + done, total))


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GB" if size >= 1 << 29 else f"{size / 2**20:.0f} MB"
