"""The main job by the real engines: right, resumed wherever it was killed, and never twice."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import psutil
import pytest

from sottovoce.home import VARIABLE
from sottovoce.library import Library
from sottovoce.sample.build import read_script
from sottovoce.values import Transcript

from .audio import decode, encode
from .conftest import SAMPLE, SCRIPT, Sample, command, sotto


def normal(text: str) -> list[str]:
    return re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()


def test_the_word_error_rate_on_the_sample_is_at_most_ten_percent(processed: Sample) -> None:
    said = [word for turn in read_script(SCRIPT)[1] for word in normal(turn.text)]
    heard = [w for s in processed.result["transcript"]["segments"] for w in normal(s["text"])]
    assert jiwer.wer(" ".join(said), " ".join(heard)) <= 0.10


def test_four_of_five_words_of_the_sample_have_the_right_speaker(processed: Sample) -> None:
    said = [(w, turn.speaker) for turn in read_script(SCRIPT)[1] for w in normal(turn.text)]
    heard = [
        (w, s["speaker"])
        for s in processed.result["transcript"]["segments"]
        for w in normal(s["text"])
    ]
    aligned = jiwer.process_words(" ".join(w for w, _ in said), " ".join(w for w, _ in heard))
    right = 0
    for chunk in aligned.alignments[0]:
        if chunk.type in ("equal", "substitute"):
            for i in range(chunk.ref_end_idx - chunk.ref_start_idx):
                one = said[chunk.ref_start_idx + i][1]
                right += one == heard[chunk.hyp_start_idx + i][1]
    assert right / len(said) >= 0.8


DECISIONS = ["satellite connection", "move on saturday", "sell the old desks"]
TASKS = [
    ("Henry", "order"),
    ("David", "confirm the date"),
    ("Henry", "write the list of furniture"),
    ("David", "landlord"),
]


@pytest.mark.parametrize("decision", DECISIONS)
def test_the_sample_s_decisions_are_in_its_notes(processed: Sample, decision: str) -> None:
    texts = [it["text"].lower() for it in processed.result["notes"]["decisions"]]
    assert any(decision in text for text in texts), texts


@pytest.mark.parametrize(("owner", "task"), TASKS)
def test_the_sample_s_tasks_have_their_owners(processed: Sample, owner: str, task: str) -> None:
    items = processed.result["notes"]["action_items"]
    assert any(it["assignee"] == owner and task in it["text"].lower() for it in items), items


def test_every_statement_is_at_a_time_where_its_words_are_said(processed: Sample) -> None:
    segments = {s["id"]: s for s in processed.result["transcript"]["segments"]}
    notes = processed.result["notes"]
    script = read_script(SCRIPT)[1]
    spoken = {word for turn in script for word in normal(turn.text)}
    for kind in ("decisions", "action_items", "open_questions", "key_points"):
        for item in notes[kind]:
            cited = [w for i in item["segments"] for w in normal(segments[i]["text"])]
            words = [w for w in normal(item["text"]) if w in spoken and len(w) > 4]
            assert set(words) <= set(cited), item
            assert all(segments[i]["end"] - segments[i]["start"] < 16 for i in item["segments"])


def test_the_note_shows_all_of_it_with_links_into_the_recording(processed: Sample) -> None:
    text = processed.note.read_text()
    for section in ("Summary", "Decisions", "Action items", "Transcript", "How this note was made"):
        assert f"\n## {section}\n" in text
    assert re.search(r"\[00:\d\d\]\(.*meeting\.opus#t=\d+\)", text)
    assert "Moonshine" in text
    assert "SmolLM2" in text


def words_of(result: dict[str, Any]) -> str:
    return " ".join(segment["text"] for segment in result["transcript"]["segments"])


class Running:
    """``sotto process`` in the background, and what it stored so far."""

    def __init__(self, file: Path, home: Path, notes: Path, *options: str) -> None:
        self.home = home
        self.library = home / "data" / "library.sqlite3"
        self.process = subprocess.Popen(
            command("process", file, "--to", notes, "--json", *options),
            env={**os.environ, VARIABLE: str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell's background jobs ignore Ctrl-C, and hand that down: the tests may be one.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def segments(self) -> int:
        if not self.library.exists():
            return 0
        with Library(self.library) as library:
            meetings = library.meetings()
            return len(library.pending_segments(meetings[0].id)) if meetings else 0

    def stages(self) -> tuple[str, ...]:
        if not self.library.exists():
            return ()
        with Library(self.library) as library:
            return library.meetings()[0].stages if library.meetings() else ()

    def worker(self, name: str) -> psutil.Process:
        """The process of an engine that has begun its log."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            for child in psutil.Process(self.process.pid).children():
                try:
                    logs = [file.path for file in child.open_files()]
                except psutil.Error:
                    continue
                if any(path.endswith(f"{name}.log") for path in logs):
                    return child
            time.sleep(0.02)
        raise AssertionError(f"no worker {name}")

    def wait(self, condition: Any, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "it took too long"
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_killed_while_transcribing_it_goes_on_at_the_last_segment_with_the_same_words(
    excerpt: Path, processed_excerpt: Sample, tmp_path: Path, home: Path
) -> None:
    running = Running(excerpt, home, tmp_path)
    running.wait(lambda: running.segments() >= 2)
    running.kill()
    kept = running.segments()
    assert kept >= 2
    again = Running(excerpt, home, tmp_path)
    again.wait(lambda: again.segments() >= kept + 2)
    again.kill()
    ran = sotto("process", excerpt, "--to", tmp_path, "--json", home=home)
    assert ran.status == 0, ran.err
    assert words_of(ran.json[0]) == words_of(processed_excerpt.result)
    assert len(list(tmp_path.glob("*.md"))) == 1


def test_killed_while_taking_notes_it_keeps_the_transcript(
    excerpt: Path, processed_excerpt: Sample, tmp_path: Path, home: Path
) -> None:
    running = Running(excerpt, home, tmp_path)
    running.wait(lambda: "transcription" in running.stages())
    running.kill()
    assert list(tmp_path.glob("*.md")) == []
    ran = sotto("process", excerpt, "--to", tmp_path, "--json", home=home)
    assert ran.status == 0, ran.err
    assert words_of(ran.json[0]) == words_of(processed_excerpt.result)
    assert len(list(tmp_path.glob("*.md"))) == 1


def test_what_is_done_again_takes_the_place_of_the_first_when_all_of_it_is_there(
    excerpt: Path, processed_excerpt: Sample, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(processed_excerpt.home, home)

    def stored() -> tuple[Transcript, int]:
        with Library(home / "data" / "library.sqlite3") as library:
            (meeting,) = library.meetings()
            return library.transcript(meeting.id), len(library.note_versions(meeting.id))

    first = stored()
    running = Running(excerpt, home, tmp_path, "--again")
    running.worker("llama")  # it is transcribed, and its notes are taken
    running.kill()
    assert stored() == first
    ran = sotto("process", excerpt, "--to", tmp_path, "--again", "--json", home=home)
    assert ran.status == 0, ran.err
    assert words_of(ran.json[0]) == words_of(processed_excerpt.result)
    assert stored() == (first[0], first[1] + 1)


@pytest.mark.parametrize("engine", ["speech", "llama"])
def test_a_killed_engine_is_a_clear_error_and_the_next_run_ends_the_job(
    engine: str, tmp_path: Path, home: Path
) -> None:
    short = encode(tmp_path / "short.flac", [decode(SAMPLE)[: 16_000 * 10]], codec="flac")
    running = Running(short, home, tmp_path)
    running.worker(engine).send_signal(signal.SIGKILL)
    _, err = running.process.communicate(timeout=60)
    assert running.process.returncode == 1
    (line,) = err.strip().splitlines()[-1:]
    assert "engine stopped: killed (-9)" in line
    assert "Traceback" not in err
    ran = sotto("process", short, "--to", tmp_path, home=home)
    assert ran.status == 0, ran.err
    assert len(list(tmp_path.glob("*.md"))) == 1


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_person_it_ends_within_a_second_and_leaves_no_process(
    signal_number: signal.Signals, excerpt: Path, tmp_path: Path, home: Path
) -> None:
    running = Running(excerpt, home, tmp_path)
    running.wait(lambda: running.segments() >= 1)
    children = psutil.Process(running.process.pid).children(recursive=True)
    began = time.monotonic()
    running.process.send_signal(signal_number)
    _, err = running.process.communicate(timeout=30)
    assert time.monotonic() - began < 3  # a second, and some for a busy machine
    assert running.process.returncode == 130
    assert err.strip().splitlines()[-1].startswith("sotto: stopped; the same command goes on")
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def test_a_host_that_is_killed_leaves_no_worker_behind(
    excerpt: Path, tmp_path: Path, home: Path
) -> None:
    running = Running(excerpt, home, tmp_path)
    running.wait(lambda: running.segments() >= 1)
    children = psutil.Process(running.process.pid).children(recursive=True)
    running.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_two_at_once_do_not_work_on_the_same_recording(
    excerpt: Path, tmp_path: Path, home: Path
) -> None:
    running = Running(excerpt, home, tmp_path)
    running.wait(lambda: running.segments() >= 1)
    ran = sotto("process", excerpt, home=home)
    assert ran.status == 1
    assert "another sotto is working on it" in ran.err
    running.wait(lambda: "transcription" in running.stages())
    running.kill()


def test_what_is_done_is_not_done_again(processed: Sample) -> None:
    began = time.monotonic()
    ran = sotto("process", SAMPLE, "--to", processed.notes_folder, home=processed.home)
    assert ran.status == 0, ran.err
    assert ran.out.strip() == str(processed.note)
    assert time.monotonic() - began < 10  # neither engine was loaded
    assert len(list(processed.notes_folder.iterdir())) == 1


def test_silence_gives_a_note_that_says_so_and_not_one_word(tmp_path: Path, home: Path) -> None:
    silence = encode(tmp_path / "silence.flac", [np.zeros(16_000 * 60, np.float32)], codec="flac")
    ran = sotto("process", silence, "--to", tmp_path / "notes", home=home)
    assert ran.status == 0, ran.err
    assert "Nothing was said in this recording." in Path(ran.out.strip()).read_text()


def test_a_bad_file_among_good_ones_is_one_line_and_the_others_are_done(
    tmp_path: Path, home: Path
) -> None:
    good = encode(tmp_path / "good.wav", [decode(SAMPLE)[: 16_000 * 5]], codec="pcm_s16le")
    bad = tmp_path / "bad.mp3"
    bad.write_text("not audio\n" * 50)
    ran = sotto("process", bad, tmp_path / "missing.wav", good, home=home)
    assert ran.status == 1
    assert len(ran.err.strip().splitlines()) == 2
    assert Path(ran.out.strip()).exists()


def test_a_recording_cut_off_in_its_middle_is_transcribed_as_far_as_it_goes(
    tmp_path: Path, home: Path
) -> None:
    whole = encode(
        tmp_path / "call.mp4",
        [decode(SAMPLE)[: 16_000 * 20]],
        codec="aac",
        rate=48_000,
        options={"movflags": "faststart"},
    )
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    ran = sotto("process", whole, "--json", home=home)
    assert ran.status == 0, ran.err
    assert "it was cut off; what is there was transcribed" in ran.err
    assert 8 < ran.json[0]["meeting"]["duration"] < 15


def test_two_tracks_with_names_need_no_telling_apart(tmp_path: Path, home: Path) -> None:
    speech = decode(SAMPLE)[: 16_000 * 9]
    one, other = speech.copy(), speech.copy()
    one[16_000 * 4 :] = 0
    other[: 16_000 * 4] = 0
    call = encode(tmp_path / "call.mkv", [one, other], codec="flac", titles=("Ana", "Ben"))
    ran = sotto("process", call, "--json", home=home)
    assert ran.status == 0, ran.err
    segments = ran.json[0]["transcript"]["segments"]
    assert {s["speaker"] for s in segments if s["end"] < 5} == {"Ana"}
    assert {s["speaker"] for s in segments if s["start"] > 3.5} == {"Ben"}
