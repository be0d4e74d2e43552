"""The models on this device: downloaded ones, and files of the person's own.

store.py        what is installed; installing and removing
hub.py          what the model hub says of a repository's files, as huggingface_hub speaks to it
transfer.py     one file: resumed, checked, never offered before it is complete
token.py        the access token for gated repositories, in the system's keyring
custom.py       files of the person's own: a reference to each, never a copy
"""

from .store import ModelStore, Report, Transferred

__all__ = ["ModelStore", "Report", "Transferred"]
