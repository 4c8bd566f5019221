"""Metrics on NumPy arrays. A missing observation is NaN and never counts."""

from collections.abc import Callable

import numpy as np

COUNTS_AT_ONCE = 1_000_000  # Of resampled groups: some tens of megabytes.


def rmse(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the root mean squared error over observed points: ``√ mean (ŷ - y)²``.

    Args:
      forecast: any shape.
      observed: the same shape; NaN where missing.

    Example:
      >>> round(rmse(np.array([1.0, 2.0, 9.0]), np.array([1.0, 4.0, np.nan])), 3)
      1.414
    """
    return float(np.sqrt(np.nanmean((forecast - observed) ** 2)))


def rolling_by_horizon(errors: np.ndarray, window: float = 0.1) -> np.ndarray:
    """Return the mean error at each horizon over the nearest share of all points, as Prophet reports it.

    The observed points are ordered by horizon; the value at horizon h is the mean of the last
    ``⌊window · points⌋`` of those with a horizon up to h, in which the points of the earliest horizon
    reached count with their mean. Horizons with fewer points up to them are NaN.

    Source: Prophet's ``diagnostics.performance_metrics(rolling_window=0.1)``; with 11 cutoffs of 365 daily
    horizons the first value is at 37 days.

    Args:
      errors: ``[cutoffs, H]``, squared errors for example; NaN where not observed.
      window: share of all points.

    Returns:
      ``[H]``.
    """
    count = np.sum(~np.isnan(errors), axis=0)
    mean = np.nansum(errors, axis=0) / np.maximum(count, 1)
    needed = max(1, int(window * count.sum()))
    rolling = np.full(count.shape, np.nan)
    for h in range(len(count)):
        backwards = count[h::-1]
        nearer = np.cumsum(backwards) - backwards
        taken = np.clip(needed - nearer, 0, backwards)
        if taken.sum() == needed:
            rolling[h] = taken @ mean[h::-1] / needed
    return rolling


def mae(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the mean absolute error over observed points: ``mean |ŷ - y|``; arguments as for `rmse`."""
    return float(np.nanmean(np.abs(forecast - observed)))


def mape(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the mean absolute percentage error as a fraction: ``mean |ŷ - y| / |y|``, points with y = 0 left out."""
    observed = np.where(observed == 0, np.nan, observed)
    return float(np.nanmean(np.abs((forecast - observed) / observed)))


def smape(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the symmetric mean absolute percentage error between 0 and 2: ``mean 2|ŷ - y| / (|ŷ| + |y|)``.

    The M4 convention without its factor 100; elsewhere the factor 2 is missing and the range 0 to 1. A point at
    which both are 0 counts as 0.
    """
    size = np.abs(forecast) + np.abs(observed)
    return float(np.nanmean(np.where(size == 0, 0.0, 2 * np.abs(forecast - observed) / np.where(size == 0, 1, size))))


def mase_scale(history: np.ndarray, season: int) -> float:
    """Return the in-sample mean absolute error of repeating the value one season before, the scale of MASE.

    Equation: ``mean |y_t - y_{t-season}|`` over pairs that were both observed. Source: Hyndman & Koehler 2006,
    equation 4 with a season.

    Args:
      history: ``[D]`` what was known at the origin; NaN where missing.
      season: steps.
    """
    return float(np.nanmean(np.abs(history[season:] - history[:-season])))


def pinball(forecast: np.ndarray, observed: np.ndarray, level: float) -> float:
    """Return the mean pinball (quantile) loss ``mean max(q·e, (q - 1)·e)`` with ``e = y - ŷ`` at level q.

    Source: Koenker & Bassett 1978.
    """
    error = observed - forecast
    return float(np.nanmean(np.maximum(level * error, (level - 1) * error)))


def covered(lower: np.ndarray, upper: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return 1 where the interval holds the observation, 0 where not, NaN where nothing was observed."""
    return np.where(np.isnan(observed), np.nan, ((lower <= observed) & (observed <= upper)).astype(float))


def root_mean_square(sums: np.ndarray) -> np.ndarray:
    """Return the square root of a mean from sums: ``√ (s_0 / s_1)``.

    Args:
      sums: ``[..., 2]``, the sum of squares and the number of points.

    Returns:
      ``[...]``.
    """
    return np.sqrt(sums[..., 0] / sums[..., 1])


def paired_bootstrap(
    first: np.ndarray,
    second: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    draws: int = 10_000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return the difference of two models' scores over the same groups, and its 95 % interval over resampled groups.

    Groups (cutoffs, sentences) are drawn with replacement, both models' statistics of a group together; the interval
    is the percentile interval. Source: Efron & Tibshirani 1993, chapter 13; for BLEU, Koehn 2004.

    Args:
      first: ``[C, K]``, statistics of one model in each group that can be added up over groups.
      second: ``[C, K]``, of the other.
      statistic: ``[..., K]`` sums of them to ``[...]`` the score.
      draws: resamples.
      seed: of the resampling.

    Returns:
      ``(first - second, lower, upper)``.
    """
    random, groups = np.random.default_rng(seed), len(first)
    rows = max(1, COUNTS_AT_ONCE // groups)
    differences = []
    for begin in range(0, draws, rows):
        counts = _times_drawn(random.integers(0, groups, (min(rows, draws - begin), groups)))
        differences.append(statistic(counts @ first) - statistic(counts @ second))
    lower, upper = np.quantile(np.concatenate(differences), [0.025, 0.975])
    return float(statistic(first.sum(0)) - statistic(second.sum(0))), float(lower), float(upper)


def _times_drawn(chosen: np.ndarray) -> np.ndarray:
    """How often each of C groups is in each row of ``[draws, C]`` indices, as float for products: ``[draws, C]``."""
    draws, groups = chosen.shape
    flat = (chosen + groups * np.arange(draws)[:, None]).ravel()
    return np.bincount(flat, minlength=chosen.size).reshape(draws, groups).astype(float)
