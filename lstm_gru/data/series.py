"""Series on a regular time base, with missing values as NaN, never filled."""

import hashlib
import io
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from lstm_gru.data.columns import read_columns
from lstm_gru.data.timebase import TimeBase
from lstm_gru.errors import InputError

PAGE_VIEWS = "wikipedia_peyton_manning_log_views.csv"
PAGE_VIEWS_SHA256 = "5bc951bcdb462f46bdf2fdffe190bb97e4915ed097413f5636fed8bc4df09f7a"


@dataclass(frozen=True, eq=False)
class Series:
    """One value or several for each time of a regular base.

    Attributes:
      base: the times.
      values: float64 ``[T, C]``, in the file's units; NaN where one is missing.
      names: what the C columns are called.
      source: where it came from and its SHA-256, as plain JSON values for a run's settings.
      label: what the values are, with their unit.
    """

    base: TimeBase
    values: np.ndarray
    names: tuple[str, ...]
    source: dict[str, str]
    label: str = "value"

    def __len__(self) -> int:
        return len(self.values)

    def time(self, index: int | np.ndarray) -> np.ndarray:
        """Return the time of an index, or the times of an array of them, ``datetime64[s]``; see `TimeBase.time`."""
        return self.base.time(index)

    def index(self, time: str | np.datetime64) -> int:
        """Return the index of a time, also before or after the series; see `TimeBase.index`."""
        return self.base.index(time)


@cache
def page_views() -> Series:
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
    base, values = read_columns(io.BytesIO(content), PAGE_VIEWS, time_column="ts", value_columns=("y",))
    source = {"file": PAGE_VIEWS, "sha256": checksum}
    return Series(base, values, ("y",), source, label="page views a day (natural log)")
