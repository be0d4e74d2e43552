from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from sottovoce.engines.worker import Worker
from sottovoce.errors import (
    Cancelled,
    DeadlineExceededError,
    EngineError,
    ModelError,
    WorkerDiedError,
)
from sottovoce.values import Word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROBE = "tests.engines.served:Probe"


def start(folder: Path, *args: str, deadline: float | None = None) -> Worker:
    return Worker(PROBE, *args, name="probe", log_file=folder / "log", deadline=deadline)


def test_values_travel_both_ways(probe: Worker) -> None:
    assert probe.call("echo", [1, "two", None]) == [1, "two", None]
    assert probe.call("word") == Word(0.0, 1.0, "word", 0.5)
    assert list(probe.stream("count", 5)) == [0, 1, 2, 3, 4]


def test_a_feed_of_any_length_arrives_in_order(probe: Worker) -> None:
    assert probe.call("echo", 0) == 0
    results = probe.stream("total", feed=range(1000))
    with pytest.raises(StopIteration) as stop:
        next(results)
    assert stop.value.value == sum(range(1000))


def test_an_error_in_the_feed_reaches_the_reader_and_the_worker_lives_on(probe: Worker) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the microphone is gone")

    with pytest.raises(OSError, match="the microphone is gone"):
        list(probe.stream("total", feed=broken()))
    assert probe.call("echo", 1) == 1


def test_an_expected_error_comes_as_it_was_raised(probe: Worker) -> None:
    with pytest.raises(ModelError, match="not this one; choose another one"):
        probe.call("refuse")
    assert probe.call("echo", 1) == 1


@pytest.mark.parametrize(
    ("method", "message"), [("fail", "ZeroDivisionError: by nothing"), ("lock", "pickle")]
)
def test_an_unexpected_error_is_named_and_logged(
    probe: Worker, tmp_path: Path, method: str, message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        probe.call(method)
    assert probe.call("echo", 1) == 1
    assert "Traceback" in (tmp_path / "log").read_text()


def test_closing_the_iterator_stops_the_work_and_runs_its_clean_up(probe: Worker) -> None:
    results = probe.stream("count", 10**6, 0.001)
    assert next(results) == 0
    results.close()
    assert probe.call("noted") == ["count"]


def test_what_the_child_prints_goes_to_the_log_alone(
    probe: Worker, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    probe.call("say", "native chatter")
    assert (tmp_path / "log").read_text().count("native chatter") == 2
    assert capfd.readouterr() == ("", "")


def test_a_large_log_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * (5 << 20))
    start(tmp_path).close()
    assert (tmp_path / "log").stat().st_size < 1000
    assert (tmp_path / "log.1").stat().st_size == 5 << 20


def test_an_error_at_the_start_is_raised_and_leaves_no_process(tmp_path: Path) -> None:
    start(tmp_path).close()  # with the first one comes a process of multiprocessing's own
    before = psutil.Process().children()
    with pytest.raises(ModelError, match="no such model"):
        start(tmp_path, "error")
    assert psutil.Process().children() == before


@pytest.mark.parametrize("when", ["start", "call"])
def test_a_native_crash_is_a_typed_error(
    tmp_path: Path, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    def crash() -> None:
        if when == "start":
            start(tmp_path, "crash")
        else:
            with start(tmp_path) as worker:
                worker.call("die", signal.SIGSEGV)

    with pytest.raises(WorkerDiedError, match=r"native code crashed \(signal 11\)"):
        crash()
    assert "crashed" in caplog.text


def test_a_script_needs_no_guard_round_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import pathlib, sys\n"
        "from sottovoce.engines.worker import Worker\n"
        "print('once', flush=True)\n"
        "Worker('builtins:dict', name='x', log_file=pathlib.Path(sys.argv[1])).close()\n"
    )
    log = tmp_path / "log"
    done = subprocess.run(
        [sys.executable, script, log], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "once\n"
    assert "once" not in log.read_text()


def test_a_killed_worker_says_so_at_once_and_from_then_on(tmp_path: Path) -> None:
    with start(tmp_path) as worker:
        results = worker.stream("count", 10**6, 0.01)
        next(results)
        began = time.monotonic()
        worker.kill()
        with pytest.raises(WorkerDiedError, match="memory ran out"):
            list(results)
        assert time.monotonic() - began < 1
        assert not worker.alive
        with pytest.raises(WorkerDiedError, match="run it again"):
            worker.call("echo", 1)


def test_a_hang_ends_with_the_deadline(tmp_path: Path) -> None:
    with start(tmp_path) as worker:
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError, match=r"did not finish within 0\.2 s"):
            worker.call("hang", deadline=0.2)
        assert time.monotonic() - began < 1.5
        assert not psutil.pid_exists(worker.pid)
        with pytest.raises(WorkerDiedError, match="did not answer"):
            worker.call("echo", 1)


def test_the_error_of_a_hang_does_not_wait_for_the_process_to_end(tmp_path: Path) -> None:
    """One that a GPU may keep for longer: it is given time, and its user an error."""
    with Worker(PROBE, name="probe", log_file=tmp_path / "log", grace=2.0) as worker:
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError):
            worker.call("hang", deadline=0.1)
        assert time.monotonic() - began < 1.5
        assert psutil.pid_exists(worker.pid)
        with pytest.raises(WorkerDiedError, match="did not answer"):
            worker.call("echo", 1)
    assert not psutil.pid_exists(worker.pid)


