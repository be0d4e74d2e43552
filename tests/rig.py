"""A PulseAudio of the tests' own, with a loudspeaker and a microphone that are no hardware."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import av

MISSING = [it for it in ("pulseaudio", "pactl", "pacat", "parec") if shutil.which(it) is None]


class Rig:
    """``environment`` leads programs to it. What is played into ``rig_mic_in`` is said into the
    microphone ``rig_mic``; ``rig_speakers`` is what the machine plays."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rig"))  # short: it holds a socket
        self._socket = self.folder / "native"
        self.environment = {
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_RUNTIME_PATH": str(self.folder / "run"),
            "PULSE_STATE_PATH": str(self.folder / "state"),
            "PULSE_COOKIE": str(self.folder / "cookie"),
        }
        self._daemon: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        for it in ("run", "state", "home"):
            (self.folder / it).mkdir(exist_ok=True, mode=0o700)
        self._socket.unlink(missing_ok=True)
        modules = [
            f"module-native-protocol-unix auth-anonymous=1 socket={self._socket}",
            "module-null-sink sink_name=rig_speakers rate=48000 channels=2"
            " sink_properties=device.description=RigSpeakers",
            "module-null-sink sink_name=rig_mic_in rate=48000 channels=1 channel_map=mono",
            "module-remap-source source_name=rig_mic master=rig_mic_in.monitor"
            " source_properties=device.description=RigMicrophone",
        ]
        self._daemon = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1",
             "--disallow-exit=yes", "--disable-shm=yes", "--realtime=no", "--high-priority=no",
             *(part for it in modules for part in ("-L", it))],
            env={**os.environ, **self.environment, "HOME": str(self.folder / "home"),
                 "XDG_RUNTIME_DIR": str(self.folder / "run")},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 20
        while self._pactl("info", check=False).returncode:
            assert time.monotonic() < until, "PulseAudio did not start"
            time.sleep(0.05)
        self.pactl("set-default-sink", "rig_speakers")
        self.pactl("set-default-source", "rig_mic")
        for sink in ("rig_speakers", "rig_mic_in"):
            # A sink that nothing plays to works in blocks of two seconds, as hardware does not.
            self.play_raw(Path("/dev/zero"), sink, "--latency-msec=20")
        time.sleep(2)

    def send(self, signal: int) -> None:
        """A signal to the daemon: one that is stopped answers nothing, and takes nothing."""
        assert self._daemon is not None
        self._daemon.send_signal(signal)

    def kill(self) -> None:
        assert self._daemon is not None
        for it in [self._daemon, *self._players]:
            it.kill()
            it.wait()
        self._players.clear()

    def pactl(self, *arguments: str) -> str:
        return self._pactl(*arguments, check=True).stdout

    def play(self, path: Path, sink: str) -> subprocess.Popen[bytes]:
        """Play a recording; the process ends when it was played."""
        raw = self.folder / f"{path.stem}.raw"
        if not raw.exists():
            resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
            with av.open(str(path)) as container, raw.open("wb") as file:
                for frame in (*container.decode(audio=0), None):
                    for out in resampler.resample(frame):
                        file.write(out.to_ndarray().tobytes())
        return self.play_raw(raw, sink)

    def play_raw(self, raw: Path, sink: str, *more: str) -> subprocess.Popen[bytes]:
        """Play 16-bit mono PCM of 48 kHz."""
        player = subprocess.Popen(
            ["pacat", "--raw", f"--device={sink}", "--rate=48000", "--channels=1",
             "--format=s16le", *more, str(raw)],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._players.append(player)
        return player

    def _pactl(self, *arguments: str, check: bool) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pactl", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=check,
            timeout=10,
        )
