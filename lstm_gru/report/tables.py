"""One table of an experiment: trivial baselines, published figures and measured variants, never mixed."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table as RichTable

from lstm_gru.experiment import Experiment

MISSING = "–"


@dataclass(frozen=True)
class Table:
    """Headings and rows of text; the first column names the row, the others are numbers."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Return the table in Markdown."""
        rule = ["---", *["---:"] * (len(self.headings) - 1)]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in (self.headings, rule, *self.rows))

    def rich(self, title: str) -> RichTable:
        """Return the table for a terminal."""
        table = RichTable(title=title, title_justify="left")
        for index, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if index else "left")
        for row in self.rows:
            table.add_row(*row)
        return table


def comparison(experiment: Experiment, records: Iterable[Mapping[str, Any]], seeds: int | None = None) -> Table:
    """Return an experiment's table.

    Args:
      experiment: which.
      records: of its variants and trivial baselines.
      seeds: how many seeds were asked for; with it, a row says "n of N".

    Returns:
      Rows in the order trivial, published, variants; mean ± sample standard deviation over seeds.
    """
    records = list(records)
    trivial = [
        (f"{r['baseline']} (trivial)", *(_number(r["scores"].get(name)) for name in experiment.scores), *[MISSING] * 3)
        for r in sorted((r for r in records if "baseline" in r), key=lambda r: -_rank(experiment, r))
    ]
    published = [
        (f"{name}, published", *(_number(values.get(score)) for score in experiment.scores), *[MISSING] * 3)
        for name, values in experiment.published.items()
    ]
    measured = [
        _variant_row(experiment, variant, [r for r in records if r.get("variant") == variant], seeds)
        for variant in experiment.variants
    ]
    headings = ("", *experiment.scores.values(), "parameters", "minutes a seed", "seeds")
    return Table(headings, (*trivial, *published, *measured))


def _variant_row(
    experiment: Experiment, variant: str, records: list[Mapping[str, Any]], seeds: int | None
) -> tuple[str, ...]:
    count = f"{len(records)} of {seeds}" if seeds else str(len(records))
    if not records:
        return (variant, *[MISSING] * (len(experiment.scores) + 2), count)
    scores = (_spread([r["scores"][name] for r in records]) for name in experiment.scores)
    minutes = statistics.mean(r["minutes"] for r in records)
    return (variant, *scores, f"{records[0]['parameters']:,}", f"{minutes:.1f}", count)


def _rank(experiment: Experiment, record: Mapping[str, Any]) -> float:
    return record["scores"][next(iter(experiment.scores))]


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def _spread(values: list[float]) -> str:
    mean = _number(statistics.mean(values))
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.3f}"
