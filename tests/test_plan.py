"""Settings from a series alone: by hand for series of each kind, and how long a horizon may be."""

import jax
import numpy as np
import pytest

from lstm_gru.data.series import Series
from lstm_gru.data.timebase import TimeBase
from lstm_gru.data.windows import Windows
from lstm_gru.errors import InputError
from lstm_gru.forecast.plan import WIDTHS, plan, seasons_of
from lstm_gru.models.forecaster import forecaster
from lstm_gru.tasks.forecasting import widths_of

SECOND = {"5 minutes": 300, "hour": 3600, "day": 86_400, "week": 604_800, "7 minutes": 420}


def base(kind):
    if kind in SECOND:
        return TimeBase(np.datetime64("2024-01-01T00:00:00"), np.timedelta64(SECOND[kind], "s"))
    return TimeBase(np.datetime64("2024-01", "M"), np.timedelta64({"month": 1, "quarter": 3, "year": 12}[kind], "M"))


def series_of(kind, length):
    values = np.random.default_rng(0).normal(size=(length, 1))
    return Series(base(kind), values, ("v",), {"file": "a.csv", "sha256": "0"})


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("5 minutes", (288, 2016)),
        ("hour", (24, 168)),
        ("day", (7, 364)),
        ("week", (52,)),
        ("month", (12,)),
        ("quarter", (4,)),
        ("year", ()),
        ("7 minutes", (1440,)),
    ],
)
def test_seasons_are_whole_days_weeks_and_years(kind, expected):
    assert seasons_of(base(kind)) == expected


@pytest.mark.parametrize(
    ("kind", "length", "horizon", "lookback", "calendar", "folds", "train_end"),
    [
        ("hour", 10_000, 24, 168, ("day", "week"), 5, 10_000 - 120 - 1250),
        ("5 minutes", 6_000, 12, 288, ("day", "week"), 9, 6_000 - 108 - 750),
        ("day", 1_000, 7, 28, ("week", "year"), 15, 1_000 - 105 - 125),
        ("week", 300, 4, 52, ("year",), 8, 300 - 32 - 37),
        ("month", 144, 12, 24, ("months",), 4, 144 - 48 - 24),
        ("day", 40, 5, 1, ("week",), 1, 40 - 5 - 10),
        ("year", 80, 3, 19, (), 4, 80 - 12 - 10),
    ],
)
def test_parts_window_and_calendars_fit_the_series(kind, length, horizon, lookback, calendar, folds, train_end):
    found = plan(series_of(kind, length), horizon, targets=1)
    assert (found.folds, found.parts.train_end) == (folds, train_end)
    assert found.parts.valid_end == length - folds * horizon
    assert (found.windows.lookback, found.windows.calendar) == (lookback, calendar)
    windows = Windows(series_of(kind, length), found.windows, train_end)
    assert len(windows.train_origins) >= 20
    assert len(windows.origins(found.parts.valid_end, length, horizon)) == folds
    assert len(windows.origins(train_end, found.parts.valid_end, found.valid_stride)) <= 400


def test_the_longest_horizon_is_said_and_works():
    with pytest.raises(InputError, match=r"^a.csv: --horizon = 99; expected at most 17 for 90 values$"):
        plan(series_of("day", 90), 99, targets=1)
    assert plan(series_of("day", 90), 17, targets=1).folds == 1
    with pytest.raises(InputError, match=r"--horizon = 1; expected a longer series$"):
        plan(series_of("day", 20), 1, targets=1)


@pytest.mark.parametrize(("length", "horizon", "folds"), [(1_000, 1, 100), (300, 1, 30), (10_000, 24, 5), (500, 30, 4)])
def test_a_short_horizon_is_tested_more_often(length, horizon, folds):
    found = plan(series_of("day", length), horizon, targets=1)
    assert found.folds == folds
    assert found.parts.valid_end == length - folds * horizon


def test_many_columns_make_no_larger_batches():
    assert [plan(series_of("day", 200), 7, targets=n).windows.windows for n in (1, 3, 100)] == [64, 21, 1]


def test_cells_have_equal_parameter_counts():
    found = plan(series_of("hour", 2_000), 24, targets=1)
    counts = []
    for cell in WIDTHS:
        init = forecaster(found.config(cell, 0).model, widths_of(found.windows, 0)).init
        leaves = jax.tree.leaves(jax.eval_shape(init, jax.random.key(0)))
        counts.append(sum(leaf.size for leaf in leaves))
    assert max(counts) / min(counts) < 1.1


def test_a_season_counts_when_training_has_seen_it_twice():
    assert plan(series_of("day", 600), 7, targets=1).seasons == (7,)
    assert plan(series_of("day", 1_000), 7, targets=1).seasons == (7, 364)


@pytest.mark.parametrize("length", [9_000, 40_000, 77_777])
def test_the_validation_part_reads_from_every_hour_of_the_day_and_day_of_the_week(length):
    found = plan(series_of("hour", length), 12, targets=1)
    windows = Windows(series_of("hour", length), found.windows, found.parts.train_end)
    origins = windows.origins(found.parts.train_end, found.parts.valid_end, found.valid_stride)
    assert set(origins % 24) == set(range(24))
    assert len(set(origins % 168)) > 100
