"""Rules of a comparison: which season is repeated, and intervals from their own errors, by hand."""

import numpy as np

from lstm_gru.baselines.rolling import last_value
from lstm_gru.data.series import Series
from lstm_gru.data.timebase import TimeBase
from lstm_gru.data.windows import WindowConfig, Windows
from lstm_gru.forecast.rules import fitted_rules, with_interval

DAY = TimeBase(np.datetime64("2024-01-01T00:00:00"), np.timedelta64(86_400, "s"))


def windows_of(*columns, horizon=2):
    values = np.array(columns, float).T
    series = Series(DAY, values, tuple(map(str, range(len(columns)))), {"file": "a.csv", "sha256": "0"})
    return Windows(series, WindowConfig(lookback=2, horizon=horizon), 12)


def test_the_season_best_on_validation_is_repeated():
    windows = windows_of([1, 5, 9] * 8)
    assert list(fitted_rules(windows, (2, 3), np.arange(12, 18))) == ["last value", "last season (3 steps)", "ridge"]
    assert list(fitted_rules(windows, (), np.arange(12, 18))) == ["last value", "ridge"]


def test_a_column_in_large_units_does_not_choose_the_season_alone():
    noise = 1e6 * np.random.default_rng(0).normal(size=24)
    seasons = {3: np.tile([1, 5, 9], 8), 4: np.tile([1, 5, 9, 2], 6)}
    origins = np.arange(12, 18)
    (alone,) = (k for k in seasons if f"last season ({k} steps)" in fitted_rules(windows_of(noise), (3, 4), origins))
    other = 7 - alone
    assert f"last season ({other} steps)" in fitted_rules(windows_of(noise, seasons[other]), (3, 4), origins)


def test_bounds_are_quantiles_of_the_rules_own_errors_and_hold_the_forecast():
    windows = windows_of(np.arange(24.0) ** 1.5)  # The last value is always too low.
    origins = np.arange(12, 20)
    found = with_interval(last_value(windows), windows, origins)(np.array([20]))[0, 0]
    last = windows.series.values[20, 0]
    for h in (1, 2):
        errors = windows.series.values[origins + h, 0] - windows.series.values[origins, 0]
        np.testing.assert_allclose(found[h - 1], [last, last, last + np.quantile(errors, 0.9)])
