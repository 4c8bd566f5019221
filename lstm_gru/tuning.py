"""Learning-rate grids: every variant at every rate, compared on validation."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lstm_gru.experiment import Experiment
from lstm_gru.files import read_json
from lstm_gru.records import Record
from lstm_gru.reproduce import Run, execute_all, fold_directories, run_directory
from lstm_gru.training.manifest import manifest


def rate_runs(experiment: Experiment, root: Path) -> dict[str, dict[float, Run]]:
    """Return the runs of the learning-rate grids: every variant at every rate with seed 0.

    A run is a pure function of its configuration: if trials are whole runs, the one at a variant's own rate is that of
    seed 0, in its directory.
    """
    grid: dict[str, dict[float, Run]] = {}
    for variant, config in experiment.variants.items():
        grid[variant] = {}
        for rate in experiment.learning_rates:
            directory = run_directory(root, experiment.name, variant, 0)
            tried = experiment.trial(replace(config, train=replace(config.train, learning_rate=rate)))
            if tried != config:
                directory = directory.with_name(f"rate-{rate:g}")
            grid[variant][rate] = Run(experiment.name, variant, 0, directory, tried)
    return grid


def choose_rates(experiment: Experiment, root: Path, jobs: int) -> Iterator[Record]:
    """Train the variants' learning-rate grids; yield each variant's record once its grid is complete.

    A record holds the validation score by rate, never the test's.
    """
    grid = rate_runs(experiment, root)
    found: dict[str, dict[float, float]] = {variant: {} for variant in grid}
    for record in execute_all([run for runs in grid.values() for run in runs.values()], jobs):
        variant = record["variant"]
        found[variant][record["config"]["train"]["learning_rate"]] = record["selected_by"]
        if len(found[variant]) == len(grid[variant]):
            yield {
                "experiment": experiment.name,
                "variant": variant,
                "rates": {f"{rate:g}": found[variant][rate] for rate in grid[variant]},
                "selected_by": _selected_by(next(iter(grid[variant].values())).directory),
                "made_with": manifest(),
            }


def _selected_by(run: Path) -> dict[str, str]:
    """The metric by which a finished run's folds chose their checkpoints, and its direction."""
    scores = read_json(next(iter(fold_directories(run).values())) / "scores.json")
    return {name: scores["selected_by"][name] for name in ("metric", "direction")}
