"""The child's side of a worker: take requests from the host, and run them one at a time.

`worker` says what the two sides tell each other. A served class meets only `Job`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import heapq
import importlib
import logging
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .. import guard
from ..errors import Cancelled, EngineError, SottovoceError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

log = logging.getLogger(__name__)

START = 0
"""The job number of the construction of the served object"""


class Job:
    """In the child: one request, whether it was cancelled, and what the host feeds it."""

    def __init__(
        self, number: int, priority: int, connection: Connection, sending: threading.Lock
    ) -> None:
        self.number = number
        self.priority = priority
        self.cancelled = threading.Event()
        self.answered = False
        """Whether the host was told of its end before it came to it"""
        self.on_cancel: Callable[[], None] | None = None
        """Called from another thread to stop native code"""
        self.give_way: Callable[[], bool] = lambda: False
        """Run the waiting jobs of a higher priority; whether there were any"""
        self._connection = connection
        self._sending = sending
        self._fed: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def check(self) -> None:
        """Raise ``Cancelled`` once the host has lost interest."""
        if self.cancelled.is_set():
            raise Cancelled("stopped on request")

    def feed(self) -> Iterator[Any]:
        """What the host sends, in order, until it ends the feed."""
        while True:
            item = self._fed.get()
            self.check()
            if not item:
                return
            self.send("took")
            yield item[0]

    def send(self, kind: str, *values: Any) -> None:
        with self._sending:
            self._connection.send((kind, self.number, *values))

    def cancel(self) -> None:
        self.cancelled.set()
        self._fed.put(())
        if self.on_cancel is not None:
            self.on_cancel()


class _Calls:
    """What waits to be run: the highest priority first, in order within one."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str, tuple[Any, ...]]] = []
        self._changed = threading.Condition()

    def put(self, job: Job, method: str, args: tuple[Any, ...]) -> None:
        with self._changed:
            heapq.heappush(self._heap, (-job.priority, job.number, method, args))
            self._changed.notify()

    def get(self) -> tuple[int, str, tuple[Any, ...]]:
        with self._changed:
            self._changed.wait_for(lambda: self._heap)
            return heapq.heappop(self._heap)[1:]

    def get_above(self, priority: int) -> tuple[int, str, tuple[Any, ...]] | None:
        with self._changed:
            if self._heap and -self._heap[0][0] > priority:
                return heapq.heappop(self._heap)[1:]
            return None


class _Turns:
    """Whose turn it is: the last of those that have begun. The others have given way to it."""

    def __init__(self) -> None:
        self._begun: list[Job] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def of(self, job: Job) -> Iterator[None]:
        with self._lock:
            below = self._begun[-1] if self._begun else None
            self._begun.append(job)
            late = below is not None and below.cancelled.is_set() and not below.answered
        if below is not None and late:
            self._answer(below)
        try:
            yield
        finally:
            with self._lock:
                self._begun.pop()

    def cancel(self, job: Job) -> None:
        """A job whose turn it is stops, and says so; another may have to wait long for its turn,
        and the host is told at once."""
        with self._lock:
            job.cancel()
            if self._begun[-1:] == [job] or job.answered:
                return
        self._answer(job)

    @staticmethod
    def _answer(job: Job) -> None:
        job.answered = True
        job.send("error", Cancelled("stopped on request"))


def serve(connection: Connection, served: str, args: tuple[Any, ...], log_file: str) -> None:
    """The child's main function: construct the served object, then run one job after another."""
    _settle(log_file)
    guard.confine(multiprocessing.current_process().name)
    sending = threading.Lock()
    start = Job(START, 0, connection, sending)
    jobs: dict[int, Job] = {START: start}
    calls = _Calls()
    turns = _Turns()
    threading.Thread(
        target=_listen, args=(connection, sending, jobs, calls, turns), name="requests", daemon=True
    ).start()

    target: Any = None

    def construct(job: Job) -> None:
        nonlocal target
        module, _, name = served.partition(":")
        target = getattr(importlib.import_module(module), name)(*args)

    def run(number: int, method: str, call_args: tuple[Any, ...]) -> None:
        job = jobs[number]
        job.give_way = lambda: give_way(job)
        with turns.of(job):
            _run(job, lambda job, *args: getattr(target, method)(job, *args), call_args)
        del jobs[number]

    def give_way(job: Job) -> bool:
        ran = False
        job.check()
        while (call := calls.get_above(job.priority)) is not None:
            run(*call)
            ran = True
        return ran

    with turns.of(start):
        _run(start, construct, ())
    while target is not None:
        run(*calls.get())


def _run(job: Job, method: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        job.check()
        value = method(job, *args)
        if isinstance(value, Iterator):
            try:
                for item in value:
                    job.send("item", item)
                    job.check()
            finally:
                # Before the host is told: what the method holds is given back by then.
                if (close := getattr(value, "close", None)) is not None:
                    close()
            value = None
        job.send("done", value)
    except Cancelled as error:
        if not job.answered:
            job.send("error", error)
    except SottovoceError as error:
        job.send("error", error)
    except Exception as error:  # the process boundary: recorded here, raised there
        log.exception("job %s failed", job.number)
        job.send("error", EngineError(f"{type(error).__name__}: {error}"))


def _listen(
    connection: Connection,
    sending: threading.Lock,
    jobs: dict[int, Job],
    calls: _Calls,
    turns: _Turns,
) -> None:
    """Read requests while the engine computes: native code releases the interpreter's lock."""
    try:
        while True:
            match connection.recv():
                case ("call", number, priority, method, args):
                    jobs[number] = job = Job(number, priority, connection, sending)
                    calls.put(job, method, args)
                case ("feed", number, item) if (fed := jobs.get(number)) is not None:
                    fed._fed.put((item,))
                case ("fed", number) if (fed := jobs.get(number)) is not None:
                    fed._fed.put(())
                case ("cancel", number) if (stopped := jobs.get(number)) is not None:
                    turns.cancel(stopped)
                case ("bye",):
                    break
    except (EOFError, OSError):
        pass  # the host is gone, and so is every reason to go on
    os._exit(0)


def _settle(log_file: str) -> None:
    """Native output goes to the log; Ctrl-C is the host's business; NumPy, which is not loaded
    yet, sums on one thread, so that what it gives does not depend on the number of cores."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    faulthandler.enable()
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
