"""``lstm-gru evaluate``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from lstm_gru.experiment import load_experiment
from lstm_gru.reproduce import evaluate as evaluate_run


@dataclass(frozen=True)
class EvaluateArguments:
    """Score a finished run again from its directory, and compare with what was recorded in it."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The directory of one seed, as runs/page_views/lstm/seed-0."""


def evaluate(argv: list[str]) -> int:
    """Score a finished run again from its directory, and compare with what was recorded in it."""
    arguments = tyro.cli(EvaluateArguments, args=argv, prog="lstm-gru evaluate")
    record, again = evaluate_run(arguments.run)
    experiment = load_experiment(record["experiment"])
    print(f"{experiment.title} ({record['variant']}, seed {record['seed']})")
    for score, heading in experiment.scores.items():
        if score in record["scores"]:  # Some are of published results only.
            value, before = again["scores"][score], record["scores"][score]
            note = "" if value == before else f"  (recorded in the run: {before:.4f})"
            print(f"  {heading:<22} {value:.4f}{note}")
    return 0
