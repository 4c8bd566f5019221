"""Trivial rolling forecasts: by hand, and the regression against a solver written the long way."""

import numpy as np
import pytest

from lstm_gru.baselines import rolling
from lstm_gru.baselines.rolling import last_value, ridge, seasonal_naive
from lstm_gru.data.calendar import calendar_features
from lstm_gru.data.series import Series
from lstm_gru.data.timebase import TimeBase
from lstm_gru.data.windows import WindowConfig, Windows

DAY = TimeBase(np.datetime64("2024-01-01T00:00:00"), np.timedelta64(86_400, "s"))
NAN = np.nan


def windows_of(values, train_end=None, targets=None, **settings):
    values = np.array(values, float)
    values = values[:, None] if values.ndim == 1 else values
    series = Series(DAY, values, tuple(map(str, range(values.shape[1]))), {"file": "a.csv", "sha256": "0"})
    config = WindowConfig(**{"lookback": 2, "horizon": 3, **settings})
    return Windows(series, config, train_end or len(values), targets=targets)


def test_the_last_value_is_the_last_observed_one():
    rule = last_value(windows_of([[1, NAN], [NAN, 5], [3, NAN], [NAN, 7]]))
    np.testing.assert_array_equal(
        rule(np.array([0, 1, 3])), [[[1] * 3, [NAN] * 3], [[1] * 3, [5] * 3], [[3] * 3, [7] * 3]]
    )


def test_the_last_season_is_repeated_and_repeated_again():
    values = [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(seasonal_naive(windows_of(values), 2)(np.array([3, 5])), [[[3, 4, 3]], [[5, 6, 5]]])
    np.testing.assert_array_equal(seasonal_naive(windows_of(values), 5)(np.array([3, 5])), [[[NAN, 1, 2]], [[2, 3, 4]]])


def test_a_missing_value_takes_that_of_the_season_before_and_else_the_last_one():
    values = [1, 2, 3, NAN, 5, NAN, NAN, 8]
    np.testing.assert_array_equal(seasonal_naive(windows_of(values), 2)(np.array([6])), [[[2, 5, 2]]])
    np.testing.assert_array_equal(seasonal_naive(windows_of([NAN, 4, NAN, 6]), 4)(np.array([3])), [[[NAN, 4, 4]]])


@pytest.mark.parametrize("rule", [last_value, lambda windows: seasonal_naive(windows, 2), ridge])
def test_nothing_after_an_origin_is_read(rule):
    values = np.random.default_rng(0).normal(size=(30, 2))
    changed = np.where(np.arange(30)[:, None] > 20, 1e5, values)
    before, after = (rule(windows_of(v, train_end=18))(np.array([12, 20])) for v in (values, changed))
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("at_once", [rolling.VALUES_AT_ONCE, 100])  # All, or two steps ahead of a few windows.
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_ridge_is_the_minimum_of_its_equation(monkeypatch, at_once, gaps):
    monkeypatch.setattr(rolling, "VALUES_AT_ONCE", at_once)
    random = np.random.default_rng(1)
    values = random.normal(size=(40, 3)).cumsum(axis=0)
    values[random.uniform(size=values.shape) < gaps] = NAN
    windows = windows_of(values, train_end=30, targets=2, calendar=("week",))
    z = (values - np.nanmean(values[:30], axis=0)) / np.nanstd(values[:30], axis=0)
    known = calendar_features(DAY.time(np.arange(50)), ("week",))

    def features(t, c, h):
        lags = z[t - 1 : t + 1]
        return [*np.nan_to_num(lags[:, c]), *np.isnan(lags[:, c]), *exogenous(lags[:, 2]), *known[t + h]]

    def exogenous(lags):
        return np.stack([np.nan_to_num(lags), np.isnan(lags)], axis=1).ravel()

    got = ridge(windows, penalty=0.1)(np.array([35]))
    for h in (1, 2, 3):
        rows = [(t, c) for t in range(1, 27) for c in (0, 1) if not np.isnan(z[t + h, c])]
        x, y = np.array([features(t, c, h) for t, c in rows]), np.array([z[t + h, c] for t, c in rows])
        root = np.sqrt(0.1 * len(rows)) * np.eye(x.shape[1])
        a = np.concatenate([x - x.mean(0), root])
        slopes = np.linalg.lstsq(a, np.concatenate([y - y.mean(), np.zeros(len(root))]), rcond=None)[0]
        for c in (0, 1):
            scaled = (np.array(features(35, c, h)) - x.mean(0)) @ slopes + y.mean()
            expected = scaled * np.nanstd(values[:30, c]) + np.nanmean(values[:30, c])
            np.testing.assert_allclose(got[0, c, h - 1], expected, rtol=1e-4)
