"""Trivial forecasts that every table shows: rules and a ridge regression, in NumPy.

Each is a function ``(series, cutoff, horizon) -> [horizon]`` of a daily series with one column, which reads nothing
after the cutoff, in the series' units.
"""

import logging
import warnings
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from lstm_gru.data.seasonal import YEAR, SeasonalView, daily_values
from lstm_gru.data.series import Series


def last_value(series: Series, cutoff: int, horizon: int) -> np.ndarray:
    """Return the last observed value, repeated."""
    return np.full(horizon, _carried_forward(series, cutoff)[-1])


def last_week(series: Series, cutoff: int, horizon: int) -> np.ndarray:
    """Return the last seven days, repeated; a missing day takes the value before it."""
    return np.resize(_carried_forward(series, cutoff)[-7:], horizon)


def last_year(series: Series, cutoff: int, horizon: int) -> np.ndarray:
    """Return the mean of the seven days around d - 364; at the end only those of them up to the cutoff."""
    return SeasonalView(series, cutoff).last_year(np.array([cutoff]), np.arange(1, horizon + 1))


def past_years(series: Series, cutoff: int, horizon: int) -> np.ndarray:
    """Return the level of the last 364 days plus the mean seasonal departure of all past years."""
    return SeasonalView(series, cutoff).reference(np.array([cutoff]), np.arange(1, horizon + 1))


def ridge(series: Series, cutoff: int, horizon: int, *, penalty: float = 0.03, stride: int = 6) -> np.ndarray:
    """Return a direct ridge regression of the departure from `past_years` on `SeasonalView.known`.

    Equation: ``min_w mean (y - R - b - x·w)² + penalty·|w|²`` over origins every ``stride`` days and all their
    horizons up to the cutoff, features standardised.

    Args:
      series: the series.
      cutoff: index of the last day that may be read.
      horizon: days to forecast.
      penalty: weight of the squared coefficients.
      stride: days between two origins; neighbouring origins are nearly the same equations.
    """
    view, horizons = SeasonalView(series, cutoff), np.arange(1, horizon + 1)
    origins = np.arange(YEAR, cutoff, stride)[:, None]
    target = np.append(view.values, np.full(horizon, np.nan))[origins + horizons]
    target = target - view.reference(origins, horizons)
    observed = ~np.isnan(target)
    x, y = view.known(origins, horizons)[observed], target[observed]
    mean, deviation, centre = x.mean(0), x.std(0) + 1e-6, y.mean()
    x = (x - mean) / deviation
    gram = x.T @ x / len(x) + penalty * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (y - centre) / len(x))
    last = np.array([cutoff])
    new = (view.known(last, horizons) - mean) / deviation
    return new @ weights + centre + view.reference(last, horizons)


def prophet(series: Series, cutoff: int, horizon: int) -> np.ndarray:
    """Return Prophet's forecast with its 80 % interval, ``[horizon, 3]``, with the package's default settings.

    Source: Taylor & Letham 2018, "Forecasting at Scale". Needs the optional package ``prophet``.
    """
    for name in ("prophet", "prophet.plot", "cmdstanpy"):  # They report progress, and that plotly is missing.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    import pandas
    from prophet import Prophet

    days = np.arange(cutoff + 1)
    history = pandas.DataFrame({"ds": series.time(days), "y": daily_values(series)[days]}).dropna()
    future = pandas.DataFrame({"ds": series.time(np.arange(cutoff + 1, cutoff + 1 + horizon))})
    np.random.seed(0)  # noqa: NPY002  Prophet samples its interval from NumPy's global generator.
    with warnings.catch_warnings():  # Its own, of the versions of its dependencies.
        warnings.simplefilter("ignore")
        predicted = Prophet().fit(history).predict(future)
    return predicted[["yhat_lower", "yhat", "yhat_upper"]].to_numpy()


def prophet_version() -> str | None:
    """Return the installed version of Prophet, or None."""
    try:
        return version("prophet")
    except PackageNotFoundError:
        return None


def _carried_forward(series: Series, cutoff: int) -> np.ndarray:
    values = daily_values(series)[: cutoff + 1]
    return values[np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))]
