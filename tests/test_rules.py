"""Rules of a comparison: which season is repeated, and intervals from their own errors, by hand."""

import numpy as np

from lstm_gru.baselines.rolling import last_value
from lstm_gru.data.series import Series
from lstm_gru.data.timebase import TimeBase
from lstm_gru.data.windows import WindowConfig, Windows
from lstm_gru.forecast.rules import fitted_rules, with_interval

DAY = TimeBase(np.datetime64("2024-01-01T00:00:00"), np.timedelta64(86_400, "s"))


def windows_of(values, horizon=2):
    series = Series(DAY, np.array(values, float)[:, None], ("v",), {"file": "a.csv", "sha256": "0"})
    return Windows(series, WindowConfig(lookback=2, horizon=horizon), 12)


def test_the_season_best_on_validation_is_repeated():
    windows = windows_of([1, 5, 9] * 8)
    assert list(fitted_rules(windows, (2, 3), np.arange(12, 18))) == ["last value", "last season (3 steps)", "ridge"]
    assert list(fitted_rules(windows, (), np.arange(12, 18))) == ["last value", "ridge"]


def test_bounds_are_quantiles_of_the_rules_own_errors_and_hold_the_forecast():
    windows = windows_of(np.arange(24.0) ** 1.5)  # The last value is always too low.
    origins = np.arange(12, 20)
    found = with_interval(last_value(windows), windows, origins)(np.array([20]))[0, 0]
    last = windows.series.values[20, 0]
    for h in (1, 2):
        errors = windows.series.values[origins + h, 0] - windows.series.values[origins, 0]
        np.testing.assert_allclose(found[h - 1], [last, last, last + np.quantile(errors, 0.9)])
