"""The library: every meeting, and every stage of its work, in one SQLite file."""

from .library import Library, Meeting
from .search import Hit, Query

__all__ = ["Hit", "Library", "Meeting", "Query"]
