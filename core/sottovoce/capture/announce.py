"""Saying aloud that a meeting is recorded, by the system's own voice."""

from __future__ import annotations

import shutil
import subprocess
import sys

from ..errors import UsageError

_LONGEST = 60.0
"""Seconds that it may take"""
_WINDOWS = (
    "Add-Type -AssemblyName System.Speech; (New-Object System.Speech.Synthesis.SpeechSynthesizer)"
    ".Speak([Console]::In.ReadToEnd())"
)
_VOICES = (
    ("espeak-ng", ("--stdin",)),
    ("espeak", ("--stdin",)),
    ("say", ("-f", "-")),  # macOS
    ("powershell", ("-NoProfile", "-Command", _WINDOWS)),
)


def voice() -> list[str]:
    """The command that says what it reads. Raises ``UsageError`` where there is none."""
    for program, arguments in _VOICES:
        if (found := shutil.which(program)) is not None:
            return [found, *arguments]
    hint = " (Debian: apt install espeak-ng)" if sys.platform == "linux" else ""
    raise UsageError(f"no program was found here that can speak{hint}")


def speak(text: str) -> None:
    """Say it out of the loudspeakers, to its end. Raises ``UsageError``."""
    command = voice()
    try:
        subprocess.run(
            command, input=text, text=True, capture_output=True, timeout=_LONGEST, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"the announcement could not be spoken: {error}") from error
