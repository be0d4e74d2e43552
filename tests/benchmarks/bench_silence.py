"""An hour of sounds in which nobody speaks, by both engines: words written, of which none is right.

    python tests/benchmarks/bench_silence.py [--minutes 60] [--sound NAME] [--model MODEL]

Silence, a hum, three kinds of noise and three of synthetic music (`tests/sounds.py`), each a
file that `sotto transcribe` is given as a person would. Limit: not one word.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHISPER = ROOT / "tests" / "whisper_tiny" / "model"
MODELS = ("starter-speech", "whisper-tiny")


def main() -> int:
    sys.path.insert(0, str(ROOT))
    import numpy as np
    from tests.audio import encode
    from tests.sounds import SOUNDS

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--sound", choices=SOUNDS)
    parser.add_argument("--model", choices=MODELS)
    arguments = parser.parse_args()
    sotto = str(Path(sys.executable).with_name("sotto"))
    written = 0
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        shutil.copytree(WHISPER, home / "data" / "models" / "whisper-tiny")
        for sound in [arguments.sound] if arguments.sound else SOUNDS:
            minute = SOUNDS[sound](60)
            samples = np.tile(minute, arguments.minutes)
            file = encode(Path(name) / f"{sound}.flac", [samples], codec="flac")
            for model in [arguments.model] if arguments.model else MODELS:
                began = time.perf_counter()
                asked = ["--model", model, "--format", "json", "--again"]
                done = subprocess.run(
                    [sotto, "transcribe", str(file), *asked],
                    env={**os.environ, "SOTTOVOCE_HOME": str(home)},
                    capture_output=True,
                    text=True,
                    check=True,
                )
                body = json.loads(done.stdout)
                words = sum(len(it["text"].split()) for it in body["segments"])
                written += words
                print(
                    f"{sound}, {arguments.minutes} minutes, {model}: {words} words (limit 0); "
                    f"removed {body['removed']}; {time.perf_counter() - began:.0f} s",
                    flush=True,
                )
    return int(written > 0)


if __name__ == "__main__":
    sys.exit(main())
