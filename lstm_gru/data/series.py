"""Daily series on a regular time base, with missing days as NaN, never filled."""

import csv
import datetime
import hashlib
import io
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import numpy as np

from lstm_gru.errors import InputError

PAGE_VIEWS = "wikipedia_peyton_manning_log_views.csv"
PAGE_VIEWS_SHA256 = "5bc951bcdb462f46bdf2fdffe190bb97e4915ed097413f5636fed8bc4df09f7a"


@dataclass(frozen=True, eq=False)
class DailySeries:
    """One value for each calendar day.

    Attributes:
      start: the first day, ``datetime64[D]``.
      values: float64 ``[D]``, in the file's units; NaN where a day is missing.
      source: where it came from and its SHA-256, as plain JSON values for a run's settings.
      label: what the values are, with their unit.
    """

    start: np.datetime64
    values: np.ndarray
    source: dict[str, str]
    label: str = "value"

    def __len__(self) -> int:
        return len(self.values)

    def date(self, day: int | np.ndarray) -> np.ndarray:
        """Return the calendar date of a day's index, ``datetime64[D]``."""
        return self.start + np.asarray(day).astype("timedelta64[D]")

    def index(self, date: str | np.datetime64) -> int:
        """Return a date's index."""
        return int((np.datetime64(date, "D") - self.start).astype(int))


@cache
def page_views() -> DailySeries:
    """Return the embedded series: log daily views of Wikipedia's page on Peyton Manning.

    2,905 observed days from 2007-12-10 to 2016-01-20, natural logarithm of views a day, calendar days;
    59 days are missing. Source: Wikimedia page-view statistics (public domain), the example series of
    Prophet's documentation (Taylor & Letham 2018).

    Example:
      >>> len(page_views())
      2964
    """
    content = resources.files("lstm_gru.data").joinpath("embedded", PAGE_VIEWS).read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    if checksum != PAGE_VIEWS_SHA256:
        raise InputError(f"{PAGE_VIEWS}: SHA-256 is {checksum}, expected {PAGE_VIEWS_SHA256}; reinstall lstm-gru")
    series = parse_daily(content.decode(), PAGE_VIEWS, time_column="ts", value_column="y", sha256=checksum)
    return replace(series, label="page views a day (natural log)")


def parse_daily(text: str, name: str, *, time_column: str, value_column: str, sha256: str) -> DailySeries:
    """Return a series from CSV text with a header line and one row a day in ascending order.

    Args:
      text: the file's content.
      name: the file's name, for messages.
      time_column: column of ISO dates.
      value_column: column of numbers; an empty cell is a missing value.
      sha256: the file's checksum, kept with the series.

    Raises:
      InputError: naming file, line and column.
    """
    rows = csv.DictReader(io.StringIO(text), restval="")
    for column in (time_column, value_column):
        if column not in (rows.fieldnames or ()):
            raise InputError(f"{name}: no column {column!r}; there are {', '.join(rows.fieldnames or ())}")
    dates, values = [], []
    for row in rows:
        place = f"{name}: line {rows.line_num}"
        dates.append(_parse_date(row[time_column], f"{place}, column {time_column!r}"))
        values.append(_parse_value(row[value_column], f"{place}, column {value_column!r}"))
        if len(dates) > 1 and dates[-1] <= dates[-2]:
            raise InputError(
                f"{place}: {dates[-1]} does not come after {dates[-2]} in the line before; "
                "expected ascending dates without repetition"
            )
    if not dates:
        raise InputError(f"{name}: no rows below the header; expected one a day")
    days = (np.array(dates) - dates[0]).astype(int)
    regular = np.full(days[-1] + 1, np.nan)
    regular[days] = values
    return DailySeries(dates[0], regular, {"file": name, "sha256": sha256})


def _parse_date(text: str, place: str) -> np.datetime64:
    try:
        return np.datetime64(datetime.date.fromisoformat(text.strip()), "D")
    except ValueError as error:
        raise InputError(f"{place}: {text!r} is not a date; expected YYYY-MM-DD") from error


def _parse_value(text: str, place: str) -> float:
    try:
        value = float(text) if text.strip() else np.nan
    except ValueError as error:
        raise InputError(f"{place}: {text!r} is not a number") from error
    if np.isinf(value):
        raise InputError(f"{place}: {text!r} is not a finite number")
    return value
