"""Metrics on NumPy arrays. A missing observation is NaN and never counts."""

import numpy as np


def rmse(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the root mean squared error over observed points: ``√ mean (ŷ - y)²``.

    Args:
      forecast: any shape.
      observed: the same shape; NaN where missing.

    Example:
      >>> rmse(np.array([1.0, 2.0, 9.0]), np.array([1.0, 4.0, np.nan])) == np.sqrt(2)
      True
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
