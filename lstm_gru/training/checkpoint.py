"""Checkpoints of the training state: the latest three and the best on validation (the only use of Orbax)."""

import logging
import math
from pathlib import Path
from typing import Any, Literal

import jax
from orbax.checkpoint import v1 as orbax

KEEP_LATEST = 3

# Orbax reports every save and every preservation decision; a user wants to hear of failures.
logging.getLogger("absl").setLevel(logging.ERROR)


class Checkpoints:
    """The checkpoints of one run, one directory a step.

    Args:
      directory: created when missing.
      selects: ``(metric, "min" or "max")`` by which the best is kept; None keeps the latest only.
    """

    def __init__(self, directory: Path, selects: tuple[str, Literal["min", "max"]] | None):
        self._selects = selects
        policies = orbax.training.preservation_policies
        keep: list[Any] = [policies.LatestN(KEEP_LATEST)]
        if selects:
            keep.append(policies.BestN(get_metric_fn=self._goodness, n=1))
        self._checkpointer = orbax.training.Checkpointer(
            directory.absolute(),
            preservation_policy=policies.AnyPreservationPolicy(keep),
            cleanup_tmp_directories=True,
        )

    def _goodness(self, metrics: dict[str, float]) -> float:
        metric, direction = self._selects
        value = metrics[metric] if direction == "max" else -metrics[metric]
        return -math.inf if math.isnan(value) else value

    def save(self, step: int, state: Any, metrics: dict[str, float]) -> None:
        """Save and wait until the checkpoint is committed."""
        self._checkpointer.save(step, state, metrics=metrics)

    def latest(self) -> int | None:
        """Return the newest saved step, or None."""
        return max((saved.step for saved in self._checkpointer.checkpoints), default=None)

    def best(self) -> int | None:
        """Return the step that is best on validation, as Orbax the latest of equals; the newest without a metric."""
        if not self._selects:
            return self.latest()
        ranked = ((self._goodness(saved.metrics), saved.step) for saved in self._checkpointer.checkpoints)
        return max(ranked, default=(None, None))[1]

    def load(self, step: int, like: Any) -> Any:
        """Return the state of a step, with the structure, shapes, types and devices of ``like``."""
        abstract = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), like)
        return self._checkpointer.load(step, abstract)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *exception: object) -> None:
        self._checkpointer.close()
