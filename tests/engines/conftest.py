from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # also for the workers, which inherit it

from tests.tiny_models import ARCHITECTURES, tiny_model

from sottovoce.engines.worker import Worker
from sottovoce.values import ModelSpec, ModelTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sottovoce.engines.llama.generator import LlamaGenerator


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {architecture: tiny_model(architecture, folder) for architecture in ARCHITECTURES}


def model_spec(name: str) -> ModelSpec:
    return ModelSpec(
        id=name,
        label=name,
        task=ModelTask.GENERATION,
        engine="llama",
        tier="test",
        size=0,
        license="none",
    )


@pytest.fixture(scope="session")
def generators(
    models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], LlamaGenerator]]:
    """A loaded tiny model of an architecture. Tests share it, and leave it usable."""
    from sottovoce.engines.llama.generator import LlamaGenerator
    from sottovoce.engines.llama.settings import LlamaSettings

    loaded: dict[str, LlamaGenerator] = {}
    log_file = tmp_path_factory.mktemp("log") / "llama.log"

    def load(architecture: str) -> LlamaGenerator:
        if architecture not in loaded:
            loaded[architecture] = LlamaGenerator(
                model_spec(architecture),
                models[architecture],
                None,
                LlamaSettings(n_ctx=8192, n_threads=1),
                log_file,
            )
        return loaded[architecture]

    yield load
    for generator in loaded.values():
        generator.close()


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Worker]:
    with Worker("tests.engines.served:Probe", name="probe", log_file=tmp_path / "log") as worker:
        yield worker
