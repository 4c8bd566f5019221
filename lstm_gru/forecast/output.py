"""What a forecast leaves behind: a CSV with its interval, and a picture for each column."""

import csv
import re
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from lstm_gru.data.series import Series
from lstm_gru.plots import forecast_fan

ENDS = ("", "_lower_10", "_upper_90")
MOST_PICTURES = 8
HISTORY, SHORTEST_SHOWN = 3, 24  # The picture shows three horizons of the past, each of at least 24 steps.


class Future(NamedTuple):
    """A forecast of the steps after a series' end.

    Attributes:
      series: the series.
      names: the C columns that are forecast.
      bounds: ``[C, H, 3]``, lower bound, centre and upper bound in the series' units.
      by: what made it, in a word or two.
    """

    series: Series
    names: tuple[str, ...]
    bounds: np.ndarray
    by: str


def write_future(file: TextIO, future: Future) -> None:
    """Write CSV: the time, and for each column its forecast, the 10 % and the 90 % quantile."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["time", *(name + end for name in future.names for end in ENDS)])
    for step, now in enumerate(np.swapaxes(future.bounds, 0, 1)):
        numbers = [f"{value:.10g}" for lower, centre, upper in now for value in (centre, lower, upper)]
        rows.writerow([future.series.base.text(len(future.series) + step), *numbers])


def draw_future(path: Path, future: Future) -> list[Path]:
    """Draw the forecast of each of the first 8 columns after what came before; return the files."""
    series, horizon = future.series, future.bounds.shape[1]
    past = np.arange(max(0, len(series) - HISTORY * max(horizon, SHORTEST_SHOWN)), len(series))
    times = series.time(len(series) + np.arange(horizon))
    drawn = []
    for column, (name, bounds) in enumerate(zip(future.names[:MOST_PICTURES], future.bounds, strict=False)):
        drawn.append(path if column == 0 else _beside(path, name, drawn))
        lower, centre, upper = bounds.T
        forecast_fan(
            drawn[-1],
            title=f"{name}: {horizon} steps ({series.base}) after {series.base.text(len(series) - 1)}, by {future.by}",
            value_label=name,
            history_dates=series.time(past),
            history=series.values[past, column],
            dates=times,
            observed=np.full(horizon, np.nan),
            forecast=centre,
            lower=lower,
            upper=upper,
        )
    return drawn


def _beside(path: Path, name: str, taken: list[Path]) -> Path:
    """The file of a column's picture, beside the first one's, and none that another column has."""
    stem = f"{path.stem}-{re.sub(r'[^-.0-9A-Za-z]+', '_', name)}"
    while path.with_stem(stem) in taken:
        stem += "_"
    return path.with_stem(stem)
