"""Every error that a person may see, as one tree.

SottovoceError                  one line: what was wrong, and what to do
├── UsageError                  the request cannot be carried out as given
│   └── InUseError              another process works on the meeting
├── RecordingError              a recording cannot be read
├── TranscriptError             a transcript made elsewhere cannot be read
├── LibraryError                the library cannot be opened, read or written
├── ExportError                 a note could not be written; nothing was lost
├── PluginError                 a plugin raised; carries its name and the cause
├── MissingExtraError           an optional package is not installed; names the extra
├── ModelError                  a model is not installed, or is not one that this build can load
├── DownloadError               a download ended early; what arrived is kept, and goes on
├── ConfigError                 device.toml is damaged, another device's, or turns this off
├── NetworkRefusedError         a connection that nothing was configured for; names who tried
├── Cancelled                   the work was stopped on request
└── EngineError                 an engine refused or failed
    ├── ContextTooSmallError    the text does not fit into the model's context
    ├── DeadlineExceededError   the engine did not answer in time and was stopped
    └── WorkerDiedError         the engine's process ended: killed, crashed or out of memory
"""

from __future__ import annotations


class SottovoceError(Exception):
    """An expected failure. Its text is one line that says what was wrong and what to do."""


class UsageError(SottovoceError):
    pass


class InUseError(UsageError):
    pass


class RecordingError(SottovoceError):
    pass


class TranscriptError(SottovoceError):
    pass


class LibraryError(SottovoceError):
    pass


class ExportError(SottovoceError):
    pass


class PluginError(SottovoceError):
    def __init__(self, plugin: str, during: str, cause: BaseException) -> None:
        super().__init__(plugin, during, cause)
        self.plugin = plugin
        self.during = during
        self.cause = cause

    def __str__(self) -> str:
        what = str(self.cause) or type(self.cause).__name__
        return f"plugin '{self.plugin}' failed during {self.during}: {what}"


class MissingExtraError(SottovoceError):
    def __init__(self, package: str, extra: str) -> None:
        super().__init__(package, extra)
        self.package = package
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.package} is not installed; run: pip install 'sottovoce[{self.extra}]'"


class ModelError(SottovoceError):
    pass


class DownloadError(SottovoceError):
    pass


class ConfigError(SottovoceError):
    pass


class NetworkRefusedError(SottovoceError):
    def __init__(self, plugin: str | None, where: str, listening: bool = False) -> None:
        super().__init__(plugin, where, listening)
        self.plugin = plugin
        self.where = where
        self.listening = listening

    def __str__(self) -> str:
        who = f"'{self.plugin}'" if self.plugin else "a part of the program"
        if self.listening:
            return (
                f"{who} tried to listen on {self.where}, where other machines could connect to it, "
                "and was stopped; 127.0.0.1 is for this machine alone"
            )
        return (
            f"{who} tried to connect to {self.where}, which was not configured, and was stopped; "
            "'sotto privacy' lists what may connect"
        )


class Cancelled(SottovoceError):
    pass


class EngineError(SottovoceError):
    pass


class ContextTooSmallError(EngineError):
    pass


class DeadlineExceededError(EngineError):
    pass


class WorkerDiedError(EngineError):
    def __init__(self, name: str, exit_code: int | None, log: str) -> None:
        super().__init__(name, exit_code, log)
        self.name = name
        self.exit_code = exit_code
        """As ``multiprocessing`` gives it: negative for a signal."""
        self.log = log

    def __str__(self) -> str:
        return (
            f"the {self.name} engine stopped: {self._cause()}; nothing stored is lost, run it "
            f"again (log: {self.log})"
        )

    def _cause(self) -> str:
        match self.exit_code:
            case -9:
                return (
                    "killed (-9), most often because memory ran out: choose a smaller model or "
                    "close other programs"
                )
            case -11 | -6 | -4 | -7 | -8:
                return f"its native code crashed (signal {-self.exit_code})"
            case None:
                return "it did not answer and was ended"
            case code:
                return f"exit code {code}"
