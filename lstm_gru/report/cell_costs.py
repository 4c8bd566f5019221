"""What this library's cells cost beside each other: of the LSTM's width, and of its parameters."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lstm_gru.report.tables import Table
from lstm_gru.report.timings import OURS, Cases, Compare, Row, by_case, memory_ratio, ratio


class Cost(NamedTuple):
    """What a cell costs over the LSTM that reads the same batch.

    Attributes:
      model: the cell.
      shape: of its layer, B×T×F×H.
      lstm: the LSTM's; the same where both are of its width.
      parameters: those of one over those of the other; the others likewise.
      training: time of a forward and a backward pass.
      inference: time of a forward pass.
      memory: temporaries of a forward and a backward pass.
    """

    model: str
    shape: str
    lstm: str
    parameters: float
    training: float
    inference: float
    memory: float


def cell_costs(measured: Cases) -> list[Cost]:
    """Return the costs of RNN and GRU over the LSTM, for each shape."""
    return [
        Cost(model, shape, lstm, *(_over(measured, what, (model, shape), ("lstm", lstm)) for what in Cost._fields[3:]))
        for model in ("rnn", "gru")
        for shape, lstm in _shapes_beside(measured, model)
    ]


def costs_table(costs: Sequence[Cost]) -> Table:
    """Return all of them."""
    headings = ("", "B×T×F×H", "LSTM's", "parameters", "training time", "inference time", "temporaries")
    rows = tuple((*cost[:3], *(f"{value:.2f}" for value in cost[3:])) for cost in costs)
    return Table(headings, rows, words=3)


def costs_in_short(costs: Sequence[Cost]) -> Table:
    """Return their geometric means over the shapes, and their range."""
    groups: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for cost in costs:
        width = "of the LSTM's width" if cost.shape == cost.lstm else "of the LSTM's parameters"
        groups.setdefault((width, cost.model.upper()), []).append(cost[3:])
    rows = [
        (
            model,
            width,
            *(f"{np.exp(np.log(c).mean()):.2f} ({c.min():.2f}–{c.max():.2f})" for c in np.transpose(found)),
        )
        for (width, model), found in sorted(groups.items(), key=lambda item: item[0][0], reverse=True)
    ]
    headings = ("over the LSTM's", "", "parameters", "training time", "inference time", "memory")
    return Table(headings, tuple(rows), words=2)


def cell_ratios(record: Mapping[str, Any], first: str, second: str, what: str, equal: str) -> list[float]:
    """Return this library's time or memory of one cell over that of another, for each shape.

    Args:
      record: what ``scripts/benchmark`` recorded.
      first: a cell: ``rnn``, ``lstm`` or ``gru``.
      second: another one.
      what: ``training``, ``inference`` or ``memory``.
      equal: ``width`` or ``parameters``: both have the LSTM's.
    """
    measured = by_case(record)
    sides = [_by_batch(measured, cell, equal) for cell in (first, second)]
    return [
        _over(measured, what, (first, sides[0][batch]), (second, sides[1][batch]))
        for batch in sides[0]
        if batch in sides[1]
    ]


def _by_batch(measured: Cases, cell: str, equal: str) -> dict[str, str]:
    """The shape of a cell for each B×T×F at which it has the LSTM's width, or its parameters."""
    if cell == "lstm":
        return {_but_width(lstm): lstm for other in ("rnn", "gru") for _, lstm in _shapes_beside(measured, other)}
    return {
        _but_width(shape): shape
        for shape, lstm in _shapes_beside(measured, cell)
        if (shape == lstm) == (equal == "width")
    }


def _shapes_beside(measured: Cases, cell: str) -> list[tuple[str, str]]:
    """The shapes of a cell, each with that of the LSTM which reads the same batch."""
    trained = [key[1:3] for key in measured if key[0] == "training" and key[3] == OURS]
    lstms = {_but_width(shape): shape for model, shape in trained if model == "lstm"}
    return [
        (shape, lstms[_but_width(shape)]) for model, shape in trained if model == cell and _but_width(shape) in lstms
    ]


def _over(measured: Cases, what: str, first: tuple[str, str], second: tuple[str, str]) -> float:
    """A cell's cost over another's; each a model and its shape."""
    mode, compare = _COMPARED[what]
    return compare(*(measured[mode, *side, OURS] for side in (first, second)))


def _parameters(one: Row, other: Row) -> float:
    return one["parameters"] / other["parameters"]


_COMPARED: dict[str, tuple[str, Compare]] = {
    "parameters": ("training", _parameters),
    "training": ("training", ratio),
    "inference": ("inference", ratio),
    "memory": ("training", memory_ratio),
}


def _but_width(shape: str) -> str:
    return shape.rpartition("×")[0]
