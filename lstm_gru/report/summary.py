"""The short table: a line for each experiment that compares RNN, LSTM and GRU, by the score that ranks."""

import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

from lstm_gru.experiment import Experiment, load_experiment
from lstm_gru.records import recorded
from lstm_gru.report.tables import MISSING, Table, mean_and_spread, runs_of, trivial_scores

COLUMNS = ("RNN", "LSTM", "GRU", "beside them")


class Line(NamedTuple):
    """Which variants stand in an experiment's line; an empty column has none.

    Attributes:
      rnn: in the column of RNNs.
      lstm: in that of LSTMs.
      gru: in that of GRUs.
      beside: named by its label.
      what: the first three are.
    """

    rnn: str = "rnn"
    lstm: str = "lstm"
    gru: str = "gru"
    beside: str = ""
    what: str = ""


TRANSLATION = Line("", "bilstm_attention", "bigru_attention", "transformer", "bidirectional encoder, attention")
LARGE = Line("rnn_large", "lstm_large", "gru_large", what="large")
BOTH = Line("rnn_bidirectional", "lstm_bidirectional", "gru_bidirectional", "lstm_forward", "bidirectional")
LINES = {
    "page_views": Line(),
    "website_visitors": Line(beside="bigru"),
    "single_detector": Line(),
    "road_network": Line(beside="graph_gru"),
    "multi30k": TRANSLATION,
    "translation_grammar": TRANSLATION,
    "danish_tags": Line("birnn", "bilstm", "bigru", "lstm_forward", "bidirectional"),
    "directions": BOTH,
    "jsb_chorales": LARGE,
    "nottingham": LARGE,
    "counting": Line(beside="peephole_lstm", what="10 units"),
    "adding": Line(beside="lstm_chrono"),
    "copy_memory": Line(beside="mgu"),
}


def summary() -> Table:
    """Return the short table; in each line the best of what was measured or computed here is in bold."""
    rows = (_cells(load_experiment(name), line) for name, line in LINES.items())
    headings = ("", "score", "best trivial", "best published", *COLUMNS)
    return Table(headings, tuple(row for row in rows if row), words=2)


def _cells(experiment: Experiment, line: Line) -> tuple[str, ...] | None:
    """The cells of an experiment's line; None where none of its variants is recorded."""
    records, score = recorded(experiment.name), experiment.ranking
    *variants, what = line
    runs = [runs_of(variant, records) for variant in variants]
    if not any(runs):
        return None
    trivial = trivial_scores(records, score)
    published = [scores[score] for scores in experiment.published.values() if score in scores]
    measured = {place: _mean(found, score) for place, found in enumerate(runs) if found}
    better = min if experiment.better == "min" else max
    best = better([*trivial, *measured.values()])
    cells = [mean_and_spread(experiment, found, score) + " (1 seed)" * (len(found) == 1) for found in runs]
    marked = [_bold(cell) if measured.get(place) == best else cell for place, cell in enumerate(cells)]
    if variants[-1] and runs[-1]:
        marked[-1] += f" ({experiment.label(variants[-1])})"
    number = f"{{:.{experiment.decimals}f}}".format
    floor = number(better(trivial)) if trivial else MISSING
    return (
        f"`{experiment.name}`: {experiment.title}" + (f" ({what})" if what else ""),
        f"{experiment.scores[score]} {'↓' if experiment.better == 'min' else '↑'}",
        _bold(floor) if best in trivial else floor,
        number(better(published)) if published else MISSING,
        *marked,
    )


def _mean(runs: list[Mapping[str, Any]], score: str) -> float:
    return statistics.mean(run["scores"][score] for run in runs)


def _bold(cell: str) -> str:
    return f"**{cell}**"
