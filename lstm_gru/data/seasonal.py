"""What is known of day t + h at origin t: levels, past years, the calendar.

Everything here reads values up to the origin only. ``t`` is an origin's index (the last day seen), ``h`` a
horizon in days; both are integer arrays that broadcast. In formulas ``d = t + h``, ``L_n(t)`` is the mean of
the n days up to t, and a year is 364 days, 52 weeks, so that weekdays agree.
"""

from functools import cached_property

import numpy as np

from lstm_gru.data.series import Series
from lstm_gru.errors import InputError

YEAR = 364
SOLAR_YEAR = 365.25


def daily_values(series: Series) -> np.ndarray:
    """Return the values ``[T]`` of a daily series with one column; NaN where a day is missing.

    Raises:
      InputError: on a series with another step or more columns.
    """
    if series.base.describe() != "daily" or len(series.names) != 1:
        raise InputError(
            f"{series.source['file']}: {series.base}, with columns {', '.join(series.names)}; expected a daily series "
            "with one column, whose seasons are weeks and years"
        )
    return series.values[:, 0]


class SeasonalView:
    """A daily series seen from origins up to a cutoff; nothing after the cutoff is kept.

    Args:
      series: the series, daily and of one column.
      cutoff: index of the last day that may be read.

    Raises:
      InputError: on another series.
    """

    def __init__(self, series: Series, cutoff: int):
        self.series, self.cutoff = series, cutoff
        self.values = daily_values(series)[: cutoff + 1]
        observed = ~np.isnan(self.values)
        self._sums = np.concatenate([[0.0], np.cumsum(np.where(observed, self.values, 0.0))])
        self._counts = np.concatenate([[0], np.cumsum(observed)])

    def mean(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return the mean of the observed days first..last (both included); NaN where there is none."""
        start = np.clip(first, 0, len(self.values))
        stop = np.maximum(start, np.clip(np.asarray(last) + 1, 0, len(self.values)))
        count = self._counts[stop] - self._counts[start]
        total = self._sums[stop] - self._sums[start]
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def level(self, t: np.ndarray, days: int) -> np.ndarray:
        """Return L_days(t); where none of these days is observed, L_364(t)."""
        recent = self.mean(t - days + 1, t)
        return recent if days == YEAR else _or(recent, self.mean(t - YEAR + 1, t))

    def level_a_year_ago(self, t: np.ndarray, days: int) -> np.ndarray:
        """Return L_days(t - 364); where it has no observation, L_364(t)."""
        return _or(self.mean(t - YEAR - days + 1, t - YEAR), self.level(t, YEAR))

    def same_season(self, t: np.ndarray, h: np.ndarray, *, years: int | np.ndarray = 1, around: int = 3) -> np.ndarray:
        """Return the mean of the days d - 364·years ± around that lie up to t; NaN before the series begins."""
        day = t + h - YEAR * years
        near = self.mean(day - around, np.minimum(day + around, t))
        return np.where((day >= around) & (day - around <= t), near, np.nan)

    def last_year(self, t: np.ndarray, h: np.ndarray, around: int = 3) -> np.ndarray:
        """Return the level of the same season last year; L_364(t) where there is none."""
        return _or(self.same_season(t, h, around=around), self.level(t, YEAR))

    def past_years(self, t: np.ndarray, h: np.ndarray, around: int = 3) -> np.ndarray:
        """Return the mean seasonal departure M over all past years, 0 where there is no past year.

        Equation: ``M(t, h) = mean_k [ mean(d - 364k ± around, up to t) - mean(year k before t) ]``, where
        year k before t is the 364 days up to t - 364(k-1); only years that lie whole in the series count.
        """
        years = np.arange(1, self.cutoff // YEAR + 2).reshape(-1, *[1] * np.broadcast(t, h).ndim)
        of_that_year = self.mean(t - YEAR * years + 1, t - YEAR * (years - 1))
        departure = self.same_season(t, h, years=years, around=around) - of_that_year
        seen = ~np.isnan(departure) & (t - YEAR * years + 1 >= 0)
        return np.where(seen, departure, 0.0).sum(0) / np.maximum(seen.sum(0), 1)

    def reference(self, t: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Return the seasonal reference ``R(t, h) = L_364(t) + M(t, h)``, in the series' units."""
        return self.level(t, YEAR) + self.past_years(t, h)

    def known(self, t: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Return the features of day d for a linear model, ``[..., 63]``, in the series' units or 0/1.

        Last year's and all past years' season relative to the level; growth over a year; recent levels
        relative to the reference, fading with the horizon; weekday; 10 yearly harmonics; weekday × 2 harmonics.
        """
        level, month, week = (self.level(t, days) for days in (YEAR, 28, 7))
        season, single = self.past_years(t, h), self.past_years(t, h, around=0)
        reference = level + season
        parts = [
            self.last_year(t, h) - level,
            self.last_year(t, h, around=10) - level,
            season,
            single - season,
            month - self.level_a_year_ago(t, 28),
            level - self.level_a_year_ago(t, YEAR),
            (month - reference) * np.exp(-h / 30),
            (week - reference) * np.exp(-h / 7),
        ]
        recent = np.stack([np.broadcast_to(part, season.shape) for part in parts], axis=-1)
        return np.concatenate([recent, self._calendar[t + h]], axis=-1)

    def near(self, t: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Return what a network may combine with its state, ``[..., 10]``: the horizon and the weekday."""
        horizon = np.stack(np.broadcast_arrays(np.exp(-h / 7), np.exp(-h / 30), h / 365 + 0 * t), axis=-1)
        return np.concatenate([horizon, self._weekday[t + h]], axis=-1)

    def history(self, t: np.ndarray, length: int) -> np.ndarray:
        """Return the last days before each origin, ``[N, length, 10]``, for ``t [N]``.

        Value relative to L_364(t); value relative to last year's season; 1 where the day is missing (both
        others are then 0); weekday.
        """
        day = t[:, None] - np.arange(length)[::-1]
        value, missing = self.values[day], np.isnan(self.values[day])
        columns = (value - self.level(t, YEAR)[:, None], value - self._season_of_day[day])
        filled = [np.where(missing, 0.0, column) for column in columns]
        return np.concatenate([np.stack([*filled, missing], axis=-1), self._weekday[day]], axis=-1)

    @cached_property
    def _season_of_day(self) -> np.ndarray:
        day = np.arange(len(self.values))
        return _or(self.same_season(day, np.zeros_like(day)), self.level(day, 28))

    @cached_property
    def _weekday(self) -> np.ndarray:
        return np.eye(7)[np.arange(len(self.values) + 2 * YEAR) % 7]

    @cached_property
    def _calendar(self) -> np.ndarray:
        """``[D + 728, 55]``, also of days after the cutoff: the calendar is known ahead."""
        days = self.series.time(np.arange(len(self.values) + 2 * YEAR)).astype("datetime64[D]")
        of_year = (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(int)
        angle = 2 * np.pi * of_year[:, None] / SOLAR_YEAR * np.arange(1, 11)
        yearly = np.concatenate([np.sin(angle), np.cos(angle)], axis=-1)
        slow = yearly[:, [0, 1, 10, 11]]
        crossed = (self._weekday[:, :, None] * slow[:, None, :]).reshape(len(days), -1)
        return np.concatenate([self._weekday, yearly, crossed], axis=-1)


def _or(values: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), otherwise, values)