def test_a_hang_at_the_start_ends_with_the_deadline(tmp_path: Path) -> None:
    with pytest.raises(DeadlineExceededError):
        start(tmp_path, "hang", deadline=0.5)


def test_a_deadline_leaves_a_worker_usable_that_stops_when_asked(probe: Worker) -> None:
    with pytest.raises(DeadlineExceededError):
        probe.call("wait", 30.0, deadline=0.1)
    assert probe.call("echo", 1) == 1


@pytest.mark.parametrize("stopped", ["waits", "gave way"])
def test_a_deadline_of_a_job_whose_turn_it_is_not_harms_no_other(
    tmp_path: Path, stopped: str
) -> None:
    """The other takes longer than a process is given to answer before it is killed."""
    with Worker(PROBE, name="probe", log_file=tmp_path / "log", grace=0.3) as worker:
        long, outcome = 1.0, []

        def other() -> None:
            outcome.append(worker.call("wait", long, priority=1))

        thread = threading.Thread(target=other)
        began = time.monotonic()
        if stopped == "waits":
            thread.start()
            time.sleep(0.1)
            with pytest.raises(DeadlineExceededError):
                worker.call("echo", 1, deadline=0.1)
        else:
            results = worker.stream("count", 10**6, 0.01, deadline=0.4)
            next(results)
            thread.start()
            with pytest.raises(DeadlineExceededError):
                list(results)
        assert time.monotonic() - began < long
        thread.join(5)
        assert outcome == [None]
        assert worker.call("noted") == ["count"] * (stopped != "waits")


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP here")
@pytest.mark.parametrize("fed", [False, True])
def test_a_process_that_does_nothing_while_an_answer_is_due_is_an_error(
    tmp_path: Path, fed: bool
) -> None:
    with Worker(PROBE, name="probe", log_file=tmp_path / "log", stalled=2) as worker:
        if fed:
            results = worker.stream("total", feed=range(100_000))
        else:
            results = worker.stream("count", 10**6, 0.01)
            next(results)
        os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(WorkerDiedError, match="did not answer"):
            list(results)


def test_a_process_that_computes_or_waits_for_its_feed_may_take_its_time(tmp_path: Path) -> None:
    def slow() -> Iterator[int]:
        yield 1
        time.sleep(2.5)
        yield 2

    with Worker(PROBE, name="probe", log_file=tmp_path / "log", stalled=1) as worker:
        results = worker.stream("total", feed=slow())
        with pytest.raises(StopIteration) as stop:
            next(results)
        assert stop.value.value == 3
        worker.call("work", 2.5)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP here")
