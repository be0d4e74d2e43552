"""How many threads the engine takes beside what else the machine does."""

from __future__ import annotations

import pytest

from sottovoce.engines.llama import cores


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> cores.Cores:
    """Two cores, both kept busy by others for the five seconds since the last look."""
    monkeypatch.setattr(cores, "_allowed", lambda: [0, 1])
    counted = cores.Cores(2)
    busy, own = counted._read()
    monkeypatch.setattr(counted, "_read", lambda: (busy + 10.0, own))
    counted._time -= 5.0
    return counted


@pytest.mark.parametrize(("running", "threads"), [(0, 2), (1, 1), (2, 1)])
def test_what_ran_while_nothing_was_computed_counts_if_it_runs_yet(
    two: cores.Cores, monkeypatch: pytest.MonkeyPatch, running: int, threads: int
) -> None:
    monkeypatch.setattr(cores, "_running", lambda: running)
    assert two.threads() == threads


def test_what_runs_now_is_not_asked_about_a_moment_ago(
    two: cores.Cores, monkeypatch: pytest.MonkeyPatch
) -> None:
    two._time += 4.5
    monkeypatch.setattr(cores, "_running", lambda: pytest.fail("asked"))
    assert two.threads() == 1


def test_threads_that_run_are_counted() -> None:
    assert cores._running() >= 0
