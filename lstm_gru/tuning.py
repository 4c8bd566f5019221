"""Learning-rate grids: every variant at every rate, compared on validation."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from lstm_gru.experiment import Experiment
from lstm_gru.files import read_json
from lstm_gru.records import Record, close_rates
from lstm_gru.reproduce import Run, fold_directories, run_directory
from lstm_gru.training.manifest import manifest
from lstm_gru.workers import Workers

Grid = dict[str, dict[float, Run]]  # By variant and learning rate.


def rate_runs(experiment: Experiment, root: Path) -> Grid:
    """Return the runs of the learning-rate grids: every variant at every rate with seed 0, on folds with validation.

    A run is a pure function of its configuration: if trials are whole runs, the one at a variant's own rate is that of
    seed 0, in its directory and with all folds.
    """
    grid: Grid = {}
    for variant, config in experiment.variants.items():
        grid[variant] = {}
        for rate in experiment.learning_rates:
            directory = run_directory(root, experiment.name, variant, 0)
            tried = experiment.trial(replace(config, train=replace(config.train, learning_rate=rate)))
            if tried != config:
                directory = directory.with_name(f"rate-{rate:g}")
            grid[variant][rate] = Run(experiment.name, variant, 0, directory, tried, validated=tried != config)
    return grid


def choose_rates(
    experiment: Experiment, root: Path, workers: Workers, known: Mapping[str, Record] | None = None
) -> Iterator[Record]:
    """Train the variants' learning-rate grids; yield each variant's record once its grid is complete.

    Where trials are shorter than whole runs, rates that come close to a variant's best one are then compared again in
    whole runs, which give a record of their own. A record holds the validation score by rate, never the test's.

    Args:
      experiment: which, with the variants wanted.
      root: directory of all runs.
      workers: train the runs.
      known: records of grids, by variant, that are not to be trained again.
    """
    grids = dict(known or {})
    left = {variant: runs for variant, runs in rate_runs(experiment, root).items() if variant not in grids}
    for record in _compared(left, workers):
        grids[record["variant"]] = record
        yield record
    for record in _compared(_whole_runs(experiment, root, grids), workers):
        yield {**record, "whole": True}


def _whole_runs(experiment: Experiment, root: Path, grids: Mapping[str, Record]) -> Grid:
    """The whole runs with rates that come close to a variant's best one, where trials are not whole runs anyway."""
    grid: Grid = {}
    for variant, config in experiment.variants.items():
        rates = [float(rate) for rate in close_rates(grids[variant], experiment.close)]
        if len(rates) > 1 and experiment.trial(config) != config:
            grid[variant] = {rate: _whole_run(experiment, root, variant, rate) for rate in rates}
    return grid


def _whole_run(experiment: Experiment, root: Path, variant: str, rate: float) -> Run:
    """With the variant's own rate, this is the run of seed 0."""
    directory, config = run_directory(root, experiment.name, variant, 0), experiment.variants[variant]
    tried = replace(config, train=replace(config.train, learning_rate=rate))
    if tried != config:
        directory = directory.with_name(f"whole-{rate:g}")
    return Run(experiment.name, variant, 0, directory, tried, validated=tried != config)


def _compared(grid: Grid, workers: Workers) -> Iterator[Record]:
    """Train the runs of a grid; yield a variant's record as soon as it is complete."""
    found: dict[str, dict[float, float]] = {variant: {} for variant in grid}
    for record in workers.execute_all(run for runs in grid.values() for run in runs.values()):
        variant = record["variant"]
        found[variant][record["config"]["train"]["learning_rate"]] = record["selected_by"]
        if len(found[variant]) == len(grid[variant]):
            yield {
                "experiment": record["experiment"],
                "variant": variant,
                "rates": {f"{rate:g}": found[variant][rate] for rate in grid[variant]},
                "selected_by": _selected_by(next(iter(grid[variant].values())).directory),
                "made_with": manifest(),
            }


def _selected_by(run: Path) -> dict[str, str]:
    """The metric by which a finished run's folds chose their checkpoints, and its direction."""
    found = (read_json(fold / "scores.json")["selected_by"] for fold in fold_directories(run).values())
    selected = next(selected for selected in found if selected)  # Some folds may have no validation part.
    return {name: selected[name] for name in ("metric", "direction")}
