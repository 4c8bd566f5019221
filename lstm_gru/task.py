"""What the training loop knows of a task: a tuple of functions.

The loop (`lstm_gru.training.loop.fit`) is the same for forecasting, translation, tagging and the synthetic
tasks; adding a task is one file in `lstm_gru/tasks/` that returns a `Task`.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from lstm_gru.errors import InputError


class Inside(NamedTuple):
    """What happens inside a model while it reads one sequence.

    Attributes:
      what: the sequence, in a few words.
      steps: a name for each of T steps.
      gates: name to activations ``[T, H]``, of each layer and direction.
      states: name to what is carried on after each step ``[T, H]``, of each layer and direction.
    """

    what: str
    steps: tuple[str, ...]
    gates: dict[str, np.ndarray]
    states: dict[str, np.ndarray]


Params = Any
Batch = Any
Split = Literal["valid", "test"]
SumAndWeight = tuple[jax.Array, jax.Array]


class Measured(NamedTuple):
    """What a finished run, or a forecast that needs no training, scored.

    Attributes:
      scores: by name.
      folds: for each fold, or each sentence, statistics that add up to those of all, for paired comparisons; empty
        where there are none.
      signatures: how a score was computed, by its name, as sacreBLEU says it.
    """

    scores: Mapping[str, float]
    folds: Mapping[str, Sequence[float]]
    signatures: Mapping[str, str] = MappingProxyType({})


def kept(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``compute(params, *what)`` that keeps its last result for each ``what``.

    What a task's model makes of the test is computed once, when ``evaluate`` and then ``finish`` ask for it.

    Args:
      compute: a pure function; parameters are known again by being the same arrays.

    Example:
      >>> found = kept(lambda params, split: [split])
      >>> found("params", "test") is found("params", "test")
      True
    """
    last: dict[tuple[Any, ...], tuple[list[Any], Any]] = {}

    def found(params: Params, *what: Any) -> Any:
        arrays, (of, result) = jax.tree.leaves(params), last.get(what, ((), None))
        if len(of) == len(arrays) and all(map(operator.is_, of, arrays)):
            return result
        result = compute(params, *what)
        last[what] = arrays, result
        return result

    return found


def numbered(sequences: Sequence[Any], number: int, what: str) -> Any:
    """Return the sequence with a number, from 0; raise `InputError` when there are not so many."""
    if not 0 <= number < len(sequences):
        raise InputError(f"number = {number}; there are {len(sequences)} {what}, expected 0 to {len(sequences) - 1}")
    return sequences[number]


@dataclass(frozen=True)
class Task:
    """A task as pure functions, and what its checkpoints are chosen by.

    Attributes:
      init: ``key -> params``.
      batch: ``step -> {name: NumPy array}``, a row for each example; a pure function of (seed, step), few distinct
        shapes. A row of zeros counts nothing, so that a batch can be filled up.
      loss: ``(params, batch, key) -> ((sum, weight), {metric: (sum, weight)})``; pure. Tasks that differ
        only in data share one function object, and so one compiled step.
      evaluate: ``(params, split) -> {metric: value}`` on the host; may decode. The loop calls it with
        ``valid`` while training and once with ``test`` at the end.
      shared: entries of a batch that have no rows, as a table that rows point into.
      selects: the validation metric by which the best checkpoint is kept, as ``("valid_rmse", "min")``;
        None keeps the last, for tasks without a validation split.
      finish: ``(params, run_dir)``; writes predictions and plots.
      inside: ``(params, number) -> Inside`` of the sequence with this number, from 0, among those of the test; raises
        `InputError` when there are not so many. None where nobody can look inside.
      settings: everything that determines the task, as plain JSON values, checksums of data included;
        a run directory belongs to one such description.
    """

    init: Callable[[jax.Array], Params]
    batch: Callable[[int], Batch]
    loss: Callable[[Params, Batch, jax.Array], tuple[SumAndWeight, dict[str, SumAndWeight]]]
    evaluate: Callable[[Params, Split], dict[str, float]]
    shared: tuple[str, ...] = ()
    selects: tuple[str, Literal["min", "max"]] | None = None
    finish: Callable[[Params, Path], None] = lambda params, run_dir: None
    inside: Callable[[Params, int], Inside] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
