"""One table of an experiment: trivial baselines, published figures and measured variants, never mixed."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table as RichTable

from lstm_gru.experiment import Experiment
from lstm_gru.metrics import paired_bootstrap, standard_error
from lstm_gru.records import CHOSEN, best_rate

MISSING = "–"


@dataclass(frozen=True)
class Table:
    """Headings and rows of text; the first columns are words, the others numbers."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1

    def markdown(self) -> str:
        """Return the table in Markdown."""
        rule = ["---"] * self.words + ["---:"] * (len(self.headings) - self.words)
        return "\n".join("| " + " | ".join(cells) + " |" for cells in (self.headings, rule, *self.rows))

    def turned(self) -> "Table":
        """Return the table with rows for columns, where there are many columns; it has one column of words."""
        columns = tuple(zip(self.headings, *self.rows, strict=True))
        return Table(columns[0], columns[1:])

    def rich(self, title: str) -> RichTable:
        """Return the table for a terminal."""
        table = RichTable(title=title, title_justify="left")
        for index, heading in enumerate(self.headings):
            table.add_column(heading, justify="left" if index < self.words else "right")
        for row in self.rows:
            table.add_row(*row)
        return table


def comparison(
    experiment: Experiment,
    records: Iterable[Mapping[str, Any]],
    seeds: Mapping[str, int] | None = None,
    scores: Sequence[str] | None = None,
) -> Table:
    """Return an experiment's table.

    Args:
      experiment: which.
      records: of its variants, trivial baselines and peers.
      seeds: how many seeds of each variant were asked for; with it, a row says "n of N".
      scores: which columns; the experiment's headline when None.

    Returns:
      Rows in the order trivial, published, peers, variants; mean ± sample standard deviation over seeds.
    """
    records, names = list(records), tuple(scores or experiment.headline)
    nothing = (MISSING,) * 3
    rows = [
        (f"{r['baseline']} (trivial)", *_numbers(experiment, r["scores"], names), *nothing)
        for r in _worst_first(experiment, (r for r in records if "baseline" in r))
    ]
    rows += [
        (f"{name}, published", *_numbers(experiment, values, names), *nothing)
        for name, values in experiment.published.items()
    ]
    rows += [
        (f"{r['peer']}, run here", *_numbers(experiment, r["scores"], names), *nothing) for r in records if "peer" in r
    ]
    for variant, label in variant_labels(experiment, records).items():
        wanted = (seeds or {}).get(variant)
        rows.append((label, *_variant_cells(experiment, runs_of(variant, records), names, wanted)))
    headings = ("", *(experiment.scores[name] for name in names), "parameters", "minutes a seed", "seeds")
    return Table(headings, tuple(rows))


