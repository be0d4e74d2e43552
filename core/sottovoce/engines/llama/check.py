"""Whether the chat template of a model file can be used, found out in a process of its own.

A template is a program that came with a file from anywhere: it runs in jinja2's sandbox, and in a
worker that has no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import ModelError
from ...home import find_home
from ..worker import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from ..serving import Job

_DEADLINE = 60.0


def check_template(path: Path) -> bool:
    """Whether the file has a template; without one, text is given to the model as it is.

    Raises ``ModelError`` where the template cannot be used, or the file not be loaded.
    """
    with Worker(
        "sottovoce.engines.llama.check:Checker",
        name="model check",
        log_file=find_home().engine_log("check"),
        deadline=_DEADLINE,
    ) as worker:
        return bool(worker.call("check", path, deadline=_DEADLINE))


class Checker:
    """Served by a worker."""

    def check(self, job: Job, path: Path) -> bool:
        from .model import Model
        from .native import NativeLog
        from .prompt import shape
        from .settings import LlamaSettings

        model = Model(path, None, LlamaSettings(), NativeLog(), vocabulary_only=True)
        try:
            prompt = shape(model, "Answer briefly.")
            if not prompt.head:
                raise ModelError("the model's chat template renders to nothing")
            return model.chat_template is not None
        finally:
            model.close()
