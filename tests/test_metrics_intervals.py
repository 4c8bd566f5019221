"""Quantiles and intervals against figures counted by hand."""

import numpy as np
import pytest

from lstm_gru.metrics import coverage, covered, pinball

Y = np.array([4.0, np.nan, -2.0, 0.0])
F = np.array([5.0, 9.0, -4.0, 1.0])


def test_pinball_by_hand_and_least_at_the_quantile():
    assert pinball(F, Y, 0.9) == pytest.approx((0.1 * 1 + 0.9 * 2 + 0.1 * 1) / 3)
    values = np.random.default_rng(0).normal(size=501)
    losses = [pinball(np.full(501, guess), values, 0.9) for guess in np.sort(values)]
    assert np.argmin(losses) == 450


def test_covered_counts_the_bounds_and_skips_missing():
    inside = covered(np.array([4.0, 0, -1, -9]), np.array([4.0, 1, 0, 0]), Y)
    np.testing.assert_array_equal(inside, [1, np.nan, 0, 1])


def test_coverage_is_the_share_of_what_was_observed():
    assert coverage(np.array([4.0, 0, -1, -9]), np.array([4.0, 1, 0, 0]), Y) == pytest.approx(2 / 3)


def test_a_bound_that_is_nan_holds_nothing():
    np.testing.assert_array_equal(covered(np.full(4, np.nan), Y + 1, Y), [0, np.nan, 0, 0])


@pytest.mark.parametrize("level", [0, 1, 10, np.nan])
def test_levels_are_shares(level):
    with pytest.raises(ValueError, match=rf"^level: {level}, expected between 0 and 1$"):
        pinball(F, Y, level)


@pytest.mark.parametrize("name", ["lower", "upper"])
def test_bounds_of_another_shape_are_named(name):
    bounds = {"lower": Y, "upper": Y} | {name: Y[:1]}
    for metric in (covered, coverage):
        with pytest.raises(ValueError, match=rf"^{name}: shape \(1,\), expected \(4,\) as observed$"):
            metric(**bounds, observed=Y)
