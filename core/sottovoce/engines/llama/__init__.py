"""The built-in language engine: models in GGUF, through llama.cpp, in a process of their own.

    generator.py    the host's side: `LlamaGenerator`, `LlamaConversation`
    check.py        whether a file's chat template can be used
    files.py        which file a model of the catalog is
    settings.py     what a model is loaded with
    engine.py       the worker's side: conversations, priorities, cancelling
    forks.py        several questions as forks of one batch
    context.py      one llama.cpp context: sequences, batches, logits, aborting
    cores.py        how many threads are worth having just now
    model.py        one llama.cpp model: weights, adapter, vocabulary
    prompt.py       the model's own chat template
    sampling.py     how the next token is chosen
    grammar.py      what an answer has to look like
    saved.py        contexts on disk
    native.py       what llama.cpp logs, and what it can use on this machine

Importing this module imports none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...hookspecs import hookimpl

if TYPE_CHECKING:
    from ...interfaces import TextGenerator
    from ...values import HardwareProfile, ModelSpec


@hookimpl(trylast=True)
def load_text_generator(spec: ModelSpec, hardware: HardwareProfile) -> TextGenerator | None:
    """Load a GGUF model, or leave the specification of another engine to the next plugin."""
    if spec.engine != "llama":
        return None
    from .generator import load

    return load(spec, hardware)
