"""The paired bootstrap against all resamples there are."""

import itertools

import numpy as np
import pytest

from lstm_gru.metrics import paired_bootstrap, root_mean_square, standard_error


def test_root_mean_square_of_sums_and_of_no_points():
    np.testing.assert_array_equal(root_mean_square(np.array([[12.0, 3], [0, 0]])), [2, np.nan])


@pytest.mark.parametrize("other", [np.ones((1, 2)), np.ones((4, 1)), np.ones(2)])
def test_statistics_of_another_shape_are_named(other):
    with pytest.raises(ValueError, match=r"^second: shape .*, expected \(4, 2\) as first$"):
        paired_bootstrap(np.ones((4, 2)), other, root_mean_square)
    with pytest.raises(ValueError, match=r"^first: shape \(4,\), expected \[C, K\]$"):
        paired_bootstrap(np.ones(4), np.ones(4), root_mean_square)


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


def test_standard_error_of_a_mean_is_that_of_the_textbook():
    values = np.random.default_rng(0).normal(size=400)
    groups = np.stack([values, np.ones(400)], axis=-1)
    error = standard_error(groups, lambda sums: sums[..., 0] / sums[..., 1])
    assert error == pytest.approx(values.std() / 20, rel=0.03)
    with pytest.raises(ValueError, match=r"^groups: shape"):
        standard_error(values, root_mean_square)