def variant_labels(experiment: Experiment, records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the label of each variant, and of the one chosen on validation where it was recorded."""
    labels = {variant: experiment.label(variant) for variant in experiment.variants}
    if any(record.get("variant") == CHOSEN for record in records):
        labels[CHOSEN] = "variant chosen on validation"
    return labels


def differences(experiment: Experiment, records: Iterable[Mapping[str, Any]]) -> Table | None:
    """Return the variants' score less that of each baseline and peer, with paired bootstrap intervals over folds.

    A variant's statistics are averaged over its seeds in each fold first. What has no folds is left out.

    Returns:
      None without a variant or without anything to compare it with.
    """
    records = _with_folds(experiment, records)
    against = _worst_first(experiment, (r for r in records if "baseline" in r or "peer" in r))
    labels = variant_labels(experiment, records)
    measured = {label: runs_of(variant, records) for variant, label in labels.items()}
    measured = {label: runs for label, runs in measured.items() if runs}
    if not against or not measured:
        return None
    rows = [
        (
            other.get("baseline") or other["peer"],
            *(_difference(experiment, runs, [other]) for runs in measured.values()),
        )
        for other in against
    ]
    return Table((f"{experiment.scores[experiment.ranking]} less that of", *measured), tuple(rows))


def versus(experiment: Experiment, records: Iterable[Mapping[str, Any]]) -> Table | None:
    """Return the differences between variants that the experiment compares directly, as `differences` does.

    Returns:
      None where no pair is recorded.
    """
    records = _with_folds(experiment, records)
    pairs = [(pair, [runs_of(variant, records) for variant in pair]) for pair in experiment.versus]
    rows = [
        (*map(experiment.label, pair), _difference(experiment, *measured)) for pair, measured in pairs if all(measured)
    ]
    heading = f"{experiment.scores[experiment.ranking]} difference [95 % interval]"
    return Table(("", "less", heading), tuple(rows), words=2) if rows else None


def verdicts(experiment: Experiment, records: Iterable[Mapping[str, Any]]) -> Table | None:
    """Return what became of the published figures that variants repeat.

    Rule: reproduced where ``|measured - published| ≤ 2 √(se² + sd²)``, with the standard error se of the score over the
    units of the test and the standard deviation sd over seeds (0 of a single one); else better or short; open where a
    run was recorded without its units. Where the published score is not the one that ranks but its like, se is that of
    the one that ranks.

    Returns:
      None where nothing that repeats a figure is recorded.
    """
    records, score, rows = list(records), experiment.repeated or experiment.ranking, []
    for variant, name in experiment.repeats.items():
        runs, published = runs_of(variant, records), experiment.published[name][score]
        if runs:
            values = [run["scores"][score] for run in runs]
            numbers = [_number(experiment, value) for value in (published, statistics.mean(values))]
            allowed, verdict = _judged(experiment, runs, values, published)
            rows.append((experiment.label(variant), name, *numbers, allowed, str(len(runs)), verdict))
    heading = experiment.scores[score]
    headings = ("", "published", f"{heading}, published", "measured", "may differ by", "seeds", "verdict")
    return Table(headings, tuple(rows), words=2) if rows else None


def _judged(
    experiment: Experiment, runs: Sequence[Mapping[str, Any]], values: Sequence[float], published: float
) -> tuple[str, str]:
    """By how much the mean of values may differ from a published one, and the verdict."""
    if not all(run["folds"] for run in runs):
        return MISSING, "open"
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    allowed = 2 * float(np.hypot(standard_error(_averaged(runs), experiment.statistic), spread))
    difference = statistics.mean(values) - published
    better = (difference < 0) == (experiment.better == "min")
    verdict = "reproduced" if abs(difference) <= allowed else "better" if better else "short"
    return _number(experiment, allowed), verdict


def rates_table(experiment: Experiment, records: Iterable[Mapping[str, Any]]) -> Table | None:
    """Return the learning-rate grids: the validation score by variant and rate, the best of each grid in bold.

    Returns:
      None without a record.
    """
    order = list(experiment.variants)
    grids = sorted(records, key=lambda record: (record.get("whole", False), order.index(record["variant"])))
    if not grids:
        return None
    rates = sorted({rate for record in grids for rate in record["rates"]}, key=float)
    rows = [
        (experiment.label(record["variant"]) + ", whole runs" * record.get("whole", False), *_rate_cells(record, rates))
        for record in grids
    ]
    metric = grids[0]["selected_by"]["metric"]
    return Table((f"{metric} at learning rate", *rates), tuple(rows))


def _rate_cells(record: Mapping[str, Any], rates: Sequence[str]) -> list[str]:
    best = best_rate(record)
    cells = {rate: f"**{value:.4f}**" if rate == best else f"{value:.4f}" for rate, value in record["rates"].items()}
    return [cells.get(rate, MISSING) for rate in rates]


def paired(
    experiment: Experiment, first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> tuple[float, float, float]:
    """Return the score that ranks of some runs, seeds of one variant, less that of others, by `paired_bootstrap`."""
    folds = list(second[0]["folds"])
    return paired_bootstrap(_averaged(first, folds), _averaged(second, folds), experiment.statistic)


def _difference(experiment: Experiment, first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> str:
    value, lower, upper = paired(experiment, first, second)
    return "{:+.{d}f} [{:+.{d}f}, {:+.{d}f}]".format(value, lower, upper, d=experiment.decimals)


def _with_folds(experiment: Experiment, records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of which the score that ranks is known in each fold."""
    return [record for record in records if record["folds"] and experiment.ranking in record["scores"]]


def _averaged(runs: Sequence[Mapping[str, Any]], folds: Sequence[str] | None = None) -> np.ndarray:
    """The statistics ``[C, K]`` of the folds, in this order, averaged over runs."""
    folds = folds or list(runs[0]["folds"])
    return np.mean([[run["folds"][fold] for fold in folds] for run in runs], axis=0)


def runs_of(variant: str, records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the records of a variant's runs."""
    return [record for record in records if record.get("variant") == variant]


def _variant_cells(
    experiment: Experiment, records: list[Mapping[str, Any]], names: Sequence[str], seeds: int | None
) -> tuple[str, ...]:
    count = f"{len(records)} of {seeds}" if seeds else str(len(records))
    if not records:
        return (*[MISSING] * (len(names) + 2), count)
    scores = (mean_and_spread(experiment, records, name) for name in names)
    if "parameters" not in records[0]:
        return (*scores, MISSING, MISSING, count)
    minutes = statistics.median(r["minutes"] for r in records)  # Some machines had other things to do, too.
    return (*scores, f"{records[0]['parameters']:,}", f"{minutes:.1f}", count)


def _numbers(experiment: Experiment, scores: Mapping[str, float], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_number(experiment, scores.get(name)) for name in names)


def _worst_first(experiment: Experiment, records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(records, key=lambda r: r["scores"][experiment.ranking], reverse=experiment.better == "min")


def _number(experiment: Experiment, value: float | None) -> str:
    return MISSING if value is None else f"{value:.{experiment.decimals}f}"


def trivial_scores(records: Iterable[Mapping[str, Any]], score: str) -> list[float]:
    """Return a score of each trivial baseline that has it."""
    return [record["scores"][score] for record in records if "baseline" in record and score in record["scores"]]


def mean_and_spread(experiment: Experiment, runs: Sequence[Mapping[str, Any]], score: str) -> str:
    """Return a score's mean over runs, and its sample standard deviation where there are several."""
    values = [run["scores"].get(score) for run in runs]
    if not values or None in values:
        return MISSING
    mean = _number(experiment, statistics.mean(values))
    if len(values) == 1 or score in experiment.shares:
        return mean
    return f"{mean} ± {_number(experiment, statistics.stdev(values))}"
