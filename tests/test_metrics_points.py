"""Errors of points against figures counted by hand."""

import numpy as np
import pytest

from lstm_gru.metrics import (
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

NAN = np.nan
Y = np.array([4.0, np.nan, -2.0, 0.0])
F = np.array([5.0, 9.0, -4.0, 1.0])


def rolling_point_by_point(errors, window):
    """Prophet's `rolling_mean_by_h` from its definition: the last w points, those of one horizon being alike."""
    points = []  # (horizon, the mean error at this horizon), one entry a point, nearest horizon first.
    for h in range(errors.shape[1]):
        observed = [error for error in errors[:, h] if not np.isnan(error)]
        points += [(h, sum(observed) / len(observed)) for _ in observed]
    w = max(1, int(window * len(points)))
    result = []
    for h in range(errors.shape[1]):
        reached = [error for horizon, error in points if horizon <= h][-w:]
        result.append(sum(reached) / w if len(reached) == w else NAN)
    return result


def test_rmse_by_hand():
    assert rmse(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 7.0])) == pytest.approx(np.sqrt(20 / 3))


def test_rmse_is_over_observed_points():
    assert rmse(np.array([[1.0, 9.0], [5.0, 0.0]]), np.array([[4.0, NAN], [1.0, NAN]])) == np.sqrt(25 / 2)


def test_point_metrics_by_hand():
    assert mae(F, Y) == pytest.approx((1 + 2 + 1) / 3)
    assert mape(F, Y) == pytest.approx((1 / 4 + 2 / 2) / 2)  # The zero is left out.
    assert smape(F, Y) == pytest.approx((2 / 9 + 4 / 6 + 2 / 1) / 3)
    assert smape(np.zeros(2), np.zeros(2)) == 0


def test_mase_scale_is_the_error_of_the_season_before():
    history = np.array([1.0, 5.0, 2.0, np.nan, 4.0, 5.0])
    assert mase_scale(history, 2) == pytest.approx((abs(2 - 1) + abs(4 - 2)) / 2)
    assert mase_scale(history, 4) == pytest.approx((3 + 0) / 2)


def test_mase_scale_needs_a_season_before():
    assert np.isnan(mase_scale(np.array([1.0, 2.0]), 2))
    assert np.isnan(mase_scale(np.array([1.0, NAN, 2.0]), 1))
    with pytest.raises(ValueError, match=r"^season: 0, expected at least 1$"):
        mase_scale(np.arange(4.0), 0)
    with pytest.raises(ValueError, match=r"^history: shape \(2, 4\), expected \[D\]$"):
        mase_scale(np.ones((2, 4)), 1)


def test_explained_shares_by_hand():
    forecast, observed = np.array([2.0, 3.0, 7.0, 8.0]), np.array([1.0, 3.0, 4.0, 8.0])
    # Squared errors 1 + 0 + 9 + 0; mean of the observations 4, of the errors 1.
    assert r2(forecast, observed) == pytest.approx(1 - 10 / (9 + 1 + 0 + 16))
    assert explained_variance(forecast, observed) == pytest.approx(1 - (0 + 1 + 4 + 1) / 26)
    assert frobenius_accuracy(forecast, observed) == pytest.approx(1 - (10 / (1 + 9 + 16 + 64)) ** 0.5)


def test_explained_shares_of_what_is_right_the_mean_or_moved():
    observed = np.random.default_rng(0).normal(50, 5, (20, 7))
    for metric in (r2, explained_variance, frobenius_accuracy):
        assert metric(observed, observed) == 1
    assert r2(np.full_like(observed, observed.mean()), observed) == pytest.approx(0)
    moved = observed + 9
    assert explained_variance(moved, observed) == pytest.approx(1)
    assert r2(moved, observed) == pytest.approx(1 - 81 / observed.var())


def test_explained_shares_need_something_to_explain():
    alike = np.full(3, 0.1)  # Whose mean is rounded to a neighbour of it.
    assert np.isnan(r2(np.arange(3.0), alike))
    assert np.isnan(explained_variance(np.arange(3.0), alike))
    assert np.isnan(frobenius_accuracy(alike, np.zeros(3)))


def test_rolling_by_hand():
    # Seven points, of which half are three. The third horizon is not observed and repeats the second; of the
    # horizon that is reached in part the mean counts: (2·5 + 1·2) / 3 and (2·10 + 1·5) / 3.
    errors = np.array([[1.0, 4.0, NAN, 7.0], [3.0, 6.0, NAN, 13.0], [2.0, NAN, NAN, NAN]])
    expected = [2.0, (2 * 5 + 2) / 3, (2 * 5 + 2) / 3, (2 * 10 + 5) / 3]
    np.testing.assert_allclose(rolling_by_horizon(errors, window=0.5), expected)


def test_rolling_starts_where_enough_points_are_reached():
    errors = np.ones((11, 365))
    rolling = rolling_by_horizon(errors)
    assert np.flatnonzero(~np.isnan(rolling))[0] == 36  # ⌊401.5⌋ points need 37 days of 11.


@pytest.mark.parametrize("window", [0.01, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("missing", [0.0, 0.3, 0.9])
def test_rolling_equals_point_by_point(window, missing):
    random = np.random.default_rng(0)
    errors = random.random((5, 40))
    errors[random.random(errors.shape) < missing] = NAN
    np.testing.assert_allclose(rolling_by_horizon(errors, window), rolling_point_by_point(errors, window))


def test_rolling_refuses_other_shapes_and_shares():
    with pytest.raises(ValueError, match=r"^errors: shape \(5,\), expected \[cutoffs, H\]$"):
        rolling_by_horizon(np.ones(5))
    with pytest.raises(ValueError, match=r"^window: 0, expected above 0 and up to 1$"):
        rolling_by_horizon(np.ones((2, 5)), window=0)
    assert np.isnan(rolling_by_horizon(np.full((2, 5), NAN))).all()
