"""The common training loop. It knows no task.

The run is a pure function of (task, config): noise comes from ``fold_in(key, step)``, batches from
(seed, step), and the state is parameters, optimiser state and step. A run that was stopped anywhere
therefore continues from its newest checkpoint to the same bits, on the same versions, core count and
devices; on more or fewer devices it continues to the same values within rounding.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import optax

from lstm_gru.config import TrainConfig
from lstm_gru.errors import InputError, RunError, Stopped
from lstm_gru.files import finite_or_none, read_json
from lstm_gru.task import Params, Task
from lstm_gru.training.checkpoint import ADVICE, Checkpoints
from lstm_gru.training.devices import Devices, all_devices
from lstm_gru.training.processes import Agreement, NoFiles, any_process, given, is_first, told
from lstm_gru.training.progress import RunProgress
from lstm_gru.training.run_directory import RunDirectory
from lstm_gru.training.selection import Selection
from lstm_gru.training.step import WISHES, TrainState, compiled_update, initial_state
from lstm_gru.training.stopping import StopRequest, stop_request

SAVE_SECONDS = 60.0


class Fitted(NamedTuple):
    """A finished run: the chosen parameters and what is in its ``scores.json``."""

    params: Params
    scores: dict[str, Any]


class _Run(NamedTuple):
    """What the parts of `fit` share."""

    task: Task
    config: TrainConfig
    path: Path
    devices: Devices
    directory: RunDirectory | NoFiles
    checkpoints: Checkpoints | NoFiles
    progress: RunProgress | NoFiles
    stop: StopRequest


def fit(
    task: Task,
    config: TrainConfig,
    run_dir: Path,
    *,
    init_from: Path | None = None,
    plain: bool = False,
    save_seconds: float = SAVE_SECONDS,
    devices: Devices | None = None,
) -> Fitted:
    """Train a task to the end, from where an earlier call stopped, and score it once on the test split.

    Where several processes share a run, all of them call this; the first one reads and writes the directory.

    Args:
      task: what to train.
      config: how.
      run_dir: where everything is written; the same directory continues the same run.
      init_from: another run's directory; this run then starts from its chosen parameters (its newest, where it is
        not finished) instead of random ones.
      plain: report progress as lines even on a terminal.
      save_seconds: a checkpoint is saved at each evaluation, at a stop, and whenever this time has passed.
      devices: that share each batch; all there are when None.

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
        settings["init_from"] = told(lambda: _known_origin(run_dir, init_from) or _origin(init_from))
    _check_alike(settings)
    with stop_request() as stop, _files(run_dir, settings, config.steps, plain) as (directory, checkpoints, progress):
        if not told(lambda: directory.scores() is not None):
            devices = replace(devices or all_devices(), shared=task.shared)
            run = _Run(task, config, run_dir, devices, directory, checkpoints, progress, stop)
            selection = _train(run, *_newest(run, settings.get("init_from")), save_seconds)
            told(lambda: _score(run, selection))
            if any_process(stop.made):  # While it was scored.
                raise Stopped(f"{run_dir}: finished, and stopped as asked")
    return fitted(run_dir, initial_params(task, config.seed))


def _check_alike(settings: dict[str, Any]) -> None:
    """Refuse to train where processes were given different things."""
    own = json.loads(json.dumps(settings))
    if any_process(told(lambda: own) != own):
        raise InputError("processes were given different configurations or data; expected the same command in all")


@contextmanager
def _files(path: Path, settings: dict[str, Any], steps: int, plain: bool) -> Iterator[tuple[Any, Any, Any]]:
    """A run's directory, checkpoints and progress; stand-ins in a process that leaves them to the first one."""
    with ExitStack() as stack:
        opened: list[Any] = []

        def open_files() -> None:
            progress = stack.enter_context(RunProgress(str(path), steps, plain=plain))
            directory = stack.enter_context(RunDirectory(path, settings, progress.say))
            options = {"say": progress.say, "before_save": directory.sync_metrics}
            checkpoints = stack.enter_context(Checkpoints(directory.checkpoints, **options))
            opened.extend((directory, checkpoints, progress))

        told(open_files)
        yield tuple(opened) if opened else (NoFiles(),) * 3


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
    scores = told(lambda: _finished(run_dir))
    return Fitted(given(lambda: _mean_params(run_dir, scores["chosen_steps"], like), like), scores)


def _finished(run_dir: Path) -> dict[str, Any]:
    scores = read_json(run_dir / "scores.json")
    if not isinstance(scores, dict) or not isinstance(scores.get("chosen_steps"), list):
        raise RunError(f"{run_dir / 'scores.json'}: names no chosen_steps; restore the file from a copy of the run")
    return scores


def _mean_params(run_dir: Path, steps: list[int], like: Params) -> Params:
    saved = Checkpoints(run_dir / "checkpoints")
    several = [saved.load(step, like, part="params") for step in steps]
    return several[0] if len(several) == 1 else optax.tree.scale(1 / len(several), optax.tree.add(*several))


def _known_origin(run_dir: Path, init_from: Path) -> dict[str, Any] | None:
    """What a run that has saved a state says of its origin, which may have gone on or away since; None without one."""
    origin = (read_json(run_dir / "config.json") or {}).get("init_from")
    begun = origin and Checkpoints(run_dir / "checkpoints").newest_intact()
    return origin if begun and origin["run"] == str(init_from) else None


def _origin(run_dir: Path) -> dict[str, Any]:
    """The steps of another run from which one starts, and what identifies their weights."""
    saved = Checkpoints(run_dir / "checkpoints")
    scores = read_json(run_dir / "scores.json")
    newest = saved.newest_intact()
    if not newest:
        raise InputError(f"{run_dir}: no intact checkpoint to start from; expected the directory of a run")
    steps = scores["chosen_steps"] if scores else [newest]
    return {"run": str(run_dir), "steps": steps, "sha256": [saved.fingerprint(step, part="params") for step in steps]}


