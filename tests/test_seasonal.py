"""Seasonal features against plain Python written from their formulas, and proof that they read no future."""

import datetime
import math

import numpy as np
import pytest
from tools import daily_series

from lstm_gru.data.seasonal import SeasonalView, daily_values
from lstm_gru.data.series import Series
from lstm_gru.data.timebase import TimeBase
from lstm_gru.errors import InputError

START = datetime.date(2011, 3, 3)  # A Thursday; 2012 is a leap year.
DAYS = 3 * 364 + 120
CUTOFF = DAYS - 1
ORIGINS = [5, 40, 363, 364, 371, 500, 512, 728, 760, 900, 1100, CUTOFF]
HORIZONS = [1, 2, 6, 7, 30, 200, 351, 360, 361, 362, 363, 364, 365]


def make_series(values):
    return daily_series(values, START)


def synthetic():
    """Trend, week, year and noise, with single missing days and gaps longer than a week and than a month."""
    random, day = np.random.default_rng(0), np.arange(DAYS)
    values = 5 + 0.002 * day + np.sin(day) + np.cos(2 * np.pi * day / 365) + random.normal(size=DAYS)
    values[random.random(DAYS) < 0.05] = np.nan
    values[140:155] = np.nan
    values[470:513] = np.nan
    return values


VALUES = synthetic()
T_, H_ = np.array(ORIGINS)[:, None], np.array(HORIZONS)


def mean(first, last):
    seen = [VALUES[d] for d in range(max(first, 0), min(last, CUTOFF) + 1) if not math.isnan(VALUES[d])]
    return sum(seen) / len(seen) if seen else math.nan


def first_of(*candidates):
    return next((value for value in candidates if not math.isnan(value)), math.nan)


def level(t, n):
    return first_of(mean(t - n + 1, t), mean(t - 363, t))


def level_a_year_ago(t, n):
    return first_of(mean(t - 364 - n + 1, t - 364), level(t, 364))


def season(t, h, k, around):
    d = t + h - 364 * k
    return mean(d - around, min(d + around, t)) if d - around >= 0 and d - around <= t else math.nan


def last_year(t, h, around=3):
    return first_of(season(t, h, 1, around), level(t, 364))


def past_years(t, h, around=3):
    whole = [k for k in range(1, 6) if t - 364 * k + 1 >= 0]
    departures = [season(t, h, k, around) - mean(t - 364 * k + 1, t - 364 * (k - 1)) for k in whole]
    seen = [departure for departure in departures if not math.isnan(departure)]
    return sum(seen) / len(seen) if seen else 0.0


def one_hot(day):
    """Weekday counted from the series' first day."""
    return [float((START + datetime.timedelta(day)).weekday() == (START.weekday() + k) % 7) for k in range(7)]


def calendar(day):
    of_year = (START + datetime.timedelta(day)).timetuple().tm_yday - 1
    angles = [2 * math.pi * of_year / 365.25 * k for k in range(1, 11)]
    sines, cosines = [math.sin(a) for a in angles], [math.cos(a) for a in angles]
    slow = [*sines[:2], *cosines[:2]]
    return [*one_hot(day), *sines, *cosines, *(w * s for w in one_hot(day) for s in slow)]


def known(t, h):
    year, month, week = level(t, 364), level(t, 28), level(t, 7)
    reference = year + past_years(t, h)
    return [
        last_year(t, h) - year,
        last_year(t, h, 10) - year,
        past_years(t, h),
        past_years(t, h, 0) - past_years(t, h),
        month - level_a_year_ago(t, 28),
        year - level_a_year_ago(t, 364),
        (month - reference) * math.exp(-h / 30),
        (week - reference) * math.exp(-h / 7),
        *calendar(t + h),
    ]


def near(t, h):
    return [math.exp(-h / 7), math.exp(-h / 30), h / 365, *one_hot(t + h)]


def history(t, length):
    rows = []
    for day in range(t - length + 1, t + 1):
        missing = math.isnan(VALUES[day])
        past = first_of(season(day, 0, 1, 3), level(day, 28))
        value = [0.0, 0.0] if missing else [VALUES[day] - level(t, 364), VALUES[day] - past]
        rows.append([*value, float(missing), *one_hot(day)])
    return rows


@pytest.fixture(scope="module")
def view():
    return SeasonalView(make_series(VALUES), CUTOFF)


def equal(got, slow):
    expected = np.array([[slow(t, h) for h in HORIZONS] for t in ORIGINS])
    np.testing.assert_allclose(np.broadcast_to(got, expected.shape), expected, atol=1e-10)


@pytest.mark.parametrize("days", [1, 7, 28, 364])
def test_levels_equal_the_slow_mean(view, days):
    equal(view.level(T_, days), lambda t, h: level(t, days))
    equal(view.level_a_year_ago(T_, days), lambda t, h: level_a_year_ago(t, days))


@pytest.mark.parametrize("around", [0, 3, 10])
def test_seasons_equal_the_slow_mean(view, around):
    for years in (1, 2, 3):
        got = view.same_season(T_, H_, years=years, around=around)
        equal(got, lambda t, h, years=years: season(t, h, years, around))
    equal(view.last_year(T_, H_, around), lambda t, h: last_year(t, h, around))
    equal(view.past_years(T_, H_, around), lambda t, h: past_years(t, h, around))


