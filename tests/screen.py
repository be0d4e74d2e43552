"""A screen that nobody looks at, and a hand on its keyboard and mouse."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import av
import numpy as np

MISSING = [it for it in ("Xvfb", "xdotool") if shutil.which(it) is None]


class Screen:
    """An X server of the tests' own; ``display`` leads programs to it."""

    def __init__(self, width: int = 1280, height: int = 720) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="screen"))
        ours, theirs = os.pipe()
        self._process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(theirs), "-screen", "0", f"{width}x{height}x24",
             "-fbdir", str(self._folder), "-nolisten", "tcp"],
            pass_fds=(theirs,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs)
        with os.fdopen(ours) as pipe:
            self.display = f":{pipe.readline().strip()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def hand(self, *arguments: str | int) -> str:
        """What xdotool is told, and says."""
        return subprocess.run(
            ["xdotool", *map(str, arguments)], env={**os.environ, "DISPLAY": self.display},
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    def window(self, seconds: float = 40.0) -> dict[str, int]:
        """The number, the place and the size of the window that is shown."""
        until = time.monotonic() + seconds
        while True:
            try:
                (number,) = self.hand("search", "--onlyvisible", "--class", "Sottovoce").split()
                said = self.hand("getwindowgeometry", "--shell", number)
                return {k: int(v) for k, v in (row.split("=") for row in said.split())}
            except (ValueError, subprocess.CalledProcessError):
                assert time.monotonic() < until, "no window was shown"
                time.sleep(0.05)

    def picture(self, path: Path, window: dict[str, int]) -> None:
        """A PNG of where a window is. Xvfb keeps its screen in a file of the format XWD."""
        data = (self._folder / "Xvfb_screen0").read_bytes()
        head = struct.unpack(">25I", data[:100])
        size, width, height, line, colours = head[0], head[4], head[5], head[12], head[19]
        pixels = np.frombuffer(data, np.uint8, offset=size + 12 * colours, count=line * height)
        screen = pixels.reshape(height, line // 4, 4)[:, :width]
        left, top = window["X"], window["Y"]
        shown = screen[top : top + window["HEIGHT"], left : left + window["WIDTH"], 2::-1]
        encoder = av.CodecContext.create("png", "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = shown.shape[1], shown.shape[0], "rgb24"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
        path.write_bytes(b"".join(bytes(it) for it in [*encoder.encode(frame), *encoder.encode()]))
