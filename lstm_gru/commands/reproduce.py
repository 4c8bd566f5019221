"""``lstm-gru reproduce``: one experiment, or all of them, the cheapest first."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Annotated

import tyro

from lstm_gru.commands.terminal import RUNS, Variants, jobs_or_default, show
from lstm_gru.config import require
from lstm_gru.errors import InputError, RunError
from lstm_gru.experiment import Experiment, experiment_names, load_experiment
from lstm_gru.records import Record, is_kept, keep, plots_directory, recorded
from lstm_gru.report.tables import Table, comparison
from lstm_gru.reproduce import Run, chosen_records, computed_records, draw, run_directory
from lstm_gru.workers import Workers, side_by_side

ALL = "all"


@dataclass(frozen=True)
class ReproduceArguments:
    """Train whatever is missing of an experiment and print its table beside the recorded one."""

    experiment: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="EXPERIMENT")]
    """One of `lstm-gru list`, or all: every one of them, the cheapest first."""
    variants: Variants = ()
    """Which of the experiment's variants; all when not given."""
    seeds: int | None = None
    """How many seeds of each variant: 0, 1, ... up to this number; as many as the experiment says when not given, of a
    smoke run one."""
    jobs: int | None = None
    """Runs side by side, each in a process pinned to one core; on a CPU one a core, at most 4, when not given."""
    smoke: bool = False
    """A few steps, in seconds, to see that it works; its numbers mean nothing. Of all experiments, those variants are
    left out that differ from another one in size alone."""
    record: bool = False
    """Also write one JSON a run under experiments/results, unless there is one already."""
    unrecorded: bool = False
    """Leave out the runs that have a record under experiments/results already."""
    runs: Path = RUNS
    """Directory of all runs."""

    def __post_init__(self) -> None:
        """Check every range."""
        if self.seeds is not None:
            require(self, "seeds", low=1)
        if self.jobs is not None:
            require(self, "jobs", low=1)
        if self.smoke and self.record:
            raise InputError("--record and --smoke exclude each other: numbers of a smoke run mean nothing")
        if self.experiment == ALL and self.variants:
            raise InputError("--variants are those of one experiment; name it instead of 'all'")


def reproduce(argv: list[str]) -> int:
    """Train whatever is missing of an experiment and print its table beside the recorded one."""
    arguments = tyro.cli(ReproduceArguments, args=argv, prog="lstm-gru reproduce")
    with side_by_side(jobs_or_default(arguments.jobs)) as workers:
        if arguments.experiment == ALL:
            return _reproduce_all(arguments, workers)
        _reproduce(arguments, workers)
    return 0


def _reproduce_all(arguments: ReproduceArguments, workers: Workers) -> int:
    """Reproduce every experiment in order of cost, then what is trained on demand only; return the exit code.

    An experiment that cannot go on, as without its data, is named at the end; the others are not kept waiting.
    """
    rows, failures = [], []
    for each in (*_by_cost(arguments), *_on_demand(arguments)):
        name = " ".join((each.experiment, *(() if each.smoke else each.variants)))
        print(f"reproduce {name}", flush=True)
        begin, became = time.monotonic(), "done"
        try:
            _reproduce(each, workers)
        except (InputError, RunError) as error:
            became = f"not done: {error}"
            failures.append(error)
            print(f"error: {error}", file=sys.stderr, flush=True)
        rows.append((name, became, f"{(time.monotonic() - begin) / 60:.1f}"))
    show(Table(("experiment", "", "minutes"), tuple(rows), words=2), "lstm-gru reproduce all")
    return 0 if not failures else 2 if all(isinstance(error, InputError) for error in failures) else 1


def _by_cost(arguments: ReproduceArguments) -> list[ReproduceArguments]:
    return [
        replace(arguments, experiment=experiment.name, variants=experiment.kinds() if arguments.smoke else ())
        for experiment in sorted(_experiments(), key=_minutes)
    ]


