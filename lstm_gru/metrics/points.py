"""How far forecasts of single values are from what was observed.

All functions of ``(forecast, observed)`` take two arrays of one shape, whatever it is, and pool all points.
"""

import numpy as np

from lstm_gru.metrics.checks import mean, observed_pairs, require_axes


def rmse(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the root mean squared error over observed points: ``√ mean (ŷ - y)²``.

    Args:
      forecast: any shape.
      observed: the same shape; NaN where missing.

    Raises:
      ValueError: naming the arguments when their shapes differ.

    Example:
      >>> round(rmse(np.array([1.0, 2.0, 9.0]), np.array([1.0, 4.0, np.nan])), 3)
      1.414
    """
    forecast, observed = observed_pairs(forecast, observed)
    return float(np.sqrt(mean((forecast - observed) ** 2)))


def mae(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the mean absolute error over observed points: ``mean |ŷ - y|``; arguments as for `rmse`.

    Example:
      >>> mae(np.array([1.0, 2.0, 9.0]), np.array([1.0, 4.0, np.nan]))
      1.0
    """
    forecast, observed = observed_pairs(forecast, observed)
    return mean(np.abs(forecast - observed))


def mape(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the mean absolute percentage error as a fraction: ``mean |ŷ - y| / |y|``; arguments as for `rmse`.

    Points with y = 0 are left out.

    Example:
      >>> mape(np.array([1.0, 2.0, 9.0]), np.array([0.0, 4.0, np.nan]))
      0.5
    """
    forecast, observed = observed_pairs(forecast, observed)
    size = np.abs(observed)
    return mean(np.abs(forecast - observed)[size > 0] / size[size > 0])


def smape(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the symmetric mean absolute percentage error between 0 and 2: ``mean 2|ŷ - y| / (|ŷ| + |y|)``.

    The M4 convention without its factor 100 (Makridakis et al. 2020); elsewhere the factor 2 is missing and the range
    0 to 1. A point at which both are 0 counts as 0. Arguments as for `rmse`.

    Example:
      >>> smape(np.array([1.0, 9.0]), np.array([3.0, np.nan]))
      1.0
    """
    forecast, observed = observed_pairs(forecast, observed)
    size = np.abs(forecast) + np.abs(observed)
    return mean(2 * np.abs(forecast - observed) / np.where(size == 0, 1, size))


def mase_scale(history: np.ndarray, season: int) -> float:
    """Return the in-sample mean absolute error of repeating the value one season before, the scale of MASE.

    Equation: ``mean |y_t - y_{t-season}|`` over pairs that were both observed; NaN without such a pair. MASE is
    ``mae(forecast / scale, observed / scale)``. Source: Hyndman & Koehler 2006, equation 4 with a season.

    Args:
      history: ``[D]`` what was known at the origin; NaN where missing.
      season: steps.

    Raises:
      ValueError: naming the argument whose shape or range is wrong.

    Example:
      >>> mase_scale(np.array([1.0, 5.0, 4.0, 6.0]), 2)
      2.0
    """
    require_axes("history", history, "D")
    if season < 1:
        raise ValueError(f"season: {season}, expected at least 1")
    history = np.asarray(history, float)
    change = np.abs(history[season:] - history[:-season])
    return mean(change[~np.isnan(change)])


def r2(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the coefficient of determination over observed points: ``1 - Σ (y - ŷ)² / Σ (y - ȳ)²``.

    0 is as good as the mean ȳ of what was observed; below 0 is worse. It is NaN where all observations are equal, and
    pools all points of several series, where scikit-learn takes the mean over series. Arguments as for `rmse`.

    Source: Zhao et al. 2019 (T-GCN), whose original code, in TensorFlow, computes this.

    Example:
      >>> r2(np.array([1.0, 2.0, 4.0, 9.0]), np.array([1.0, 2.0, 3.0, np.nan]))
      0.5
    """
    forecast, observed = observed_pairs(forecast, observed)
    return _explained(np.sum((observed - forecast) ** 2), _departure(observed))


def explained_variance(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the share of the variance that is explained, T-GCN's "var": ``1 - Var(y - ŷ) / Var(y)``.

    A constant error costs nothing: it is `r2` after the mean error has been taken from the forecasts. It is NaN where
    all observations are equal. Arguments as for `rmse`.

    Source: Zhao et al. 2019, T-GCN.

    Example:
      >>> explained_variance(np.array([11.0, 13.0]), np.array([1.0, 3.0]))
      1.0
    """
    forecast, observed = observed_pairs(forecast, observed)
    return _explained(_departure(observed - forecast), _departure(observed))


def frobenius_accuracy(forecast: np.ndarray, observed: np.ndarray) -> float:
    """Return the "Accuracy" of traffic papers: ``1 - ‖y - ŷ‖_F / ‖y‖_F``, the norm over observed points.

    The root of the sum of squares is that of all points, whatever the shape. NaN where all observations are 0.
    Arguments as for `rmse`.

    Source: Zhao et al. 2019, T-GCN.

    Example:
      >>> frobenius_accuracy(np.array([3.0, 2.0, 9.0]), np.array([3.0, 4.0, np.nan]))
      0.6
    """
    forecast, observed = observed_pairs(forecast, observed)
    return _explained(np.linalg.norm(observed - forecast), np.linalg.norm(observed))


def rolling_by_horizon(errors: np.ndarray, window: float = 0.1) -> np.ndarray:
    """Return the mean error at each horizon over the nearest share of all points, as Prophet reports it.

    The observed points are ordered by horizon; the value at horizon h is the mean of the last
    ``⌊window · points⌋`` of those with a horizon up to h, in which the points of the earliest horizon
    reached count with their mean. Horizons with fewer points up to them are NaN.

    Source: Prophet's ``diagnostics.performance_metrics(rolling_window=0.1)``; with 11 cutoffs of 365 daily
    horizons the first value is at 37 days.

    Args:
      errors: ``[cutoffs, H]``, squared errors for example; NaN where not observed.
      window: share of all points, above 0 and up to 1.

    Returns:
      ``[H]``.

    Raises:
      ValueError: naming the argument whose shape or range is wrong.

    Example:
      >>> rolling_by_horizon(np.array([[1.0, 3.0], [5.0, np.nan]]), window=0.7)
      array([3., 3.])
    """
    require_axes("errors", errors, "cutoffs", "H")
    if not 0 < window <= 1:
        raise ValueError(f"window: {window}, expected above 0 and up to 1")
    count = np.sum(~np.isnan(errors), axis=0)
    mean_error = np.nansum(errors, axis=0) / np.maximum(count, 1)
    needed = max(1, int(window * count.sum()))
    rolling = np.full(count.shape, np.nan)
    for h in range(len(count)):
        backwards = count[h::-1]
        nearer = np.cumsum(backwards) - backwards
        taken = np.clip(needed - nearer, 0, backwards)
        if taken.sum() == needed:
            rolling[h] = taken @ mean_error[h::-1] / needed
    return rolling


def _departure(values: np.ndarray) -> float:
    """The sum of squared departures from the mean; exactly 0 of equal values, however the mean is rounded."""
    if np.all(values == values[:1]):
        return 0.0
    return float(np.sum((values - mean(values)) ** 2))


def _explained(unexplained: float, whole: float) -> float:
    """One less the ratio; NaN where there is nothing to explain."""
    return float(1 - unexplained / whole) if whole != 0 else np.nan