def test_closing_ends_a_process_that_answers_nothing(tmp_path: Path) -> None:
    worker = start(tmp_path)
    os.kill(worker.pid, signal.SIGSTOP)
    began = time.monotonic()
    worker.close()
    assert time.monotonic() - began < 1.5
    assert not psutil.pid_exists(worker.pid)


def test_closing_cancels_what_another_thread_waits_for(tmp_path: Path) -> None:
    worker = start(tmp_path)
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            worker.call("wait", 30.0)
        except Cancelled as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    worker.close()
    thread.join(5)
    assert [str(error) for error in raised] == ["the probe engine was closed"]
    worker.close()


def test_interrupting_a_group_stops_its_jobs_and_no_others(probe: Worker) -> None:
    group = object()
    outcomes: list[str] = []

    def wait() -> None:
        try:
            probe.call("wait", 30.0, group=group)
        except Cancelled:
            outcomes.append("cancelled")

    threads = [threading.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    probe.interrupt(group)
    assert probe.call("echo", 1) == 1
    for thread in threads:
        thread.join(5)
    assert outcomes == ["cancelled", "cancelled"]


def test_waiting_jobs_run_by_priority_and_then_in_order(probe: Worker) -> None:
    all_wait = threading.Event()

    def held() -> Iterator[int]:
        all_wait.wait()
        yield 1

    threads = [threading.Thread(target=lambda: list(probe.stream("total", feed=held())))]
    threads[0].start()
    time.sleep(0.1)
    for name, priority in [("notes", 0), ("chat", 1), ("notes 2", 0), ("live", 2)]:
        thread = threading.Thread(
            target=lambda name, priority: probe.call("note", name, priority=priority),
            args=(name, priority),
        )
        thread.start()
        threads.append(thread)
        time.sleep(0.1)
    all_wait.set()
    for thread in threads:
        thread.join(10)
    assert probe.call("noted") == ["live", "chat", "notes", "notes 2"]


def test_a_job_gives_way_to_one_of_a_higher_priority(probe: Worker) -> None:
    results = probe.stream("count", 200, 0.002)
    next(results)
    assert probe.call("echo", "urgent", priority=1) == "urgent"
    assert probe.call("noted", priority=1) == []
    assert len(list(results)) == 199


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_with_its_host(tmp_path: Path, signal_number: int) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from sottovoce.engines.worker import Worker\n"
        "if __name__ == '__main__':\n"
        f"    worker = Worker({PROBE!r}, name='probe', log_file=Path(sys.argv[1]))\n"
        "    print(worker.pid, flush=True)\n"
        "    worker.call('hang')\n"
    )
    script = tmp_path / "host.py"
    script.write_text(program)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as host:
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        host.send_signal(signal_number)
        host.wait(5)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(2)
    assert not psutil.pid_exists(pid)


def test_fifty_kills_are_fifty_typed_errors_and_no_zombie(tmp_path: Path) -> None:
    moments = random.Random(7)
    errors = []
    for _ in range(50):
        worker = start(tmp_path)
        timer = threading.Timer(moments.uniform(0, 0.03), os.kill, (worker.pid, signal.SIGKILL))
        timer.start()
        try:
            for _ in worker.stream("count", 10**6):
                pass
        except WorkerDiedError as error:
            errors.append(error.exit_code)
        timer.join()
        worker.close()
    assert errors == [-signal.SIGKILL] * 50
    assert zombies() == []


def test_rounds_of_starting_and_closing_leave_nothing_behind(tmp_path: Path) -> None:
    host = psutil.Process()
    for _ in range(5):
        start(tmp_path).close()
    threads, files, memory = threading.active_count(), host.num_fds(), host.memory_info().rss
    for _ in range(40):
        with start(tmp_path) as worker:
            next(worker.stream("count", 3))
    assert threading.active_count() == threads
    assert host.num_fds() == files
    assert host.memory_info().rss - memory < 2 << 20
    assert zombies() == []


def zombies() -> list[int]:
    return [
        child.pid for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE
    ]
