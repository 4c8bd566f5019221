"""The document of ``scripts/benchmark`` and ``scripts/loop_overhead``: this library's layers beside those of others."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lstm_gru.report.cell_costs import cell_costs, costs_in_short, costs_table
from lstm_gru.report.tables import MISSING, Table
from lstm_gru.report.timings import OURS, OWN, SHARDED, Cases, Compare, Row, by_case, memory_ratio, ratio

FASTEST = "fastest JAX layer"
NAMES = {"bilstm": "BiLSTM"}
HEADINGS = {
    "training": "Training: forward and backward, gradients of parameters and inputs (ms)",
    "inference": "Inference: all outputs (ms)",
    "step": "Streaming: one step of one row (ms)",
}


def tables(found: Mapping[str, Any]) -> list[str]:
    """Return the tables of a record in Markdown, each after its heading."""
    measured = by_case(found)
    names = [name for name in found["versions"] if any(key[-1] == name for key in measured)]
    peers = _peers(found)
    parts = []
    if OURS in names and len(names) > 1:
        parts += [
            "Time over that of another library, geometric mean over the shapes, and in brackets the largest (below 1: "
            "this library is faster)",
            ratios(measured, names, peers).markdown(),
        ]
    for mode, heading in HEADINGS.items():
        parts += _section(measured, names, mode, heading, _milliseconds)
    parts += _section(measured, names, "training", "Memory for temporaries in training, as compiled (MiB)", _mebibytes)
    parts += _section(measured, names, "training", "Compilation of the training step (s)", _compilation)
    if costs := cell_costs(measured):
        title = "The cells beside each other, at equal width and with the LSTM's parameters"
        parts += [title, costs_table(costs).markdown()]
    if table := _profiles(measured):
        parts += [
            "Where the time of training goes: milliseconds that all threads spend on each kind of kernel (under "
            "XLA's profiler, so a little slower)",
            table.markdown(),
        ]
    return parts


def speed(found: Mapping[str, Any]) -> list[str]:
    """Return the two tables "in short": this library beside others, and its cells beside each other."""
    measured, peers, torch = by_case(found), _peers(found), ["PyTorch"]
    rows = []
    for own, where in ((OURS, "one device"), (SHARDED, "batch over both cores")):
        for model in dict.fromkeys(key[1] for key in measured):
            compared = [("training", peers, ratio), ("training", torch, ratio), ("inference", peers, ratio)]
            compared += [("inference", torch, ratio), ("step", peers, ratio), ("training", peers, memory_ratio)]
            cells = [_over(measured, (mode, model, own), others, compare) for mode, others, compare in compared]
            rows.append((NAMES.get(model, model.upper()), where, *map(_mean_and_largest, cells)))
    headings = ("", "", "training / JAX", "/ PyTorch", "inference / JAX", "/ PyTorch", "one step / JAX", "memory / JAX")
    return [Table(headings, tuple(rows), words=2).markdown(), costs_in_short(cell_costs(measured)).markdown()]


def _peers(found: Mapping[str, Any]) -> list[str]:
    """The other libraries whose layers run on JAX."""
    return [name for name, versions in found["versions"].items() if "jax" in versions and name not in OWN]


# What is compared: its name, how it was measured, and how.
WHAT: tuple[tuple[str, str, Compare], ...] = (
    *((mode, mode, ratio) for mode in HEADINGS),
    ("temporaries in training", "training", memory_ratio),
)


def ratios(measured: Cases, names: Sequence[str], peers: Sequence[str]) -> Table:
    """Return this library's times over those of others, and its temporaries over theirs."""
    columns = {OURS: [OURS], **{name: [name] for name in names if name not in OWN}, FASTEST: peers}
    rows = []
    for own in OWN:
        for what, mode, compare in WHAT:
            for model in dict.fromkeys(key[1] for key in measured if key[0] == mode):
                found = [_over(measured, (mode, model, own), others, compare) for others in columns.values()]
                if any(found):
                    rows.append((own, f"{what}, {model}", *map(_mean_and_largest, found)))
    return Table(("", "", *columns), tuple(rows), words=2)


def _over(measured: Cases, chosen: tuple[str, str, str], others: Sequence[str], compare: Compare) -> list[float]:
    """Of each shape, ours over that of the others which is the hardest to match."""
    found = []
    for (mode, model, shape, name), row in measured.items():
        if (mode, model, name) == chosen:
            rows = [measured.get((mode, model, shape, other)) for other in others if other != name]
            values = [value for row_of_other in rows if row_of_other and (value := compare(row, row_of_other))]
            found += [max(values)] if values else []
    return found


def _mean_and_largest(found: Sequence[float]) -> str:
    return f"{np.exp(np.mean(np.log(found))):.2f} ({max(found):.2f})" if found else MISSING


def _profiles(measured: Cases) -> Table | None:
    rows, kinds = [], ()
    for (mode, model, shape, _), row in measured.items():
        if mode == "profile":
            kinds = tuple(name for name in row if name.startswith("seconds_"))
            rows.append((model, shape, *(f"{1e3 * row[kind]:.2f}" for kind in kinds)))
    headings = (kind.removeprefix("seconds_").replace("_", " ") for kind in kinds)
    return Table(("", "B×T×F×H", *headings), tuple(rows), words=2) if rows else None


def overhead(record: Mapping[str, Any]) -> str:
    """Return what the training loop adds to its own update, in a sentence."""
    loop, bare = record["seconds_loop"], record["seconds_bare"]
    shares = [100 * (a / b - 1) for a, b in zip(loop, bare, strict=True)]
    return (
        f"The training loop, batches and metrics included, takes {statistics.median(shares):.1f} % longer than its "
        f"jitted update alone ({min(shares):.1f} to {max(shares):.1f} % in {len(shares)} rounds of "
        f"{record['steps']:,} steps; {1e3 * statistics.median(bare):.2f} ms a step, the small GRU of "
        "`website_visitors`; `scripts/loop_overhead --record`)."
    )


def _section(measured: Cases, names: Sequence[str], mode: str, heading: str, cell: Callable[[Row], str]) -> list[str]:
    """A table of all libraries; cases that were measured of this library only are not in it."""
    cases = dict.fromkeys(key[1:3] for key in measured if key[0] == mode and (key[3] != OURS or len(names) == 1))
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


def _mebibytes(row: Row) -> str:
    return f"{row['temporary_bytes'] / 2**20:,.1f}" if "temporary_bytes" in row else MISSING


def _compilation(row: Row) -> str:
    return f"{row['compile_seconds']:.2f}" if "compile_seconds" in row else MISSING
