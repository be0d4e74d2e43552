"""The pipeline's time over the bare engines' on the same recording, and the host's memory.

The bare engines are called directly in one process, as a script would: the audio is decoded once
into memory, Moonshine transcribes it, the speaker model embeds each line, llama.cpp answers the
same windows. Twice: with the cuts that the pipeline makes (what its own work costs), and with
Moonshine's own voice activity detection (what a person would get without it).

    python tests/benchmarks/bench_pipeline.py [--runs 3] [--memory]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sottovoce.values import Transcript

SAMPLE = Path(str(files("sottovoce") / "sample" / "meeting.opus"))
LIMIT = 1.05
ONE_HOUR = 45
"""Times the sample, for an hour and a little"""


def pipeline(recording: Path, home: Path) -> tuple[float, int]:
    """Seconds that ``sotto process`` took, and its or its workers' peak memory in MiB."""
    command = [str(Path(sys.executable).with_name("sotto")), "process", str(recording)]
    began = time.perf_counter()
    pid = os.posix_spawn(
        command[0],
        command,
        {**os.environ, "SOTTOVOCE_HOME": str(home)},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(pid, 0)
    assert status == 0
    return time.perf_counter() - began, used.ru_maxrss // 1024


def prepare(home: Path) -> None:
    """A library with the sample's transcript: the bare engines get the same cuts and windows."""
    pipeline(SAMPLE, home)


def bare(cuts: str, home: Path) -> float:
    """Seconds that the engines take by themselves, in this process's fresh child."""
    command = [sys.executable, __file__, "--bare", cuts, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def run_bare(cuts: str, home: Path) -> float:
    from sottovoce.library import Library

    with Library(home / "data" / "library.sqlite3") as stored:
        transcript = stored.transcript(stored.meetings()[0].id)
    began = time.perf_counter()
    import av
    import numpy as np

    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
    with av.open(str(SAMPLE)) as container:
        frames: list[Any] = [*container.decode(audio=0), None]
        audio = np.concatenate([o.to_ndarray()[0] for f in frames for o in resampler.resample(f)])
    _speech(cuts, audio, transcript)
    _language(transcript)
    return time.perf_counter() - began


def _speech(cuts: str, audio: Any, transcript: Transcript) -> None:
    import moonshine_voice
    import numpy as np
    from moonshine_voice.transcriber import Transcriber

    from sottovoce.speech.moonshine import MoonshineServer, text_of
    from sottovoce.speech.voiceprint import Voiceprinter

    voices = Voiceprinter()
    if cuts == "same":
        bare = MoonshineServer("assets/tiny-en", 1).load()
        for segment in transcript.segments:
            part = audio[int(segment.start * 16_000) : int(segment.end * 16_000)]
            text_of(bare, np.pad(part, 1_600))
            voices.embed(part, [(0, len(part))])
        return
    model = Path(moonshine_voice.__file__).parent / "assets" / "tiny-en"
    engine = Transcriber(
        model, moonshine_voice.ModelArch.TINY, options={"return_audio_data": "false"}
    )
    for line in engine.transcribe_without_streaming(audio.tolist()).lines:
        start = int(line.start_time * 16_000)
        part = audio[start : start + int(line.duration * 16_000)]
        voices.embed(part, [(0, len(part))])


def _language(transcript: Transcript) -> None:
    from sottovoce.engines.llama.engine import Engine
    from sottovoce.engines.llama.files import loaded_files
    from sottovoce.engines.llama.settings import LlamaSettings
    from sottovoce.interfaces import Question
    from sottovoce.notes.extract import SYSTEM, grammar
    from sottovoce.notes.windows import lines_of, windows
    from sottovoce_catalog import load_models

    spec = next(it for it in load_models() if it.id == "starter-notes")
    settings = LlamaSettings(n_ctx=spec.n_ctx)
    engine = Engine(*loaded_files(spec), settings)
    job: Any = _Quiet()
    questions = [
        Question(
            text=f"{window.text}\n\nNotes:",
            grammar=grammar(window, transcript.speakers),
            max_tokens=320,
        )
        for window in windows(lines_of(transcript))
    ]
    for _ in engine.ask(job, engine.open(job, SYSTEM), questions):
        pass


class _Quiet:
    """A job that nobody cancels."""

    on_cancel = None

    def check(self) -> None:
        pass

    def give_way(self) -> bool:
        return False


def memory(folder: Path) -> None:
    """Peak memory, workers included, for the sample and for the sample repeated for an hour."""
    long = folder / "hour.flac"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-stream_loop", str(ONE_HOUR), "-i", str(SAMPLE), str(long)],
        check=True,
    )
    _, short_peak = pipeline(SAMPLE, folder / "short")
    seconds, long_peak = pipeline(long, folder / "long")
    grown = long_peak - short_peak
    print(
        f"peak memory: {short_peak} MiB for the sample, {long_peak} MiB for an hour "
        f"({seconds:.0f} s): {grown} MiB more, {grown / 100:.2f} of the limit of 100"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="The pipeline against its bare engines.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="an hour of audio (needs ffmpeg)")
    parser.add_argument("--bare", choices=("same", "own"), help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        print(run_bare(arguments.bare, arguments.home))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.memory:
            memory(folder)
            return 0
        prepare(folder / "prepared")
        whole, same, own = [], [], []
        for run in range(arguments.runs):
            whole.append(pipeline(SAMPLE, folder / f"run{run}")[0])
            same.append(bare("same", folder / "prepared"))
            own.append(bare("own", folder / "prepared"))
    for name, peer in (("with its cuts", same), ("with their own cuts", own)):
        ratio = statistics.median(w / p for w, p in zip(whole, peer, strict=True))
        print(
            f"pipeline {statistics.median(whole):.1f} s, bare engines {name} "
            f"{statistics.median(peer):.1f} s: ratio {ratio:.2f} (limit {LIMIT})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
