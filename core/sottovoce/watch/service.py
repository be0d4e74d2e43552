"""The watch as a service of a person's account: systemd, launchd, or Windows' task scheduler."""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from ..errors import UsageError
from ..home import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "sottovoce-watch"
LABEL = "org.sottovoce.watch"


@dataclass(frozen=True, slots=True)
class Service:
    path: Path
    text: str
    start: str
    """The command that starts it, now and at each login"""

    def write(self) -> None:
        """Raises ``UsageError``."""
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # schtasks reads UTF-16, as its own exports are
            part.write_text(self.text, encoding="utf-16" if self.path.suffix == ".xml" else "utf-8")
            part.replace(self.path)
        except OSError as error:
            raise UsageError(f"{self.path}: it cannot be written: {error.strerror}") from error


def service(command: Sequence[str], platform: str = sys.platform) -> Service:
    """What starts a command at login and again when it fails, as the platform wants it."""
    home = os.environ.get(VARIABLE)
    environment = {VARIABLE: str(Path(home).expanduser().absolute())} if home else {}
    if platform == "win32":
        return _windows(command)
    return (
        _launchd(command, environment) if platform == "darwin" else _systemd(command, environment)
    )


def _systemd(command: Sequence[str], environment: dict[str, str]) -> Service:
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    lines = [
        "[Unit]",
        "Description=Sottovoce: notes of recordings that appear in watched folders",
        "",
        "[Service]",
        f"ExecStart={' '.join(_quoted(it).replace('$', '$$') for it in command)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in environment.items()),
        "Restart=on-failure",
        "RestartSec=10",
        "SuccessExitStatus=130 143",
        "Nice=10",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return Service(
        base / "systemd" / "user" / f"{NAME}.service",
        "\n".join(lines),
        f"systemctl --user daemon-reload && systemctl --user enable --now {NAME}",
    )


def _quoted(word: str) -> str:
    """As systemd.syntax(7) has it; % would be expanded, and in a command $ too."""
    inner = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + inner.replace("%", "%%") + '"'


def _launchd(command: Sequence[str], environment: dict[str, str]) -> Service:
    path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    job = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "EnvironmentVariables": environment,
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Background",
        "LowPriorityIO": True,
    }
    start = f"launchctl bootstrap gui/$(id -u) '{path}'"
    return Service(path, plistlib.dumps(job).decode(), start)


def _windows(command: Sequence[str]) -> Service:
    base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    path = base / "sottovoce" / f"{NAME}.xml"
    text = f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>8</Priority>
    <RestartOnFailure><Interval>PT1M</Interval><Count>10</Count></RestartOnFailure>
  </Settings>
  <Actions>
    <Exec>
      <Command>{escape(command[0])}</Command>
      <Arguments>{escape(subprocess.list2cmdline(command[1:]))}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
    return Service(
        path, text, f'schtasks /Create /TN {NAME} /XML "{path}" && schtasks /Run /TN {NAME}'
    )