def _newest(run: _Run, origin: dict[str, Any] | None) -> tuple[TrainState, Selection]:
    """The newest intact checkpoint, else the state before the first step, on the devices; the evaluations up to it."""
    start, kept = told(lambda: _recovered(run))
    params = initial_params(run.task, run.config.seed)
    if origin and not start:
        params = given(lambda: _mean_params(Path(origin["run"]), origin["steps"], params), params)
    state = initial_state(params, run.config)
    state = given(lambda: run.checkpoints.load(start, state), state) if start else state
    run.progress.start(start)
    return run.devices.place(state), _selection(run, kept)


def _recovered(run: _Run) -> tuple[int, list[dict[str, Any]]]:
    """The step to go on from, and the metrics up to it; 0 and nothing where nothing has been saved yet."""
    lines = list(run.directory.metrics())
    start = run.checkpoints.recover(_selection(run, lines).best)
    _check_complete(run, lines, start)
    return start, run.directory.rewind(start)


def _selection(run: _Run, lines: list[dict[str, Any]]) -> Selection:
    return Selection(run.task.selects, run.config.average, (line for line in lines if "seconds" in line))


def _check_complete(run: _Run, lines: list[dict[str, Any]], start: int) -> None:
    """Refuse to go on from metrics that lack a step or have one twice, or that are ahead of lost checkpoints."""
    config, path = run.config, run.path
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
    task, config, devices = run.task, run.config, run.devices
    update = compiled_update(task.loss, replace(config, seed=0), devices)
    key = devices.place_everywhere(jax.random.fold_in(jax.random.key(config.seed), 1))
    agree = Agreement(devices)
    saved = time.monotonic()
    began = saved - selection.seconds(int(state.step))
    for step in range(int(state.step) + 1, config.steps + 1):
        if config.patience and selection.evaluations_since_best() >= config.patience:
            break
        state, metrics = update(state, devices.place_batch(task.batch(step - 1)), key, agree.to_send())
        due = is_first() and time.monotonic() - saved > save_seconds
        saved = time.monotonic() if due else saved
        # Asked once a step: what comes later is for the next one.
        stopping, due = agree(metrics.pop(WISHES, None), run.stop.made, due)
        if step % config.log_every == 0:
            run.directory.log({"step": step, **{name: float(value) for name, value in metrics.items()}})
            _check_finite(run, state, step)
        evaluated = None
        if step % config.evaluate_every == 0 or step == config.steps:
            _check_finite(run, state, step)
            params = devices.whole(state.params)
            evaluated = told(lambda: _evaluate(task, params))  # noqa: B023 (called at once)
            line = {"step": step, **evaluated, "seconds": round(time.monotonic() - began, 3)}
            run.directory.log(line)
            selection.lines.append(line)
            del params  # It is donated to the next step.
        if evaluated is not None or stopping or due:
            run.checkpoints.save(step, devices.on_host(state), selection.best())
            saved = time.monotonic()
        run.progress.update(step, evaluated)
        if stopping:
            raise Stopped(_stopped(run, step))
    if failure := _failure(run):
        raise RunError(
            f"{run.path / 'checkpoints'}: the last checkpoint cannot be saved ({failure}); mend this, and the same "
            "command continues from the newest one that was saved"
        )
    return selection


def _failure(run: _Run) -> str | None:
    """Why the last checkpoint could not be saved; None where it could."""
    run.checkpoints.wait()
    return told(lambda: run.checkpoints.failure)


def _evaluate(task: Task, params: Params) -> dict[str, float]:
    if task.selects is None:
        return {}
    return {f"valid_{name}": float(value) for name, value in task.evaluate(params, "valid").items()}


def _check_finite(run: _Run, state: TrainState, step: int) -> None:
    """Give up after too many skipped steps in a row; the parameters are still those before the first of them."""
    count = int(state.optimizer.notfinite_count)
    if count >= run.config.skip_limit:
        raise RunError(
            f"{run.path}: loss or gradient not finite at step {step - count + 1} and at every one up to "
            f"{step}; all were skipped (skip_limit = {run.config.skip_limit}), the parameters are those before them. "
            "A lower train.learning_rate or train.clip_norm, in another directory, may help"
        )


def _stopped(run: _Run, step: int) -> str:
    sentence = f"{run.path}: stopped and saved at step {step}; the same command continues"
    if failure := _failure(run):
        sentence = f"{run.path}: stopped, but step {step} cannot be saved ({failure}); an earlier one continues"
    return told(lambda: sentence)


def _score(run: _Run, selection: Selection) -> None:
    """Score the chosen parameters once on the test split, which finishes the run."""
    task, steps = run.task, selection.best()
    params = _mean_params(run.path, steps, initial_params(task, run.config.seed))
    valid = selection.line(steps[0]) if len(steps) == 1 else _evaluate(task, params)
    scores = {
        "test": finite_or_none({name: float(value) for name, value in task.evaluate(params, "test").items()}),
        "chosen_steps": steps,
        "selected_by": _selected_by(task, finite_or_none(valid)),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
        "seconds": max((line["seconds"] for line in selection.lines), default=0.0),
    }
    task.finish(params, run.path)
    run.directory.finish(scores)


def _selected_by(task: Task, valid: dict[str, Any]) -> dict[str, Any] | None:
    """The validation metric by which models can be chosen without the test split."""
    if task.selects is None:
        return None
    metric, direction = task.selects
    return {"metric": metric, "direction": direction, "value": valid[metric]}
