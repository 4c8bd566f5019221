"""The common training loop. It knows no task.

The run is a pure function of (task, config): noise comes from ``fold_in(key, step)``, batches from
(seed, step), and the state is parameters, optimiser state and step. A run that was stopped anywhere
therefore continues from its newest checkpoint to the same bits, on the same versions, core count and
kind of device.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from lstm_gru.config import TrainConfig
from lstm_gru.errors import InputError, RunError, Stopped
from lstm_gru.files import finite_or_none, read_json
from lstm_gru.task import Params, Task
from lstm_gru.training.checkpoint import ADVICE, Checkpoints
from lstm_gru.training.optimizer import make_optimizer
from lstm_gru.training.progress import RunProgress
from lstm_gru.training.run_directory import RunDirectory
from lstm_gru.training.selection import Selection
from lstm_gru.training.stopping import StopRequest, stop_request

SAVE_SECONDS = 60.0


class TrainState(NamedTuple):
    """All that changes while training."""

    params: Params
    optimizer: optax.OptState
    step: jax.Array


class Fitted(NamedTuple):
    """A finished run: the chosen parameters and what is in its ``scores.json``."""

    params: Params
    scores: dict[str, Any]


class _Run(NamedTuple):
    """What the parts of `fit` share."""

    task: Task
    config: TrainConfig
    directory: RunDirectory
    checkpoints: Checkpoints
    progress: RunProgress
    stop: StopRequest


def fit(
    task: Task,
    config: TrainConfig,
    run_dir: Path,
    *,
    init_from: Path | None = None,
    plain: bool = False,
    save_seconds: float = SAVE_SECONDS,
) -> Fitted:
    """Train a task to the end, from where an earlier call stopped, and score it once on the test split.

    Args:
      task: what to train.
      config: how.
      run_dir: where everything is written; the same directory continues the same run.
      init_from: another run's directory; this run then starts from its chosen parameters (its newest, where it is
        not finished) instead of random ones.
      plain: report progress as lines even on a terminal.
      save_seconds: a checkpoint is saved at each evaluation, at a stop, and whenever this time has passed.

    Returns:
      The parameters of the best checkpoint by ``task.selects`` (of the last without it), or the mean of the
      ``config.average`` best, and the scores.

    Raises:
      InputError: when the directory cannot be written, is in use, or belongs to another configuration.
      RunError: when checkpoints are damaged beyond what can be made again, when nothing can be saved at the end,
        or when the loss stays not finite.
      Stopped: after SIGTERM or Ctrl-C, with the state saved.
    """
    if config.patience and task.selects is None:
        raise InputError(f"TrainConfig: patience = {config.patience}; expected 0, since this task has no validation")
    settings = {"task": task.settings, "train": asdict(config)}
    if init_from is not None:
        settings["init_from"] = _origin(init_from)
    with (
        stop_request() as stop,
        RunProgress(str(run_dir), config.steps, plain=plain) as progress,
        RunDirectory(run_dir, settings, progress.say) as directory,
        Checkpoints(directory.checkpoints, say=progress.say, before_save=directory.sync_metrics) as checkpoints,
    ):
        params = initial_params(task, config.seed)
        if directory.scores() is None:
            if init_from is not None:
                params = _mean_params(init_from, settings["init_from"]["steps"], params)
            state = TrainState(params, make_optimizer(config).init(params), jnp.zeros((), jnp.int32))
            run = _Run(task, config, directory, checkpoints, progress, stop)
            selection = _train(run, *_newest(run, state), save_seconds)
            _score(run, selection, params)
            if stop.made:  # While it was scored.
                raise Stopped(f"{run_dir}: finished, and stopped as asked")
    return fitted(run_dir, params)


def initial_params(task: Task, seed: int) -> Params:
    """Return the parameters that a run with this seed starts from."""
    return task.init(jax.random.fold_in(jax.random.key(seed), 0))


def fitted(run_dir: Path, like: Params) -> Fitted:
    """Return the parameters and scores of a finished run.

    Args:
      run_dir: its directory.
      like: parameters of the same structure, shapes and types.

    Raises:
      RunError: when a checkpoint is damaged or belongs to another model.
    """
    scores = read_json(run_dir / "scores.json")
    if not isinstance(scores, dict) or not isinstance(scores.get("chosen_steps"), list):
        raise RunError(f"{run_dir / 'scores.json'}: names no chosen_steps; restore the file from a copy of the run")
    return Fitted(_mean_params(run_dir, scores["chosen_steps"], like), scores)


def _mean_params(run_dir: Path, steps: list[int], like: Params) -> Params:
    saved = Checkpoints(run_dir / "checkpoints")
    several = [saved.load(step, like, part="params") for step in steps]
    return several[0] if len(several) == 1 else optax.tree.scale(1 / len(several), optax.tree.add(*several))


def _origin(run_dir: Path) -> dict[str, Any]:
    """The steps of another run from which one starts, and what identifies their weights."""
    saved = Checkpoints(run_dir / "checkpoints")
    scores = read_json(run_dir / "scores.json")
    newest = saved.newest_intact()
    if not newest:
        raise InputError(f"{run_dir}: no intact checkpoint to start from; expected the directory of a run")
    steps = scores["chosen_steps"] if scores else [newest]
    return {"run": str(run_dir), "steps": steps, "sha256": [saved.fingerprint(step, part="params") for step in steps]}


def _newest(run: _Run, state: TrainState) -> tuple[TrainState, Selection]:
    """The newest intact checkpoint, or the given state where there is none yet, and the evaluations up to it."""
    lines = list(run.directory.metrics())
    start = run.checkpoints.recover(_selection(run, lines).best)
    _check_complete(run, lines, start)
    state = run.checkpoints.load(start, state) if start else state
    run.progress.start(start)
    return state, _selection(run, run.directory.rewind(start))


def _selection(run: _Run, lines: list[dict[str, Any]]) -> Selection:
    return Selection(run.task.selects, run.config.average, (line for line in lines if "seconds" in line))


def _check_complete(run: _Run, lines: list[dict[str, Any]], start: int) -> None:
    """Refuse to go on from metrics that lack a step or have one twice, or that are ahead of lost checkpoints."""
    config, path = run.config, run.directory.path
    evaluated = [line["step"] for line in lines if "seconds" in line]
    if start == 0 and len(evaluated) > 2:  # The third is made when the state of the first has been saved.
        raise RunError(f"{path}: no checkpoint, although the run got to step {evaluated[-1]}. {ADVICE}")
    due = [step for step in range(1, start + 1) if step % config.evaluate_every == 0 or step == config.steps]
    logged = range(config.log_every, start + 1, config.log_every)
    expected = Counter([*((step, True) for step in due), *((step, False) for step in logged)])
    found = Counter((line["step"], "seconds" in line) for line in lines if line["step"] <= start)
    if wrong := sorted((found - expected) | (expected - found)):
        raise RunError(f"{path / 'metrics.jsonl'}: step {wrong[0][0]} is missing or there twice. {ADVICE}")


def _train(run: _Run, state: TrainState, selection: Selection, save_seconds: float) -> Selection:
    """Train until the last step, or until patience ends; return the evaluations."""
    task, config = run.task, run.config
    update = compiled_update(task.loss, replace(config, seed=0))
    key = jax.random.fold_in(jax.random.key(config.seed), 1)
    saved = time.monotonic()
    began = saved - selection.seconds(int(state.step))
    for step in range(int(state.step) + 1, config.steps + 1):
        if config.patience and selection.evaluations_since_best() >= config.patience:
            break
        state, metrics = update(state, task.batch(step - 1), key)
        if step % config.log_every == 0:
            run.directory.log({"step": step, **{name: float(value) for name, value in metrics.items()}})
            _check_finite(run, state, step)
        evaluated = None
        if step % config.evaluate_every == 0 or step == config.steps:
            _check_finite(run, state, step)
            evaluated = _evaluate(task, state.params)
            line = {"step": step, **evaluated, "seconds": round(time.monotonic() - began, 3)}
            run.directory.log(line)
            selection.lines.append(line)
        stopping = run.stop.made  # Asked once a step: what comes later is for the next one.
        if evaluated is not None or stopping or time.monotonic() - saved > save_seconds:
            run.checkpoints.save(step, state, selection.best())
            saved = time.monotonic()
        run.progress.update(step, evaluated)
        if stopping:
            raise Stopped(_stopped(run, step))
    run.checkpoints.wait()
    if failure := run.checkpoints.failure:
        raise RunError(
            f"{run.directory.checkpoints}: the last checkpoint cannot be saved ({failure}); mend this, and the same "
            "command continues from the newest one that was saved"
        )
    return selection


def _evaluate(task: Task, params: Params) -> dict[str, float]:
    if task.selects is None:
        return {}
    return {f"valid_{name}": float(value) for name, value in task.evaluate(params, "valid").items()}


def _check_finite(run: _Run, state: TrainState, step: int) -> None:
    """Give up after too many skipped steps in a row; the parameters are still those before the first of them."""
    count = int(state.optimizer.notfinite_count)
    if count >= run.config.skip_limit:
        raise RunError(
            f"{run.directory.path}: loss or gradient not finite at step {step - count + 1} and at every one up to "
            f"{step}; all were skipped (skip_limit = {run.config.skip_limit}), the parameters are those before them. "
            "A lower train.learning_rate or train.clip_norm, in another directory, may help"
        )


def _stopped(run: _Run, step: int) -> str:
    run.checkpoints.wait()
    if failure := run.checkpoints.failure:
        return f"{run.directory.path}: stopped, but step {step} cannot be saved ({failure}); an earlier one continues"
    return f"{run.directory.path}: stopped and saved at step {step}; the same command continues"


def _score(run: _Run, selection: Selection, like: Params) -> None:
    """Score the chosen parameters once on the test split, which finishes the run."""
    task, steps = run.task, selection.best()
    params = _mean_params(run.directory.path, steps, like)
    valid = selection.line(steps[0]) if len(steps) == 1 else _evaluate(task, params)
    scores = {
        "test": finite_or_none({name: float(value) for name, value in task.evaluate(params, "test").items()}),
        "chosen_steps": steps,
        "selected_by": _selected_by(task, finite_or_none(valid)),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
        "seconds": max((line["seconds"] for line in selection.lines), default=0.0),
    }
    task.finish(params, run.directory.path)
    run.directory.finish(scores)


def _selected_by(task: Task, valid: dict[str, Any]) -> dict[str, Any] | None:
    """The validation metric by which models can be chosen without the test split."""
    if task.selects is None:
        return None
    metric, direction = task.selects
    return {"metric": metric, "direction": direction, "value": valid[metric]}


@cache  # Tasks that share a loss, such as the folds of a rolling-origin evaluation, share the compilation.
def compiled_update(loss: Callable[..., Any], config: TrainConfig) -> Callable[..., Any]:
    """Return the jitted ``(state, batch, key) -> (state, {metric: scalar})``; the state is donated.

    A step whose loss or gradient is not finite leaves parameters and optimiser as they are, and is counted.

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
        norm = optax.tree.norm(gradient)
        finite = jnp.isfinite(value) & jnp.isfinite(norm)  # The optimiser itself looks at the gradient only.
        gradient = jax.tree.map(lambda leaf: jnp.where(finite, leaf, jnp.nan), gradient)
        updates, optimizer_state = optimizer.update(gradient, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        report = {
            "loss": value,
            **{name: _mean(*pair) for name, pair in metrics.items()},
            "gradient_norm": norm,
            "skipped_steps": optimizer_state.total_notfinite,
        }
        return TrainState(params, optimizer_state, state.step + 1), report

    return jax.jit(update, donate_argnums=0)


def _mean(total: jax.Array, weight: jax.Array) -> jax.Array:
    """Sum over weight; 0 for a batch in which nothing counts."""
    return jnp.where(weight > 0, total / jnp.maximum(weight, jnp.finfo(jnp.float32).tiny), 0.0)
