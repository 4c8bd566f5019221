"""Trivial forecasts over a rolling origin: the last value, the last season, and a linear regression.

Each reads nothing after its origins, and gives ``[O, C, H]`` in the series' units, for O origins, C series and H steps
ahead.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lstm_gru.data.windows import Windows

VALUES_AT_ONCE = 10_000_000  # Of regressors: some hundreds of megabytes with what is made of them.
MOST_WINDOWS = 200_000

Rule = Callable[[np.ndarray], np.ndarray]


def last_value(windows: Windows) -> Rule:
    """Return the rule that repeats the last observed value; NaN before the first one."""
    filled = _carried_forward(windows)
    return lambda origins: np.repeat(filled[origins][..., None], windows.config.horizon, axis=-1)


def seasonal_naive(windows: Windows, season: int) -> Rule:
    """Return the rule that repeats the last season: ``ŷ_{t+h} = y_{t+h-s·k}``, k the smallest that reaches the past.

    A missing value takes the one a season before it, and so on; where there is none, the last observed value.

    Args:
      windows: of the series.
      season: s, in steps.
    """
    values = np.array(windows.series.values[:, : windows.targets])
    for start in range(season, len(values), season):
        now, before = values[start : start + season], values[start - season : start]
        np.copyto(now, before[: len(now)], where=np.isnan(now))
    values = np.where(np.isnan(values), _carried_forward(windows), values)
    ahead = np.arange(1, windows.config.horizon + 1)
    back = -(-ahead // season) * season

    def rule(origins: np.ndarray) -> np.ndarray:
        index = origins[:, None] + ahead - back
        return np.swapaxes(np.where(index[..., None] >= 0, values[np.maximum(index, 0)], np.nan), 1, 2)

    return rule


def ridge(windows: Windows, penalty: float = 1e-3) -> Rule:
    """Return a ridge regression for each step ahead, with weights that all series share, fitted on training windows.

    Equation: ``min_w mean (y_h - b - x·w)² + penalty·|w|²`` in scaled units, where x is the window, its marks of
    missing values if there are any, the exogenous columns, and the calendar of the target, centred. Missing targets do
    not count.

    Args:
      windows: of the series.
      penalty: weight of the squared coefficients.
    """
    origins = windows.train_origins
    chosen = origins[np.unique(np.linspace(0, len(origins) - 1, MOST_WINDOWS // windows.targets + 1).astype(int))]
    weights = _fitted(windows, chosen, penalty)

    def rule(origins: np.ndarray) -> np.ndarray:
        pieces = [_predicted(windows, piece, weights) for piece in _pieces(windows, origins)]
        return windows.to_units(np.concatenate(pieces))

    return rule


class _Read(NamedTuple):
    """What the regression reads at N rows, windows and series side by side, as float64.

    Attributes:
      own: ``[N, P]``, the same for each step ahead: the window, marks where values are missing, exogenous columns, a 1.
      known: ``[N, H, G]``, the calendar of the targets.
    """

    own: np.ndarray
    known: np.ndarray


class _Weights(NamedTuple):
    """Of what `_Read` holds: ``own [H, P]``, the last of them the constant, and ``known [H, G]``."""

    own: np.ndarray
    known: np.ndarray


def _fitted(windows: Windows, origins: np.ndarray, penalty: float) -> _Weights:
    """Solve the normal equations of each step ahead.

    The products of what is the same for all steps ahead are summed once; each step takes off those of its missing
    targets, in blocks of steps that fit into memory together.
    """
    pieces = _pieces(windows, origins)
    shared = sum(own.T @ own for own in (_read(windows, piece).own for piece in pieces))
    steps = np.arange(windows.config.horizon)
    blocks = np.array_split(steps, min(len(steps), -(-len(steps) * shared.size // VALUES_AT_ONCE)))
    found = [_block(windows, pieces, shared, block, penalty) for block in blocks]
    return _Weights(*(np.concatenate(part) for part in zip(*found, strict=True)))


def _block(
    windows: Windows, pieces: list[np.ndarray], shared: np.ndarray, steps: np.ndarray, penalty: float
) -> _Weights:
    own_own, own_known, known_known, own_y, known_y = np.tile(shared, (len(steps), 1, 1)), 0.0, 0.0, 0.0, 0.0
    for piece in pieces:
        own, known = _read(windows, piece)
        target, observed = windows.targets_of(piece)
        y, w = (array.reshape(len(own), -1)[:, steps].astype(np.float64) for array in (target, observed))
        known = known[:, steps] * w[..., None]
        for h, lost in enumerate(w.T == 0):
            own_own[h] -= own[lost].T @ own[lost]
        own_known = own_known + np.moveaxis(np.tensordot(own, known, axes=(0, 0)), 1, 0)
        known_known = known_known + np.einsum("nhf,nhg->hfg", known, known, optimize=True)
        own_y, known_y = own_y + y.T @ own, known_y + np.einsum("nhg,nh->hg", known, y, optimize=True)
    gram = np.concatenate(
        [
            np.concatenate([own_own, own_known], axis=2),
            np.concatenate([np.swapaxes(own_known, 1, 2), known_known], axis=2),
        ],
        axis=1,
    )
    weights = _solved(gram, np.concatenate([own_y, known_y], axis=1), shared.shape[0] - 1, penalty)
    return _Weights(*np.split(weights, [shared.shape[0]], axis=1))


def _solved(gram: np.ndarray, moment: np.ndarray, one: int, penalty: float) -> np.ndarray:
    """Weights ``[H, P + G]`` from sums of products with regressors and targets; regressor ``one`` is the constant."""
    count = np.maximum(gram[:, one, one], 1)[:, None]
    mean, level = gram[:, one] / count, moment[:, one] / count[:, 0]
    centred = gram / count[..., None] - mean[:, :, None] * mean[:, None, :]  # 0 in the row and column of the constant.
    covariance = moment / count - mean * level[:, None]
    weights = np.linalg.solve(centred + penalty * np.eye(mean.shape[1]), covariance[..., None])[..., 0]
    weights[:, one] = level - np.sum(np.delete(mean * weights, one, axis=1), axis=1)
    return weights


def _predicted(windows: Windows, origins: np.ndarray, weights: _Weights) -> np.ndarray:
    own, known = _read(windows, origins)
    rows = own @ weights.own.T + np.einsum("nhg,hg->nh", known, weights.known)
    return rows.reshape(len(origins), windows.targets, -1)


def _read(windows: Windows, origins: np.ndarray) -> _Read:
    """What is read at origins; the calendar of the past tells nothing new, nor do marks where nothing is missing."""
    inputs = windows.inputs(origins)
    values, known = inputs["values"], inputs["known"]
    exogenous = inputs["context"][..., known.shape[-1] :].reshape(len(values), 1, -1)
    marks = inputs["missing"] if windows.gaps else values[..., :0]
    parts = (values, marks, np.repeat(exogenous, values.shape[1], axis=1), np.ones((*values.shape[:2], 1)))
    own = np.concatenate(parts, axis=-1, dtype=np.float64)
    return _Read(own.reshape(-1, own.shape[-1]), np.repeat(known.astype(np.float64), values.shape[1], axis=0))


def _pieces(windows: Windows, origins: np.ndarray) -> list[np.ndarray]:
    own, known = _read(windows, origins[:1])
    values = len(origins) * (own.size + known.size + windows.targets * windows.config.horizon)
    return np.array_split(origins, min(len(origins), -(-values // VALUES_AT_ONCE)))


def _carried_forward(windows: Windows) -> np.ndarray:
    """Each series' last observed value at each time, ``[T, C]``; NaN before the first."""
    values = windows.series.values[:, : windows.targets]
    seen = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    return np.take_along_axis(values, np.maximum.accumulate(seen, axis=0), axis=0)
