"""Metrics against points counted one by one."""

import itertools

import numpy as np
import pytest

from lstm_gru.metrics import (
    covered,
    mae,
    mape,
    mase_scale,
    paired_bootstrap,
    pinball,
    rmse,
    rolling_by_horizon,
    root_mean_square,
    smape,
)

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


Y = np.array([4.0, np.nan, -2.0, 0.0])
F = np.array([5.0, 9.0, -4.0, 1.0])


def test_point_metrics_by_hand():
    assert mae(F, Y) == pytest.approx((1 + 2 + 1) / 3)
    assert mape(F, Y) == pytest.approx((1 / 4 + 2 / 2) / 2)  # The zero is left out.
    assert smape(F, Y) == pytest.approx((2 / 9 + 4 / 6 + 2 / 1) / 3)
    assert smape(np.zeros(2), np.zeros(2)) == 0


def test_mase_scale_is_the_error_of_the_season_before():
    history = np.array([1.0, 5.0, 2.0, np.nan, 4.0, 5.0])
    assert mase_scale(history, 2) == pytest.approx((abs(2 - 1) + abs(4 - 2)) / 2)
    assert mase_scale(history, 4) == pytest.approx((3 + 0) / 2)


def test_pinball_by_hand_and_least_at_the_quantile():
    assert pinball(F, Y, 0.9) == pytest.approx((0.1 * 1 + 0.9 * 2 + 0.1 * 1) / 3)
    values = np.random.default_rng(0).normal(size=501)
    losses = [pinball(np.full(501, guess), values, 0.9) for guess in np.sort(values)]
    assert np.argmin(losses) == 450


def test_covered_counts_the_bounds_and_skips_missing():
    inside = covered(np.array([4.0, 0, -1, -9]), np.array([4.0, 1, 0, 0]), Y)
    np.testing.assert_array_equal(inside, [1, np.nan, 0, 1])


def test_paired_bootstrap_of_a_constant_ratio_has_no_spread():
    points = np.array([10.0, 20, 30])
    first, second = np.stack([points * 4, points], -1), np.stack([points, points], -1)
    assert paired_bootstrap(first, second, root_mean_square) == pytest.approx((1.0, 1.0, 1.0))


def test_paired_bootstrap_interval_equals_that_of_all_resamples():
    """Three groups have 27 equally likely resamples, so that the exact interval is known."""
    first = np.array([[9.0, 1], [1, 1], [4, 2]])
    second = np.array([[4.0, 1], [4, 1], [4, 4]])  # Other weights than the first's.

    def difference(groups):
        score = lambda sums: (sum(sums[g, 0] for g in groups) / sum(sums[g, 1] for g in groups)) ** 0.5  # noqa: E731
        return score(first) - score(second)

    exact = sorted(difference(groups) for groups in itertools.product(range(3), repeat=3))
    value, lower, upper = paired_bootstrap(first, second, root_mean_square, draws=50_000)
    assert value == pytest.approx(difference(range(3)))
    assert (lower, upper) == pytest.approx((exact[0], exact[-1]))  # Each has a chance of 1/27 > 2.5 %.


def test_paired_bootstrap_of_many_groups_in_parts_equals_that_of_all_at_once():
    """As for BLEU: a thousand sentences, six counts each, the score a product of ratios of their sums."""
    random = np.random.default_rng(0)
    first, second = random.integers(1, 9, (2, 1001, 6)).astype(float)

    def statistic(sums):
        return np.prod(sums[..., 1:4] / sums[..., :1], axis=-1) * np.minimum(1, sums[..., 4] / sums[..., 5])

    chosen = np.random.default_rng(5).integers(0, 1001, (1500, 1001))
    expected = statistic(first[chosen].sum(1)) - statistic(second[chosen].sum(1))
    value, lower, upper = paired_bootstrap(first, second, statistic, draws=1500, seed=5)
    assert value == pytest.approx(statistic(first.sum(0)) - statistic(second.sum(0)))
    assert (lower, upper) == pytest.approx(tuple(np.quantile(expected, [0.025, 0.975])))