def test_reference_is_level_plus_departure(view):
    equal(view.reference(T_, H_), lambda t, h: level(t, 364) + past_years(t, h))


def test_features_of_the_target_day_equal_the_slow_ones(view):
    equal(view.known(T_, H_), known)
    equal(view.near(T_, H_), near)
    assert view.known(T_, H_).shape == (len(ORIGINS), len(HORIZONS), 63)


def test_history_equals_the_slow_one(view):
    origins = np.array(ORIGINS[1:])
    expected = np.array([history(t, 28) for t in origins])
    np.testing.assert_allclose(view.history(origins, 28), expected, atol=1e-10)


def test_the_synthetic_gaps_reach_every_fallback():
    assert math.isnan(mean(512 - 27, 512))
    assert not math.isnan(level(512, 28))
    assert math.isnan(season(500, 7, 1, 3))
    assert any(math.isnan(value) for value in VALUES[485:513])


@pytest.mark.parametrize("poison", [np.nan, 1e9])
@pytest.mark.parametrize("t", [364, 500, 900, CUTOFF - 400])
def test_nothing_after_the_origin_is_read(view, t, poison):
    poisoned = SeasonalView(make_series(np.where(np.arange(DAYS) > t, poison, VALUES)), CUTOFF)
    origin, horizons = np.array([t]), np.arange(1, 366)
    for days in (7, 28, 364):
        np.testing.assert_array_equal(poisoned.level(origin, days), view.level(origin, days))
        np.testing.assert_array_equal(poisoned.level_a_year_ago(origin, days), view.level_a_year_ago(origin, days))
    for name in ("last_year", "past_years", "reference", "known"):
        clean = getattr(view, name)(origin, horizons)
        assert not np.isnan(clean).any()
        np.testing.assert_array_equal(getattr(poisoned, name)(origin, horizons), clean, err_msg=name)
    np.testing.assert_array_equal(poisoned.history(origin, 364), view.history(origin, 364))


@pytest.mark.parametrize("poison", [np.nan, 1e9])
def test_nothing_after_the_cutoff_is_kept(poison):
    cutoff, origins, horizons = 800, np.arange(364, 801, 20), np.arange(1, 366, 9)
    values = np.where(np.arange(DAYS) > cutoff, poison, VALUES)
    views = [SeasonalView(make_series(v), cutoff) for v in (VALUES, values, VALUES[: cutoff + 1])]
    assert all(len(view.values) == cutoff + 1 for view in views)
    for name in ("last_year", "past_years", "known", "near"):
        clean, *others = (getattr(view, name)(origins[:, None], horizons) for view in views)
        for other in others:
            np.testing.assert_array_equal(other, clean, err_msg=name)
    clean, *others = (view.history(origins, 28) for view in views)
    for other in others:
        np.testing.assert_array_equal(other, clean)


def test_weekdays_agree_with_datetime_in_all_features(view):
    origins = np.arange(364, CUTOFF - 8, 5)
    days = [START + datetime.timedelta(int(t) + 9) for t in origins]
    expected = np.array([(day.weekday() - START.weekday()) % 7 for day in days])
    h = np.full(len(origins), 9)
    np.testing.assert_array_equal(view.known(origins, h)[:, 8:15].argmax(-1), expected)
    np.testing.assert_array_equal(view.near(origins, h)[:, 3:].argmax(-1), expected)
    np.testing.assert_array_equal(view.history(origins + 9, 1)[:, 0, 3:].argmax(-1), expected)


def test_harmonics_count_whole_periods_of_a_calendar_year(view):
    first = (datetime.date(2013, 1, 1) - START).days
    year = view.known(np.array([first - 1]), np.arange(1, 366))[:, 15:35]
    spectrum = np.abs(np.fft.rfft(year, axis=0))
    np.testing.assert_array_equal(spectrum[1:].argmax(0) + 1, [*range(1, 11)] * 2)
    before = view.known(np.array([first - 366 - 1]), np.arange(1, 60))[:, 15:35]
    np.testing.assert_allclose(before, year[:59], atol=1e-12)  # The same date in another year.


def test_the_values_of_a_daily_series_are_its_one_column():
    np.testing.assert_array_equal(daily_values(make_series(VALUES)), VALUES)


@pytest.mark.parametrize(
    ("base", "columns", "message"),
    [
        (TimeBase(np.datetime64("2020-01-01T00:00:00"), np.timedelta64(3600, "s")), 1, "hourly, with columns a;"),
        (TimeBase(np.datetime64("2020-01", "M"), np.timedelta64(1, "M")), 1, "monthly, with columns a;"),
        (TimeBase(np.datetime64("2020-01-01T00:00:00"), np.timedelta64(86_400, "s")), 2, "daily, with columns a, b;"),
    ],
)
def test_what_is_not_daily_with_one_column_is_refused(base, columns, message):
    series = Series(base, np.zeros((900, columns)), ("a", "b")[:columns], {"file": "s.csv", "sha256": "0"})
    for refusing in (daily_values, lambda series: SeasonalView(series, 800)):
        with pytest.raises(InputError, match=f"^s.csv: {message} expected a daily series with one column, whose"):
            refusing(series)
