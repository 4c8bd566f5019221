"""How good quantiles and intervals are."""

import numpy as np

from lstm_gru.metrics.checks import mean, observed_pairs, require_same_shape

COVERAGE = 0.8  # Of every forecaster's interval, from the 10 % to the 90 % quantile.
LOWER, UPPER = (1 - COVERAGE) / 2, (1 + COVERAGE) / 2


def pinball(forecast: np.ndarray, observed: np.ndarray, level: float) -> float:
    """Return the mean pinball (quantile) loss over observed points.

    Equation: ``mean max(q·e, (q - 1)·e)`` with ``e = y - ŷ``. Source: Koenker & Bassett 1978. Half the absolute error
    at the median; some libraries report twice this.

    Args:
      forecast: any shape, the quantile.
      observed: the same shape; NaN where missing.
      level: q, between 0 and 1.

    Raises:
      ValueError: naming the argument whose shape or range is wrong.

    Example:
      >>> round(pinball(np.array([3.0, 3.0]), np.array([1.0, np.nan]), 0.9), 3)
      0.2
    """
    if not 0 < level < 1:
        raise ValueError(f"level: {level}, expected between 0 and 1")
    forecast, observed = observed_pairs(forecast, observed)
    error = observed - forecast
    return mean(np.maximum(level * error, (level - 1) * error))


def covered(lower: np.ndarray, upper: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return where the interval holds the observation, its bounds included.

    Equation: ``1 if l <= y <= u else 0``. A bound that is NaN holds nothing.

    Args:
      lower: any shape.
      upper: the same shape.
      observed: the same shape; NaN where missing.

    Returns:
      The same shape: 1 where it does, 0 where not, NaN where nothing was observed.

    Raises:
      ValueError: naming the argument whose shape differs.

    Example:
      >>> covered(np.zeros(3), np.ones(3), np.array([1.0, 2.0, np.nan]))
      array([ 1.,  0., nan])
    """
    require_same_shape("lower", lower, "observed", observed)
    require_same_shape("upper", upper, "observed", observed)
    lower, upper, observed = np.asarray(lower), np.asarray(upper), np.asarray(observed)
    inside = (lower <= observed) & (observed <= upper)
    return np.where(np.isnan(observed), np.nan, inside.astype(float))


def coverage(lower: np.ndarray, upper: np.ndarray, observed: np.ndarray) -> float:
    """Return the share of observed points inside the interval, the mean of `covered`; arguments as there.

    Example:
      >>> coverage(np.zeros(3), np.ones(3), np.array([1.0, 2.0, np.nan]))
      0.5
    """
    inside = covered(lower, upper, observed)
    return mean(inside[~np.isnan(inside)])


def interval_factor(predicted: np.ndarray, observed: np.ndarray, share: float) -> float:
    """Return the smallest factor by which bounds, moved from the centre, cover a share of what was observed.

    Equation: the least k with ``c - k (c - l) <= y <= c + k (u - c)`` for that share of the observed points. Source:
    the conformal calibration of quantiles of Romano, Patterson & Candès 2019, in relative form.

    Args:
      predicted: ``[..., 3]``, lower bound, centre, upper bound, bounds apart from the centre.
      observed: ``[...]``; NaN where missing.
      share: 0.8 for an interval of 80 %.

    Raises:
      ValueError: when shapes do not fit, a prediction beside an observation is NaN, or bounds meet at the centre.

    Example:
      >>> interval_factor(np.array([[-1.0, 0.0, 1.0]] * 4), np.array([0.5, -2.0, 3.0, np.nan]), 0.6)
      2.0
    """
    predicted, observed = np.asarray(predicted), np.asarray(observed)
    if predicted.shape != (*observed.shape, 3):
        raise ValueError(f"predicted has shape {predicted.shape}; expected {(*observed.shape, 3)} as observed")
    lower, centre, upper = predicted[~np.isnan(observed)].T
    error = observed[~np.isnan(observed)] - centre
    room = np.where(error < 0, centre - lower, upper - centre)
    if not (room > 0).all():
        raise ValueError("predicted: some bounds are NaN or meet at the centre; expected them apart")
    return float(np.quantile(np.abs(error) / room, share, method="inverted_cdf"))


def widen(predicted: np.ndarray, factor: float) -> np.ndarray:
    """Return ``[..., 3]`` with both bounds moved from the centre by a factor."""
    centre = predicted[..., 1:2]
    return centre + (predicted - centre) * np.array([factor, 1.0, factor])
