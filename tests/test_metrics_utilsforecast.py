"""Metrics against those of utilsforecast, a library by others, over several series of random data."""

import numpy as np
import pytest
from pandas import DataFrame
from utilsforecast import losses

from lstm_gru.metrics import coverage, mae, mape, mase_scale, pinball, rmse, smape

SERIES, HISTORY, HORIZON = 4, 60, 25


@pytest.fixture(scope="module")
def data():
    """History ``[4, 60]``, observations with zeros and gaps, and forecasts ``[4, 25]``."""
    random = np.random.default_rng(0)
    level = random.uniform(1, 50, (SERIES, 1))
    history = random.normal(level, 9, (SERIES, HISTORY))
    observed = random.normal(level, 9, (SERIES, HORIZON))
    observed[:, 3] = 0.0
    forecast = observed + random.normal(0, 5, observed.shape)
    forecast[0, 3] = 0.0
    observed[random.random(observed.shape) < 0.2] = np.nan
    return history, observed, forecast


def frame(values, first, **columns):
    """The long table that utilsforecast reads, without the points that were not observed."""
    ids, steps = np.indices(values.shape)
    table = DataFrame({"unique_id": ids.ravel(), "ds": steps.ravel() + first, "y": values.ravel()})
    return table.assign(**{name: column.ravel() for name, column in columns.items()}).dropna()


@pytest.mark.parametrize(
    ("ours", "theirs", "factor"),
    [
        (rmse, losses.rmse, 1),
        (mae, losses.mae, 1),
        (mape, losses.mape, 1),
        (smape, losses.smape, 2),  # Theirs is between 0 and 1.
    ],
    ids=["rmse", "mae", "mape", "smape"],
)
def test_errors_of_points(ours, theirs, factor, data):
    _, observed, forecast = data
    expected = theirs(frame(observed, HISTORY, model=forecast), ["model"])["model"]
    np.testing.assert_allclose([ours(*pair) for pair in zip(forecast, observed, strict=True)], factor * expected)


@pytest.mark.parametrize("season", [1, 7])
def test_scaled_errors(season, data):
    history, observed, forecast = data
    table, past = frame(observed, HISTORY, model=forecast), frame(history, 0)
    expected = losses.mase(table, ["model"], season, past)["model"]
    ours = [mae(f, y) / mase_scale(h, season) for f, y, h in zip(forecast, observed, history, strict=True)]
    np.testing.assert_allclose(ours, expected)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_quantile_losses(level, data):
    _, observed, forecast = data
    expected = losses.quantile_loss(frame(observed, HISTORY, model=forecast), {"model": "model"}, level)["model"]
    np.testing.assert_allclose([pinball(*pair, level) for pair in zip(forecast, observed, strict=True)], expected)


def test_coverage(data):
    _, observed, forecast = data
    bounds = {"model-lo-80": forecast - 6, "model-hi-80": np.where(np.isnan(observed), forecast, observed) - 0.5}
    bounds["model-hi-80"][:, ::2] = observed[:, ::2]  # Bounds are inside.
    expected = losses.coverage(frame(observed, HISTORY, **bounds), ["model"], 80)["model"]
    assert expected.nunique() > 1
    np.testing.assert_allclose([coverage(*row) for row in zip(*bounds.values(), observed, strict=True)], expected)
