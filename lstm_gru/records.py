"""Recorded results: the JSON files that every table is made from, in the checkout's ``experiments/results``.

One for each (experiment, variant, seed), one for each trivial baseline and each peer, one for each variant's
learning-rate grid and another one where its best rates were compared again in whole runs. A record is written once and
never replaced.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lstm_gru.errors import InputError
from lstm_gru.experiment import experiments_directory
from lstm_gru.files import read_json, write_json

Record = dict[str, Any]
CHOSEN = "chosen"  # As a record's variant: in each fold, the variant that was best on validation there.


def results_directory() -> Path:
    """Return the checkout's folder of recorded results."""
    return experiments_directory() / "results"


def script_record(script: str) -> Path:
    """Return the file of what one of ``scripts/`` recorded, in the checkout's ``experiments/``."""
    return experiments_directory() / f"{script}.json"


def script_result(script: str) -> dict[str, Any]:
    """Return what one of ``scripts/`` recorded.

    Raises:
      InputError: when it has recorded nothing.
    """
    path = script_record(script)
    found = read_json(path)
    if found is None:
        raise InputError(f"{path}: not there; expected what one of scripts/ writes with --record")
    return found


def plots_directory() -> Path:
    """Return the checkout's folder of recorded plots."""
    return experiments_directory() / "plots"


def recorded(experiment: str) -> list[Record]:
    """Return an experiment's recorded results, in the order of their file names."""
    return [record for record in _all_recorded(experiment) if "scores" in record]


def recorded_rates(experiment: str) -> list[Record]:
    """Return the recorded learning-rate grids of an experiment's variants, those of whole runs last."""
    grids = [record for record in _all_recorded(experiment) if "rates" in record]
    return sorted(grids, key=lambda record: record.get("whole", False))


def _all_recorded(experiment: str) -> list[Record]:
    return [read_json(path) for path in sorted(results_directory().glob(f"{experiment}-*.json"))]


def best_rate(record: Mapping[str, Any]) -> str:
    """Return the learning rate that was best on validation, by a recorded grid."""
    best = min if record["selected_by"]["direction"] == "min" else max
    return best(record["rates"], key=record["rates"].get)


def close_rates(record: Mapping[str, Any], margin: float) -> list[str]:
    """Return the learning rates of a recorded grid that come within a margin of the best, itself included."""
    best = record["rates"][best_rate(record)]
    return [rate for rate, value in record["rates"].items() if abs(value - best) <= margin]


def record_path(record: Mapping[str, Any]) -> Path:
    """Return the file that a record belongs into."""
    if "rates" in record:
        name = f"rates{'_of_whole_runs' if record.get('whole') else ''}-{record['variant']}"
    elif "variant" in record:
        name = f"{record['variant']}-seed-{record['seed']}"
    else:
        kind = "baseline" if "baseline" in record else "peer"
        name = f"{kind}-{record[kind].replace(' ', '_')}"
    return results_directory() / f"{record['experiment']}-{name}.json"


def is_kept(record: Mapping[str, Any]) -> bool:
    """Return whether there is a record of the same kind and names."""
    return record_path(record).exists()


def keep(record: Record) -> bool:
    """Write a record unless there is one already; return whether it was written."""
    if is_kept(record):
        return False
    path = record_path(record)
    path.parent.mkdir(exist_ok=True)
    write_json(path, record)
    return True
