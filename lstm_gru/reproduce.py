"""Runs of an experiment: one (experiment, variant, seed) is trained, recorded, read again, scored again, drawn."""

import itertools
import math
import statistics
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jax

from lstm_gru.config import from_settings
from lstm_gru.errors import InputError, Stopped
from lstm_gru.experiment import Experiment, load_experiment
from lstm_gru.files import read_json, write_json
from lstm_gru.records import CHOSEN, Record
from lstm_gru.task import Measured, Task
from lstm_gru.training.devices import all_devices
from lstm_gru.training.loop import fit, fitted
from lstm_gru.training.manifest import manifest, together
from lstm_gru.training.processes import any_process, told
from lstm_gru.training.run_directory import valid_lines
from lstm_gru.training.stopping import stop_request

MOST_REGIONS = 30_000  # Of memory, kept after a run. Linux allows a process 65,530; Multi30k takes 9,000 for a run.
RECORD = "record.json"  # Written last: its presence means that all folds of the run are finished.


@dataclass(frozen=True)
class Run:
    """One run of an experiment, as plain values that can be sent to another process.

    Attributes:
      experiment: its name.
      variant: its name.
      seed: decides initial parameters, batches and noise.
      directory: where the run is kept.
      config: instead of the variant's own configuration; its seed is set to the run's.
      init_from: another run's directory, from whose weights each fold starts.
      splits: over how many devices large matrices are split.
      validated: only the folds that have a validation part, since the others tell a learning-rate grid nothing.
      smoke: a few steps of a few folds, all on the first batch.
      plain: progress as lines even on a terminal.
      command: what trains it; when empty, that of the variant's own configuration.
    """

    experiment: str
    variant: str
    seed: int
    directory: Path
    config: Any = None
    init_from: Path | None = None
    splits: int = 1
    validated: bool = False
    smoke: bool = False
    plain: bool = False
    command: str = ""

    def full_config(self) -> Any:
        """Return the configuration with the run's seed."""
        experiment = load_experiment(self.experiment)
        config = experiment.config(self.variant) if self.config is None else self.config
        config = experiment.smoke(config) if self.smoke else config
        return replace(config, train=replace(config.train, seed=self.seed))

    def tasks(self) -> dict[str, Task]:
        """Return the tasks of the run's folds."""
        experiment = load_experiment(self.experiment)
        names = {"experiment": self.experiment, "variant": self.variant}
        tasks = experiment.tasks(self.full_config(), names)
        if self.validated:
            tasks = {fold: task for fold, task in tasks.items() if task.selects}
        if self.smoke:
            return {fold: _on_one_batch(task) for fold, task in itertools.islice(tasks.items(), experiment.smoke_folds)}
        return dict(tasks)


def _on_one_batch(task: Task) -> Task:
    """Return the task with its first batch at every step, for whose shape alone a step is compiled."""
    return replace(task, batch=lambda step: task.batch(0))


def run_directory(root: Path, experiment: str, variant: str, seed: int) -> Path:
    """Return ``root/experiment/variant/seed-n``."""
    return root / experiment / variant / f"seed-{seed}"


def fold_directories(run: Path) -> dict[str, Path]:
    """Return the directories of a run's folds, in order; the run's own where it has only one fold."""
    return {path.parent.name: path.parent for path in sorted(run.glob("*/scores.json"))} or {"": run}


def execute(run: Run) -> Record:
    """Train every fold of a run, or continue or reread it, and return its record.

    Where several processes share the run, the first one writes the record, and the others are told it.

    Raises:
      InputError: on an unknown experiment or variant, or when the directory belongs to another configuration.
      Stopped: after SIGTERM or Ctrl-C, with the state saved.
    """
    if run.smoke:
        jax.config.update("jax_disable_most_optimizations", True)  # Compiling is most of its time.
    config, devices = run.full_config(), all_devices(run.splits)
    done = {}
    with stop_request() as stop:
        tasks = run.tasks()
        directories = {fold: run.directory / fold for fold in tasks}
        for fold, task in tasks.items():
            if any_process(stop.made):  # Before the first step, or after the last of the fold before.
                raise Stopped()
            init_from = run.init_from and run.init_from / fold
            options = {"init_from": init_from, "plain": run.plain, "devices": devices}
            done[fold] = fit(task, config.train, directories[fold], **options).scores
    drop_compiled(MOST_REGIONS)
    return told(lambda: _recorded(run, config, directories, done))


