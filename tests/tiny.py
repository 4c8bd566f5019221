"""The smallest task: fit a line, with noise in the loss so that resuming must restore the randomness too."""

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


def line(seed=0, *, selects=("valid_rmse", "min"), evaluations=None, finished=None, ballast=0, data="sha"):
    """The task; the lists collect what the loop called, ``ballast`` are parameters that make its checkpoints large."""

    def init(key):
        params = {"w": jax.random.normal(key, (3, 1)), "b": jnp.zeros(1)}
        return {**params, "ballast": jax.random.normal(key, (ballast,))} if ballast else params

    def batch(step):
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
        init=init,
        batch=batch,
        loss=loss,
        evaluate=evaluate,
        selects=selects,
        finish=finish,
        settings={"task": "line", "seed": seed, "data": {"sha256": data}},
    )


def settings(steps=60, **changes):
    defaults = dict(steps=steps, learning_rate=0.05, evaluate_every=5, log_every=1)
    return TrainConfig(**{**defaults, **changes})


def train(directory: Path, steps: int, **changes) -> Fitted:
    return fit(line(), settings(steps, **changes), directory, plain=True)


def changed(task: Task, **changes) -> Task:
    return Task(**{**vars(task), **changes})
