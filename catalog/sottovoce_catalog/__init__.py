"""The models that Sottovoce knows, as data: ``models.toml``, checked on load."""

from .devices import advisories, compute_of, gpu_facts
from .loader import load_models

__all__ = ["advisories", "compute_of", "gpu_facts", "load_models"]
