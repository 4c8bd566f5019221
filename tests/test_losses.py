"""Losses as sums and weights, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_gru.losses import huber, pinball, squared

TARGET = jnp.array([0.0, 0.0, 0.0, 5.0, 1e6])
PREDICTION = jnp.array([0.5, -1.0, 3.0, 1.0, 0.0])
WEIGHT = jnp.array([1.0, 2.0, 1.0, 0.5, 0.0])


def test_huber_by_hand():
    total, weight = huber(PREDICTION, TARGET, WEIGHT)
    np.testing.assert_allclose(total, 0.125 + 2 * 0.5 + 2.5 + 0.5 * 3.5)
    assert weight == 4.5


def test_pinball_by_hand():
    total, weight = pinball(PREDICTION, TARGET, WEIGHT, 0.9)
    np.testing.assert_allclose(total, 0.1 * 0.5 + 2 * 0.9 * 1 + 0.1 * 3 + 0.5 * 0.9 * 4, rtol=1e-6)
    assert weight == 4.5


def test_squared_by_hand():
    total, weight = squared(PREDICTION, TARGET, WEIGHT)
    np.testing.assert_allclose(total, 0.25 + 2 * 1 + 9 + 0.5 * 16)
    assert weight == 4.5


@pytest.mark.parametrize(
    ("loss", "expected"), [(huber, [0.5, -2, 1, -0.5, 0]), (squared, [1, -4, 6, -4, 0])], ids=["huber", "squared"]
)
def test_gradient_by_hand(loss, expected):
    gradient = jax.grad(lambda prediction: loss(prediction, TARGET, WEIGHT)[0])(PREDICTION)
    np.testing.assert_allclose(gradient, expected)


@pytest.mark.parametrize("loss", [huber, squared])
def test_sums_of_parts_are_the_sum_of_the_whole(loss):
    whole = loss(PREDICTION, TARGET, WEIGHT)
    parts = [loss(PREDICTION[part], TARGET[part], WEIGHT[part]) for part in (slice(0, 2), slice(2, None))]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole)
