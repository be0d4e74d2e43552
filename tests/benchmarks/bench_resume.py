"""A transcription that is killed again and again, against the one that was left alone.

    python tests/benchmarks/bench_resume.py [--minutes 10] [--kills 10] [--seed 0]

`sotto transcribe` of the sample meeting, repeated to the wanted length, is killed (SIGKILL, to the
program alone) each time that the stored transcript has passed one of as many random moments, a
random part of a second later. What it prints in the end, word times, speakers and confidence
included, must be the same to the letter.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SAMPLE = Path(str(files("sottovoce") / "sample" / "meeting.opus"))
WHISPER = ROOT / "tests" / "whisper_tiny" / "model"


def repeated(path: Path, minutes: float) -> Path:
    sys.path.insert(0, str(ROOT))
    import numpy as np
    from tests.audio import decode, encode

    audio = decode(SAMPLE)
    length = int(minutes * 60 * 16_000)
    return encode(path, [np.tile(audio, -(-length // len(audio)))[:length]], codec="flac")


def start(file: Path, model: str, home: Path) -> subprocess.Popen[str]:
    sotto = str(Path(sys.executable).with_name("sotto"))
    return subprocess.Popen(
        [sotto, "transcribe", str(file), "--model", model, "--format", "json"],
        env={**os.environ, "SOTTOVOCE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(running: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = running.communicate()
    assert running.returncode == 0, err
    body: dict[str, Any] = json.loads(out)
    del body["meeting"]
    return body


def stored(home: Path) -> float:
    """Seconds from which the transcription would go on."""
    from sottovoce.library import Library

    path = home / "data" / "library.sqlite3"
    if not path.exists():
        return 0.0
    with Library(path) as library:
        meetings = library.meetings()
        return library.transcribed_until(meetings[0].id, 0) if meetings else 0.0


def killed(file: Path, model: str, home: Path, moments: list[float]) -> tuple[int, dict[str, Any]]:
    """How often it was killed before its end, and what came of it."""
    times = 0
    for moment in moments:
        running = start(file, model, home)
        while running.poll() is None and stored(home) < moment:
            time.sleep(0.02)
        time.sleep(random.uniform(0, 0.5))
        if running.poll() is not None:
            break
        running.kill()
        running.communicate()
        times += 1
    return times, end(start(file, model, home))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", choices=("starter-speech", "whisper-tiny"))
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = repeated(folder / "meeting.flac", arguments.minutes)
        for model in [arguments.model] if arguments.model else ["starter-speech", "whisper-tiny"]:
            random.seed(arguments.seed)
            homes = folder / model / "whole", folder / model / "killed"
            for home in homes:
                shutil.copytree(WHISPER, home / "data" / "models" / "whisper-tiny")
            whole = end(start(file, model, homes[0]))
            moments = sorted(
                random.uniform(0, arguments.minutes * 60 - 20) for _ in range(arguments.kills)
            )
            times, pieced = killed(file, model, homes[1], moments)
            alike = [a == b for a, b in zip(whole["segments"], pieced["segments"], strict=False)]
            share = sum(alike) / max(len(whole["segments"]), len(pieced["segments"]))
            print(f"{model}: killed {times} times; segments as in one go {share:.4f} (limit 1)")
            failed |= whole != pieced or times < arguments.kills
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
