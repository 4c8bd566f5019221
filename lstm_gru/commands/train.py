"""``lstm-gru train``."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import tyro

from lstm_gru.commands.terminal import HELP, RUNS
from lstm_gru.config import require
from lstm_gru.errors import InputError
from lstm_gru.experiment import experiment_names, load_experiment
from lstm_gru.reproduce import Run, execute, run_directory
from lstm_gru.training.processes import is_first, start_processes


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
    split_matrices: int = 1
    """Devices over which large matrices, and what the optimiser keeps of them, are split; 1 keeps them whole."""
    cluster: bool = False
    """Share the run with the other processes that Slurm, Open MPI, Kubernetes or a Cloud TPU tells this one of."""
    coordinator: Annotated[str | None, tyro.conf.arg(metavar="HOST:PORT")] = None
    """Instead of --cluster: address of the first process."""
    processes: int | None = None
    """With --coordinator: how many processes share the run."""
    process: int | None = None
    """With --coordinator: which of them this is, from 0; the first one writes the run's directory."""

    def __post_init__(self) -> None:
        """Check every range."""
        require(self, "seed", low=0)
        require(self, "split_matrices", low=1)


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
        names = (*(field.name for field in fields(TrainArguments)), *_options(type(config)))
        valid = ", ".join("--" + name.replace("_", "-") for name in names if name != "train.seed")
        raise InputError(f"{experiment.name}: no option {unknown[0]!r}; there are {valid}")
    _join_others(arguments)
    directory = arguments.run_dir or run_directory(RUNS, experiment.name, variant, arguments.seed)
    command = shlex.join(["lstm-gru", "train", *argv])
    run = Run(
        experiment.name,
        variant,
        arguments.seed,
        directory,
        arguments.config,
        arguments.init_from,
        splits=arguments.split_matrices,
        command=command,
    )
    record = execute(run)
    if not is_first():
        return 0
    for score, heading in experiment.scores.items():
        if score in record["scores"]:  # Some are of published results only.
            print(f"{heading}: {record['scores'][score]:.4f}")
    print(directory)
    return 0


def _join_others(arguments: TrainArguments) -> None:
    """Join the other processes of the run, where the arguments tell of any."""
    which = (arguments.coordinator, arguments.processes, arguments.process)
    named = any(value is not None for value in which)
    if arguments.cluster and named:
        raise InputError("--cluster with --coordinator, --processes or --process; expected one way or the other")
    if arguments.cluster or named:
        start_processes(*which)


def _with_config(config: Any) -> type:
    """The arguments of `train` together with the fields of one variant's configuration."""
    overrides = Annotated[type(config), tyro.conf.arg(name="")]
    combined = make_dataclass("Arguments", [("config", overrides, config)], bases=(TrainArguments,), frozen=True)
    combined.__doc__ = TrainArguments.__doc__
    return combined


def _options(kind: type, prefix: str = "") -> Iterator[str]:
    """The names by which the command line knows a configuration's fields; a group named "" has no prefix."""
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        inner, *notes = (
            get_args(hints[field.name]) if hasattr(hints[field.name], "__metadata__") else [hints[field.name]]
        )
        if is_dataclass(inner):
            unnamed = any(getattr(note, "name", None) == "" for note in notes)
            yield from _options(inner, prefix if unnamed else f"{prefix}{field.name}.")
        else:
            yield prefix + field.name
