"""Recording while every core is busy: nothing may be lost.

    python tests/benchmarks/bench_capture.py --minutes 10

White noise is played into the microphone and out of the loudspeakers of a sound system without
hardware, and recorded while as many processes as there are cores do nothing but compute. Noise is
like itself at one place only: each second of the recording is looked up in what was played, so that
a lost, doubled or filled-in frame shows as a second that is elsewhere, or nowhere.
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
MOST = 0.10
"""Part of a core that recording may take"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.5)
    minutes = parser.parse_args().minutes
    if MISSING:
        print(f"capture: left out, no {', '.join(MISSING)}")
        return 0
    noise = np.random.default_rng(7).integers(-8000, 8000, int((minutes * 60 + 5) * RATE), np.int16)
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder, Rig() as rig:
        os.environ.update(rig.environment, SOTTOVOCE_HOME=f"{folder}/home")
        raw = Path(folder) / "noise.raw"
        raw.write_bytes(noise.tobytes())
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
        try:
            recorder = Recorder(Path(folder) / "recordings", TRACKS)
            recorder.start()
            while recorder.seconds < 1:
                time.sleep(0.1)
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
        for player in players:
            player.kill()
        print(f"capture: {minutes:g} min of two tracks, {cores} cores busy with {cores} processes")
        bad = check(recorder, noise, minutes)
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
    return float(sum(it.user + it.system for it in times))


def check(recorder: Recorder, noise: np.ndarray, minutes: float) -> int:
    """1 where anything is lost; says what."""
    bad = 0
    for track, path in zip(recorder.tracks, recorder.files, strict=True):
        heard = np.fromfile(path, np.int16, offset=44)
        begins = int(np.argmax(np.abs(heard) > 500))
        places, likeness = [], []
        for at in range(begins + RATE, begins + int(minutes * 60 * RATE), RATE):
            place, like = look_up(heard[at : at + RATE // 4], noise, at - begins)
            places.append(place - at)
            likeness.append(like)
        moved = int(np.abs(np.diff(places)).sum())
        lost = moved - round(abs(recorder.drift[track.source]) * RATE)
        bad |= lost != 0 or min(likeness) < 0.95
        print(
            f"  {track.speaker}: {lost} of {len(places) * RATE:,} frames lost; least likeness "
            f"{min(likeness):.4f}; clock made up for {1000 * recorder.drift[track.source]:+.1f} ms"
        )
    return bad


def look_up(part: np.ndarray, noise: np.ndarray, near: int) -> tuple[int, float]:
    """Where a part is in the noise, and how like it is, within a second of ``near``."""
    from scipy.signal import correlate

    begin = max(0, near - RATE)
    around = noise[begin : near + RATE].astype(np.float32)
    found = int(np.argmax(correlate(around, part.astype(np.float32), "valid", "fft")))
    same = around[found : found + len(part)]
    return begin + found, float(np.corrcoef(same, part)[0, 1])


if __name__ == "__main__":
    sys.exit(main())
