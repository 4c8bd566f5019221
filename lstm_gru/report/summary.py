"""The short table: a line for each experiment that compares RNN, LSTM and GRU, by the score that ranks."""

import statistics
from collections.abc import Mapping
from typing import Any

from lstm_gru.experiment import Experiment, load_experiment
from lstm_gru.records import recorded
from lstm_gru.report.tables import MISSING, Table, mean_and_spread, runs_of, trivial_scores

COLUMNS = ("RNN", "LSTM", "GRU", "beside them")
TRANSLATION = ("", "bilstm_attention", "bigru_attention", "transformer", "bidirectional encoder, attention")
# The variants in the columns; what stands beside them is called by its label; then what those in the columns are.
LINES = {
    "page_views": ("rnn", "lstm", "gru", "", ""),
    "website_visitors": ("rnn", "lstm", "gru", "bigru", ""),
    "single_detector": ("rnn", "lstm", "gru", "", ""),
    "road_network": ("rnn", "lstm", "gru", "graph_gru", ""),
    "multi30k": TRANSLATION,
    "translation_grammar": TRANSLATION,
    "danish_tags": ("birnn", "bilstm", "bigru", "lstm_forward", "bidirectional"),
    "directions": ("rnn_bidirectional", "lstm_bidirectional", "gru_bidirectional", "lstm_forward", "bidirectional"),
    "jsb_chorales": ("rnn_large", "lstm_large", "gru_large", "", "large"),
    "nottingham": ("rnn_large", "lstm_large", "gru_large", "", "large"),
    "counting": ("rnn", "lstm", "gru", "peephole_lstm", "10 units"),
    "adding": ("rnn", "lstm", "gru", "lstm_chrono", ""),
    "copy_memory": ("rnn", "lstm", "gru", "mgu", ""),
}


def summary() -> Table:
    """Return the short table; in each line the best of what was measured or computed here is in bold."""
    rows = (_line(load_experiment(name), tuple(variants), what) for name, (*variants, what) in LINES.items())
    headings = ("", "score", "best trivial", "best published", *COLUMNS)
    return Table(headings, tuple(row for row in rows if row), words=2)


def _line(experiment: Experiment, variants: tuple[str, ...], what: str) -> tuple[str, ...] | None:
    """The cells of an experiment's line; None where none of its variants is recorded."""
    records, score = recorded(experiment.name), experiment.ranking
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
