"""The command line: ``lstm-gru list | train | reproduce | tune | evaluate | report``.

Bad input ends in one sentence on standard error and exit code 2, a run that cannot go on in one and exit code 1.
SIGTERM and Ctrl-C end training after the running step, with its state saved, and exit code 75 (try again).
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, make_dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from lstm_gru.config import flatten, require
from lstm_gru.errors import InputError, RunError, Stopped
from lstm_gru.experiment import Experiment, experiment_names, load_experiment
from lstm_gru.records import keep, plots_directory, recorded
from lstm_gru.report.documents import update_documents
from lstm_gru.report.tables import comparison, rates_table
from lstm_gru.reproduce import (
    Run,
    choose_rates,
    chosen_on_validation,
    computed_records,
    draw,
    execute,
    execute_all,
    run_directory,
)
from lstm_gru.reproduce import evaluate as evaluate_run

RUNS = Path("runs")
HELP = ("--help", "-h")


@dataclass(frozen=True)
class TrainArguments:
    """Train one variant of an experiment with one seed, or continue where it was stopped.

    Every field of the variant's configuration can be overridden.
    """

    variant: Annotated[str | None, tyro.conf.arg(metavar="VARIANT")] = None
    """One of the experiment's variants; the first one when not given."""
    seed: int = 0
    """Decides initial parameters, batches and noise."""
    run_dir: Annotated[Path | None, tyro.conf.arg(metavar="DIRECTORY")] = None
    """Where the run is kept; runs/EXPERIMENT/VARIANT/seed-SEED when not given. The same directory continues."""
    init_from: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """Directory of another run, from whose weights this one starts."""

    def __post_init__(self) -> None:
        """Check every range."""
        require(self, "seed", low=0)


@dataclass(frozen=True)
class ReproduceArguments:
    """Train whatever is missing of an experiment, all variants, and print its table beside the recorded one."""

    experiment: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="EXPERIMENT")]
    """One of `lstm-gru list`."""
    seeds: int = 3
    """How many seeds: 0, 1, ... up to this number."""
    jobs: int = 1
    """Runs side by side, each in a process pinned to one core."""
    smoke: bool = False
    """A few steps of everything, in seconds, to see that it works; its numbers mean nothing."""
    record: bool = False
    """Also write one JSON a run under experiments/results, unless there is one already."""
    runs: Path = RUNS
    """Directory of all runs."""

    def __post_init__(self) -> None:
        """Check every range."""
        require(self, "seeds", low=1)
        require(self, "jobs", low=1)
        if self.smoke and self.record:
            raise InputError("--record and --smoke exclude each other: numbers of a smoke run mean nothing")


@dataclass(frozen=True)
class TuneArguments:
    """Train every variant at every learning rate of the experiment's grid with seed 0, and compare on validation."""

    experiment: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="EXPERIMENT")]
    """One of `lstm-gru list`."""
    jobs: int = 1
    """Runs side by side, each in a process pinned to one core."""
    record: bool = False
    """Also write the validation errors under experiments/results, unless they are there already."""
    runs: Path = RUNS
    """Directory of all runs."""

    def __post_init__(self) -> None:
        """Check every range."""
        require(self, "jobs", low=1)


@dataclass(frozen=True)
class EvaluateArguments:
    """Score a finished run again from its directory, and compare with what was recorded in it."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The directory of one seed, as runs/page_views/lstm/seed-0."""


def main(argv: list[str] | None = None) -> int:
    """Run a command and return the exit code."""
    return exit_code(_dispatch, sys.argv[1:] if argv is None else argv)


def exit_code(command: Callable[[list[str]], int], argv: list[str]) -> int:
    """Return a command's exit code; errors that a user can do something about end in one sentence."""
    try:
        return command(argv)
    except InputError as error:
        return _end(f"error: {error}", 2)
    except RunError as error:
        return _end(f"error: {error}", 1)
    except OSError as error:  # A full disk, a directory without permission: nothing that a traceback would explain.
        return _end(f"error: {error.filename or 'file'}: {error.strerror or error}", 1)
    except Stopped as stopped:
        return _end(stopped.message, stopped.code)
    except KeyboardInterrupt:  # Outside of training.
        return _end("stopped; the same command continues", Stopped().code)


