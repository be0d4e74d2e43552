"""From a transcript to notes in which every statement rests on segments."""

from .notetaker import take_notes

__all__ = ["take_notes"]
