"""Checkpoints: saved in the background, verified byte by byte when loaded (the only use of Orbax).

A checkpoint is one directory, ``checkpoints/STEP``. Orbax commits its arrays; then ``sha256.json`` is written
beside them, with type, shape and SHA-256 of each array as it was in memory, and the SHA-256 of each of Orbax's
files; then older steps that nobody needs any more are removed. Orbax has no checksum of its own, so only a
directory with this file counts, and only what agrees with it is ever used. Whatever does not agree is moved,
never deleted, to ``quarantine/`` beside ``checkpoints/``.

When a save fails (disk full, read-only, over quota), training goes on. The state waits in memory, is tried
again at each later save, and what was saved before stays as it is.
"""

import errno
import itertools
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np
from orbax.checkpoint import Checkpointer, PyTreeCheckpointHandler
from orbax.checkpoint import v1 as orbax
from orbax.checkpoint.options import MultiprocessingOptions

from lstm_gru.errors import InputError, RunError
from lstm_gru.files import file_sha256, read_json, write_json
from lstm_gru.training.arrays import Arrays, combined, describe, digests, flatten, names

KEEP_LATEST = 3
DIGESTS = "sha256.json"
TEMPORARY = ".orbax-checkpoint-tmp"  # Orbax's ending of a directory that it has not committed.
QUARANTINE = "quarantine"
CUT_OFF = "-unfinished"  # In the quarantine: what a process that died left of its last save, not a damaged one.
# Of several processes, the first one saves and loads alone, and Orbax waits for no other.
ALONE = {"primary_host": 0, "active_processes": {0}, "barrier_sync_key_prefix": "first"}
SPARE_BYTES = 2**18  # Beyond the arrays: Orbax's metadata.
ADVICE = "Restore the files, or start again in another directory"

# Orbax reports every save, and an error that is reported here once more.
logging.getLogger("absl").setLevel(logging.CRITICAL)


