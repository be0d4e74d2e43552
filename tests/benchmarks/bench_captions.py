"""Captions in real time: how long after a word its caption is there.

    python tests/benchmarks/bench_captions.py

Two sides of the sample's first half minute are written into growing files as fast as they were
spoken. A line ends in "ok" or "MISSED".
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.audio import decode
from tests.conftest import SAMPLE
from tests.test_captions import TURNS, sides, write_live
from tests.test_record import RATE

from sottovoce import Caption, ModelTask
from sottovoce.home import VARIABLE, find_home
from sottovoce.host import Host
from sottovoce.live.captioner import Captioner
from sottovoce.speech.vad import SpeechDetector, runs

PARTIAL, FINAL = 1.0, 1.5
"""Seconds"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = folder
        host = Host(find_home())
        host.home.create()
        host.plugins.load_installed()
        missed = measure(host, Path(folder))
        host.close()
    return int(missed)


def measure(host: Host, folder: Path) -> bool:
    shown: list[tuple[float, Caption]] = []
    began = 0.0
    ready = threading.Event()

    def load() -> object:
        engine = host.load_transcriber(host.starter(ModelTask.TRANSCRIPTION))
        ready.set()
        return engine

    tracks = sides()
    files = [folder / f"{name}.wav" for name in tracks]
    captioner = Captioner(
        files,
        RATE,
        load,  # type: ignore[arg-type]
        lambda caption: shown.append((time.monotonic() - began, caption)),
        print,
    )
    ready.wait()
    began = time.monotonic()
    writers = [write_live(f, tracks[f.stem], pace=1) for f in files]
    for it in writers:
        it.join()
    captioner.end()
    partial, final = [], []
    for number, name in enumerate(tracks):
        mine = [(at, it) for at, it in shown if it.track == number]
        for start, end in speech(name):
            first = [at - start for at, it in mine if it.start < end and at > start]
            last = [at - end for at, it in mine if it.final and abs(it.end - end) < 0.6]
            partial += first[:1]
            final += last[:1]
    return line("partial text after speech began, median", statistics.median(partial), PARTIAL) | (
        line("final text after the pause began, median", statistics.median(final), FINAL)
    )


def speech(name: str) -> list[tuple[float, float]]:
    """When speech really begins and ends on a side, where half a second of silence parts it."""
    found: list[tuple[float, float]] = []
    sample = decode(SAMPLE)
    for side, start, end, _ in TURNS:
        if side != name:
            continue
        part = sample[int(start * RATE) : int(end * RATE)]
        for run in runs([part], SpeechDetector()):
            # A run has 0.2 s before its speech and 0.1 s behind it.
            begin, stop = start + run.start + 0.2, start + run.end - 0.1
            if found and begin - found[-1][1] < 0.5:
                found[-1] = (found[-1][0], stop)
            else:
                found.append((begin, stop))
    return found


def line(what: str, found: float, most: float) -> bool:
    verdict = "ok" if found <= most else "MISSED"
    print(f"{what:45} {found:6.2f} s   ratio to the limit {found / most:5.2f}  "
          f"at most {most:g}  {verdict}", flush=True)  # fmt: skip
    return found > most


if __name__ == "__main__":
    sys.exit(main())
