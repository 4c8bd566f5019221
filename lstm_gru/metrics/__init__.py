"""Metrics on NumPy arrays: of points, of intervals, and whether one model is better than another.

A missing observation is NaN and never counts; where nothing was observed, a metric is NaN. A forecast is never
missing: one that is NaN beside an observation makes the metric NaN, lest a model gain by what it leaves out.
Shapes are compared, nothing is broadcast.
"""

from lstm_gru.metrics.comparison import paired_bootstrap, percentage, ratio, root_mean_square, standard_error
from lstm_gru.metrics.intervals import COVERAGE, LOWER, UPPER, coverage, covered, interval_factor, pinball, widen
from lstm_gru.metrics.points import (
    explained_variance,
    frobenius_accuracy,
    mae,
    mape,
    mase_scale,
    r2,
    rmse,
    rolling_by_horizon,
    smape,
)

__all__ = [
    "COVERAGE",
    "LOWER",
    "UPPER",
    "coverage",
    "covered",
    "explained_variance",
    "frobenius_accuracy",
    "interval_factor",
    "mae",
    "mape",
    "mase_scale",
    "paired_bootstrap",
    "percentage",
    "pinball",
    "r2",
    "ratio",
    "rmse",
    "rolling_by_horizon",
    "root_mean_square",
    "smape",
    "standard_error",
    "widen",
]
