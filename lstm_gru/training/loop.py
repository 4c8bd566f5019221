"""The common training loop. It knows no task.

The run is a pure function of (task, config): noise comes from ``fold_in(key, step)``, batches from
(seed, step), and the state is parameters, optimiser state and step. A run that was stopped anywhere
therefore continues from its newest checkpoint to the same bits, on the same versions, core count and
kind of device.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from lstm_gru.config import TrainConfig
from lstm_gru.task import Params, Task
from lstm_gru.training.checkpoint import Checkpoints
from lstm_gru.training.progress import RunProgress
from lstm_gru.training.run_directory import RunDirectory


class TrainState(NamedTuple):
    """All that changes while training."""

    params: Params
    optimizer: optax.OptState
    step: jax.Array


class Fitted(NamedTuple):
    """A finished run: the chosen parameters and what is in its ``scores.json``."""

    params: Params
    scores: dict[str, Any]


def fit(task: Task, config: TrainConfig, run_dir: Path, *, plain: bool = False) -> Fitted:
    """Train a task to the end, from where an earlier call stopped, and score it once on the test split.

    Args:
      task: what to train.
      config: how.
      run_dir: where everything is written; the same directory continues the same run.
      plain: report progress as lines even on a terminal.

    Returns:
      The parameters of the best checkpoint by ``task.selects`` (of the last without it), and the scores.

    Raises:
      InputError: when the directory cannot be written or belongs to another configuration.
    """
    run = RunDirectory(run_dir, {"task": task.settings, "train": asdict(config)})
    state = _initial_state(task, config)
    with Checkpoints(run.checkpoints, task.selects) as checkpoints:
        if run.scores() is None:
            state = _train(task, config, run, checkpoints, state, plain)
        best = checkpoints.best()
        params = checkpoints.load(best, state).params
    if (scores := run.scores()) is None:
        scores = _score(task, run, params, best)
    return Fitted(params, scores)


def _initial_state(task: Task, config: TrainConfig) -> TrainState:
    params = task.init(jax.random.fold_in(jax.random.key(config.seed), 0))
    return TrainState(params, make_optimizer(config).init(params), jnp.zeros((), jnp.int32))


def _train(
    task: Task,
    config: TrainConfig,
    run: RunDirectory,
    checkpoints: Checkpoints,
    state: TrainState,
    plain: bool,
) -> TrainState:
    start = checkpoints.latest() or 0
    if start:
        state = checkpoints.load(start, state)
    seconds_before = run.rewind(start)
    update = compiled_update(task.loss, replace(config, seed=0))
    key = jax.random.fold_in(jax.random.key(config.seed), 1)
    began = time.monotonic()
    with RunProgress(str(run.path), config.steps, start, plain=plain) as progress:
        for step in range(start + 1, config.steps + 1):
            state, metrics = update(state, task.batch(step - 1), key)
            if step % config.log_every == 0:
                run.log({"step": step, **_floats(metrics)})
            if step % config.evaluate_every == 0 or step == config.steps:
                metrics = _evaluate(task, state.params)
                seconds = seconds_before + time.monotonic() - began
                run.log({"step": step, **metrics, "seconds": round(seconds, 3)})
                run.sync_metrics()
                checkpoints.save(step, state, metrics)
                progress.update(step, metrics)
            else:
                progress.update(step)
    return state


def _evaluate(task: Task, params: Params) -> dict[str, float]:
    if task.selects is None:
        return {}
    return {f"valid_{name}": float(value) for name, value in task.evaluate(params, "valid").items()}


def _score(task: Task, run: RunDirectory, params: Params, best: int) -> dict[str, Any]:
    scores = {
        "test": {name: float(value) for name, value in task.evaluate(params, "test").items()},
        "best_step": best,
        "selected_by": _selected_by(task, run, best),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
        "seconds": max((line.get("seconds", 0.0) for line in run.metrics()), default=0.0),
    }
    task.finish(params, run.path)
    run.finish(scores)
    return scores


def _selected_by(task: Task, run: RunDirectory, best: int) -> dict[str, Any] | None:
    """The validation metric of the chosen step, by which models can be chosen without the test split."""
    if task.selects is None:
        return None
    metric, direction = task.selects
    value = next(line[metric] for line in run.metrics() if line["step"] == best and metric in line)
    return {"metric": metric, "direction": direction, "value": value}


@cache  # Tasks that share a loss, such as the folds of a rolling-origin evaluation, share the compilation.
def compiled_update(loss: Callable[..., Any], config: TrainConfig) -> Callable[..., Any]:
    """Return the jitted ``(state, batch, key) -> (state, {metric: scalar})``; the state is donated.

    Args:
      loss: a task's.
      config: settings of the optimiser.
    """
    optimizer = make_optimizer(config)

    def update(state: TrainState, batch: Any, key: jax.Array) -> tuple[TrainState, dict[str, jax.Array]]:
        def mean_loss(params: Params) -> tuple[jax.Array, dict[str, Any]]:
            total, metrics = loss(params, batch, jax.random.fold_in(key, state.step))
            return _mean(*total), metrics

        (value, metrics), gradient = jax.value_and_grad(mean_loss, has_aux=True)(state.params)
        updates, optimizer_state = optimizer.update(gradient, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        report = {
            "loss": value,
            **{name: _mean(*pair) for name, pair in metrics.items()},
            "gradient_norm": optax.tree.norm(gradient),
        }
        return TrainState(params, optimizer_state, state.step + 1), report

    return jax.jit(update, donate_argnums=0)


def make_optimizer(config: TrainConfig) -> optax.GradientTransformation:
    """Return AdamW (Loshchilov & Hutter 2019) after clipping by global norm, on the configured schedule."""
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(learning_rate(config), weight_decay=config.weight_decay, mask=_is_matrix),
    )


def learning_rate(config: TrainConfig) -> optax.Schedule:
    """Return the learning rate as a function of the step: linear warm-up, then constant or cosine to 0."""
    after = config.steps - config.warmup_steps
    if config.schedule == "cosine":
        main = optax.cosine_decay_schedule(config.learning_rate, max(after, 1))
    else:
        main = optax.constant_schedule(config.learning_rate)
    if not config.warmup_steps:
        return main
    rise = optax.linear_schedule(0.0, config.learning_rate, config.warmup_steps)
    return optax.join_schedules([rise, main], [config.warmup_steps])


def _is_matrix(params: Params) -> Params:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def _mean(total: jax.Array, weight: jax.Array) -> jax.Array:
    """Sum over weight; 0 for a batch in which nothing counts."""
    return jnp.where(weight > 0, total / jnp.maximum(weight, jnp.finfo(jnp.float32).tiny), 0.0)


def _floats(metrics: dict[str, jax.Array]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}
