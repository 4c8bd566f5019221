"""The adding and the copy problem, as tasks for the common loop; new sequences at every step, none seen twice."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.config import TrainConfig, require, require_choice
from lstm_gru.data.memory import COPIED, SYMBOLS, Sequences, adding, copy_memory
from lstm_gru.losses import cross_entropy, squared
from lstm_gru.models.sequence import SequenceConfig, sequence
from lstm_gru.task import Batch, Params, Split, Task

PROBLEMS = ("adding", "copy")
WIDTHS = {"adding": (2, 1), "copy": (SYMBOLS + 2, SYMBOLS + 2)}  # Of inputs and outputs.
EVALUATED, AT_ONCE = 1000, 100  # Sequences.


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
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require_choice(self, "problem", PROBLEMS)
        require(self, "time", low=2)
        require(self, "batch", low=1)


def memory(config: MemoryConfig, settings: Mapping[str, Any]) -> Task:
    """Return the task of a problem.

    The metric is the mean squared error of adding, and the nats a step of copying, on 1,000 sequences that are the
    same for all seeds.

    Args:
      config: settings; ``config.train.seed`` decides the batches.
      settings: JSON values that name the run, kept in its directory beside the configuration.
    """
    init, loss, total = _functions(config.model, config.problem)

    def batch(step: int) -> Batch:
        return draw(config, (0, config.train.seed, step), config.batch)._asdict()

    def evaluate(params: Params, split: Split) -> dict[str, float]:
        drawn = draw(config, (1, ("valid", "test").index(split)), EVALUATED)
        parts = [
            Sequences(*(leaf[k : k + AT_ONCE] for leaf in drawn))._asdict() for k in range(0, len(drawn.xs), AT_ONCE)
        ]
        sums = np.array([total(params, part) for part in parts]).sum(axis=0)
        return {"loss": float(sums[0] / sums[1])}

    return Task(
        init=init,
        batch=batch,
        loss=loss,
        evaluate=evaluate,
        selects=("valid_loss", "min"),
        settings={
            **settings,
            "task": config.problem,
            "time": config.time,
            "batch": config.batch,
            "model": asdict(config.model),
        },
    )


def draw(config: MemoryConfig, seed: tuple[int, ...], count: int) -> Sequences:
    """Return so many sequences of a problem, a pure function of the seed."""
    make = {"adding": adding, "copy": copy_memory}[config.problem]
    return make(np.random.default_rng(seed), count, config.time)


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

    def total(params: Params, batch: Batch, key: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
        outputs, target = model.apply(params, batch["xs"], key=key), batch["target"]
        if problem == "adding":
            return squared(outputs[:, -1, 0], target, jnp.ones(target.shape))
        return cross_entropy(outputs, target, jnp.ones(target.shape))

    def loss(params: Params, batch: Batch, key: jax.Array) -> tuple[Any, Any]:
        return total(params, batch, key), {}

    return jax.jit(model.init), loss, jax.jit(total)
