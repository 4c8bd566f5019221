"""Trivial forecasts over a rolling origin: the last value, the last season, and a linear regression.

Each reads nothing after its origins, and gives ``[O, C, H]`` in the series' units, for O origins, C series and H steps
ahead.
"""

from collections.abc import Callable

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
    missing values, the exogenous columns, and the calendar of the target, centred. Missing targets do not count.

    Args:
      windows: of the series.
      penalty: weight of the squared coefficients.
    """
    origins = windows.train_origins
    chosen = origins[np.unique(np.linspace(0, len(origins) - 1, MOST_WINDOWS // windows.targets + 1).astype(int))]
    weights = _normal_equations(windows, chosen, penalty)

    def rule(origins: np.ndarray) -> np.ndarray:
        pieces = [_predicted(windows, piece, weights) for piece in _pieces(windows, origins)]
        return windows.to_units(np.concatenate(pieces))

    return rule


def _normal_equations(windows: Windows, origins: np.ndarray, penalty: float) -> np.ndarray:
    """Weights ``[H, P + 1]`` of each step ahead, the last of them the constant."""
    gram = moment = 0.0
    for piece in _pieces(windows, origins):
        inputs, (target, weight) = windows.inputs(piece), windows.targets_of(piece, windows.train_end)
        x = _regressors(inputs).astype(np.float64)
        flat = x.reshape(-1, *x.shape[2:])
        y, w = (array.reshape(len(flat), -1).astype(np.float64) for array in (target, weight))
        weighted = flat * w[..., None]
        gram = gram + np.einsum("nhp,nhq->hpq", weighted, flat, optimize=True)
        moment = moment + np.einsum("nhp,nh->hp", weighted, y, optimize=True)
    count = np.maximum(gram[:, -1, -1], 1)[:, None]
    mean = gram[:, -1, :-1] / count
    centred = gram[:, :-1, :-1] / count[..., None] - mean[:, :, None] * mean[:, None, :]
    covariance = moment[:, :-1] / count - mean * moment[:, -1:] / count
    slopes = np.linalg.solve(centred + penalty * np.eye(mean.shape[1]), covariance[..., None])[..., 0]
    constant = moment[:, -1] / count[:, 0] - np.einsum("hp,hp->h", mean, slopes)
    return np.concatenate([slopes, constant[:, None]], axis=1)


def _predicted(windows: Windows, origins: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.einsum("bchp,hp->bch", _regressors(windows.inputs(origins)), weights, optimize=True)


def _regressors(inputs: dict[str, np.ndarray]) -> np.ndarray:
    """What the regression reads, ``[B, C, H, P + 1]``, the last a 1; the calendar of the past tells nothing new."""
    values, missing, known = inputs["values"], inputs["missing"], inputs["known"]
    exogenous = inputs["context"][..., known.shape[-1] :].reshape(len(values), 1, -1)
    own = np.concatenate([values, missing, np.repeat(exogenous, values.shape[1], axis=1)], axis=-1)
    shape = (*values.shape[:2], known.shape[1])
    parts = (own[:, :, None], known[:, None], np.ones((1, 1, 1, 1), np.float32))
    return np.concatenate([np.broadcast_to(part, (*shape, part.shape[-1])) for part in parts], axis=-1)


def _pieces(windows: Windows, origins: np.ndarray) -> list[np.ndarray]:
    inputs = windows.inputs(origins[:1])
    regressors = 2 * inputs["values"].shape[-1] + inputs["context"].size + inputs["known"].shape[-1] + 1
    values = len(origins) * windows.targets * windows.config.horizon * regressors
    return np.array_split(origins, min(len(origins), -(-values // VALUES_AT_ONCE)))


def _carried_forward(windows: Windows) -> np.ndarray:
    """Each series' last observed value at each time, ``[T, C]``; NaN before the first."""
    values = windows.series.values[:, : windows.targets]
    seen = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    return np.take_along_axis(values, np.maximum.accumulate(seen, axis=0), axis=0)
