"""Trivial forecasts on series that can be checked by hand, and their documented errors."""

from dataclasses import replace

import numpy as np
import pytest
from tools import daily_series

from lstm_gru.baselines import seasonal as baselines
from lstm_gru.data.seasonal import SeasonalView
from lstm_gru.data.series import page_views
from lstm_gru.errors import InputError
from lstm_gru.metrics import rmse, rolling_by_horizon

RULES = [baselines.last_value, baselines.last_week, baselines.last_year, baselines.past_years, baselines.ridge]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
DAYS = 1500
DAY = np.arange(DAYS)
WEEK = np.array([3.0, 1, 4, 1, 5, 9, 2])


def noisy():
    random = np.random.default_rng(0)
    values = 8 + WEEK[DAY % 7] / 5 + np.sin(2 * np.pi * DAY / 365) + 0.3 * random.normal(size=DAYS)
    values[random.random(DAYS) < 0.03] = np.nan
    return values


@every_rule
def test_a_constant_stays_constant(rule):
    np.testing.assert_allclose(rule(daily_series(np.full(DAYS, 2.5)), 1100, 365), np.full(365, 2.5))


@pytest.mark.parametrize("cutoff", [1100, 1103])
def test_a_weekly_pattern(cutoff):
    series, horizon = daily_series(WEEK[DAY % 7]), 100
    truth = WEEK[(cutoff + 1 + np.arange(horizon)) % 7]
    np.testing.assert_array_equal(baselines.last_value(series, cutoff, horizon), WEEK[cutoff % 7])
    np.testing.assert_array_equal(baselines.last_week(series, cutoff, horizon), truth)
    for rule in (baselines.last_year, baselines.past_years):  # Means of whole weeks do not see weekdays ...
        np.testing.assert_allclose(rule(series, cutoff, horizon), WEEK.mean())
    np.testing.assert_allclose(baselines.ridge(series, cutoff, horizon), truth, atol=0.3)  # ... the ridge does.


def test_a_yearly_pattern():
    year = np.random.default_rng(0).normal(size=364)
    cutoff, horizon = 3 * 364 - 1, 365
    series = daily_series(year[DAY % 364])
    # The seven days around d, except at the end, where the last of them would lie after the cutoff.
    upto = [min(cutoff + h + 3, cutoff + 364) for h in range(1, horizon + 1)]
    smooth = [np.mean(year[np.arange(cutoff + h - 3, last + 1) % 364]) for h, last in enumerate(upto, start=1)]
    np.testing.assert_allclose(baselines.last_year(series, cutoff, horizon), smooth)
    # The two older years are complete, so only the newest is cut short; the oldest has no whole week before day 3.
    whole = [np.mean(year[np.arange(cutoff + h - 3, cutoff + h + 4) % 364]) for h in range(1, horizon + 1)]
    years_back = [2 + (h >= 4) for h in range(1, horizon + 1)]
    past = [(last + (k - 1) * all_) / k for last, all_, k in zip(smooth, whole, years_back, strict=True)]
    np.testing.assert_allclose(baselines.past_years(series, cutoff, horizon), past, atol=1e-12)


@every_rule
def test_a_second_column_is_refused(rule):
    series = daily_series(noisy())
    two = replace(series, values=np.repeat(series.values, 2, axis=1), names=("a", "b"))
    with pytest.raises(
        InputError, match=r"^synthetic: daily, with columns a, b; expected a daily series with one column"
    ):
        rule(two, 1000, 30)


def test_missing_days_take_the_value_before():
    values = np.arange(20.0)
    values[[12, 13, 19]] = np.nan
    series = daily_series(values)
    np.testing.assert_array_equal(baselines.last_value(series, 13, 2), [11, 11])
    np.testing.assert_array_equal(baselines.last_value(series, 19, 3), [18, 18, 18])
    np.testing.assert_array_equal(baselines.last_week(series, 14, 9), [8, 9, 10, 11, 11, 11, 14, 8, 9])


@every_rule
@pytest.mark.parametrize("poison", [np.nan, 1e9])
def test_nothing_after_the_cutoff_is_read(rule, poison):
    values = noisy()
    poisoned = np.where(DAY > 1000, poison, values)
    expected = rule(daily_series(values), 1000, 365)
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(rule(daily_series(poisoned), 1000, 365), expected)


def test_ridge_equals_least_squares_with_penalty_rows():
    series, cutoff, horizon, penalty = daily_series(noisy()), 900, 6, 0.2
    view, x, y = SeasonalView(series, cutoff), [], []
    for t in range(364, cutoff, 4):
        for h in range(1, horizon + 1):
            if t + h <= cutoff and not np.isnan(series.values[t + h, 0]):
                x.append(view.known(t, h))
                y.append(series.values[t + h, 0] - view.reference(t, h))
    x, y = np.array(x), np.array(y)
    new = np.array([view.known(cutoff, h) for h in range(1, horizon + 1)])
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    rows = np.column_stack([(x - mean) / deviation, np.ones(len(x))])
    shrink = np.sqrt(penalty * len(x)) * np.eye(x.shape[1], x.shape[1] + 1)  # The intercept is free.
    weights, *_ = np.linalg.lstsq(np.vstack([rows, shrink]), np.append(y, np.zeros(len(shrink))), rcond=None)
    reference = np.array([view.reference(cutoff, h) for h in range(1, horizon + 1)])
    expected = reference + (new - mean) / deviation @ weights[:-1] + weights[-1]
    np.testing.assert_allclose(baselines.ridge(series, cutoff, horizon, penalty=penalty, stride=4), expected)


@pytest.mark.parametrize(
    ("rule", "documented"),
    [
        (baselines.last_value, (1.249, 1.010, 1.148)),
        (baselines.last_week, (1.363, 1.178, 1.061)),
        (baselines.last_year, (0.767, 0.910, 0.856)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_documented_errors_on_the_embedded_series(rule, documented):
    series = page_views()
    cutoffs = [series.index("2015-01-20") - 180 * back for back in range(11)]
    observed = np.stack([series.values[cutoff + 1 : cutoff + 366, 0] for cutoff in cutoffs])
    forecast = np.stack([rule(series, cutoff, 365) for cutoff in cutoffs])
    rolling = np.sqrt(rolling_by_horizon((forecast - observed) ** 2))
    got = rmse(forecast, observed), rolling[36], rolling[364]
    assert tuple(round(float(value), 3) for value in got) == documented
