"""Models, and what they are run with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ModelTask(StrEnum):
    TRANSCRIPTION = "transcription"
    GENERATION = "generation"


class NotesMethod(StrEnum):
    """How a language model takes notes."""

    EXTRACT = "extract"
    """Short windows through a tuned adapter: a model too small to follow instructions"""
    SCHEMA = "schema"
    """Each section asked for against a JSON schema, over the whole transcript"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """A language model's dimensions, as its GGUF header has them: what memory is computed from."""

    architecture: str
    """``general.architecture``"""
    layers: int
    hidden: int
    """Width of the residual stream"""
    vocabulary: int
    """Tokens"""
    feed_forward: int
    """Width; of one expert where there are experts"""
    pattern: str
    """The kinds of the layers, repeated to the end: ``f`` attends to all that was read, ``w`` to a
    window, ``r`` keeps a recurrent state"""
    heads: int
    """Query heads of an attention layer"""
    kv_heads: int
    """Key and value heads of a layer that attends to everything"""
    head_size: int
    """Of a head of those layers"""
    window: int = 0
    """Tokens that a ``w`` layer looks back on"""
    window_kv_heads: int = 0
    window_head_size: int = 0
    shared_layers: int = 0
    """Layers at the end that keep no keys and values of their own but use earlier ones'"""
    late_feed_forward: int = 0
    """Width in those layers, where it is another"""
    conv: int = 0
    """Kernel of a recurrent layer's convolution"""
    state_size: int = 0
    state_groups: int = 0
    state_heads: int = 0
    experts: int = 0
    experts_used: int = 0
    shared_feed_forward: int = 0
    """Width of the expert that every token goes through"""
    per_layer_width: int = 0
    """Of the embeddings that each layer has of its own"""
    tied: bool = False
    """Whether the output reuses the token embedding, of which a GPU then holds a second copy"""

    @property
    def kinds(self) -> str:
        """One letter a layer."""
        return (self.pattern * self.layers)[: self.layers]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model in the catalog.

    Its files come from an installed package (``package``), from a repository of the model hub
    (``repository``), or from a file of the person's own, which only the store knows.
    """

    id: str
    label: str
    """What a person reads; never the name of a quantisation"""
    task: ModelTask
    engine: str
    tier: str
    size: int
    """Bytes on disk, exact"""
    license: str
    """SPDX identifier"""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes; empty for many"""
    package: str | None = None
    """The installed package that carries the files, for the starter tier"""
    extra: str | None = None
    """The extra of this distribution that installs the package"""
    repository: str | None = None
    """``owner/name`` on the model hub"""
    revision: str | None = None
    """The commit of the repository; ``None`` where only the hash of the file is known"""
    filename: str | None = None
    """File or folder within the package, or file of the repository; a model of the hub without
    one is all of the repository, a folder"""
    sha256: str | None = None
    """Of the file, in hexadecimal"""
    adapter: str | None = None
    """A LoRA adapter in GGUF, relative to the catalog package"""
    n_ctx: int = 4096
    """Tokens that it is loaded with room for, unless the person chose otherwise"""
    longest_ctx: int | None = None
    """Tokens that it was made for at most"""
    notes: NotesMethod | None = None
    stars: int = 0
    """0 for the starter tier, else 1 (below 7 billion parameters), 2 (to 12 billion) or 3"""
    quality: int = 0
    """How good its notes are beside the other models'; only the order means anything"""
    published_memory: int | None = None
    """Bytes of memory at load, as published; shown beside what is computed"""
    shape: ModelShape | None = None
    read_per_token: int | None = None
    """Bytes of weights read to generate one token"""
    token_embedding: int = 0
    """Bytes of the file that are the table of token embeddings, which stays on the CPU"""
    layer_embeddings: int = 0
    """Bytes of the file that are per-layer embeddings: on the CPU too, and only looked up"""
    platforms: tuple[str, ...] = ("linux", "macos", "windows")
    """Where it is offered; ``ios`` besides these"""
    archived: bool = False
    """Offered only while its file is on this device"""
    translates: bool = False
    """Of speech, into English"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What a person chose for the language engine; ``None`` leaves it to the program."""

    n_ctx: int | None = None
    """Tokens that the context holds"""
    n_threads: int | None = None
    n_gpu_layers: int | None = None
    kv_type: str | None = None
    """Of keys and values: ``f16``, or ``q8_0`` for half the memory"""
