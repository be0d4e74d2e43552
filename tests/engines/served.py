"""What the worker tests run in a child."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from sottovoce.errors import ModelError
from sottovoce.values import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sottovoce.engines.serving import Job


class Probe:
    def __init__(self, start: str = "") -> None:
        self.done: list[str] = []
        if start == "error":
            raise ModelError("there is no such model; choose another one")
        if start == "hang":
            time.sleep(60)
        if start == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)

    def echo(self, job: Job, value: Any) -> Any:
        return value

    def count(self, job: Job, end: int, pause: float = 0.0) -> Iterator[int]:
        try:
            for i in range(end):
                job.give_way()
                yield i
                time.sleep(pause)
        finally:
            self.done.append("count")

    def total(self, job: Job) -> int:
        return sum(job.feed())

    def note(self, job: Job, name: str) -> None:
        self.done.append(name)

    def noted(self, job: Job) -> list[str]:
        return self.done

    def wait(self, job: Job, seconds: float) -> None:
        job.cancelled.wait(seconds)
        job.check()

    def work(self, job: Job, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pass

    def hang(self, job: Job) -> None:
        time.sleep(60)

    def fail(self, job: Job) -> None:
        raise ZeroDivisionError("by nothing")

    def refuse(self, job: Job) -> None:
        raise ModelError("not this one; choose another one")

    def lock(self, job: Job) -> object:
        return threading.Lock()

    def word(self, job: Job) -> Word:
        return Word(0.0, 1.0, "word", 0.5)

    def die(self, job: Job, signal_number: int) -> None:
        os.kill(os.getpid(), signal_number)
        time.sleep(60)

    def say(self, job: Job, text: str) -> None:
        os.write(1, text.encode())
        os.write(2, text.encode())
