"""The program's text throughput over the bare engines', cores, and memory.

    python tests/benchmarks/bench_transcribe.py [--minutes 10] [--runs 3] [--model FOLDER]
    python tests/benchmarks/bench_transcribe.py --memory [--hours 8] [--engine ID] [--one-voice]

Both hear the sample meeting, repeated to the wanted length. The program: `sotto transcribe` as a
person runs it, with every segment stored. The bare engine: called directly in one process,
as its own documentation shows, on the same file. Moonshine with its own voice activity detection;
faster-whisper's batched pipeline (batches of 8, beams of 5, word times, int8, all cores). Limits:
0.97 of the bare engine, 1.6 times one core on two, 100 MB more memory for eight hours. Whisper is
the small model of the tests, which hears ten minutes in a few seconds, so that most of them would
be start-up: for the throughput it gets layers that compute and change nothing, until half a minute
takes it half a second of a core, about as long as Whisper tiny. ``--model`` names a real one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SAMPLE = Path(str(files("sottovoce") / "sample" / "meeting.opus"))
TINY = ROOT / "tests" / "whisper_tiny" / "model"
LAYERS = 24
LIMIT, CORES, GROWTH = 0.97, 1.6, 100


def repeated(path: Path, minutes: float, person: str = "") -> Path:
    """The sample, again and again, as a file; with the name of a person, who speaks is known."""
    import av

    sys.path.insert(0, str(ROOT))
    from tests.audio import decode, encode

    once = encode(path.with_name("once.mka"), [decode(SAMPLE)], codec="flac")
    with av.open(str(once)) as source:
        packets: list[Any] = [it for it in source.demux(audio=0) if it.size]
        parts = [(bytes(it), it.pts, it.duration) for it in packets]
        base: Any = source.streams.audio[0].time_base
        with av.open(str(path), "w") as out:
            stream = out.add_stream_from_template(source.streams.audio[0])
            if person:
                stream.metadata["title"] = person
            at: Any = 0
            while at * base < minutes * 60:
                for data, pts, duration in parts:
                    packet: Any = av.Packet(data)
                    packet.stream, packet.time_base = stream, base
                    packet.pts = packet.dts = at + pts
                    packet.duration = duration
                    if packet.pts * base < minutes * 60:
                        out.mux(packet)
                at += parts[-1][1] + parts[-1][2]
    return path


def program(file: Path, model: str, home: Path, cores: str) -> tuple[float, str, int]:
    """Seconds, the text, and the peak memory in MB of it and its workers together."""
    import psutil

    shutil.rmtree(home / "data" / "library.sqlite3", ignore_errors=True)
    for left in (home / "data").glob("library.sqlite3*"):
        left.unlink()
    sotto = str(Path(sys.executable).with_name("sotto"))
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            ["taskset", "-c", cores, sotto, "transcribe", str(file), "--model", model],
            env={**os.environ, "SOTTOVOCE_HOME": str(home)},
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )
        peak = 0
        while process.poll() is None:
            try:
                own = psutil.Process(process.pid)
                tree = [own, *own.children(recursive=True)]
                peak = max(peak, sum(it.memory_info().rss for it in tree) >> 20)
            except psutil.Error:
                pass
            # Not more often: to look at all processes takes a share of the cores that are measured.
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
        seconds = time.perf_counter() - began
        assert process.stderr is not None
        assert process.returncode == 0, process.stderr.read()
        out.seek(0)
        return seconds, out.read(), peak


def bare(file: Path, model: str, cores: str) -> float:
    command = ["taskset", "-c", cores, sys.executable, __file__, "--bare", str(file)]
    began = time.perf_counter()
    subprocess.run([*command, "--model", model], check=True, capture_output=True)
    return time.perf_counter() - began


def run_bare(file: Path, model: str) -> None:
    if model == "moonshine":
        import moonshine_voice
        from moonshine_voice.transcriber import Transcriber

        sys.path.insert(0, str(ROOT))
        from tests.audio import decode

        folder = Path(moonshine_voice.__file__).parent / "assets" / "tiny-en"
        engine = Transcriber(
            folder, moonshine_voice.ModelArch.TINY, options={"return_audio_data": "false"}
        )
        lines = engine.transcribe_without_streaming(decode(file).tolist()).lines
        print(sum(len(line.text) for line in lines))
        return
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    cores = len(os.sched_getaffinity(0))
    whisper = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=cores)
    segments, _ = BatchedInferencePipeline(whisper).transcribe(
        str(file), batch_size=8, beam_size=5, word_timestamps=True
    )
    print(sum(len(it.text) for it in segments))


def compare(arguments: argparse.Namespace, folder: Path) -> None:
    home = folder / "home"
    whisper = home / "data" / "models" / "whisper-tiny"
    if arguments.model:
        shutil.copytree(arguments.model, whisper)
    else:
        sys.path.insert(0, str(ROOT))
        from tests.benchmarks.deepened import deepened

        deepened(TINY, whisper, LAYERS)
    # What it costs to tell voices apart, bench_speakers says: the bare engines do not.
    file = repeated(folder / "meeting.mka", arguments.minutes, "Everybody")
    for name, id, engine in (
        ("starter", "starter-speech", "moonshine"),
        ("whisper", "whisper-tiny", str(whisper)),
    ):
        if arguments.engine not in (None, id):
            continue
        texts: set[str] = set()
        ours: list[float] = []
        theirs: list[float] = []
        alone: list[float] = []
        for _ in range(arguments.runs):
            theirs.append(bare(file, engine, "0,1"))
            for cores, times in (("0,1", ours), ("0", alone)):
                seconds, text, _ = program(file, id, home, cores)
                times.append(seconds)
                texts.add(text)
        ratio = statistics.median(b / o for b, o in zip(theirs, ours, strict=True))
        speedup = statistics.median(a / o for a, o in zip(alone, ours, strict=True))
        print(f"{name}: throughput over the bare engine {ratio:.2f} (limit {LIMIT}); two cores")
        print(f"  over one {speedup:.2f} (limit {CORES}); {len(texts)} text(s) (limit 1)")
        each = ", ".join(
            f"{what} {statistics.median(it):.1f} s"
            for what, it in (("bare", theirs), ("program", ours), ("program on one core", alone))
        )
        print(f"  {each} for {arguments.minutes:g} minutes", flush=True)


def memory(arguments: argparse.Namespace, folder: Path) -> None:
    home = folder / "home"
    shutil.copytree(arguments.model or TINY, home / "data" / "models" / "whisper-tiny")
    for id in [arguments.engine] if arguments.engine else ["starter-speech", "whisper-tiny"]:
        peaks = []
        for minutes in (10, arguments.hours * 60):
            person = "Everybody" if arguments.one_voice else ""
            file = repeated(folder / f"{minutes}.mka", minutes, person)
            peaks.append(program(file, id, home, "0,1")[2])
        grown = peaks[1] - peaks[0]
        print(
            f"{id}: {peaks[0]} MB for ten minutes, {grown:+} MB for {arguments.hours:g} hours: "
            f"{grown / GROWTH:.2f} of the limit of {GROWTH} MB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", help="folder of a Whisper model")
    parser.add_argument("--memory", action="store_true", help="eight hours: takes one")
    parser.add_argument("--hours", type=float, default=8)
    parser.add_argument("--one-voice", action="store_true", help="for --memory: no diarization")
    parser.add_argument("--engine", choices=("starter-speech", "whisper-tiny"))
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        run_bare(arguments.bare, arguments.model)
        return
    with tempfile.TemporaryDirectory() as folder:
        (memory if arguments.memory else compare)(arguments, Path(folder))


if __name__ == "__main__":
    main()
