"""Refusals that several pictures share; each names the argument."""

from collections.abc import Mapping

import numpy as np


def require_length(name: str, values: np.ndarray, other: str, expected: np.ndarray) -> None:
    """Refuse values of another shape than the other argument, and an empty other argument."""
    if len(expected) == 0:
        raise ValueError(f"{other}: empty, expected at least one")
    if np.shape(values) != np.shape(expected):
        raise ValueError(f"{name}: shape {np.shape(values)}, expected {np.shape(expected)} as {other}")


def require_any(curves: Mapping[str, object], name: str = "curves") -> None:
    """Refuse a picture without a curve, or whatever else it shows."""
    if not curves:
        raise ValueError(f"{name}: empty, expected at least one")


def require_a_value(name: str, values: np.ndarray) -> None:
    """Refuse a curve of which nothing would be seen."""
    if np.all(np.isnan(values)):
        raise ValueError(f"{name}: nothing but NaN, expected at least one value")


def require_positive(name: str, values: np.ndarray) -> None:
    """Raise `ValueError` where a value, other than NaN, cannot stand on a logarithmic axis."""
    if not np.nanmin(values) > 0:
        raise ValueError(f"{name}: {np.nanmin(values)}, expected values above 0 on a logarithmic axis")
