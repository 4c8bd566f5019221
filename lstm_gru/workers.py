"""Runs side by side, each in a process of its own that is pinned to one core."""

import itertools
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
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
            running = {self._pool.submit(execute, replace(run, plain=True)) for run in runs}
            while running and not self._stop.made:
                ended, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
                    done += 1
        except BrokenProcessPool as error:
            raise RunError("a worker process was killed; the same command continues") from error
        finally:
            if done < len(runs):  # After a failure the others save and end, too.
                self.end(ask=True)
        if done < len(runs):
            raise Stopped()

    def end(self, *, ask: bool = False) -> None:
        """Wait for the processes to end; ask them to stop first if they are not to finish their runs."""
        if self._pool:
            for worker in multiprocessing.active_children() if ask else ():
                worker.terminate()
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _begin(jobs: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    cores = context.Queue()
    for core in itertools.islice(itertools.cycle(_cores()), jobs):
        cores.put(core)
    return ProcessPoolExecutor(jobs, context, initializer=_begin_worker, initargs=(cores,))


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


_worker = ExitStack()  # What a worker process keeps open until it ends.


def _begin_worker(cores: Any) -> None:
    """Keep this process, and with it XLA's threads, on one core, and the memory that they free with it.

    Two such processes do not disturb each other.

    A worker can be asked to stop at any time, by its parent and by whoever asks the whole group of processes.
    """
    _worker.enter_context(stop_request(patient=True))
    keep_freed_memory()
    core = cores.get()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
