"""What llama.cpp logs, and what it can use on this machine."""

from __future__ import annotations

import collections
import ctypes
import sys
from typing import Any

import llama_cpp

_DEBUG, _ERROR, _CONTINUED = 1, 4, 5  # of ggml.h; llama_cpp names older ones


class NativeLog:
    """Sends llama.cpp's lines to standard error, the engine's log, and keeps the errors."""

    def __init__(self) -> None:
        self._errors: collections.deque[str] = collections.deque(maxlen=8)
        self._level = 0

        def receive(level: int, text: bytes, _: Any) -> None:
            level = self._level if level == _CONTINUED else level
            self._level = level
            if level == _DEBUG:
                return
            line = text.decode(errors="replace")
            sys.stderr.write(line)
            if level == _ERROR and line.strip():
                self._errors.append(line.strip())

        # Kept, because the library holds no reference.
        self._callback = llama_cpp.llama_log_callback(receive)
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))

    def clear(self) -> None:
        self._errors.clear()

    def cause(self) -> str:
        """The errors since the last ``clear``, in one line, the first cause first."""
        return "; ".join(dict.fromkeys(self._errors)) or "no cause was given"


def devices() -> tuple[str, ...]:
    """The accelerators that this build of llama.cpp found."""
    if not llama_cpp.llama_supports_gpu_offload():
        return ()
    # "CUDA : ARCHS = 900 | USE_GRAPHS = 1 | CPU : SSE3 = 1 | ..."
    info = llama_cpp.llama_print_system_info().decode(errors="replace")
    names = [part.split(":")[0].strip() for part in info.split("|") if ":" in part]
    return tuple(name for name in names if name != "CPU")
