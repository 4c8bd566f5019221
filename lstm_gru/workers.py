"""Runs side by side, each in a process of its own that is pinned to one core."""

import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lstm_gru.errors import RunError, Stopped
from lstm_gru.records import Record
from lstm_gru.reproduce import Run, execute
from lstm_gru.training.allocator import keep_freed_memory
from lstm_gru.training.stopping import StopRequest, stop_request


@contextmanager
def side_by_side(jobs: int) -> Iterator["Workers"]:
    """Keep processes that train runs for as long as the context is open.

    A signal to stop is a request in all of it: a process that ended at once would leave the others behind.

    Args:
      jobs: how many; with 1 the runs are trained in this process, one after the other.
    """
    with stop_request() as stop:
        workers = Workers(jobs, stop)
        try:
            yield workers
        finally:
            workers.end()


class Workers:
    """Processes that train runs; see `side_by_side`. They are started when they are first needed.

    Args:
      jobs: how many.
      stop: whether they are to stop.
    """

    def __init__(self, jobs: int, stop: StopRequest):
        self._jobs, self._stop = jobs, stop
        self._pool: ProcessPoolExecutor | None = None

    def execute_all(self, runs: Iterable[Run]) -> Iterator[Record]:
        """Yield the records of runs as they end.

        Raises:
          RunError: when a process ended without a word, as one that the system killed for its memory.
          Stopped: after SIGTERM or Ctrl-C, once all running ones have saved their state.
        """
        if self._jobs == 1:
            yield from map(execute, runs)
            return
        self._pool = self._pool or _begin(self._jobs)
        runs, done = list(runs), 0
        try:
            running = {self._pool.submit(_patiently, execute, replace(run, plain=True)) for run in runs}
            while running and not self._stop.made:
                ended, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
                    done += 1
        except BrokenProcessPool as error:
            if not self._stop.made:  # Else it was idle when the whole group of processes was asked.
                raise RunError("a worker process was killed; the same command continues") from error
        finally:
            if done < len(runs):  # After a failure the others save and end, too.
                self._stop_all()
        if done < len(runs):
            raise Stopped()

    def end(self) -> None:
        """Wait for the processes to end."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _stop_all(self) -> None:
        """Ask the processes to stop until all have: those that train save first, then they are idle and end at once."""
        while processes := multiprocessing.active_children():
            for process in processes:
                process.terminate()
            time.sleep(0.2)
        self.end()


def _patiently(execute: Callable[[Run], Record], run: Run) -> Record:
    """Train a run in a worker process, whose parent asks it to stop as often as it likes, and ends it if it must."""
    with stop_request(patient=True):
        return execute(run)


def _begin(jobs: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    cores = context.Queue()
    for core in itertools.islice(itertools.cycle(_cores()), jobs):
        cores.put(core)
    return ProcessPoolExecutor(jobs, context, initializer=_begin_worker, initargs=(cores,))


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


def _begin_worker(cores: Any) -> None:
    """Keep this process, and with it XLA's threads, on one core, and the memory that they free with it.

    Two such processes do not disturb each other. Ctrl-C, which reaches the whole group of processes, is the parent's.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    core = cores.get()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
