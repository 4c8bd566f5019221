"""Metrics against points counted one by one."""

import numpy as np
import pytest

from lstm_gru.metrics import rmse, rolling_by_horizon

NAN = np.nan


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
