"""What every metric promises: missing points do not count, all shapes are pooled, other shapes are named."""

from functools import partial

import numpy as np
import pytest

from lstm_gru import metrics

NAMES = ("rmse", "mae", "mape", "smape", "r2", "explained_variance", "frobenius_accuracy")
POINTWISE = {name: getattr(metrics, name) for name in NAMES} | {"pinball": partial(metrics.pinball, level=0.8)}
INTERVAL = {"coverage": lambda forecast, observed: metrics.coverage(forecast - 0.5, forecast + 0.5, observed)}
every = pytest.mark.parametrize("metric", [*POINTWISE.values(), *INTERVAL.values()], ids=[*POINTWISE, *INTERVAL])
pointwise = pytest.mark.parametrize("metric", POINTWISE.values(), ids=POINTWISE)


@pytest.fixture
def points():
    """Forecasts and observations ``[6, 4, 3]``, no missing ones."""
    random = np.random.default_rng(0)
    observed = random.normal(5, 2, (6, 4, 3))
    return observed + random.normal(0.3, 1, observed.shape), observed


@every
def test_missing_points_do_not_count(metric, points):
    forecast, observed = points
    missing = np.random.default_rng(1).random(observed.shape) < 0.3
    expected = metric(forecast[~missing], observed[~missing])
    observed = np.where(missing, np.nan, observed)
    assert metric(forecast, observed) == pytest.approx(expected)
    assert metric(np.where(missing, np.nan, forecast), observed) == pytest.approx(expected)
    assert metric(forecast, points[1]) != pytest.approx(expected)


@every
def test_points_are_pooled_whatever_the_shape(metric, points):
    flat = metric(*(values.ravel() for values in points))
    assert isinstance(flat, float)
    assert np.isfinite(flat)
    for shape in ((24, 3), (6, 4, 3), (1, 72)):
        assert metric(*(values.reshape(shape) for values in points)) == pytest.approx(flat)
    assert metric(*(np.asfortranarray(values) for values in points)) == pytest.approx(flat)


@every
def test_nothing_observed_is_nan_without_a_warning(metric):
    for shape in ((3,), (2, 2), (0,), (0, 5)):
        assert np.isnan(metric(np.ones(shape), np.full(shape, np.nan)))


@pointwise
def test_a_forecast_that_is_nan_is_not_passed_over(metric, points):
    forecast, observed = points
    forecast[0, 0, 0] = np.nan
    assert np.isnan(metric(forecast, observed))


@pointwise
@pytest.mark.parametrize("shape", [(1,), (6, 1), (1, 4), (4, 6), ()])
def test_shapes_that_might_be_broadcast_are_refused(metric, shape):
    with pytest.raises(ValueError, match=r"^forecast: shape \(.*\), expected \(6, 4\) as observed$"):
        metric(np.ones(shape), np.ones((6, 4)))


@pointwise
def test_single_precision_is_summed_in_double(metric, points):
    forecast, observed = (values.astype(np.float32) for values in points)
    assert metric(forecast, observed) == metric(forecast.astype(float), observed.astype(float))


def test_a_widened_interval_covers_its_share_and_with_a_smaller_factor_less():
    random = np.random.default_rng(2)
    centre = random.normal(size=(4, 50))
    predicted = np.stack([centre - 0.3, centre, centre + random.uniform(0.1, 2, centre.shape)], axis=-1)
    observed = centre + random.normal(size=centre.shape)
    observed[0, :7] = np.nan

    def coverage(factor):
        wide = metrics.widen(predicted, factor)
        inside = (wide[..., 0] <= observed) & (observed <= wide[..., 2])
        return inside[~np.isnan(observed)].mean()

    factor = metrics.interval_factor(predicted, observed, 0.8)
    assert coverage(factor * (1 + 1e-9)) >= 0.8
    assert coverage(factor * (1 - 1e-9)) < 0.8
    np.testing.assert_array_equal(metrics.widen(predicted, factor)[..., 1], centre)
    np.testing.assert_allclose(metrics.widen(predicted, 2.0)[..., 0], centre - 0.6)


def test_the_least_factor_that_covers_a_share_is_found():
    """A single far observation does not count where the share can do without it."""
    predicted, observed = np.array([[-1.0, 0.0, 1.0]] * 5), np.array([0.1, 0.2, -0.3, 0.4, 9.0])
    assert metrics.interval_factor(predicted, observed, 0.8) == pytest.approx(0.4)
    assert metrics.interval_factor(predicted, observed, 1.0) == pytest.approx(9.0)
    with pytest.raises(ValueError, match="meet at the centre"):
        metrics.interval_factor(np.zeros((5, 3)), observed, 0.8)
    with pytest.raises(ValueError, match="some bounds are NaN"):
        metrics.interval_factor(np.full((5, 3), np.nan), observed, 0.8)
    with pytest.raises(ValueError, match=r"predicted has shape \(5, 3\); expected \(4, 3\)"):
        metrics.interval_factor(predicted, observed[:4], 0.8)