def _end(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def reproduce_file(file: str) -> None:
    """Reproduce the experiment in a file: ``python experiments/X.py [options]``."""
    sys.exit(main(["reproduce", Path(file).stem, *sys.argv[1:]]))


def list_experiments(argv: list[str]) -> int:
    """Show the experiments: what each measures, on which data, what it reproduces, its minutes on two cores."""
    tyro.cli(_Nothing, args=argv, prog="lstm-gru list", description=list_experiments.__doc__)
    for name in experiment_names():
        e = load_experiment(name)
        print(f"{name}: {e.title}")
        print(f"  data        {e.data}\n  reproduces  {e.reproduces}\n  variants    {', '.join(e.variants)}")
        print(f"  minutes     {e.minutes:g} a seed of all variants on two cores\n")
    return 0


def train(argv: list[str]) -> int:
    """Train one variant of an experiment with one seed, or continue it."""
    if not argv or argv[0].startswith("-"):
        print("usage: lstm-gru train EXPERIMENT [--variant VARIANT] [--seed N] [--run-dir DIRECTORY] [overrides]\n")
        print("'lstm-gru train EXPERIMENT --help' lists all options. Experiments:", ", ".join(experiment_names()))
        return 0 if argv and argv[0] in HELP else 2
    experiment, options = load_experiment(argv[0]), argv[1:]
    prog = f"lstm-gru train {experiment.name}"
    given = [word for word in options if word not in HELP]
    first, _ = tyro.cli(TrainArguments, args=given, prog=prog, return_unknown_args=True)
    variant = first.variant or next(iter(experiment.variants))
    config = experiment.config(variant)
    arguments, unknown = tyro.cli(_with_config(config), args=options, prog=prog, return_unknown_args=True)
    if unknown:
        names = (
            "variant",
            "seed",
            "run_dir",
            "init_from",
            *(name for name, _ in flatten(asdict(config)) if name != "train.seed"),
        )
        valid = ", ".join("--" + name.replace("_", "-") for name in names)
        raise InputError(f"{experiment.name}: no option {unknown[0]!r}; there are {valid}")
    directory = arguments.run_dir or run_directory(RUNS, experiment.name, variant, arguments.seed)
    run = Run(experiment.name, variant, arguments.seed, directory, arguments.config, arguments.init_from)
    record = execute(run)
    for score, heading in experiment.scores.items():
        print(f"{heading}: {record['scores'][score]:.4f}")
    print(directory)
    return 0


def reproduce(argv: list[str]) -> int:
    """Train whatever is missing of an experiment and print its table beside the recorded one."""
    arguments = tyro.cli(ReproduceArguments, args=argv, prog="lstm-gru reproduce")
    experiment = load_experiment(arguments.experiment)
    root = arguments.runs / "smoke" if arguments.smoke else arguments.runs
    runs = [
        Run(experiment.name, v, seed, run_directory(root, experiment.name, v, seed), smoke=arguments.smoke)
        for seed in range(arguments.seeds)
        for v in experiment.variants
    ]
    records = []
    for record in _all_records(experiment, runs, arguments.jobs):
        records.append(record)
        if arguments.record:
            keep(record)
    plots = root / experiment.name / "plots"
    if not arguments.smoke:  # A smoke run has only a few of the folds that the plots show.
        draw(runs, plots)
    if arguments.record:
        shutil.copytree(plots, plots_directory(), dirs_exist_ok=True)
    _show_table(experiment, recorded(experiment.name), f"{experiment.title}: recorded in experiments/results")
    suffix = " (smoke run: the numbers mean nothing)" if arguments.smoke else ""
    _show_table(experiment, records, f"{experiment.title}: this machine{suffix}", arguments.seeds)
    print("runs:", *(str(run.directory) for run in runs), sep="\n  ")
    if plots.is_dir():
        print("plots:", *sorted(map(str, plots.glob("*.png"))), sep="\n  ")
    return 0


def tune(argv: list[str]) -> int:
    """Train every variant at every learning rate of the experiment's grid with seed 0; compare on validation."""
    arguments = tyro.cli(TuneArguments, args=argv, prog="lstm-gru tune")
    experiment = load_experiment(arguments.experiment)
    record = choose_rates(experiment, arguments.runs, arguments.jobs)
    if arguments.record:
        keep(record)
    _console().print(rates_table(record).rich(f"{experiment.title}: learning rates on validation"))
    return 0


def evaluate(argv: list[str]) -> int:
    """Score a finished run again from its directory, and compare with what was recorded in it."""
    arguments = tyro.cli(EvaluateArguments, args=argv, prog="lstm-gru evaluate")
    record, again = evaluate_run(arguments.run)
    experiment = load_experiment(record["experiment"])
    print(f"{experiment.title} ({record['variant']}, seed {record['seed']})")
    for score, heading in experiment.scores.items():
        value, before = again["scores"][score], record["scores"][score]
        print(f"  {heading:<22} {value:.4f}" + ("" if value == before else f"  (recorded in the run: {before:.4f})"))
    return 0


def report(argv: list[str]) -> int:
    """Make the README's tables and experiments/RESULTS.md anew from the recorded results."""
    tyro.cli(_Nothing, args=argv, prog="lstm-gru report", description=report.__doc__)
    for path, changed in update_documents().items():
        print(f"{path}: {'written' if changed else 'up to date'}")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "list": list_experiments,
    "train": train,
    "reproduce": reproduce,
    "tune": tune,
    "evaluate": evaluate,
    "report": report,
}


def _all_records(experiment: Experiment, runs: list[Run], jobs: int) -> Iterator[dict[str, Any]]:
    """Yield each record as soon as it is measured."""
    yield from execute_all(runs, jobs)
    yield from computed_records(experiment)
    for seed in sorted({run.seed for run in runs}):
        yield chosen_on_validation(run for run in runs if run.seed == seed)


@dataclass(frozen=True)
class _Nothing:
    """No arguments."""


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in HELP:
        print("usage: lstm-gru COMMAND ...\n\nGated recurrent networks in JAX: train, compare, reproduce.\n")
        for name, command in COMMANDS.items():
            print(f"  {name:<10} {command.__doc__.splitlines()[0]}")
        print("\n'lstm-gru COMMAND --help' explains a command.")
        return 0 if argv else 2
    if argv[0] not in COMMANDS:
        raise InputError(f"no command {argv[0]!r}; there are {', '.join(COMMANDS)}")
    return COMMANDS[argv[0]](argv[1:])


def _with_config(config: Any) -> type:
    """The arguments of `train` together with the fields of one variant's configuration."""
    overrides = Annotated[type(config), tyro.conf.arg(name="")]
    combined = make_dataclass("Arguments", [("config", overrides, config)], bases=(TrainArguments,), frozen=True)
    combined.__doc__ = TrainArguments.__doc__
    return combined


def _show_table(experiment: Experiment, records: list[dict[str, Any]], title: str, seeds: int | None = None) -> None:
    _console().print(comparison(experiment, records, seeds).rich(title))


def _console() -> Console:
    console = Console()
    if not console.is_terminal:
        console.width = 160  # A log has no width of its own; do not fold the table into 80 columns.
    return console


if __name__ == "__main__":
    sys.exit(main())
