"""Runs of an experiment: one (experiment, variant, seed) after the other, or several side by side, and their records.

A record is the JSON that tables are made from: one for each (experiment, variant, seed) and one for each
trivial baseline.
"""

import itertools
import multiprocessing
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lstm_gru.experiment import Experiment, experiments_directory, load_experiment
from lstm_gru.training.loop import fit
from lstm_gru.training.run_directory import manifest, read_json, write_json

Record = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One run of an experiment, as plain values that can be sent to another process."""

    experiment: str
    variant: str
    seed: int
    directory: Path
    smoke: bool = False
    plain: bool = False


def run_directory(root: Path, experiment: str, variant: str, seed: int) -> Path:
    """Return ``root/experiment/variant/seed-n``."""
    return root / experiment / variant / f"seed-{seed}"


def execute(run: Run, config: Any = None) -> Record:
    """Train every fold of a run, or continue or reread it, and return its record.

    Args:
      run: which.
      config: instead of the variant's own configuration; its seed is set to the run's.

    Raises:
      InputError: on an unknown experiment or variant, or when the directory belongs to another configuration.
    """
    experiment = load_experiment(run.experiment)
    config = experiment.config(run.variant) if config is None else config
    config = experiment.smoke(config) if run.smoke else config
    config = replace(config, train=replace(config.train, seed=run.seed))
    names = {"experiment": run.experiment, "variant": run.variant}
    tasks = experiment.folds(config, names)
    if run.smoke:
        tasks = dict(itertools.islice(tasks.items(), experiment.smoke_folds))
    fitted = {fold: fit(task, config.train, run.directory / fold, plain=run.plain) for fold, task in tasks.items()}
    record = {
        **names,
        "seed": run.seed,
        "scores": {
            name: float(value) for name, value in experiment.score({f: run.directory / f for f in tasks}).items()
        },
        "parameters": next(iter(fitted.values())).scores["parameters"],
        "minutes": sum(fold.scores["seconds"] for fold in fitted.values()) / 60,
        "command": f"lstm-gru train {run.experiment} --variant {run.variant} --seed {run.seed}",
        "config": asdict(config),
        "made_with": read_json(run.directory / next(iter(tasks)) / "manifest.json"),
    }
    write_json(run.directory / "record.json", record)
    return record


def execute_all(runs: Iterable[Run], jobs: int) -> Iterable[Record]:
    """Yield the records of runs as they end; with more than one job in processes pinned to a core each."""
    if jobs == 1:
        yield from map(execute, runs)
        return
    context = multiprocessing.get_context("spawn")
    cores = context.Queue()
    for core in itertools.islice(itertools.cycle(_cores()), jobs):
        cores.put(core)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_pin, initargs=(cores,)) as pool:
        waiting = [pool.submit(execute, replace(run, plain=True)) for run in runs]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def trivial_records(experiment: Experiment) -> list[Record]:
    """Compute the records of an experiment's trivial baselines."""
    return [
        {
            "experiment": experiment.name,
            "baseline": name,
            "scores": {score: float(value) for score, value in scores.items()},
            "made_with": manifest(),
        }
        for name, scores in experiment.baselines().items()
    ]


def results_directory() -> Path:
    """Return the checkout's folder of recorded results."""
    return experiments_directory() / "results"


def recorded(experiment: str) -> list[Record]:
    """Return an experiment's recorded results, in the order of their file names."""
    return [read_json(path) for path in sorted(results_directory().glob(f"{experiment}-*.json"))]


def record_path(record: Mapping[str, Any]) -> Path:
    """Return the file that a record belongs into."""
    if "baseline" in record:
        return results_directory() / f"{record['experiment']}-baseline-{record['baseline'].replace(' ', '_')}.json"
    return results_directory() / f"{record['experiment']}-{record['variant']}-seed-{record['seed']}.json"


def keep(record: Record) -> bool:
    """Write a record unless there is one already; return whether it was written."""
    path = record_path(record)
    if path.exists():
        return False
    path.parent.mkdir(exist_ok=True)
    write_json(path, record)
    return True


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


def _pin(cores: Any) -> None:
    """Keep this process, and with it XLA's threads, on one core: two such processes do not disturb each other."""
    core = cores.get()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
