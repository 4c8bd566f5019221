"""The tables of ``scripts/benchmark``: this library's layers beside those of others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstm_gru.experiment import experiments_directory
from lstm_gru.report.tables import MISSING, Table

OURS, SHARDED = "lstm_gru", "lstm_gru, batch over devices"
FASTEST = "fastest JAX layer"
HEADINGS = {
    "training": "Training: forward and backward, gradients of parameters and inputs (ms)",
    "inference": "Inference: all outputs (ms)",
    "step": "Streaming: one step of one row (ms)",
}
FACTS = {
    "temporary_bytes": ("Memory for temporaries in training, as compiled (MiB)", 2**20, "{:,.1f}"),
    "compile_seconds": ("Compilation of the training step (s)", 1, "{:.2f}"),
}

Row = Mapping[str, Any]


def benchmark_record() -> Path:
    """Return the file of what ``scripts/benchmark`` recorded."""
    return experiments_directory() / "benchmark.json"


def tables(found: Mapping[str, Any]) -> list[str]:
    """Return the tables of a record in Markdown, each after its heading: ratios, times, memory, compilation."""
    measured = {
        (row["mode"], row["model"], row["shape"], row["library"]): row for row in found["measured"] if row["seconds"]
    }
    names = [name for name in found["versions"] if any(key[-1] == name for key in measured)]
    peers = [name for name in names if "jax" in found["versions"][name] and name not in (OURS, SHARDED)]
    parts = []
    if OURS in names and len(names) > 1:
        parts += [
            "Time of `lstm_gru` over that of another library, geometric mean over the shapes (below 1: this library "
            "is faster)",
            _ratios(measured, names, peers).markdown(),
        ]
    for mode, heading in HEADINGS.items():
        parts += _section(measured, names, mode, heading, _milliseconds)
    for fact, (heading, unit, form) in FACTS.items():
        parts += _section(
            measured,
            names,
            "training",
            heading,
            lambda row, fact=fact, unit=unit, form=form: form.format(row[fact] / unit) if fact in row else MISSING,
        )
    return parts


def ratio(ours: Row, other: Row) -> float:
    """Return the median over the rounds of one time over the other, each pair taken in the same round."""
    rounds = min(len(ours["seconds"]), len(other["seconds"]))
    return float(np.median(np.divide(ours["seconds"][:rounds], other["seconds"][:rounds])))


def _ratios(measured: Mapping[tuple, Row], names: Sequence[str], peers: Sequence[str]) -> Table:
    others = [name for name in names if name != OURS]
    rows = []
    for mode, model in dict.fromkeys(key[:2] for key in measured):
        shapes = [key[2] for key in measured if key[:2] == (mode, model) and key[3] == OURS]
        cells = []
        for other in [*others, *([FASTEST] if peers else [])]:
            found = []
            for shape in shapes:
                at = {name: measured.get((mode, model, shape, name)) for name in (names if other != FASTEST else peers)}
                against = [row for name, row in at.items() if row and other in (name, FASTEST)]
                found += [max(ratio(measured[mode, model, shape, OURS], row) for row in against)] if against else []
            cells.append(f"{np.exp(np.mean(np.log(found))):.2f}" if found else MISSING)
        rows.append((mode, model, *cells))
    return Table(("", "", *others, *([FASTEST] if peers else [])), tuple(rows), words=2)


def _section(measured, names, mode, heading, cell) -> list[str]:
    cases = dict.fromkeys(key[1:3] for key in measured if key[0] == mode)
    if not cases:
        return []
    rows = []
    for model, shape in cases:
        found = [measured.get((mode, model, shape, name)) for name in names]
        rows.append((model, shape, *(cell(row) if row else MISSING for row in found)))
    return [heading, Table(("", "B×T×F×H", *names), tuple(rows), words=2).markdown()]


def _milliseconds(row: Row) -> str:
    """Median of the rounds' medians, and their range."""
    low, middle, high = (1e3 * value for value in (min(row["seconds"]), np.median(row["seconds"]), max(row["seconds"])))
    digits = 3 if middle < 1 else 2 if middle < 10 else 1
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"
