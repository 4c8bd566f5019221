"""Daily series: a regular time base, gaps as NaN, and errors that say where."""

import datetime

import numpy as np
import pytest

from lstm_gru.data import series as module
from lstm_gru.data.series import DailySeries, page_views, parse_daily
from lstm_gru.errors import InputError


def parse(text):
    return parse_daily(text, "views.csv", time_column="ts", value_column="y", sha256="0")


def test_embedded_series_is_the_documented_one():
    series = page_views()
    assert len(series) == 2964
    assert np.isnan(series.values).sum() == 59
    assert (str(series.date(0)), str(series.date(2963))) == ("2007-12-10", "2016-01-20")
    assert series.values[0] == 9.59076113897809
    assert series.source == {"file": module.PAGE_VIEWS, "sha256": module.PAGE_VIEWS_SHA256}


def test_a_changed_embedded_file_is_refused(monkeypatch):
    monkeypatch.setattr(module, "PAGE_VIEWS_SHA256", "abc")
    with pytest.raises(InputError, match=r"manning_log_views.csv: SHA-256 is 5bc9.*, expected abc; reinstall"):
        page_views.__wrapped__()  # Around the cache.


def test_missing_days_and_empty_cells_are_nan_and_never_filled():
    series = parse("ts,note,y\n2020-02-27,a,1.5\n2020-02-28,b,\n2020-03-01,c,-2\n 2020-03-04 ,d, 3 \n")
    np.testing.assert_array_equal(series.values, [1.5, np.nan, np.nan, -2, np.nan, np.nan, 3])  # A leap year.
    assert series.values.dtype == np.float64
    assert series.start == np.datetime64("2020-02-27")
    assert series.source == {"file": "views.csv", "sha256": "0"}


def test_a_row_that_ends_early_has_missing_values():
    np.testing.assert_array_equal(parse("ts,y\n2020-01-01,1\n2020-01-02\n").values, [1, np.nan])


def test_date_and_index_are_inverse_and_agree_with_datetime():
    series = DailySeries(np.datetime64("2019-12-30"), np.zeros(500), {})
    for day in (0, 2, 61, 62, 430, 600, -3):
        date = datetime.date(2019, 12, 30) + datetime.timedelta(day)
        assert series.date(day).astype(object) == date
        assert series.index(str(date)) == series.index(np.datetime64(date)) == day
    assert series.date(np.arange(3)).tolist() == [series.date(k).astype(object) for k in range(3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "^views.csv: no column 'ts'; there are $"),
        ("ds,y\n2020-01-01,1\n", "^views.csv: no column 'ts'; there are ds, y$"),
        ("ts,value\n2020-01-01,1\n", "^views.csv: no column 'y'; there are ts, value$"),
        ("ts,y\n", "^views.csv: no rows below the header; expected one a day$"),
        (
            "ts,y\n2020-01-01,1\n01.02.2020,2\n",
            "^views.csv: line 3, column 'ts': '01.02.2020' is not a date; expected YYYY-MM-DD$",
        ),
        ("ts,y\n2020-02-30,1\n", "^views.csv: line 2, column 'ts': '2020-02-30' is not a date"),
        ("ts,y\n2020-01-01,1\n2020-01-02,many\n", "^views.csv: line 3, column 'y': 'many' is not a number$"),
        ("ts,y\n2020-01-01,inf\n", "^views.csv: line 2, column 'y': 'inf' is not a finite number$"),
        ("ts,y\ntoday,1\n", "^views.csv: line 2, column 'ts': 'today' is not a date"),
        ("ts,y\n,1\n", "^views.csv: line 2, column 'ts': '' is not a date"),
        ("y,ts\n1\n", "^views.csv: line 2, column 'ts': '' is not a date"),
        ("ts,y\n2020-01-02,1\n2020-01-03,1\n2020-01-01,1\n", "^views.csv: line 4: 2020-01-01 does not come after"),
        ("ts,y\n2020-01-01,1\n2020-01-01,1\n", "line 3: 2020-01-01 .*expected ascending dates without repetition$"),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_column(text, message):
    with pytest.raises(InputError, match=message):
        parse(text)
