"""An engine in a process of its own: native crashes, hangs and kills there are errors here.

This is the host's side, `Worker`; `serving` is the child's. They speak pickled tuples over a pipe:

    host → child   ("call", job, priority, method, args)   ("feed", job, item)   ("fed", job)
                   ("cancel", job)   ("bye",)
    child → host   ("item", job, value)   ("took", job)
                   ("done", job, value)   ("error", job, exception)

A served class is constructed in the child; its public methods take a `Job` first. A method that
returns an iterator streams; a job that is fed gets what the host sends through `Job.feed`, with at
most `_WINDOW` items under way, so that neither side runs ahead of the other. Jobs run one at a
time, those of a higher priority first; a running job lets those of a higher one in between by
`Job.give_way`. A job that waits or has given way can be cancelled at once all the same.

A child hangs when it neither answers nor computes: it is killed, and the wait for it is an error.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import logging
import multiprocessing
import queue
import sys
import threading
import time
import types
from typing import TYPE_CHECKING, Any

import psutil

from ..errors import Cancelled, DeadlineExceededError, EngineError, WorkerDiedError
from .serving import START, serve

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

_WINDOW = 16
"""Items of a feed that may be on their way to the child"""
_GRACE = 0.5
"""Seconds between asking a child to stop and killing it"""
_MOMENT = 0.5
"""Seconds that whoever cancels a job waits for its end at most"""
_WAKE = 1.0
"""Seconds that a wait lasts at most before it looks up: Windows delivers Ctrl-C only then"""
_STALLED = 120
"""Such waits in a row in which a child did nothing, after which it is taken to hang; a slow GPU may
take half a minute for a batch, and its process sleep meanwhile"""
_LOG_SIZE = 4 << 20
"""Bytes of a log at which the next start begins a new one and keeps the old one beside it"""

_starting = threading.Lock()


@contextlib.contextmanager
def _main_left_behind() -> Iterator[None]:
    """Start a process that does not run the caller's main module first, as Python's would.

    It has no use for it. A script would run twice, and what it imports can be in the way: NumPy
    loaded before a CUDA build of llama.cpp was seen to crash that.
    """
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


class Worker:
    """A child process that serves one object. Each job is used from one thread."""

    def __init__(
        self,
        served: str,
        *args: Any,
        name: str,
        log_file: Path,
        deadline: float | None = None,
        grace: float = _GRACE,
        stalled: int = _STALLED,
    ) -> None:
        """Start a process and construct ``served``, given as ``module:Class``, there.

        ``log_file`` receives all that the child and its native libraries print. ``deadline`` is in
        seconds; ``grace`` is how long the child may take to stop a job before it is killed, and
        ``stalled`` how many seconds it may do nothing while an answer is due. Raises what the
        constructor raises, or ``WorkerDiedError``.
        """
        self.name = name
        self._log_file = log_file
        self._grace = grace
        self._stalled = stalled
        _prepare(log_file)
        context = multiprocessing.get_context("spawn")
        self._connection, child = context.Pipe()
        self._process = context.Process(
            target=serve, args=(child, served, args, str(log_file)), name=name, daemon=True
        )
        try:
            with _main_left_behind():
                self._process.start()
        except BaseException:
            self._connection.close()
            raise
        finally:
            child.close()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self._sending = threading.Lock()
        self._ending = threading.Lock()
        self._replies: dict[int, queue.SimpleQueue[tuple[Any, ...]]] = {}
        self._groups: dict[int, object] = {}
        self._died: EngineError | Cancelled | None = None
        self._closing = False
        self._abandoned = False
        self._jobs = itertools.count(START + 1)
        start = self._expect(START)
        self._receiver = threading.Thread(target=self._receive, name=f"{name}-replies", daemon=True)
        self._receiver.start()
        atexit.register(self.close)  # before multiprocessing ends its children by a signal
        try:
            for _ in self._results(START, start, deadline):
                pass
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        return self._died is None and not self._closing and self._process.is_alive()

    def call(
        self,
        method: str,
        *args: Any,
        deadline: float | None = None,
        priority: int = 0,
        group: object = None,
    ) -> Any:
        """The result of a method that returns one value."""
        results = self.stream(method, *args, deadline=deadline, priority=priority, group=group)
        while True:
            try:
                next(results)
            except StopIteration as stop:
                return stop.value

    def stream(
        self,
        method: str,
        *args: Any,
        feed: Iterable[Any] | None = None,
        deadline: float | None = None,
        priority: int = 0,
        group: object = None,
    ) -> Generator[Any, None, Any]:
        """The items of a method that streams. Closing the iterator stops the work in the child.

        A job of a higher ``priority`` runs before, and where the served class lets it, in between.
        Jobs of one ``group`` can be stopped together by ``interrupt``. Raises what the method
        raises; ``DeadlineExceededError`` after ``deadline`` seconds; ``Cancelled`` after
        ``interrupt`` or ``close``; ``WorkerDiedError`` when the process ends.
        """
        job = next(self._jobs)
        replies = self._expect(job)
        credit = threading.Semaphore(_WINDOW)
        stopped = threading.Event()
        due = threading.Event()
        """Whether it is the child's turn: it has all its input, or as much as it may have"""
        broken: list[BaseException] = []
        feeder = None
        if group is not None:
            self._groups[job] = group
        try:
            self._send("call", job, priority, method, args)
        except BaseException:
            self._forget(job)
            raise
        if feed is None:
            due.set()
        else:
            feeder = threading.Thread(
                target=self._feed,
                args=(job, feed, credit, due, stopped, broken),
                name=f"{self.name}-feed",
                daemon=True,
            )
            feeder.start()
        try:
            value = yield from self._results(job, replies, deadline, credit, due)
        except Cancelled:
            # The feed broke, and so the job was cancelled: the feed's error is the cause.
            if broken:
                raise broken[0] from None
            raise
        finally:
            stopped.set()
            credit.release()
            if feeder is not None:
                feeder.join(self._grace)
        return value

    def interrupt(self, group: object) -> None:
        """Stop the jobs of a group; the threads that wait for them get ``Cancelled``."""
        for job, of in list(self._groups.items()):
            if of is group:
                with contextlib.suppress(EngineError, Cancelled):
                    self._send("cancel", job)

    def _feed(
        self,
        job: int,
        feed: Iterable[Any],
        credit: threading.Semaphore,
        due: threading.Event,
        stopped: threading.Event,
        broken: list[BaseException],
    ) -> None:
        try:
            for item in feed:
                if not credit.acquire(blocking=False):
                    due.set()
                    credit.acquire()
                    due.clear()
                if stopped.is_set():
                    return
                self._send("feed", job, item)
            self._send("fed", job)
            due.set()
        except WorkerDiedError:
            pass  # the reader of the results is told
        except BaseException as error:  # noqa: BLE001 - handed to the reader of the results
            broken.append(error)
            with contextlib.suppress(EngineError, Cancelled):
                self._send("cancel", job)
        finally:
            if (close := getattr(feed, "close", None)) is not None:
                close()

    def _results(
        self,
        job: int,
        replies: queue.SimpleQueue[tuple[Any, ...]],
        deadline: float | None,
        credit: threading.Semaphore | None = None,
        due: threading.Event | None = None,
    ) -> Generator[Any, None, Any]:
        until = None if deadline is None else time.monotonic() + deadline
        watch = _Watch(self.pid, self._stalled)
        finished = False
        try:
            while True:
                try:
                    while (reply := _next(replies, until)) is None:
                        if due is not None and due.is_set() and watch.hangs():
                            self._abandon()
                except queue.Empty:
                    raise DeadlineExceededError(
                        f"the {self.name} engine did not finish within {deadline:g} s "
                        "and was stopped"
                    ) from None
                match reply:
                    case ("item", _, value):
                        yield value
                    case ("took", _):
                        if credit is not None:
                            credit.release()
                    case ("done", _, value):
                        finished = True
                        return value
                    case ("error", _, error):
                        finished = True
                        raise error
        finally:
            if not finished:
                self._cancel(job, replies)
            else:
                self._forget(job)

    def _cancel(self, job: int, replies: queue.SimpleQueue[tuple[Any, ...]]) -> None:
        """Stop a job, and the process with it when it does not answer.

        Whoever waits for the job is not kept for longer than a moment.
        """
        if self._died:
            self._forget(job)
            return
        end = time.monotonic() + self._grace
        with self._killing_after(self._grace):
            try:
                self._send("cancel", job)
                if self._settled(replies, min(end, time.monotonic() + _MOMENT)):
                    self._forget(job)
                    return
            except (EngineError, Cancelled):
                self._forget(job)
                return

        def outwait() -> None:
            if not self._settled(replies, end):
                self._abandon()
                self._receiver.join()
            self._forget(job)

        if time.monotonic() >= end:
            outwait()
        else:
            threading.Thread(target=outwait, name=f"{self.name}-cancel", daemon=True).start()

    @staticmethod
    def _settled(replies: queue.SimpleQueue[tuple[Any, ...]], until: float) -> bool:
        """Whether a job has come to its end by then."""
        with contextlib.suppress(queue.Empty):
            while (reply := _next(replies, until)) is None or reply[0] not in ("done", "error"):
                pass
            return True
        return False

    @contextlib.contextmanager
    def _killing_after(self, seconds: float) -> Iterator[None]:
        # A child that hangs may leave its pipe full, and then a message to it blocks: its end
        # is what ends the wait.
        timer = threading.Timer(seconds + 0.1, self._abandon)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _abandon(self) -> None:
        if self._died is None:
            self._abandoned = True
            self._process.kill()

    def close(self) -> None:
        """End the process and wait for it. What it was doing is stopped."""
        with self._ending:
            if self._closing:
                return
            self._closing = True
            with self._killing_after(self._grace):
                with contextlib.suppress(EngineError, Cancelled):
                    self._send("bye")
                self._receiver.join()
            self._connection.close()
            self._process.close()
            atexit.unregister(self.close)

    def kill(self) -> None:
        if not self._closing:
            self._process.kill()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _expect(self, job: int) -> queue.SimpleQueue[tuple[Any, ...]]:
        replies: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._replies[job] = replies
        return replies

    def _forget(self, job: int) -> None:
        self._replies.pop(job, None)
        self._groups.pop(job, None)

    def _send(self, *message: Any) -> None:
        if self._died is None:
            try:
                with self._sending:
                    self._connection.send(message)
                return
            except OSError:
                self._receiver.join()  # it sees the end too, and says what it was
        assert self._died is not None
        raise self._died

    def _receive(self) -> None:
        try:
            while True:
                message = self._connection.recv()
                if (replies := self._replies.get(message[1])) is not None:
                    replies.put(message)
        except (EOFError, OSError):
            self._process.join(self._grace)
        except Exception:  # the process boundary: what the child sent cannot be read
            log.exception("the %s engine sent what cannot be read", self.name)
        if self._process.exitcode is None:
            self._process.kill()
        self._process.join()
        self._died = self._death()
        if isinstance(self._died, WorkerDiedError):
            log.error("%s", self._died)
        for job, replies in list(self._replies.items()):
            replies.put(("error", job, self._died))

    def _death(self) -> EngineError | Cancelled:
        if self._closing:
            return Cancelled(f"the {self.name} engine was closed")
        code = None if self._abandoned else self._process.exitcode
        return WorkerDiedError(self.name, code, str(self._log_file))