class Checkpoints:
    """The checkpoints of one run: the latest three, and those that are needed besides.

    Args:
      directory: one directory a step; created by the first save.
      say: is told in a sentence what was found damaged, and when saving fails and works again.
      before_save: is called before each save, in a thread of its own; when it raises OSError, the save has failed.
    """

    def __init__(
        self,
        directory: Path,
        *,
        say: Callable[[str], None] = print,
        before_save: Callable[[], None] = lambda: None,
    ):
        self._directory = directory
        self._say, self._before_save = say, before_save
        self._thread = ThreadPoolExecutor(1, "checkpoints")
        self._running: Future | None = None
        self._waiting: dict[int, Arrays] = {}
        self.failure: str | None = None

    def save(self, step: int, state: Any, needed: Iterable[int] = ()) -> None:
        """Begin to save a state, which may be donated or changed afterwards.

        Args:
          step: its step.
          state: any pytree of arrays.
          needed: the steps that are to be kept besides the latest ones; the others are removed.
        """
        arrays, needed = flatten(state), frozenset(needed)
        self.wait()
        failed = {earlier: waiting for earlier, waiting in self._waiting.items() if earlier in needed}
        self._waiting = {**failed, step: arrays}
        self._running = self._thread.submit(self._write_waiting, needed)

    def wait(self) -> None:
        """Return when nothing is being saved any more; `failure` then says whether it worked."""
        if self._running is not None:
            self._running.result()
            self._running = None

    def _write_waiting(self, needed: frozenset[int]) -> None:
        try:
            self._before_save()
            for step in sorted(self._waiting):
                self._write(step, self._waiting[step])
                del self._waiting[step]
        except Exception as error:  # Orbax and TensorStore raise more kinds than OSError when a disk is full.
            if self.failure is None:
                step = max(self._waiting)
                self._say(f"cannot save step {step} ({reason(error)}); training goes on, each next save tries again")
            self.failure = reason(error)
        else:
            if self.failure is not None:
                self._say("saving works again")
            self.failure = None
            self._remove_all_but(needed)

    def _remove_all_but(self, needed: frozenset[int]) -> None:
        with suppress(OSError):  # Too many are no failure; the next save tries again.
            for step in self._steps()[:-KEEP_LATEST]:
                if step not in needed:
                    self._remove(step)

    def _write(self, step: int, arrays: Arrays) -> None:
        for path in self._temporaries():  # Left by a save that failed.
            shutil.rmtree(path)
        path = self._directory / str(step)
        self._directory.mkdir(parents=True, exist_ok=True)
        _check_space(self._directory, sum(array.nbytes for array in arrays.values()))
        _commit(path.absolute(), arrays)
        try:
            write_json(path / DIGESTS, {"arrays": digests(arrays), "files": file_digests(path)})
        except OSError:
            self._remove(step)
            raise

    def _remove(self, step: int) -> None:
        """Remove a step that nobody needs, such that a process that dies meanwhile leaves no damaged one."""
        path = self._directory / str(step)
        shutil.rmtree(path.rename(path.with_name(path.name + TEMPORARY)))

    def recover(self, needed: Callable[[int], Iterable[int]]) -> int:
        """Return the newest intact step from which the run can go on, 0 when it has saved none yet.

        Args:
          needed: ``step -> steps``; the earlier ones that a run continued from ``step`` cannot do without.
            When one of them is damaged, the run goes back behind it, and makes it again.

        Raises:
          RunError: when no intact checkpoint is left to go on from.
        """
        self._remove_temporaries()
        steps = self._steps()
        intact = [step for step in steps if not self._quarantine_damaged(step, newest=step == steps[-1])]
        while intact:
            lost = [step for step in needed(intact[-1]) if step not in intact]
            if not lost:
                return intact[-1]
            before = [step for step in intact if step < lost[0]]
            if not before:
                raise RunError(
                    f"{self._directory / str(lost[0])}: the best on validation, damaged or missing, and no earlier "
                    f"checkpoint to make it again from. {ADVICE}"
                )
            for step in intact[len(before) :]:
                self._quarantine(step, f"comes after step {lost[0]}, which is damaged or missing and made again")
            intact = before
        quarantine = self._directory.parent / QUARANTINE
        if any(CUT_OFF not in path.name for path in quarantine.glob("*")):
            raise RunError(f"{self._directory}: no intact checkpoint is left (see {quarantine}). {ADVICE}")
        return 0

    def _steps(self) -> list[int]:
        return sorted(int(path.name) for path in self._directory.glob("*") if path.name.isdecimal())

    def _remove_temporaries(self) -> None:
        for path in self._temporaries():
            self._say(f"{path}: left by a save that was cut off; removed")
            shutil.rmtree(path)

    def _temporaries(self) -> list[Path]:
        return sorted(self._directory.glob(f"*{TEMPORARY}*"))

    def _quarantine_damaged(self, step: int, newest: bool) -> bool:
        fault = self.fault(step)
        if fault:
            cut_off = newest and not (self._directory / str(step) / DIGESTS).exists()
            self._quarantine(step, fault, CUT_OFF if cut_off else "")
        return bool(fault)

    def _quarantine(self, step: int, fault: str, suffix: str = "") -> None:
        path, place = self._directory / str(step), self._directory.parent / QUARANTINE
        place.mkdir(exist_ok=True)
        endings = itertools.chain([""], (f".{n}" for n in itertools.count(2)))
        free = (place / f"{step}{suffix}{ending}" for ending in endings)
        path.rename(next(there for there in free if not there.exists()))
        self._say(f"{path}: {fault}; moved to {place}")

    def newest_intact(self) -> int | None:
        """Return the newest step that is as it was saved, or None; nothing is moved."""
        return next((step for step in reversed(self._steps()) if not self.fault(step)), None)

    def fingerprint(self, step: int, part: str) -> str:
        """Return a SHA-256 that identifies a part of a saved state, as ``"params"``."""
        saved = read_json(self._directory / str(step) / DIGESTS)["arrays"]
        return combined({name: digest for name, digest in saved.items() if name.startswith(f"{part}/")})

    def fault(self, step: int) -> str | None:
        """Return what is wrong with a saved step, None when every byte is as it was saved."""
        try:
            self._read(step)
        except _DamageError as damage:
            return str(damage)
        return None

    def _read(self, step: int) -> Arrays:
        path = self._directory / str(step)
        if not path.is_dir():
            raise _DamageError("missing")
        if not (path / DIGESTS).exists():
            raise _DamageError(f"no {DIGESTS}: not saved to the end" if any(path.iterdir()) else "an empty directory")
        try:
            expected = read_json(path / DIGESTS)
            _compare(expected["files"], file_digests(path))
            with orbax.Context(multiprocessing_options=orbax.options.MultiprocessingOptions(**ALONE)):
                arrays = {name: np.asarray(array) for name, array in orbax.load(path.absolute()).items()}
            _compare(expected["arrays"], digests(arrays))
        except _DamageError:
            raise
        except InputError as error:
            raise _DamageError(str(error).removeprefix(f"{path}/")) from error
        except Exception as error:  # What damaged files make Orbax and TensorStore raise is not to be foreseen.
            raise _DamageError(f"cannot be read ({reason(error)})") from error
        return arrays

    def load(self, step: int, like: Any, part: str = "") -> Any:
        """Return a saved state.

        Args:
          step: a saved one.
          like: a pytree of arrays with the structure, shapes, types and devices to return.
          part: the name of the part of the state that is asked for, as ``"params"``; all of it when empty.

        Raises:
          RunError: when the checkpoint is damaged, or differs from ``like``; nothing is ever cast.
        """
        path = self._directory / str(step)
        try:
            arrays = self._read(step)
        except _DamageError as damage:
            raise RunError(f"{path}: {damage}. {ADVICE}") from damage
        prefix = f"{part}/" if part else ""
        arrays = {k.removeprefix(prefix): array for k, array in arrays.items() if k.startswith(prefix)}
        wanted = dict(zip(names(like), jax.tree.leaves(like), strict=True))
        for name in sorted({*arrays, *wanted}):
            there, asked = (describe(tree.get(name)) for tree in (arrays, wanted))
            if there != asked:
                raise RunError(f"{path}: array {name} is {there} there and {asked} here; it belongs to another model")
        # Copies: the state is donated to the first step, which must not be given memory that NumPy owns.
        leaves = [jax.device_put(arrays[name], _place(leaf), may_alias=False) for name, leaf in wanted.items()]
        return jax.tree.unflatten(jax.tree.structure(like), leaves)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *exception: object) -> None:
        self._thread.shutdown()


