"""The smallest task: fit a line, with noise in the loss so that resuming must restore the randomness too.

Run as a script it trains in a directory, so that a test can kill it: ``python tests/tiny.py DIR [STEPS]``.
"""

import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.config import TrainConfig
from lstm_gru.task import Task
from lstm_gru.training.loop import Fitted, fit

TRUTH = np.array([[2.0], [-1.0], [0.5]], np.float32)


def loss(params, batch, key):
    keep = jax.random.bernoulli(key, 0.8, batch["x"].shape)
    error = (batch["x"] * keep) @ params["w"] + params["b"][None, :] - batch["y"]
    total = (jnp.sum(error**2 * batch["weight"]), jnp.sum(batch["weight"]))
    return total, {"mae": (jnp.sum(jnp.abs(error) * batch["weight"]), jnp.sum(batch["weight"]))}


def line(seed=0, *, selects=("valid_rmse", "min"), slow=0.0, evaluations=None, finished=None):
    """The task; ``slow`` seconds a batch leave time to kill it, the lists collect what the loop called."""

    def batch(step):
        time.sleep(slow)
        random = np.random.default_rng((seed, step))
        x = random.normal(size=(8, 3)).astype(np.float32)
        return {"x": x, "y": x @ TRUTH, "weight": np.ones((8, 1), np.float32)}

    def evaluate(params, split):
        if evaluations is not None:
            evaluations.append(split)
        return {"rmse": float(jnp.sqrt(jnp.mean((params["w"] - TRUTH) ** 2)))}

    def finish(params, run_dir):
        if finished is not None:
            finished.append(run_dir)

    return Task(
        init=lambda key: {"w": jax.random.normal(key, (3, 1)), "b": jnp.zeros(1)},
        batch=batch,
        loss=loss,
        evaluate=evaluate,
        selects=selects,
        finish=finish,
        settings={"task": "line", "seed": seed},
    )


def settings(steps=60, **changes):
    defaults = dict(steps=steps, learning_rate=0.05, evaluate_every=5, log_every=1)
    return TrainConfig(**{**defaults, **changes})


def train(directory: Path, steps: int, slow: float = 0.0) -> Fitted:
    return fit(line(slow=slow), settings(steps), directory, plain=True)


if __name__ == "__main__":
    train(Path(sys.argv[1]), int(sys.argv[2]), slow=0.02)
