"""The next step of a piece of music from all steps before it, as a task for the common loop.

Every piece is read whole, from its first step on; all but the first are predicted. The score is the negative
log-likelihood of a step, summed over its 88 keys, in nats: Σ over all pieces divided by the number of predicted steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.config import TrainConfig, require, require_choice
from lstm_gru.data.rolls import CORPORA, KEYS, Piece, RollBatches, music, ordered_rolls
from lstm_gru.files import require_json, write_json
from lstm_gru.inside import look
from lstm_gru.lengths import valid_steps
from lstm_gru.losses import bernoulli
from lstm_gru.metrics import ratio
from lstm_gru.models.sequence import SequenceConfig, sequence
from lstm_gru.task import Batch, Inside, Measured, Params, Split, Task, kept, numbered

NATS_FILE = "nats-test.json"
EVALUATED_AT_ONCE = 16_384  # Steps, padding included.


@dataclass(frozen=True)
class MusicConfig:
    """Everything that a run can change."""

    model: SequenceConfig = field(default_factory=SequenceConfig)
    corpus: Literal["jsb_chorales", "nottingham"] = "jsb_chorales"
    """Chorales of Bach, or folk tunes."""
    steps_per_batch: int = 2048
    """Predicted positions of a batch, padding included; a wider piece has a batch of its own."""
    most_scored: int = 0
    """How many pieces of each split that is not trained on are used, the first ones; all of them when 0."""
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require_choice(self, "corpus", CORPORA)
        require(self, "steps_per_batch", low=1)
        require(self, "most_scored", low=0)


def next_step(config: MusicConfig, settings: Mapping[str, Any]) -> Task:
    """Return the task of predicting a corpus' pieces step by step.

    Args:
      config: settings; ``config.train.seed`` decides the batches.
      settings: JSON values that name the run, kept in its directory beside the configuration.

    Raises:
      InputError: when the corpus cannot be read.
    """
    rolls = music(config.corpus)
    scored = {split: rolls.splits[split][: config.most_scored or None] for split in ("valid", "test")}
    batches = RollBatches(rolls.splits["train"], steps_per_batch=config.steps_per_batch, seed=config.train.seed)
    init, loss, piece_nats = _functions(config.model)

    @kept
    def nats(params: Params, split: str) -> np.ndarray:
        """Of each piece of a split; ``[N]``."""
        found = np.zeros(len(scored[split]))
        for members, batch in ordered_rolls(scored[split], steps_per_batch=EVALUATED_AT_ONCE):
            found[members] = np.asarray(piece_nats(params, batch))[: len(members)]
        return found

    def evaluate(params: Params, split: Split) -> dict[str, float]:
        return {"nats": float(ratio(sums(scored[split], nats(params, split)).sum(axis=0)))}

    def finish(params: Params, run_dir: Path) -> None:
        write_json(run_dir / NATS_FILE, nats(params, "test").tolist())

    def inside(params: Params, number: int) -> Inside:
        piece = numbered(scored["test"], number, "pieces")
        record = sequence(config.model, KEYS, KEYS).apply(params, piece[None, :-1], method="record")
        steps = [f"{step}" for step in range(1, len(piece))]
        return look(f"piece {number} of {config.corpus}'s test", steps, record)

    return Task(
        init=init,
        batch=batches.batch,
        loss=loss,
        evaluate=evaluate,
        selects=("valid_nats", "min"),
        finish=finish,
        inside=inside,
        settings={
            **settings,
            "task": "music",
            "data": dict(rolls.source),
            "model": asdict(config.model),
            "steps_per_batch": config.steps_per_batch,
            **({"most_scored": config.most_scored} if config.most_scored else {}),
        },
    )


def few_pieces(config: MusicConfig) -> MusicConfig:
    """Return the configuration with few pieces to score, for a run that only shows that it works."""
    return replace(config, most_scored=2)


def measured(corpus: str, nats: np.ndarray) -> Measured:
    """Return the score of a corpus' test pieces, ``nats``, and of each piece its nats and predicted steps.

    Args:
      corpus: its name.
      nats: of each test piece, or of the first ones, ``[N]``.
    """
    found = sums(music(corpus).splits["test"][: len(nats)], nats)
    pieces = {f"{number}": row.tolist() for number, row in enumerate(found, start=1)}
    return Measured({"nats": float(ratio(found.sum(axis=0)))}, pieces)


def sums(pieces: Sequence[Piece], nats: np.ndarray) -> np.ndarray:
    """Return of each piece its nats and its predicted steps, ``[N, 2]``."""
    return np.stack([nats, [len(piece) - 1 for piece in pieces]], axis=-1)


def read_nats(run_dir: Path) -> np.ndarray:
    """Return the nats of each test piece that a finished run kept.

    Raises:
      InputError: where there is no such run.
    """
    return np.array(require_json(run_dir / NATS_FILE, "music"))


@cache  # Runs of one configuration share these functions, and so what is compiled of them.
def _functions(config: SequenceConfig) -> tuple[Any, Any, Any]:
    model = sequence(config, KEYS, KEYS)

    def predicted(params: Params, batch: Batch, key: jax.Array | None) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Logits and keys of all steps but the first, and which of them are there."""
        roll, steps = batch["roll"], batch["lengths"] - 1
        logits = model.apply(params, roll[:, :-1], jnp.maximum(steps, 0), key)
        return logits, roll[:, 1:], valid_steps(steps, roll.shape[1] - 1).astype(logits.dtype)

    def loss(params: Params, batch: Batch, key: jax.Array) -> tuple[Any, Any]:
        return bernoulli(*predicted(params, batch, key)), {}

    def piece_nats(params: Params, batch: Batch) -> jax.Array:
        return jax.vmap(lambda *piece: bernoulli(*piece)[0])(*predicted(params, batch, None))

    return jax.jit(model.init), loss, jax.jit(piece_nats)
