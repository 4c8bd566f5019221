"""What several metrics share: refusals that name the argument, observed points, and means of none."""

import numpy as np


def require_same_shape(name: str, values: np.ndarray, other: str, expected: np.ndarray) -> None:
    """Refuse values of another shape than the other argument's, which NumPy might broadcast in silence."""
    if np.shape(values) != np.shape(expected):
        raise ValueError(f"{name}: shape {np.shape(values)}, expected {np.shape(expected)} as {other}")


def require_axes(name: str, values: np.ndarray, *axes: str) -> None:
    """Refuse values with another number of axes."""
    if np.ndim(values) != len(axes):
        raise ValueError(f"{name}: shape {np.shape(values)}, expected [{', '.join(axes)}]")


def observed_pairs(forecast: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return forecasts and observations of the observed points, in double precision: ``[N]`` and ``[N]``."""
    require_same_shape("forecast", forecast, "observed", observed)
    forecast, observed = np.asarray(forecast, float), np.asarray(observed, float)
    known = ~np.isnan(observed)
    return forecast[known], observed[known]


def mean(values: np.ndarray) -> float:
    """Return the mean; NaN of nothing."""
    return float(np.mean(values)) if np.size(values) else np.nan