def _minutes(experiment: Experiment) -> float:
    return experiment.minutes * mean(experiment.seeds_of(variant) for variant in experiment.variants)


def _on_demand(arguments: ReproduceArguments) -> Iterator[ReproduceArguments]:
    """What only a number of seeds brings in, unless it was given for all."""
    if arguments.seeds or arguments.smoke:
        return
    for experiment in _experiments():
        variants = tuple(variant for variant in experiment.variants if experiment.seeds_of(variant) == 0)
        if variants:
            yield replace(arguments, experiment=experiment.name, variants=variants, seeds=1)


def _experiments() -> list[Experiment]:
    return [load_experiment(name) for name in experiment_names()]


def _reproduce(arguments: ReproduceArguments, workers: Workers) -> None:
    experiment = load_experiment(arguments.experiment)
    root = arguments.runs / "smoke" if arguments.smoke else arguments.runs
    asked = _runs(experiment, root, arguments)
    runs = [run for run in asked if not (arguments.unrecorded and _is_recorded(run))]
    records = []
    for record in _all_records(experiment, runs, asked, workers):
        records.append(record)
        if arguments.record:
            keep(record)
    plots = [] if arguments.smoke else _plots(experiment, asked, records, arguments)
    show(comparison(experiment, recorded(experiment.name)), f"{experiment.title}: recorded in experiments/results")
    _show_runs(experiment.only(arguments.variants), runs, records, arguments)
    if plots:
        print("plots:", *sorted(map(str, plots)), sep="\n  ")


def _runs(experiment: Experiment, root: Path, arguments: ReproduceArguments) -> list[Run]:
    """The runs that were asked for, those of a seed together."""
    wanted = _seeds(experiment, arguments)
    return [
        Run(experiment.name, variant, seed, directory, smoke=arguments.smoke)
        for seed in range(max(wanted.values()))
        for variant in wanted
        if seed < wanted[variant]
        for directory in [run_directory(root, experiment.name, variant, seed)]
    ]


def _seeds(experiment: Experiment, arguments: ReproduceArguments) -> dict[str, int]:
    """How many seeds of each variant: a smoke run has one, unless others are asked for, and what is named has some."""
    variants, asked = experiment.only(arguments.variants).variants, arguments.seeds or int(arguments.smoke)
    least = 1 if arguments.variants else 0
    return {variant: asked or max(least, experiment.seeds_of(variant)) for variant in variants}


def _is_recorded(run: Run) -> bool:
    return is_kept({"experiment": run.experiment, "variant": run.variant, "seed": run.seed})


def _all_records(experiment: Experiment, runs: list[Run], asked: list[Run], workers: Workers) -> Iterator[Record]:
    """Yield each record as soon as it is measured; a choice is among all that were asked for, trained now or before."""
    yield from workers.execute_all(runs)
    yield from computed_records(experiment)
    yield from chosen_records(experiment, asked)


def _plots(experiment: Experiment, runs: list[Run], records: list[Record], arguments: ReproduceArguments) -> list[Path]:
    """Draw what was measured now, or with ``--record`` whatever is recorded; a smoke run lacks folds for it."""
    if arguments.record:
        return draw(experiment, runs, recorded(experiment.name), plots_directory())
    return draw(experiment, runs, records, arguments.runs / experiment.name / "plots")


def _show_runs(experiment: Experiment, runs: list[Run], records: list[Record], arguments: ReproduceArguments) -> None:
    if not runs:
        print(f"{experiment.name}: nothing left to train, every run has a record")
        return
    suffix = " (smoke run: the numbers mean nothing)" if arguments.smoke else ""
    seeds = None if arguments.unrecorded else _seeds(experiment, arguments)
    show(comparison(experiment, records, seeds), f"{experiment.title}: this machine{suffix}")
    print("runs:", *(str(run.directory) for run in runs), sep="\n  ")
