"""The models that Sottovoce knows, as data: ``models.toml``, checked on load."""

from .loader import load_models

__all__ = ["load_models"]
