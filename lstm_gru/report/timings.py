"""What the scripts that measure time recorded, and how two times are compared."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

OURS, LEAN, SHARDED = "lstm_gru", "lstm_gru, lean", "lstm_gru, batch over devices"
OWN = (OURS, LEAN, SHARDED)

Row = Mapping[str, Any]
Cases = Mapping[tuple[str, str, str, str], Row]  # By mode, model, shape and library.
Compare = Callable[[Row, Row], float | None]


def by_case(found: Mapping[str, Any]) -> Cases:
    """Return what ``scripts/benchmark`` measured, by mode, model, shape and library."""
    return {
        (row["mode"], row["model"], row["shape"], row["library"]): row for row in found["measured"] if row["seconds"]
    }


def ratio(ours: Row, other: Row) -> float:
    """Return the median over the rounds of one time over the other, each pair taken in the same round."""
    rounds = min(len(ours["seconds"]), len(other["seconds"]))
    return float(np.median(np.divide(ours["seconds"][:rounds], other["seconds"][:rounds])))


def memory_ratio(ours: Row, other: Row) -> float | None:
    """Return the temporaries of one over the other; None where one is not known."""
    name = "temporary_bytes"
    return ours[name] / other[name] if ours.get(name) and other.get(name) else None
