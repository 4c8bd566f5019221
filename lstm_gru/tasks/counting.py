"""Counting: learning what follows in aⁿbⁿ or aⁿbⁿcⁿ from such strings alone, as a task for the common loop."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.config import TrainConfig, require
from lstm_gru.data.counting import LETTERS, accepted, counted, first_wrong
from lstm_gru.losses import cross_entropy
from lstm_gru.models.sequence import SequenceConfig, sequence
from lstm_gru.task import Batch, Params, Split, Task

AT_ONCE = 64  # Strings.


@dataclass(frozen=True)
class CountingConfig:
    """Everything that a run can change."""

    model: SequenceConfig = field(default_factory=SequenceConfig)
    letters: int = 2
    """2 for aⁿbⁿ, 3 for aⁿbⁿcⁿ."""
    longest: int = 99
    """The largest n in training."""
    tested: int = 1000
    """The largest n that is tested."""
    batch: int = 32
    """Strings of a batch."""
    threshold: float = 0.01
    """A letter with a probability up to this is one that cannot follow."""
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require(self, "letters", low=2, high=len(LETTERS))
        for name in ("longest", "batch"):
            require(self, name, low=1)
        require(self, "tested", low=self.longest)
        require(self, "threshold", above=0, below=1)


def counting(config: CountingConfig, settings: Mapping[str, Any]) -> Task:
    """Return the task of a language.

    Metrics: ``nats`` of a letter on all strings up to the largest n in training, which chooses the checkpoint; in the
    test also ``right`` and ``told_apart``, the largest N up to which every string is accepted, and the one up to which
    also those that are nearly one are refused (`lstm_gru.data.counting.accepted`).

    Args:
      config: settings; ``config.train.seed`` decides the batches.
      settings: JSON values that name the run, kept in its directory beside the configuration.
    """
    init, loss, total, log_probs = _functions(config.model, config.letters)

    def batch(step: int) -> Batch:
        counts = np.random.default_rng((config.train.seed, step)).integers(1, config.longest + 1, config.batch)
        return counted(config.letters, counts, config.longest)._asdict()

    def evaluate(params: Params, split: Split) -> dict[str, float]:
        seen = counted(config.letters, np.arange(1, config.longest + 1), config.longest)._asdict()
        nats, weight = total(params, seen)
        return {"nats": float(nats / weight)} | (accepts(params) if split == "test" else {})

    def accepts(params: Params) -> dict[str, float]:
        found = []
        for first in range(1, config.tested + 1, AT_ONCE):
            counts = np.arange(first, min(first + AT_ONCE, config.tested + 1))
            rows = np.append(counts, np.ones(AT_ONCE - len(counts), int))
            strings = counted(config.letters, rows, first + AT_ONCE - 1)
            said = np.asarray(log_probs(params, strings._asdict()))[: len(counts)]
            found.append(np.stack(accepted(said, counts, config.letters, config.threshold)))
            if not found[-1][0].all():  # Nothing beyond counts any more.
                break
        right, apart = np.concatenate(found, axis=1)
        return {"right": float(first_wrong(right)), "told_apart": float(first_wrong(apart))}

    return Task(
        init=init,
        batch=batch,
        loss=loss,
        evaluate=evaluate,
        selects=("valid_nats", "min"),
        settings={
            **settings,
            "task": "counting",
            "language": "".join(f"{letter}ⁿ" for letter in LETTERS[: config.letters]),
            **{name: getattr(config, name) for name in ("longest", "tested", "batch", "threshold")},
            "model": asdict(config.model),
        },
    )


@cache  # Runs of one configuration share these functions, and so what is compiled of them.
def _functions(config: SequenceConfig, letters: int) -> tuple[Any, Any, Any, Any]:
    model = sequence(config, letters + 1, letters + 1)

    def total(params: Params, batch: Batch, key: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
        outputs = model.apply(params, batch["xs"], batch["lengths"], key)
        there = jnp.arange(outputs.shape[1])[None, :] < batch["lengths"][:, None]
        return cross_entropy(outputs, batch["target"], there.astype(outputs.dtype))

    def loss(params: Params, batch: Batch, key: jax.Array) -> tuple[Any, Any]:
        return total(params, batch, key), {}

    def log_probs(params: Params, batch: Batch) -> jax.Array:
        return jax.nn.log_softmax(model.apply(params, batch["xs"], batch["lengths"]))

    return jax.jit(model.init), loss, jax.jit(total), jax.jit(log_probs)
