"""``lstm-gru tune``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from lstm_gru.commands.terminal import RUNS, show
from lstm_gru.config import require
from lstm_gru.experiment import load_experiment
from lstm_gru.records import keep
from lstm_gru.report.tables import rates_table
from lstm_gru.reproduce import choose_rates


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


def tune(argv: list[str]) -> int:
    """Train every variant at every learning rate of the experiment's grid with seed 0; compare on validation."""
    arguments = tyro.cli(TuneArguments, args=argv, prog="lstm-gru tune")
    experiment = load_experiment(arguments.experiment)
    records = []
    for record in choose_rates(experiment, experiment.variants, arguments.runs, arguments.jobs):
        records.append(record)
        if arguments.record:
            keep(record)
    show(rates_table(experiment, records), f"{experiment.title}: learning rates on validation")
    return 0
