"""``lstm-gru tune``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from lstm_gru.commands.terminal import RUNS, Variants, jobs_or_default, show
from lstm_gru.config import require
from lstm_gru.experiment import load_experiment
from lstm_gru.records import keep, recorded_rates
from lstm_gru.report.tables import rates_table
from lstm_gru.tuning import choose_rates
from lstm_gru.workers import side_by_side


@dataclass(frozen=True)
class TuneArguments:
    """Train variants at every learning rate of the experiment's grid with seed 0, and compare on validation.

    Where the grid's runs are shorter than whole ones, rates that come close to the best are compared again in these.
    """

    experiment: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="EXPERIMENT")]
    """One of `lstm-gru list`."""
    variants: Variants = ()
    """Which of the experiment's variants; all when not given."""
    jobs: int | None = None
    """Runs side by side, each in a process pinned to one core; on a CPU one a core, at most 4, when not given."""
    record: bool = False
    """Also write one JSON a variant under experiments/results, unless there is one already."""
    unrecorded: bool = False
    """Leave out the grids that have a record already."""
    runs: Path = RUNS
    """Directory of all runs."""

    def __post_init__(self) -> None:
        """Check every range."""
        if self.jobs is not None:
            require(self, "jobs", low=1)


def tune(argv: list[str]) -> int:
    """Train variants at every learning rate of the experiment's grid with seed 0; compare on validation."""
    arguments = tyro.cli(TuneArguments, args=argv, prog="lstm-gru tune")
    experiment = load_experiment(arguments.experiment)
    known = recorded_rates(experiment.name) if arguments.unrecorded else []
    done = {record["variant"] for record in known if record.get("whole")}
    asked = [variant for variant in experiment.only(arguments.variants).variants if variant not in done]
    grids, records = {record["variant"]: record for record in known}, []
    with side_by_side(jobs_or_default(arguments.jobs)) as workers:
        for record in choose_rates(experiment.only(asked), arguments.runs, workers, grids) if asked else ():
            records.append(record)
            if arguments.record:
                keep(record)
    if not records:
        print(f"{experiment.name}: nothing left to train, every grid has a record")
    title = f"{experiment.title}: learning rates on validation"
    if table := rates_table(experiment, recorded_rates(experiment.name)):
        show(table, f"{title}, recorded in experiments/results")
    if table := rates_table(experiment, records):
        show(table, f"{title}, this machine")
    return 0
