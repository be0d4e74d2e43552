"""The library: every meeting, and every stage of its work, in one SQLite file."""

from .library import Library, Meeting

__all__ = ["Library", "Meeting"]
