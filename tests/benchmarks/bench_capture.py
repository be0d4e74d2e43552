"""Recording while every core is busy: nothing may be lost.

    python tests/benchmarks/bench_capture.py --minutes 10

White noise is played into the microphone and out of the loudspeakers of a sound system without
hardware, and recorded while as many processes as there are cores do nothing but compute. Noise is
like itself at one place only: each second of the recording is looked up in what was played, so that
a lost, doubled or filled-in frame shows as a second that is elsewhere, or nowhere. A bare parec
records the same: what it loses too, the sound system or the player lost. ``--busy 0`` is for a
machine that has enough to do.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.rig import MISSING, Rig

from sottovoce import AudioDevice
from sottovoce.capture.recorder import RATE, Recorder, Wanted

TRACKS = (
    Wanted("microphone", AudioDevice("rig_mic", "RigMicrophone"), "Me"),
    Wanted("loopback", AudioDevice("rig_speakers.monitor", "RigSpeakers"), "Them"),
)
_MADE_UP = 120
"""Frames a second at most that are put in or left out to make up for a clock"""
MOST = 0.10
"""Part of a core that recording may take"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--busy", type=int, default=os.cpu_count() or 1, metavar="PROCESSES")
    arguments = parser.parse_args()
    minutes, cores = arguments.minutes, os.cpu_count() or 1
    if MISSING:
        print(f"capture: left out, no {', '.join(MISSING)}")
        return 0
    noise = np.random.default_rng(7).integers(-8000, 8000, int((minutes * 60 + 5) * RATE), np.int16)
    with tempfile.TemporaryDirectory() as folder, Rig() as rig:
        os.environ.update(rig.environment, SOTTOVOCE_HOME=f"{folder}/home")
        raw = Path(folder) / "noise.raw"
        raw.write_bytes(noise.tobytes())
        busy = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(arguments.busy)
        ]
        try:
            recorder = Recorder(Path(folder) / "recordings", TRACKS)
            recorder.start()
            while recorder.seconds < 1:
                time.sleep(0.1)
            peers = [peer(Path(folder), it) for it in TRACKS]
            players = [rig.play_raw(raw, it) for it in ("rig_mic_in", "rig_speakers")]
            time.sleep(2)
            before, began = used(recorder), time.monotonic()
            time.sleep(minutes * 60)
            share = (used(recorder) - before) / (time.monotonic() - began)
        finally:
            for process in busy:
                process.kill()
                process.wait()
        recorder.end()
        for process in (*players, *peers):
            process.kill()
            process.wait()
        load = " ".join(f"{it:.0f}" for it in os.getloadavg())
        print(f"capture: {minutes:g} min of two tracks, {cores} cores, load {load}")
        bad = 0
        for it, path in zip(TRACKS, recorder.files, strict=True):
            heard = np.fromfile(path, np.int16, offset=44)
            drift = recorder.drift[it.source]
            ours = check(it.speaker, heard, noise, minutes, round(abs(drift) * RATE))
            alone = np.fromfile(Path(folder) / f"{it.source}.raw", np.int16)
            theirs = check("  parec alone", alone, noise, minutes)
            print(f"    clock made up for {1000 * drift:+.1f} ms; "
                  f"{recorder.filled[it.source]:.1f} s filled")  # fmt: skip
            bad |= ours > theirs
        print(f"  processor: {share:.3f} of a core, {share / MOST:.2f} of what it may take")
        path = recorder.stop()
        with av.open(str(path)) as container:
            print(
                f"  recording: {path.stat().st_size / 2**20:.0f} MB, "
                f"{len(container.streams.audio)} tracks, {(container.duration or 0) / 1e6:.1f} s"
            )
        while not recorder.notices.empty():
            print(f"  notice: {recorder.notices.get().text}")
    return bad


def used(recorder: Recorder) -> float:
    """Seconds of processor time of the capture process and of what it started."""
    capture = psutil.Process(recorder._process.pid)
    times = [it.cpu_times() for it in (capture, *capture.children(recursive=True))]
    gone = times[0].children_user + times[0].children_system
    return float(sum(it.user + it.system for it in times) + gone)


def peer(folder: Path, track: Wanted) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["parec", "--raw", f"--device={track.device.id}", "--format=s16le", f"--rate={RATE}",
         "--channels=1", str(folder / f"{track.source}.raw")],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def check(who: str, heard: np.ndarray, noise: np.ndarray, minutes: float, made_up: int = 0) -> int:
    """How many frames are lost or doubled; says it. ``made_up`` of them are meant."""
    begins = int(np.argmax(np.abs(heard) > 500))
    places, nowhere, off = [], 0, -begins
    for at in range(begins + RATE, begins + int(minutes * 60 * RATE), RATE):
        # Short, and more than one: where a clock is made up for, a frame is left out now and then.
        looks = [(it, near) for near in (0.02, 2.0) for it in range(at, at + 960, 120)]
        for it, near in looks:
            place, like = look_up(heard[it : it + 120], noise, it + off, int(near * RATE))
            if like > 0.95:
                off = place - it
                places.append(off)
                break
        else:
            nowhere += 1
    moves = np.diff(places)
    jumps = int(np.abs(moves[np.abs(moves) > _MADE_UP]).sum())
    lost = jumps + max(0, abs(int(moves.sum())) - made_up)
    print(f"  {who}: {lost:,} frames lost or doubled in {len(places) + nowhere} s; in {nowhere} of "
          "the looks a hole")  # fmt: skip
    return lost + nowhere


def look_up(part: np.ndarray, noise: np.ndarray, at: int, near: int) -> tuple[int, float]:
    """Where a part is in the noise, and how like it is, so ``near`` to a place."""
    from scipy.signal import correlate

    begin = max(0, at - near)
    around = noise[begin : at + near + len(part)].astype(np.float32)
    if len(around) < len(part):
        return begin, 0.0
    found = int(np.argmax(correlate(around, part.astype(np.float32), "valid")))
    same = around[found : found + len(part)]
    if len(part) < 2 or not part.any() or len(same) < len(part):
        return begin + found, 0.0
    return begin + found, float(np.corrcoef(same, part)[0, 1])


if __name__ == "__main__":
    sys.exit(main())
