"""Recorded results: the JSON files that every table is made from, in the checkout's ``experiments/results``.

One for each (experiment, variant, seed), one for each trivial baseline and each peer, one for the learning-rate
grid. A record is written once and never replaced.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lstm_gru.experiment import experiments_directory
from lstm_gru.training.files import read_json, write_json

Record = dict[str, Any]
CHOSEN = "chosen"  # As a record's variant: in each fold, the variant that was best on validation there.


def results_directory() -> Path:
    """Return the checkout's folder of recorded results."""
    return experiments_directory() / "results"


def plots_directory() -> Path:
    """Return the checkout's folder of recorded plots."""
    return experiments_directory() / "plots"


def recorded(experiment: str) -> list[Record]:
    """Return an experiment's recorded results, in the order of their file names."""
    records = [read_json(path) for path in sorted(results_directory().glob(f"{experiment}-*.json"))]
    return [record for record in records if "scores" in record]


def recorded_rates(experiment: str) -> Record | None:
    """Return the recorded learning-rate grid of an experiment, or None."""
    return read_json(record_path({"experiment": experiment, "rates": {}}))


def record_path(record: Mapping[str, Any]) -> Path:
    """Return the file that a record belongs into."""
    if "rates" in record:
        name = "rates"
    elif "variant" in record:
        name = f"{record['variant']}-seed-{record['seed']}"
    else:
        kind = "baseline" if "baseline" in record else "peer"
        name = f"{kind}-{record[kind].replace(' ', '_')}"
    return results_directory() / f"{record['experiment']}-{name}.json"


def keep(record: Record) -> bool:
    """Write a record unless there is one already; return whether it was written."""
    path = record_path(record)
    if path.exists():
        return False
    path.parent.mkdir(exist_ok=True)
    write_json(path, record)
    return True
