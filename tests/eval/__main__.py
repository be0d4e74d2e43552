# ruff: noqa: T201
"""Evaluate notes on meetings with references: a table over models and the extractive baseline.

    python -m tests.eval [FOLDER or FILE…] [--models ID,…] [--json FILE] [--show]

Without --models: every installed language model. 'extractive' is the program without any model.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from sottovoce import ModelSpec, ModelTask, Transcript
from sottovoce.errors import SottovoceError
from sottovoce.home import VARIABLE
from sottovoce.host import Host, start
from sottovoce.notes import Request, take_notes
from sottovoce.notes.compose import compose
from sottovoce.notes.extract import Extraction
from sottovoce.notes.windows import lines_of

from . import measures
from .meetings import Meeting, heard, read

DEFAULT = Path(__file__).parents[3] / "shared" / "data" / "meetings"
VOICED = Path(__file__).parents[1] / "voiced"
EXTRACTIVE = "extractive"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make eval", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("meetings", nargs="*", type=Path, default=[VOICED, DEFAULT])
    parser.add_argument("--models", help="ids, separated by commas; 'extractive' is one")
    parser.add_argument("--json", type=Path, help="write every figure to this file too")
    parser.add_argument("--show", action="store_true", help="print each summary")
    arguments = parser.parse_args()
    files = [
        f
        for it in map(Path.absolute, arguments.meetings)
        for f in (sorted(it.glob("*.json")) if it.is_dir() else [it])
    ]
    if not files:
        print(f"no meetings in {', '.join(map(str, arguments.meetings))}", file=sys.stderr)
        return 1
    host = start()
    names = arguments.models.split(",") if arguments.models else [EXTRACTIVE, *_installed(host)]
    rows: list[dict[str, Any]] = []
    print(_HEAD)
    try:
        for file in files:
            meeting = read(file)
            if meeting.script:
                meeting, transcript = _voiced(host, meeting, meeting.script)
            else:
                transcript = meeting.transcript or _transcribed(host, meeting.recording.path)
            for name in names:
                row = _evaluate(host, name, meeting, transcript, show=arguments.show)
                rows.append(row)
                _print(row)
        _totals(rows, names)
    except (SottovoceError, ValueError, OSError) as error:
        print(f"make eval: {error}", file=sys.stderr)
        return 1
    finally:
        host.close()
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=2, ensure_ascii=False))
    return 0


def _installed(host: Host) -> list[str]:
    from sottovoce.engines.llama.files import model_file

    found = []
    for spec in host.models.values():
        if spec.task is ModelTask.GENERATION and spec.notes and spec.engine == "llama":
            try:
                model_file(spec)
            except SottovoceError:
                continue
            found.append(spec.id)
    return found


def _voiced(host: Host, meeting: Meeting, script: Path) -> tuple[Meeting, Transcript]:
    """Spoken by synthetic voices and transcribed; the truth then has the names that were heard."""
    from sottovoce.sample import build

    voices, turns = build.read_script(script)
    samples, timed = build.perform(voices, turns)
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / f"{script.stem}.opus"
        build.write(samples, recording)
        transcript = _transcribed(host, recording)
    truth = meeting.truth and heard(meeting.truth, transcript, timed)
    return replace(meeting, truth=truth), transcript


def _transcribed(host: Host, recording: Path) -> Transcript:
    """Through the real transcription, in a library that is thrown away."""
    from sottovoce.pipeline import Processor

    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = folder
        own = start()
        try:
            with Processor(
                own,
                speech=own.model(ModelTask.TRANSCRIPTION),
                language=own.model(ModelTask.GENERATION),
            ) as processor:
                return processor.process(recording).transcript
        finally:
            own.close()
            os.environ.pop(VARIABLE)
            if before is not None:
                os.environ[VARIABLE] = before


def _evaluate(
    host: Host, name: str, meeting: Meeting, transcript: Transcript, *, show: bool
) -> dict[str, Any]:
    began = time.monotonic()
    if name == EXTRACTIVE:
        extraction = Extraction((), tuple(lines_of(transcript)), 0)
        notes = compose(meeting.recording, transcript, extraction, Request())
    else:
        spec: ModelSpec = host.model(ModelTask.GENERATION, name)
        with closing(host.load_text_generator(spec)) as generator:
            notes = take_notes(meeting.recording, transcript, lambda: generator)
    seconds = time.monotonic() - began
    summary = " ".join(it.text for it in notes.summary)
    size = len(summary.split())
    row: dict[str, Any] = {
        "meeting": meeting.recording.title,
        "model": name,
        "seconds": round(seconds, 2),
        "words": len(transcript.text.split()),
        "summary_words": size,
        "statements": len(list(measures.statements(notes))),
        "dropped": notes.dropped,
        "evidence": measures.evidence(notes, transcript),
        "invented": measures.invented(notes, transcript),
        "coverage": measures.coverage(notes, transcript),
        "facts": measures.facts(notes, meeting.facts),
    }
    if meeting.summaries:
        row["rouge"] = measures.rouge(summary, meeting.summaries)
        first = measures.first_sentences(transcript, size)
        row["baseline"] = measures.rouge(first, meeting.summaries)
    if meeting.truth:
        row["truth"] = measures.against_truth(notes, meeting.truth)
    if show:
        from rich.console import Console

        from sottovoce.cli.output import show_notes

        show_notes(Console(width=120), notes, transcript)
    return row


_HEAD = (
    f"{'meeting':14} {'model':16} {'R-1':>5} {'first':>5} {'R-2':>5} {'R-L':>5} {'evid.':>9} "
    f"{'facts':>7} {'tenths':>6} {'inv.':>4} {'drop':>4} {'s':>7}"
)


def _print(row: dict[str, Any]) -> None:
    print(_line(row), flush=True)
    if row["invented"]:
        print(f"    invented: {', '.join(row['invented'])}")
    for kind, (right, found, wanted) in row.get("truth", {}).items():
        score = measures.f1(right, found, wanted)
        print(f"    {kind}: F1 {score:.2f} ({right} right of {found} found, {wanted} wanted)")


def _line(row: dict[str, Any]) -> str:
    def of(pair: tuple[int, int]) -> str:
        return f"{pair[0]}/{pair[1]}"

    def share(table: str, kind: str) -> str:
        return f"{100 * row[table][kind]:5.1f}" if table in row else "    –"

    return (
        f"{row['meeting'][:14]:14} {row['model'][:16]:16} {share('rouge', 'rouge1')} "
        f"{share('baseline', 'rouge1')} {share('rouge', 'rouge2')} {share('rouge', 'rougeL')} "
        f"{of(row['evidence']):>9} {of(row['facts']):>7} {of(row['coverage']):>6} "
        f"{len(row['invented']):4} {row['dropped']:4} {row['seconds']:7.1f}"
    )


def _totals(rows: list[dict[str, Any]], names: list[str]) -> None:
    print()
    for name in names:
        mine = [row for row in rows if row["model"] == name]
        total: dict[str, Any] = {"meeting": "all", "model": name}
        for key in ("evidence", "facts", "coverage"):
            total[key] = tuple(sum(row[key][i] for row in mine) for i in (0, 1))
        total["invented"] = [it for row in mine for it in row["invented"]]
        total["dropped"] = sum(row["dropped"] for row in mine)
        total["seconds"] = sum(row["seconds"] for row in mine)
        for table in ("rouge", "baseline"):
            scored = [row[table] for row in mine if table in row]
            if scored:
                total[table] = {
                    kind: sum(it[kind] for it in scored) / len(scored) for kind in scored[0]
                }
        truths = [row["truth"] for row in mine if "truth" in row]
        if truths:
            total["truth"] = {
                kind: tuple(sum(it[kind][i] for it in truths) for i in (0, 1, 2))
                for kind in truths[0]
            }
        _print(total)


if __name__ == "__main__":
    raise SystemExit(main())