def _recorded(run: Run, config: Any, directories: Mapping[str, Path], done: Mapping[str, Mapping[str, Any]]) -> Record:
    """Write and return the record of a run whose folds have these scores in ``scores.json``."""
    first = next(iter(done))
    record = {
        "experiment": run.experiment,
        "variant": run.variant,
        "seed": run.seed,
        **_measured(load_experiment(run.experiment).score(directories)),
        "selected_by": _mean_selected(done.values()),
        "parameters": done[first]["parameters"],
        "minutes": sum(scores["seconds"] for scores in done.values()) / 60,
        **_curve(directories),
        "command": run.command or f"lstm-gru train {run.experiment} --variant {run.variant} --seed {run.seed}",
        "config": asdict(config),
        "made_with": together(read_json(directory / "manifest.json") for directory in directories.values()),
    }
    write_json(run.directory / RECORD, record)
    return record


def drop_compiled(most: int) -> None:
    """Let go of all compiled functions when this process has more than ``most`` regions of memory (on Linux)."""
    with suppress(OSError), open("/proc/self/maps", "rb") as regions:
        if sum(1 for _ in regions) > most:
            jax.clear_caches()


def _mean_selected(scores: Iterable[Mapping[str, Any]]) -> float | None:
    """The mean over folds of what their checkpoints were chosen by; None where none has, or one is not finite."""
    values = [fold["selected_by"]["value"] for fold in scores if fold["selected_by"]]
    return statistics.mean(values) if values and None not in values else None


def _curve(directories: Mapping[str, Path]) -> Record:
    """The evaluations of a run with one fold, so that its learning curve can be drawn from the record alone."""
    if len(directories) > 1:
        return {}
    return {"curve": [line for directory in directories.values() for line in valid_lines(directory)]}


def reread(directory: Path) -> tuple[Run, Record]:
    """Return a finished run and its record, from its directory alone.

    Raises:
      InputError: when the directory holds no finished run.
    """
    record = read_json(directory / RECORD)
    if record is None:
        raise InputError(
            f"{directory}: no record.json; expected a finished run, as runs/EXPERIMENT/VARIANT/seed-0; "
            "continue an unfinished one with the command that started it"
        )
    kind = type(load_experiment(record["experiment"]).config(record["variant"]))
    config = from_settings(kind, record["config"])
    return Run(record["experiment"], record["variant"], record["seed"], directory, config), record


def finished_tasks(run: Run) -> dict[str, Task]:
    """Return the tasks of the folds that a run has finished: one of a grid, or of a smoke test, has not all."""
    return {fold: task for fold, task in run.tasks().items() if (run.directory / fold / "scores.json").is_file()}


def evaluate(directory: Path) -> tuple[Record, Record]:
    """Score a finished run's chosen checkpoints again, writing nothing into it.

    Returns:
      The record as it was written, and the scores and folds as they come out now.

    Raises:
      InputError: when the directory holds no finished run.
    """
    run, record = reread(directory)
    tasks = finished_tasks(run)
    with tempfile.TemporaryDirectory() as again:
        for fold, task in tasks.items():
            (Path(again) / fold).mkdir(parents=True, exist_ok=True)
            like = jax.eval_shape(task.init, jax.random.key(0))
            task.finish(fitted(directory / fold, like).params, Path(again) / fold)
        measured = load_experiment(run.experiment).score({fold: Path(again) / fold for fold in tasks})
    return record, _measured(measured)


