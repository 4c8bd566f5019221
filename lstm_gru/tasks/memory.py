"""The adding and the copy problem, as tasks for the common loop; new sequences at every step, none seen twice."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.config import TrainConfig, require, require_choice
from lstm_gru.data.memory import COPIED, SYMBOLS, Sequences, adding, copy_memory
from lstm_gru.files import require_json, write_json
from lstm_gru.inside import look
from lstm_gru.losses import cross_entropy, squared
from lstm_gru.models.sequence import SequenceConfig, sequence
from lstm_gru.task import Batch, Inside, Params, Split, Task, kept, numbered

PROBLEMS = ("adding", "copy")
WIDTHS = {"adding": (2, 1), "copy": (SYMBOLS + 2, SYMBOLS + 2)}  # Of inputs and outputs.
AT_ONCE = 100  # Sequences.
LOSSES_FILE = "losses-test.json"


@dataclass(frozen=True)
class MemoryConfig:
    """Everything that a run can change."""

    model: SequenceConfig = field(default_factory=SequenceConfig)
    problem: Literal["adding", "copy"] = "adding"
    """What is to be remembered."""
    time: int = 200
    """Length of the sequences of adding, or the delay of copying."""
    batch: int = 32
    """Sequences of a batch."""
    evaluated: int = 1000
    """Sequences of validation, and of the test."""
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require_choice(self, "problem", PROBLEMS)
        require(self, "time", low=2)
        for name in ("batch", "evaluated"):
            require(self, name, low=1)


def memory(config: MemoryConfig, settings: Mapping[str, Any]) -> Task:
    """Return the task of a problem.

    The metric is the mean squared error of adding, and the nats a step of copying, on sequences that are the same
    for all seeds.

    Args:
      config: settings; ``config.train.seed`` decides the batches.
      settings: JSON values that name the run, kept in its directory beside the configuration.
    """
    init, loss, row_losses = _functions(config.model, config.problem)

    def batch(step: int) -> Batch:
        drawn = draw(config, (0, config.train.seed, step), config.batch)
        return {**drawn._asdict(), "weight": np.ones(config.batch, np.float32)}

    @kept
    def losses(params: Params, split: Split) -> np.ndarray:
        """Of each sequence of a split; ``[N]``."""
        drawn = evaluated(config, split)
        parts = [Sequences(*(leaf[k : k + AT_ONCE] for leaf in drawn)) for k in range(0, config.evaluated, AT_ONCE)]
        return np.concatenate([row_losses(params, part._asdict()) for part in parts])

    def evaluate(params: Params, split: Split) -> dict[str, float]:
        return {"loss": float(losses(params, split).mean(dtype=float))}

    def finish(params: Params, run_dir: Path) -> None:
        write_json(run_dir / LOSSES_FILE, losses(params, "test").tolist())

    def inside(params: Params, number: int) -> Inside:
        xs = numbered(evaluated(config, "test").xs, number, "sequences")
        record = sequence(config.model, *WIDTHS[config.problem]).apply(params, xs[None], method="record")
        return look(f"sequence {number} of the test", [f"{step}" for step in range(1, len(xs) + 1)], record)

    return Task(
        init=init,
        batch=batch,
        loss=loss,
        evaluate=evaluate,
        selects=("valid_loss", "min"),
        finish=finish,
        inside=inside,
        settings={
            **settings,
            "task": config.problem,
            "time": config.time,
            "batch": config.batch,
            "evaluated": config.evaluated,
            "model": asdict(config.model),
        },
    )


def draw(config: MemoryConfig, seed: tuple[int, ...], count: int) -> Sequences:
    """Return so many sequences of a problem, a pure function of the seed."""
    make = {"adding": adding, "copy": copy_memory}[config.problem]
    return make(np.random.default_rng(seed), count, config.time)


def evaluated(config: MemoryConfig, split: Split) -> Sequences:
    """Return the sequences of validation or test, the same for all seeds."""
    return draw(config, (1, ("valid", "test").index(split)), config.evaluated)


def few_sequences(config: MemoryConfig) -> MemoryConfig:
    """Return the configuration with few sequences to score, for a run that only shows that it works."""
    return replace(config, evaluated=AT_ONCE)


def read_losses(run_dir: Path) -> np.ndarray:
    """Return the losses of the test sequences that a finished run wrote, ``[N]``.

    Raises:
      InputError: where there is no such run.
    """
    return np.array(require_json(run_dir / LOSSES_FILE, "adding or copying"))


def chance(config: MemoryConfig) -> float:
    """Return the loss of the best answer that remembers nothing: 1/6 of adding, ``10 ln 8 / (T + 20)`` of copying.

    Example:
      >>> round(chance(MemoryConfig(problem="copy", time=1000)), 4)
      0.0204
    """
    return 1 / 6 if config.problem == "adding" else COPIED * math.log(SYMBOLS) / (config.time + 2 * COPIED)


@cache  # Runs of one configuration share these functions, and so what is compiled of them.
def _functions(config: SequenceConfig, problem: str) -> tuple[Any, Any, Any]:
    model = sequence(config, *WIDTHS[problem])

    def of_row(outputs: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array]:
        if problem == "adding":
            return squared(outputs[-1:, 0], target[None], jnp.ones(1))
        return cross_entropy(outputs, target, jnp.ones(target.shape))

    def rows(params: Params, batch: Batch, key: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
        return jax.vmap(of_row)(model.apply(params, batch["xs"], key=key), batch["target"])

    def loss(params: Params, batch: Batch, key: jax.Array) -> tuple[Any, Any]:
        return tuple(jnp.sum(batch["weight"] * part) for part in rows(params, batch, key)), {}

    def row_losses(params: Params, batch: Batch) -> jax.Array:
        total, weight = rows(params, batch)
        return total / weight

    return jax.jit(model.init), loss, jax.jit(row_losses)
