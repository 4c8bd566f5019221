"""Losses as sums and weights, by hand and against other writings of their equations."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tools import assert_close

from lstm_gru.losses import cross_entropy, huber, pinball, squared

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


V = 7
LOGITS = np.random.default_rng(0).normal(size=(3, 4, V)).astype(np.float32) * 3
TOKENS = np.random.default_rng(1).integers(0, V, (3, 4))
SHARE = np.random.default_rng(2).uniform(0.5, 2, (3, 4)).astype(np.float32)
SHARE[[0, 2, 2], [3, 1, 3]] = 0
smoothings = pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])


@smoothings
def test_cross_entropy_is_its_equation(smoothing):
    logits, expected = LOGITS.astype(np.float64), 0.0
    for place in np.ndindex(TOKENS.shape):
        log_p = np.log(np.exp(logits[place]) / np.exp(logits[place]).sum())
        right = -(1 - smoothing) * log_p[TOKENS[place]] - smoothing / V * log_p.sum()
        expected += SHARE[place] * right
    total, weight = cross_entropy(LOGITS, TOKENS, SHARE, smoothing)
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    np.testing.assert_allclose(weight, SHARE.sum(), rtol=1e-6)


@smoothings
def test_cross_entropy_and_its_gradient_are_those_of_optax(smoothing):
    def of_optax(logits):
        labels = optax.losses.smooth_labels(jax.nn.one_hot(TOKENS, V), smoothing)
        return jnp.sum(SHARE * optax.losses.softmax_cross_entropy(logits, labels))

    one = jax.value_and_grad(lambda logits: cross_entropy(logits, TOKENS, SHARE, smoothing)[0])(LOGITS)
    assert_close(one, jax.value_and_grad(of_optax)(LOGITS), 1e-6)


def test_cross_entropy_without_smoothing_is_the_negative_log_likelihood():
    total, _ = cross_entropy(LOGITS, TOKENS, SHARE)
    log_p = np.take_along_axis(np.asarray(jax.nn.log_softmax(LOGITS)), TOKENS[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(total, -np.sum(SHARE * log_p), rtol=1e-6)


def test_cross_entropy_of_large_logits_is_finite():
    logits = jnp.array([[1e4, 0.0, -1e4]])
    total, _ = cross_entropy(logits, jnp.array([2]), jnp.ones(1))
    np.testing.assert_allclose(total, 2e4)


@smoothings
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_logits_of_weight_0_change_neither_cross_entropy_nor_its_gradient(smoothing, poison):
    def of(logits, tokens):
        return jax.value_and_grad(lambda logits: cross_entropy(logits, tokens, SHARE, smoothing)[0])(logits)

    poisoned = np.where(SHARE[..., None] == 0, np.float32(poison), LOGITS)
    value, gradient = of(poisoned, np.where(SHARE == 0, 0, TOKENS))
    expected, expected_gradient = of(LOGITS, TOKENS)
    assert value == expected
    np.testing.assert_array_equal(gradient, expected_gradient)
    assert not np.any(np.asarray(gradient)[SHARE == 0])
    total, weight = cross_entropy(poisoned, TOKENS, 0 * SHARE, smoothing)
    assert (total, weight) == (0, 0)


def test_cross_entropies_of_parts_are_that_of_the_whole():
    whole = cross_entropy(LOGITS, TOKENS, SHARE, 0.1)
    parts = [cross_entropy(LOGITS[part], TOKENS[part], SHARE[part], 0.1) for part in (slice(0, 1), slice(1, None))]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole, rtol=1e-6)
