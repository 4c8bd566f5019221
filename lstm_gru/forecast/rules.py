"""The trivial rules of a comparison, with intervals from how wrong they were on the validation part."""

from collections.abc import Mapping

import numpy as np

from lstm_gru.baselines.rolling import Rule, last_value, ridge, seasonal_naive
from lstm_gru.data.windows import Windows
from lstm_gru.metrics import LOWER, UPPER, rmse


def fitted_rules(windows: Windows, seasons: tuple[int, ...], valid_origins: np.ndarray) -> Mapping[str, Rule]:
    """Return last value, seasonal naive and ridge; the season is the one of ``seasons`` best on validation.

    Args:
      windows: of the series; ridge is fitted on its training part.
      seasons: periods to choose from; without any there is no seasonal rule.
      valid_origins: ``[O]``.
    """
    observed = windows.observed(valid_origins)
    repeated = {f"last season ({season} steps)": seasonal_naive(windows, season) for season in seasons}
    scale = windows.deviations
    errors = {name: rmse(rule(valid_origins) / scale, observed / scale) for name, rule in repeated.items()}
    best = min(errors, key=errors.get, default=None)
    seasonal = {} if best is None else {best: repeated[best]}
    return {"last value": last_value(windows), **seasonal, "ridge": ridge(windows)}


def with_interval(rule: Rule, windows: Windows, valid_origins: np.ndarray) -> Rule:
    """Return the rule with bounds ``[O, C, H, 3]``: its forecast plus the 10 % and 90 % quantiles of its own errors.

    Quantiles are of each series and step ahead, over the validation part.

    Args:
      rule: gives ``[O, C, H]``.
      windows: of the series.
      valid_origins: ``[O]``.
    """
    errors = windows.observed(valid_origins) - rule(valid_origins)
    lower, upper = np.nanquantile(errors, (LOWER, UPPER), axis=0)
    lower, upper = np.minimum(lower, 0), np.maximum(upper, 0)  # The forecast itself stays inside.

    def bounded(origins: np.ndarray) -> np.ndarray:
        centre = rule(origins)
        return np.stack([centre + lower, centre, centre + upper], axis=-1)

    return bounded
