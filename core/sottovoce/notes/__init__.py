"""From a transcript to notes in which every statement rests on segments."""

from .carried import previous_notes
from .notetaker import take_notes
from .own import own_notes
from .request import Context, Request
from .template import obeyable

__all__ = ["Context", "Request", "obeyable", "own_notes", "previous_notes", "take_notes"]
