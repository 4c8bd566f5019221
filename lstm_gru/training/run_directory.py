"""A run's directory: whose it is, what it was made with, and what it measured.

``config.json`` (everything that determines the run), ``manifest.json`` (what it ran on), ``metrics.jsonl``
(one line a logged step), ``checkpoints/``, ``scores.json`` (written last: its presence means finished).
"""

import fcntl
import json
import os
import platform
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from lstm_gru.config import flatten
from lstm_gru.errors import InputError, RunError
from lstm_gru.files import finite_or_none, no_run_of, read_json, require_json, write_json, write_text
from lstm_gru.training.manifest import differences, environments, manifest, together


class RunDirectory:
    """One run's directory, opened for the configuration it belongs to; as a context, it is closed at the end.

    A finished run is only read. Any other is locked, so that two processes never train in it; the kernel lets
    go of the lock when the process ends, however it ends.

    Args:
      path: created when missing.
      config: plain JSON values; everything that determines the run.
      say: is told, in a sentence, when the run is continued on another machine or other versions.

    Raises:
      InputError: when the directory cannot be written, is in use, or holds a run with another configuration
        (the fields that differ are named).
    """

    def __init__(self, path: Path, config: Mapping[str, Any], say: Callable[[str], None] = print):
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self._metrics = self.path / "metrics.jsonl"
        self._unwritten, self._writing = b"", threading.Lock()  # Saves sync the metrics from a thread of their own.
        self._lock = None if self.scores() is not None else self._acquire(say)
        try:
            self._claim(json.loads(json.dumps(config)), say)
        except BaseException:
            self.close()
            raise

    def _acquire(self, say: Callable[[str], None]) -> IO[str]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot write the run directory ({error.strerror}); choose another directory"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            with lock:
                lock.seek(0)
                holder = lock.read().strip() or "another process"
            raise InputError(
                f"{self.path}: {holder} is training in this directory; wait for it, or choose another directory"
            ) from error
        except OSError as error:  # Some network file systems have no locks.
            say(f"cannot be locked ({error.strerror}): see that no other process trains in it")
        with suppress(OSError):  # Who holds it is a courtesy, which a full disk may refuse.
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {platform.node()}\n")
            lock.flush()
        return lock

    def close(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _claim(self, config: dict[str, Any], say: Callable[[str], None]) -> None:
        saved = read_json(self.path / "config.json")
        if saved is None:
            write_json(self.path / "manifest.json", manifest())
            write_json(self.path / "config.json", config)
            return
        there, asked = dict(flatten(saved)), dict(flatten(config))
        names = [name for name in sorted({*there, *asked}) if there.get(name) != asked.get(name)]
        if names:
            changes = "; ".join(f"{n} = {there.get(n)!r} there, {asked.get(n)!r} asked" for n in names)
            raise InputError(
                f"{self.path}: holds a run with another configuration ({changes}); give the same settings to continue "
                "it, or choose another directory, where 'lstm-gru train --init-from' starts from its weights"
            )
        if self._lock is not None:
            self._compare_manifest(say)

    def _compare_manifest(self, say: Callable[[str], None]) -> None:
        """Warn where a promise of equal bits ends, and keep what else the run was made with."""
        then, now = read_json(self.path / "manifest.json") or {}, manifest()
        earlier = environments(then)
        if changes := differences(earlier[-1], now):
            say(f"continued with {changes}; the last bits may differ from a run that was never stopped")
            if now not in earlier:
                write_json(self.path / "manifest.json", together([then, now]))

    def scores(self) -> dict[str, Any] | None:
        """Return the scores of a finished run, else None."""
        return read_json(self.path / "scores.json")

    def finish(self, scores: Mapping[str, Any]) -> None:
        """Write the scores, which marks the run as finished."""
        write_json(self.path / "scores.json", scores)

    def log(self, line: Mapping[str, Any]) -> None:
        """Append a line of metrics; what is not finite becomes null.

        Lines that cannot be written, on a full disk, wait in memory for the next call or `sync_metrics`.
        """
        with self._writing:
            self._unwritten += json.dumps(finite_or_none(line)).encode() + b"\n"
            with suppress(OSError):
                self._write_lines()

    def sync_metrics(self) -> None:
        """Return when all metrics are on disk; called before a save, so that no checkpoint is ahead of them.

        Raises:
          OSError: when they cannot be written.
        """
        with self._writing:
            self._write_lines()
        with self._metrics.open("ab") as file:
            os.fsync(file.fileno())

    def _write_lines(self) -> None:
        with self._metrics.open("ab", buffering=0) as file:
            while self._unwritten:  # A full disk takes a part of them and refuses the next.
                self._unwritten = self._unwritten[file.write(self._unwritten) :]

    def metrics(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of ``metrics.jsonl``, without a last one that was cut off in the middle."""
        if not self._metrics.exists():
            return
        for number, line in enumerate(self._metrics.read_bytes().splitlines(keepends=True), 1):
            if line.endswith(b"\n"):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise RunError(f"{self._metrics}: line {number} is not valid JSON; restore or remove it") from error

    def rewind(self, step: int) -> list[dict[str, Any]]:
        """Drop metrics after ``step``, which will be logged again; return those up to it."""
        kept = [line for line in self.metrics() if line["step"] <= step]
        if self._metrics.exists():
            write_text(self._metrics, "".join(json.dumps(line) + "\n" for line in kept))
        return kept


def finished_task(run_dir: Path, kind: str) -> dict[str, Any]:
    """Return what ``config.json`` says of a finished run's task.

    Args:
      run_dir: the run's directory.
      kind: the task's name, as "translation".

    Raises:
      InputError: when it holds no finished run of such a task.
    """
    config = require_json(run_dir / "config.json", kind)
    task = config.get("task") if isinstance(config, dict) else None
    if not isinstance(task, dict) or task.get("task") != kind:
        raise no_run_of(run_dir, f"config.json describes no {kind}", kind)
    if read_json(run_dir / "scores.json") is None:
        reason = "no scores.json, so it is not finished; the command that started it continues it"
        raise no_run_of(run_dir, reason, kind)
    return task


def valid_lines(run_dir: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's ``metrics.jsonl`` that hold an evaluation."""
    lines = map(json.loads, (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if "seconds" in line]
