"""Questions to whoever sits at the terminal."""

from __future__ import annotations

from ..errors import UsageError


def typed(question: str, *, hidden: bool = False) -> str:
    """What is typed, as it was typed. Raises ``UsageError`` for a person who leaves by Ctrl-D."""
    from getpass import getpass

    try:
        return (getpass if hidden else input)(f"{question} ")
    except EOFError:
        print()
        raise UsageError("nothing was answered, and nothing was changed") from None
    except KeyboardInterrupt:
        print()  # what is said next has a line of its own
        raise


def confirmed(question: str) -> bool:
    """Whether the answer is yes."""
    return typed(f"{question} [y/N]").strip().lower() in ("y", "yes")
