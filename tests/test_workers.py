"""Processes that train runs side by side: kept from one call to the next, begun anew after a failure."""

import multiprocessing
import os
import signal
from pathlib import Path

import deeds
import pytest

from lstm_gru import workers
from lstm_gru.errors import InputError, RunError, Stopped
from lstm_gru.reproduce import Run
from lstm_gru.training.stopping import StopRequest


def runs(*seeds):
    return [Run("lines", "long", seed, Path(f"seed-{seed}")) for seed in seeds]


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(workers, "execute", deeds.execute)
    with workers.side_by_side(2) as found:
        yield found
    assert not multiprocessing.active_children()


def processes(records):
    return {record["process"] for record in records}


def test_the_same_processes_serve_every_call_until_one_fails(two):
    first = list(two.execute_all(runs(0, 1, 2, 3, 4, 5)))
    assert sorted(record["seed"] for record in first) == [0, 1, 2, 3, 4, 5]
    assert os.getpid() not in processes(first)
    assert all(record["plain"] for record in first)
    kept = {child.pid for child in multiprocessing.active_children()}
    assert processes(first) <= kept
    assert processes(two.execute_all(runs(6, 7))) <= kept
    with pytest.raises(RunError, match="a worker process was killed; the same command continues"):
        list(two.execute_all(runs(13)))
    assert not multiprocessing.active_children()
    again = processes(two.execute_all(runs(8)))
    assert again
    assert not again & kept
    with pytest.raises(InputError, match="seed 14"):
        list(two.execute_all(runs(14, *range(20, 40))))


@pytest.mark.parametrize(("failing", "error"), [(13, RunError), (14, InputError)])
def test_after_a_failure_the_others_save_and_end(two, failing, error, tmp_path):
    list(two.execute_all(runs(*range(6))))  # A pool looks after a process from the first result on.
    waiting = Run("lines", "long", 15, tmp_path / "saved")
    with pytest.raises(error):
        list(two.execute_all([waiting, Run("lines", "long", failing, tmp_path / "saved.begun")]))
    assert (tmp_path / "saved").read_text() == "saved"
    assert not multiprocessing.active_children()


def test_a_request_to_stop_ends_the_processes_before_the_next_runs(two):
    list(two.execute_all(runs(0)))
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Stopped):
        list(two.execute_all(runs(1, 2)))


def test_one_job_is_done_in_this_process(monkeypatch):
    monkeypatch.setattr(workers, "execute", deeds.execute)
    [record] = workers.Workers(1, StopRequest()).execute_all(runs(0))
    assert record["process"] == os.getpid()
    assert not record["plain"]