def _place(leaf: Any) -> Any:
    """Where an array was put by intent; None otherwise: JAX compiles anew for what is in its place by intent only."""
    return leaf.sharding if getattr(leaf, "committed", False) else None


def _commit(path: Path, arrays: Arrays) -> None:
    """Save with Orbax."""
    if jax.process_count() == 1:
        orbax.save(path, arrays)
        return
    # The first version of Orbax's interface: the new one asks all processes for the path, whichever are active.
    options = MultiprocessingOptions(**ALONE)
    handler = PyTreeCheckpointHandler(multiprocessing_options=options)
    with Checkpointer(handler, multiprocessing_options=options) as checkpointer:
        checkpointer.save(path, arrays)


class _DamageError(Exception):
    """Why a checkpoint cannot be used."""


def file_digests(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a checkpoint's directory, but for the digests themselves."""
    paths = (path for path in sorted(directory.rglob("*")) if path.is_file() and path.name != DIGESTS)
    return {path.relative_to(directory).as_posix(): file_sha256(path) for path in paths}


def _check_space(directory: Path, bytes_: int) -> None:
    """Fail before TensorStore does, which fills the terminal with what its threads think of a full disk."""
    if shutil.disk_usage(directory).free < bytes_ + SPARE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory))


def _compare(expected: dict[str, Any], found: dict[str, Any]) -> None:
    if found != expected:
        name = next(name for name in {**expected, **found} if found.get(name) != expected.get(name))
        what = "is missing" if name not in found else "is not what was saved (its SHA-256 differs)"
        raise _DamageError(f"{name} {what}")


def reason(error: BaseException) -> str:
    """Return the operating system's word for an error where it has one, else the error's first line."""
    if code := re.search(r"os_error_code='(\d+)'", str(error)):  # TensorStore's way to say it.
        return os.strerror(int(code[1]))
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return next(iter(str(error).splitlines()), type(error).__name__)