def chosen_on_validation(runs: Iterable[Run]) -> Record:
    """Return the record of the forecaster that takes, in each fold, the variant best on validation there.

    Args:
      runs: finished runs of all variants with one seed.
    """
    runs = list(runs)
    folds = {run.variant: fold_directories(run.directory) for run in runs}
    best = {fold: min(folds, key=lambda variant: _badness(folds[variant][fold])) for fold in folds[runs[0].variant]}
    measured = load_experiment(runs[0].experiment).score({fold: folds[v][fold] for fold, v in best.items()})
    return {
        "experiment": runs[0].experiment,
        "variant": CHOSEN,
        "seed": runs[0].seed,
        **_measured(measured),
        "choices": best,
        "made_with": manifest(),
    }


def chosen_records(experiment: Experiment, runs: Iterable[Run]) -> Iterator[Record]:
    """Yield for each seed the record of what is chosen on validation, where there is a choice in every fold.

    Args:
      experiment: all of it.
      runs: those that are not finished are left out, and so are variants that are trained on demand only; seeds that
        lack another one; variants that differ in their folds, or have a single one; and folds without a validation
        part.
    """
    by_seed: dict[int, list[Run]] = {}
    among = {variant for variant in experiment.variants if experiment.seeds_of(variant)}
    for run in runs:
        if run.variant in among and (run.directory / RECORD).is_file():
            by_seed.setdefault(run.seed, []).append(run)
    for _, same_seed in sorted(by_seed.items()):
        complete = {run.variant for run in same_seed} == among
        first, *others = (fold_directories(run.directory) for run in same_seed)
        alike = len(first) > 1 and all(set(folds) == set(first) for folds in others)
        if complete and alike and all(_selected(fold) for fold in first.values()):
            yield chosen_on_validation(same_seed)


def _selected(run_dir: Path) -> dict[str, Any] | None:
    return read_json(run_dir / "scores.json")["selected_by"]


def _badness(run_dir: Path) -> float:
    """The validation score that is to be small; what is not finite is the worst."""
    selected_by = _selected(run_dir)
    if selected_by["value"] is None:
        return math.inf
    return selected_by["value"] * (1 if selected_by["direction"] == "min" else -1)


def _measured(measured: Measured) -> Record:
    """What was measured as JSON can hold it: a score of nothing, as of no unknown words, is left out."""
    signatures = {"signatures": dict(measured.signatures)} if measured.signatures else {}
    return {
        "scores": {name: float(value) for name, value in measured.scores.items() if math.isfinite(value)},
        "folds": {fold: list(statistics) for fold, statistics in measured.folds.items()},
        **signatures,
    }


def computed_records(experiment: Experiment) -> list[Record]:
    """Compute the records of an experiment's trivial baselines, and of other packages where they are installed."""
    return [
        {"experiment": experiment.name, kind: name, **_measured(measured), "made_with": manifest()}
        for kind, found in (("baseline", experiment.baselines()), ("peer", experiment.peers()))
        for name, measured in found.items()
    ]


def draw(experiment: Experiment, runs: Iterable[Run], records: Sequence[Record], directory: Path) -> list[Path]:
    """Draw an experiment's plots into a directory; return the files.

    Their captions are added to those in the directory's ``EXPERIMENT.json``: pictures that were drawn elsewhere stay.

    Args:
      experiment: which.
      runs: those that are not finished are left out.
      records: what can be drawn without a run's directory.
      directory: created when missing.
    """
    found: dict[str, dict[int, dict[str, Path]]] = {}
    for run in runs:
        if (run.directory / RECORD).is_file():
            found.setdefault(run.variant, {})[run.seed] = fold_directories(run.directory)
    directory.mkdir(parents=True, exist_ok=True)
    captions, file = experiment.plots(found, records, directory), directory / f"{experiment.name}.json"
    write_json(file, {**(read_json(file) or {}), **captions})
    return [directory / name for name in captions]
