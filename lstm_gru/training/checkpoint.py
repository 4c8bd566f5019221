"""Checkpoints: saved in the background, verified byte by byte when loaded (the only use of Orbax).

A checkpoint is one directory, ``checkpoints/STEP``. Orbax commits its arrays; then ``sha256.json`` is written
beside them, with the type, the shape and the SHA-256 of each. Orbax keeps no checksum of its own, so only a
directory with this file counts, and only arrays that agree with it are ever used. Whatever does not agree is
moved, never deleted, to ``quarantine/`` beside ``checkpoints/``.

When a save fails (disk full, read-only, over quota), training goes on. The state waits in memory, is tried
again at each later save, and what was saved before stays as it is.
"""

import itertools
import logging
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from orbax.checkpoint import v1 as orbax

from lstm_gru.errors import InputError, RunError
from lstm_gru.training.arrays import Arrays, combined, describe, digests, flatten, names
from lstm_gru.training.files import read_json, write_json

KEEP_LATEST = 3
DIGESTS = "sha256.json"
QUARANTINE = "quarantine"
CUT_OFF = "-unfinished"  # In the quarantine: what a process that died left of its last save, not a damaged one.
ADVICE = "Restore the files, or start again in another directory with --run-dir"

# Orbax reports every save and every preservation decision; a user wants to hear of failures.
logging.getLogger("absl").setLevel(logging.CRITICAL)


class _Save(NamedTuple):
    step: int
    arrays: Arrays
    goodness: float | None


class Checkpoints:
    """The checkpoints of one run: the latest three, and those best on validation.

    Args:
      directory: one directory a step; created by the first save.
      keep_best: how many of the best are kept.
      say: is told in a sentence what was found damaged, and when saving fails and works again.
      before_save: is called before each save; when it raises OSError, the save has failed.
    """

    def __init__(
        self,
        directory: Path,
        *,
        keep_best: int = 1,
        say: Callable[[str], None] = print,
        before_save: Callable[[], None] = lambda: None,
    ):
        self._directory = directory
        self._keep_best = keep_best
        self._say, self._before_save = say, before_save
        self._orbax: orbax.training.Checkpointer | None = None
        self._thread = ThreadPoolExecutor(1, "checkpoints")  # All of Orbax but loading happens in this one thread.
        self._running: Future | None = None
        self._waiting: list[_Save] = []
        self.failure: str | None = None

    def save(self, step: int, state: Any, goodness: float | None = None) -> None:
        """Begin to save a state, which may be donated or changed afterwards.

        Args:
          step: its step.
          state: any pytree of arrays.
          goodness: by which the best are kept, larger is better; None for a state that was not evaluated.
        """
        save = _Save(step, flatten(state), goodness)
        self.wait()
        self._waiting = [*self._worth_keeping(self._waiting), save]
        self._running = self._thread.submit(self._write_waiting)

    def wait(self) -> None:
        """Return when nothing is being saved any more; `failure` then says whether it worked."""
        if self._running is not None:
            self._running.result()
            self._running = None

    def _worth_keeping(self, saves: list[_Save]) -> list[_Save]:
        """Of saves that failed, those that may be asked for later; the newest state makes the others superfluous."""
        evaluated = sorted((save for save in saves if save.goodness is not None), key=lambda s: (s.goodness, s.step))
        return sorted(evaluated[-self._keep_best :], key=lambda save: save.step)

    def _write_waiting(self) -> None:
        try:
            self._before_save()
            while self._waiting:
                self._write(self._waiting[0])
                self._waiting.pop(0)
        except Exception as error:  # Orbax and TensorStore raise more kinds than OSError when a disk is full.
            self._close_orbax()  # It believes in the step that failed; the next one reads the directory anew.
            if self.failure is None:
                step = self._waiting[-1].step
                self._say(f"cannot save step {step} ({reason(error)}); training goes on, each next save tries again")
            self.failure = reason(error)
        else:
            if self.failure is not None:
                self._say("saving works again")
            self.failure = None

    def _write(self, save: _Save) -> None:
        if self._orbax is None:
            self._orbax = self._open_orbax()
        metrics = None if save.goodness is None else {"goodness": save.goodness}
        self._orbax.save(save.step, save.arrays, force=True, overwrite=True, metrics=metrics)
        write_json(self._directory / str(save.step) / DIGESTS, digests(save.arrays))

    def _open_orbax(self) -> "orbax.training.Checkpointer":
        policies = orbax.training.preservation_policies
        best = policies.BestN(
            get_metric_fn=lambda metrics: metrics["goodness"],
            n=self._keep_best,
            keep_checkpoints_without_metrics=False,
        )
        policy = policies.AnyPreservationPolicy([policies.LatestN(KEEP_LATEST - 1), best])
        return orbax.training.Checkpointer(
            self._directory.absolute(), preservation_policy=_AllButTheNewest(policy), cleanup_tmp_directories=True
        )

    def _close_orbax(self) -> None:
        if self._orbax is not None:
            with suppress(Exception):  # It raises again what has been reported.
                self._orbax.close()
        self._orbax = None

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
        for path in sorted(self._directory.glob("*.orbax-checkpoint-tmp*")):
            self._say(f"{path}: a save that was cut off; removed")
            shutil.rmtree(path)

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
        saved = read_json(self._directory / str(step) / DIGESTS)
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
            arrays = orbax.load(path.absolute())
        except InputError as error:
            raise _DamageError(str(error).removeprefix(f"{path}/")) from error
        except Exception as error:
            raise _DamageError(f"cannot be read ({reason(error)})") from error
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        found = digests(arrays)
        if found != expected:
            name = next(name for name in {**found, **expected} if found.get(name) != expected.get(name))
            raise _DamageError(f"array {name} is not what was saved (SHA-256 differs from {DIGESTS})")
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
        leaves = [jax.device_put(arrays[name], leaf.sharding) for name, leaf in wanted.items()]
        return jax.tree.unflatten(jax.tree.structure(like), leaves)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(Exception):
            self.wait()
        self._thread.submit(self._close_orbax).result()
        self._thread.shutdown()


class _DamageError(Exception):
    """Why a checkpoint cannot be used."""


class _AllButTheNewest:
    """An Orbax preservation policy applied to all checkpoints but the newest, which is kept in any case.

    Orbax removes old steps before the digests of the new one are written. A process that dies in between must
    find everything of value among the others.
    """

    def __init__(self, policy: Any):
        self._policy = policy

    def should_preserve(self, checkpoints: Any, *, context: Any) -> list[bool]:
        return [*self._policy.should_preserve(checkpoints[:-1], context=context), True]


def reason(error: BaseException) -> str:
    """Return the operating system's word for an error where it has one, else the error's first line."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return next(iter(str(error).splitlines()), type(error).__name__)
