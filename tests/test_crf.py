"""The chain against all sequences of tags, one by one."""

import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_gru.crf import Transitions, independent, log_likelihood, log_partition, viterbi

B, T, K = 5, 4, 3
LENGTHS = np.array([4, 1, 0, 3, 2])
likelihoods, partitions, best_paths = jax.jit(log_likelihood), jax.jit(log_partition), jax.jit(viterbi)


@pytest.fixture
def chain():
    random = np.random.default_rng(0)
    return Transitions(*(random.normal(size=shape).astype(np.float32) for shape in ((K, K), K, K)))


@pytest.fixture
def scores():
    return np.random.default_rng(1).normal(size=(B, T, K)).astype(np.float32)


def score(chain, scores, tags):
    """By the equation, word by word, in float64."""
    if not tags:
        return 0.0
    total = float(chain.start[tags[0]]) + float(chain.end[tags[-1]])
    total += sum(float(scores[t, tag]) for t, tag in enumerate(tags))
    return total + sum(float(chain.between[a, b]) for a, b in itertools.pairwise(tags))


def sequences(chain, scores, length):
    """Every sequence with its score."""
    return {tags: score(chain, scores, tags) for tags in itertools.product(range(K), repeat=length)}


def test_partition_is_the_sum_over_all_sequences(chain, scores):
    expected = [
        np.log(np.sum(np.exp(list(sequences(chain, row, length).values()))))
        for row, length in zip(scores, LENGTHS, strict=True)
    ]
    np.testing.assert_allclose(partitions(chain, scores, LENGTHS), expected, atol=1e-5)


def test_likelihood_of_every_sequence_is_its_share(chain, scores):
    for tags, value in sequences(chain, scores[0], T).items():
        total = np.log(np.sum(np.exp(list(sequences(chain, scores[0], T).values()))))
        found = likelihoods(chain, scores[:1], np.array([tags]), np.array([T]))
        np.testing.assert_allclose(found, [value - total], atol=1e-5)


def test_likelihood_of_shorter_rows(chain, scores):
    tags = np.random.default_rng(2).integers(0, K, (B, T))
    expected = [
        score(chain, row, tuple(own[:length])) - np.log(np.sum(np.exp(list(sequences(chain, row, length).values()))))
        for row, own, length in zip(scores, tags, LENGTHS, strict=True)
    ]
    np.testing.assert_allclose(likelihoods(chain, scores, tags, LENGTHS), expected, atol=1e-5)


def test_the_best_path_is_the_best_of_all(chain, scores):
    tags, totals = best_paths(chain, scores, LENGTHS)
    for row, own, total, length in zip(scores, tags, totals, LENGTHS, strict=True):
        every = sequences(chain, row, length)
        assert tuple(own[:length].tolist()) == max(every, key=every.get)
        np.testing.assert_allclose(total, max(every.values()), atol=1e-5)
        assert not own[length:].any()


def test_marginals_are_the_gradient_of_the_partition(chain, scores):
    every = sequences(chain, scores[0], T)
    weights = np.exp(list(every.values()))
    expected = np.zeros((T, K))
    for tags, weight in zip(every, weights / weights.sum(), strict=True):
        expected[np.arange(T), list(tags)] += weight
    found = jax.jit(jax.grad(lambda s: log_partition(chain, s, LENGTHS).sum()))(scores)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_without_transitions_every_word_is_by_itself(scores):
    tags = np.random.default_rng(3).integers(0, K, (B, T))
    valid = np.arange(T)[None] < LENGTHS[:, None]
    alone = np.take_along_axis(np.asarray(jax.nn.log_softmax(scores)), tags[..., None], axis=2)[..., 0]
    found = likelihoods(independent(K), scores, tags, LENGTHS)
    np.testing.assert_allclose(found, (alone * valid).sum(axis=1), atol=1e-5)
    chex.assert_trees_all_equal(best_paths(independent(K), scores, LENGTHS)[0], scores.argmax(axis=2) * valid)


@pytest.mark.parametrize("garbage", [np.nan, np.inf, -1e30])
def test_padding_changes_neither_values_nor_gradients(chain, scores, garbage):
    valid = np.arange(T)[None] < LENGTHS[:, None]
    tags = np.random.default_rng(4).integers(0, K, (B, T))
    spoilt = np.where(valid[..., None], scores, np.float32(garbage))
    value = jax.jit(jax.value_and_grad(lambda c, s, y: log_likelihood(c, s, y, LENGTHS).sum(), argnums=(0, 1)))
    chex.assert_trees_all_equal(value(chain, spoilt, np.where(valid, tags, 0)), value(chain, scores, tags))
    chex.assert_trees_all_equal(best_paths(chain, spoilt, LENGTHS), best_paths(chain, scores, LENGTHS))


def test_far_apart_scores_are_summed_without_overflow(chain, scores):
    found = partitions(chain, 1e4 * scores, LENGTHS)
    _, best = best_paths(chain, 1e4 * scores, LENGTHS)
    np.testing.assert_allclose(found, best, rtol=1e-5)


def test_one_word_at_a_time_needs_no_transition(chain, scores):
    found = log_partition(chain, scores[:, :1], np.ones(B, int))
    expected = jax.nn.logsumexp(scores[:, 0] + (chain.start + chain.end)[None], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_scores_of_another_shape_are_named():
    with pytest.raises(ValueError, match=r"scores has shape \(2, 3\); expected \[B, T, K\]"):
        log_partition(independent(3), jnp.zeros((2, 3)), jnp.array([1, 1]))
