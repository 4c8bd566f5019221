"""Scores of rolling forecasts, of networks and of trivial rules alike."""

from collections.abc import Mapping

import numpy as np

from lstm_gru.metrics import LOWER, UPPER, coverage, mae, mape, pinball, r2, rmse
from lstm_gru.tasks.forecasting import Forecasts


def point_scores(forecast: np.ndarray, observed: np.ndarray) -> dict[str, float]:
    """Return RMSE, MAE, MAPE (a fraction, zeros left out) and R² over all that was observed, arrays ``[O, C, H]``."""
    return {metric.__name__: metric(forecast, observed) for metric in (rmse, mae, mape, r2)}


def interval_scores(forecasts: Forecasts, observed: np.ndarray) -> dict[str, float]:
    """Return the coverage of the 80 % interval, and the mean pinball loss of its bounds."""
    return {
        "coverage": coverage(forecasts.lower, forecasts.upper, observed),
        "pinball": (pinball(forecasts.lower, observed, LOWER) + pinball(forecasts.upper, observed, UPPER)) / 2,
    }


def squared_by_group(forecast: np.ndarray, observed: np.ndarray, groups: np.ndarray) -> Mapping[str, tuple[float, int]]:
    """Return for each group of origins the sum of squared errors and the number of observed points.

    Args:
      forecast: ``[O, C, H]``.
      observed: the same shape; NaN where missing.
      groups: ``[O]``, each origin's group, as its month.
    """
    squares = (forecast - observed) ** 2
    return {
        f"{group}": (float(np.nansum(squares[groups == group])), int(np.sum(~np.isnan(squares[groups == group]))))
        for group in np.unique(groups)
    }
