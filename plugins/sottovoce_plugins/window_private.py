"""Keeping a window out of what is shared or recorded of the screen, where the system can.

Written from Microsoft's and Apple's documentation, and not tried: this is developed on Linux.
https://learn.microsoft.com/windows/win32/api/winuser/nf-winuser-setwindowdisplayaffinity
https://developer.apple.com/documentation/appkit/nswindow/sharingtype-swift.property
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from typing import Any

_EXCLUDED, _BLACK = 0x11, 0x01
"""WDA_EXCLUDEFROMCAPTURE, of Windows 10 2004 on, and WDA_MONITOR"""
_ROOT = 2
"""GA_ROOT: Tk's own window is within the one that has the frame"""

SEEN = "others see this window when you share the whole screen; share one window or tab instead"
MAYBE = "programs for macOS 15 and later may show this window when the whole screen is shared"
FAILED = "Windows refused to hide this window: others see it when you share the whole screen"


def keep_out(window: int) -> str:
    """Keep a Tk window out; what a person has to know about that, empty for nothing."""
    if sys.platform == "win32":
        return _windows(window)
    if sys.platform == "darwin":
        _macos()
        return MAYBE
    return SEEN  # neither X11 nor Wayland let a window say so


def _windows(window: int) -> str:
    library: Any = ctypes.WinDLL("user32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    library.GetAncestor.argtypes = (ctypes.c_void_p, ctypes.c_uint)
    library.GetAncestor.restype = ctypes.c_void_p
    library.SetWindowDisplayAffinity.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    top = library.GetAncestor(window, _ROOT)
    done = any(library.SetWindowDisplayAffinity(top, how) for how in (_EXCLUDED, _BLACK))
    return "" if done else FAILED


def _macos() -> None:
    """Every window of this process: there is one."""
    objc = ctypes.CDLL(ctypes.util.find_library("objc"))
    objc.objc_getClass.restype = objc.sel_registerName.restype = ctypes.c_void_p
    objc.objc_getClass.argtypes = objc.sel_registerName.argtypes = (ctypes.c_char_p,)
    address = ctypes.cast(objc.objc_msgSend, ctypes.c_void_p).value or 0

    def send(to: int, what: bytes, *arguments: int, gives: Any = ctypes.c_void_p) -> Any:
        kinds = [ctypes.c_void_p, ctypes.c_void_p, *(ctypes.c_ulong for _ in arguments)]
        call = ctypes.CFUNCTYPE(gives, *kinds)(address)
        return call(to, objc.sel_registerName(what), *arguments)

    windows = send(send(objc.objc_getClass(b"NSApplication"), b"sharedApplication"), b"windows")
    for number in range(send(windows, b"count", gives=ctypes.c_ulong)):
        send(send(windows, b"objectAtIndex:", number), b"setSharingType:", 0, gives=None)