def _prepare(log_file: Path) -> None:
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        if log_file.stat().st_size > _LOG_SIZE:
            log_file.replace(log_file.with_suffix(".1" + log_file.suffix))


def _next(
    replies: queue.SimpleQueue[tuple[Any, ...]], until: float | None
) -> tuple[Any, ...] | None:
    """What comes next; ``None`` where nothing came for a while. ``queue.Empty`` at the end."""
    left = _WAKE if until is None else until - time.monotonic()
    try:
        return replies.get(timeout=max(0.0, min(left, _WAKE)))
    except queue.Empty:
        if until is not None and time.monotonic() >= until:
            raise
        return None


class _Watch:
    """Tells a process that computes, however long it takes, from one that does nothing.

    Looks are counted, not seconds: while the whole program is stopped, nothing can be expected.
    """

    _LEAST = 0.01
    """Seconds of computing between two looks"""

    def __init__(self, pid: int, most: int) -> None:
        self._pid = pid
        self._most = most
        self._looks = 0
        self._used = 0.0

    def hangs(self) -> bool:
        try:
            times = psutil.Process(self._pid).cpu_times()
        except psutil.NoSuchProcess:
            return False  # its end is told otherwise
        used = times.user + times.system
        self._looks = self._looks + 1 if used - self._used < self._LEAST else 0
        self._used = used
        return self._looks >= self._most
