"""Counting: learning what follows in aⁿbⁿ or aⁿbⁿcⁿ from such strings alone, as a task for the common loop."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lstm_gru.config import TrainConfig, require
from lstm_gru.data.counting import LETTERS, Judged, counted, furthest, judged
from lstm_gru.files import require_json, write_json
from lstm_gru.inside import look
from lstm_gru.lengths import valid_steps
from lstm_gru.losses import cross_entropy
from lstm_gru.models.sequence import SequenceConfig, sequence
from lstm_gru.task import Batch, Inside, Params, Split, Task, kept, numbered

COUNTS_FILE, STATES_FILE = "counts-test.json", "states-test.json"
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

    Metrics: ``nats`` of a letter on all strings up to the largest n in training, which chooses the checkpoint; of the
    test those of `scores`, of strings up to ``config.tested``.

    Args:
      config: settings; ``config.train.seed`` decides the batches.
      settings: JSON values that name the run, kept in its directory beside the configuration.
    """
    init, loss, total, log_probs = _functions(config.model, config.letters)

    def batch(step: int) -> Batch:
        counts = np.random.default_rng((config.train.seed, step)).integers(1, config.longest + 1, config.batch)
        return counted(config.letters, counts, config.longest)._asdict()

    def evaluate(params: Params, split: Split) -> dict[str, float]:
        if split == "test":
            return scores(judge(params))
        seen = counted(config.letters, np.arange(1, config.longest + 1), config.longest)
        nats, weight = total(params, seen._asdict())
        return {"nats": float(nats / weight)}

    @kept
    def judge(params: Params) -> Judged:
        found = Judged(np.zeros(config.tested, bool), np.zeros(config.tested, bool))
        for first in range(1, config.tested + 1, AT_ONCE):
            counts = np.arange(first, first + AT_ONCE).clip(max=config.tested)  # One shape, compiled once.
            said = np.asarray(log_probs(params, counted(config.letters, counts, config.tested)._asdict()))
            for part, whole in zip(judged(said, counts, config.letters, config.threshold), found, strict=True):
                whole[counts - 1] = part
        return found

    def finish(params: Params, run_dir: Path) -> None:
        write_json(run_dir / COUNTS_FILE, {name: part.tolist() for name, part in judge(params)._asdict().items()})
        # The first string that is longer than all in training, where there is one.
        found = inside(params, min(config.longest, config.tested - 1))
        states = {name: values.tolist() for name, values in found.states.items()}
        write_json(run_dir / STATES_FILE, {"steps": found.steps, "states": states})

    def inside(params: Params, number: int) -> Inside:
        count = numbered(range(1, config.tested + 1), number, "strings")
        strings = counted(config.letters, np.array([count]), count)
        record = sequence(config.model, *[config.letters + 1] * 2).apply(params, strings.xs, method="record")
        what = "".join(f"{letter}^{count}" for letter in LETTERS[: config.letters])
        return look(what, [f"^{LETTERS}"[letter] for letter in strings.xs[0].argmax(axis=1)], record)

    return Task(
        init=init,
        batch=batch,
        loss=loss,
        evaluate=evaluate,
        selects=("valid_nats", "min"),
        finish=finish,
        inside=inside,
        settings={
            **settings,
            "task": "counting",
            "language": "".join(f"{letter}ⁿ" for letter in LETTERS[: config.letters]),
            **{name: getattr(config, name) for name in ("longest", "tested", "batch", "threshold")},
            "model": asdict(config.model),
        },
    )


def read_judged(run_dir: Path) -> Judged:
    """Return what a finished run's model made of the test strings.

    Raises:
      InputError: where there is no such run.
    """
    found = require_json(run_dir / COUNTS_FILE, "counting")
    return Judged(**{name: np.array(part) for name, part in found.items()})


def read_states(run_dir: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the letters of the string that a finished run looked at, and its states by name, ``[T, H]``.

    Raises:
      InputError: where there is no such run.
    """
    found = require_json(run_dir / STATES_FILE, "counting")
    return found["steps"], {name: np.array(values) for name, values in found["states"].items()}


def scores(found: Judged) -> dict[str, float]:
    """Return ``counted``, how many of the strings are counted, and ``accepted``, the largest n accepted."""
    return {"counted": float(found.counted.sum()), "accepted": float(furthest(found.accepted))}


@cache  # Runs of one configuration share these functions, and so what is compiled of them.
def _functions(config: SequenceConfig, letters: int) -> tuple[Any, Any, Any, Any]:
    model = sequence(config, letters + 1, letters + 1)

    def total(params: Params, batch: Batch, key: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
        outputs = model.apply(params, batch["xs"], batch["lengths"], key)
        there = valid_steps(batch["lengths"], outputs.shape[1])
        return cross_entropy(outputs, batch["target"], there.astype(outputs.dtype))

    def loss(params: Params, batch: Batch, key: jax.Array) -> tuple[Any, Any]:
        return total(params, batch, key), {}

    def log_probs(params: Params, batch: Batch) -> jax.Array:
        return jax.nn.log_softmax(model.apply(params, batch["xs"], batch["lengths"]))

    return jax.jit(model.init), loss, jax.jit(total), jax.jit(log_probs)
