"""Series: the embedded one is the documented one, and a series knows the times of its rows."""

import csv
import datetime
from importlib import resources

import numpy as np
import pytest

from lstm_gru.data import series as module
from lstm_gru.data.series import Series, page_views
from lstm_gru.data.timebase import TimeBase
from lstm_gru.errors import InputError


def test_embedded_series_is_the_documented_one():
    series = page_views()
    assert series.values.shape == (2964, 1)
    assert series.values.dtype == np.float64
    assert np.isnan(series.values).sum() == 59
    assert (series.base.text(0), series.base.text(len(series) - 1)) == ("2007-12-10", "2016-01-20")
    assert str(series.base) == "daily"
    assert series.values[0] == 9.59076113897809
    assert series.names == ("y",)
    assert series.source == {"file": module.PAGE_VIEWS, "sha256": module.PAGE_VIEWS_SHA256}
    assert series.label == "page views a day (natural log)"


def test_embedded_values_are_those_of_the_file_to_the_last_bit():
    series, expected = page_views(), np.full(2964, np.nan)
    with resources.files("lstm_gru.data").joinpath("embedded", module.PAGE_VIEWS).open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            day = (datetime.date.fromisoformat(row["ts"]) - datetime.date(2007, 12, 10)).days
            expected[day] = float(row["y"])
    np.testing.assert_array_equal(series.values[:, 0], expected)


def test_a_changed_embedded_file_is_refused(monkeypatch):
    monkeypatch.setattr(module, "PAGE_VIEWS_SHA256", "abc")
    with pytest.raises(InputError, match=r"manning_log_views.csv: SHA-256 is 5bc9.*, expected abc; reinstall"):
        page_views.__wrapped__()  # Around the cache.


def test_a_series_knows_its_length_and_its_times():
    base = TimeBase(np.datetime64("2020-02-28T00:00:00"), np.timedelta64(21_600, "s"))
    series = Series(base, np.zeros((9, 2)), ("a", "b"), {})
    assert len(series) == 9
    assert series.time(5) == np.datetime64("2020-02-29T06:00:00")
    np.testing.assert_array_equal(series.time(np.array([0, 5])), [series.time(0), series.time(5)])
    assert series.index("2020-02-29 06:00") == series.index(series.time(5)) == 5
    assert series.index("2020-03-05") == 24  # Also after its end.
