"""Attention against the papers' equations, one place of memory after the other, in float64."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import filled, scalar

from lstm_gru.attention import additive, dot, multiplicative

B, T, S, Q, M, A = 4, 3, 5, 4, 6, 7
MASK = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 0, 1, 1, 0], [0, 0, 0, 1, 0]], bool)


def score_dot(p, h_t, h_s):
    return h_t @ h_s


def score_multiplicative(p, h_t, h_s):
    W_a = p["kernel"].T
    return h_t @ W_a @ h_s


def score_additive(p, s, h):
    W_a, U_a, v_a = p["query_kernel"].T, p["memory_kernel"].T, p["score_kernel"]
    return v_a @ np.tanh(W_a @ s + U_a @ h)


# Each attention with the width of its queries and the equation of its score.
ATTENTIONS = {
    "dot": (dot(), M, score_dot),
    "multiplicative": (multiplicative(), Q, score_multiplicative),
    "additive": (additive(A), Q, score_additive),
}
every_attention = pytest.mark.parametrize("name", ATTENTIONS)


def made(name, dtype=jnp.float32):
    """The attention, its parameters, memory and queries, all random."""
    attention, width, _ = ATTENTIONS[name]
    params = filled(jax.eval_shape(lambda key: attention.init(key, width, M, dtype), jax.random.key(0)), seed=1)
    random = np.random.default_rng(2)
    memory, query = random.normal(size=(B, S, M)), random.normal(size=(B, T, width))
    return attention, params, jnp.asarray(memory, dtype), jnp.asarray(query, dtype)


def run(attention, params, memory, query, mask=MASK):
    return attention.apply(params, attention.prepare(params, memory, mask), query)


def by_equations(name, params, memory, query):
    """Contexts and weights, with sums over valid places only."""
    score = ATTENTIONS[name][2]
    params, memory, query = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), (params, memory, query))
    context, weights = np.zeros((B, T, M)), np.zeros((B, T, S))
    for b, t in np.ndindex(B, T):
        valid = np.flatnonzero(MASK[b])
        if len(valid):
            e = np.exp([score(params, query[b, t], memory[b, s]) for s in valid])
            weights[b, t, valid] = e / e.sum()
            context[b, t] = sum(weights[b, t, s] * memory[b, s] for s in valid)
    return context, weights


@every_attention
def test_equals_the_equations(name, x64):
    attention, params, memory, query = made(name, jnp.float64)
    got = run(attention, params, memory, query)
    chex.assert_trees_all_close(tuple(got), by_equations(name, params, memory, query), rtol=1e-12, atol=1e-14)
    assert {leaf.dtype for leaf in got} == {np.dtype("float64")}


@every_attention
def test_single_precision_and_jit(name):
    attention, params, memory, query = made(name)
    got = jax.jit(lambda *arrays: run(attention, *arrays))(params, memory, query)
    chex.assert_trees_all_close(tuple(got), by_equations(name, params, memory, query), atol=2e-6)
    assert {leaf.dtype for leaf in got} == {np.dtype("float32")}


@every_attention
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e30])
def test_padding_is_harmless_in_values_and_gradients(name, poison):
    attention, params, memory, query = made(name)

    def loss(params, memory, query):
        attended = run(attention, params, memory, query)
        return scalar(attended), attended

    value_and_grad = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
    expected = value_and_grad(params, jnp.where(MASK[..., None], memory, 0), query)
    got = value_and_grad(params, jnp.where(MASK[..., None], memory, poison), query)
    chex.assert_trees_all_equal(got, expected)
    (_, (_, weights)), (d_params, d_memory, d_query) = got
    chex.assert_tree_all_finite((d_params, d_memory, d_query))
    valid = np.broadcast_to(MASK[:, None], weights.shape)
    assert (weights[valid] > 0).all()
    assert not weights[~valid].any()
    assert not d_memory[~MASK].any()
    assert d_memory[MASK].all()
    assert all(leaf.all() for leaf in jax.tree.leaves(d_params))
    several = MASK.sum(1) > 1  # A weight that can only be 1 does not depend on the query.
    assert d_query[several].all()
    assert not d_query[~several].any()


@every_attention
def test_without_memory_there_is_nothing(name):
    """All rows empty, so that no other row can lend its gradient."""
    attention, params, memory, query = made(name)
    arrays = params, jnp.full_like(memory, np.nan), query
    run_nowhere = lambda *arrays: run(attention, *arrays, np.zeros_like(MASK))  # noqa: E731
    gradients = jax.grad(lambda *arrays: scalar(run_nowhere(*arrays)), argnums=(0, 1, 2))
    with jax.debug_nans(True):  # Not even on the way.
        assert not any(leaf.any() for leaf in run_nowhere(*arrays))
        assert not any(leaf.any() for leaf in jax.tree.leaves(gradients(*arrays)))


@every_attention
def test_longer_padding_changes_nothing(name):
    attention, params, memory, query = made(name)
    longer = jnp.pad(memory, ((0, 0), (0, 3), (0, 0)), constant_values=np.nan)
    context, weights = run(attention, params, longer, query, np.pad(MASK, ((0, 0), (0, 3))))
    expected = run(attention, params, memory, query)
    chex.assert_trees_all_close((context, weights[..., :S]), tuple(expected), atol=1e-6)
    assert not weights[..., S:].any()


@every_attention
def test_one_step_at_a_time_equals_all_at_once(name):
    attention, params, memory, query = made(name)
    prepared = attention.prepare(params, memory, MASK)
    steps = [attention.apply(params, prepared, query[:, t : t + 1]) for t in range(T)]
    together = jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=1), *steps)
    chex.assert_trees_all_close(together, attention.apply(params, prepared, query), atol=1e-6)


@every_attention
def test_large_scores_take_one_place(name):
    attention, params, memory, query = made(name)
    params = {name: 1e4 * leaf for name, leaf in params.items()}
    attended = run(attention, params, 1e3 * memory, 1e3 * query)
    gradient = jax.grad(lambda *arrays: scalar(run(attention, *arrays)), argnums=(0, 1, 2))
    chex.assert_tree_all_finite((attended, gradient(params, 1e3 * memory, 1e3 * query)))
    np.testing.assert_allclose(attended.weights.sum(-1), np.repeat(MASK.any(1)[:, None], T, 1), atol=1e-6)


@every_attention
def test_half_precision_has_a_softmax_in_single(name):
    """Only products are rounded: those of the multiplicative keys, and the weights for the context."""
    attention, params, memory, query = made(name, jnp.bfloat16)
    context, weights = run(attention, params, memory, query)
    assert (context.dtype, weights.dtype) == (jnp.bfloat16, np.float32)
    expected_context, expected_weights = by_equations(name, params, memory, query)
    np.testing.assert_allclose(weights, expected_weights, atol=5e-3 if name == "multiplicative" else 1e-6)
    np.testing.assert_allclose(np.asarray(context, np.float32), expected_context, atol=2e-2)


@every_attention
def test_queries_are_rounded_to_the_type_of_the_memory(name):
    attention, params, memory, query = made(name)
    half = memory.astype(jnp.bfloat16)
    expected = run(attention, params, half, query.astype(jnp.bfloat16))
    chex.assert_trees_all_equal(run(attention, params, half, query), expected)


@every_attention
@pytest.mark.parametrize(
    ("params_type", "memory_type", "query_type", "context_type", "weights_type"),
    [
        ("float32", "bfloat16", "float32", "bfloat16", "float32"),
        ("bfloat16", "float32", "float32", "float32", "float32"),
        ("float16", "float16", "float16", "float16", "float32"),
        ("float32", "float64", "float32", "float64", "float64"),
    ],
)
def test_types(name, params_type, memory_type, query_type, context_type, weights_type, x64):
    attention, params, memory, query = made(name)
    params = {name: leaf.astype(params_type) for name, leaf in params.items()}
    arrays = params, memory.astype(memory_type), query.astype(query_type)
    context, weights = jax.eval_shape(lambda *arrays: run(attention, *arrays), *arrays)
    assert (context.dtype, weights.dtype) == (context_type, weights_type)
    loss = lambda *arrays: run(attention, *arrays).context.sum().astype(jnp.float64)  # noqa: E731
    gradients = jax.eval_shape(jax.grad(loss, argnums=(0, 1, 2)), *arrays)
    chex.assert_trees_all_equal_dtypes(gradients, arrays)


@every_attention
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_kernels_start_glorot_uniform(name, dtype):
    attention = {"dot": dot(), "multiplicative": multiplicative(), "additive": additive(300)}[name]
    params = attention.init(jax.random.key(0), 200, 200 if name == "dot" else 400, dtype)
    fans = {"kernel": 600, "query_kernel": 500, "memory_kernel": 700, "score_kernel": 301}
    for name_, kernel in params.items():
        bound = np.sqrt(6 / fans[name_])
        np.testing.assert_allclose(np.abs(kernel).max().astype(float), bound, rtol=0.03)
        np.testing.assert_allclose(kernel.astype(jnp.float32).std(), bound / np.sqrt(3), rtol=0.1)
        assert kernel.dtype == dtype
    shapes = {name_: kernel.shape for name_, kernel in params.items()}
    assert (
        shapes
        == {
            "dot": {},
            "multiplicative": {"kernel": (400, 200)},
            "additive": {"query_kernel": (200, 300), "memory_kernel": (400, 300), "score_kernel": (300,)},
        }[name]
    )


def test_additive_kernels_start_different():
    params = additive(5).init(jax.random.key(0), 5, 5)
    assert (params["query_kernel"] != params["memory_kernel"]).all()


def test_equal_arguments_give_the_identical_attention():
    assert dot() is dot()
    assert multiplicative() is multiplicative()
    assert additive(3) is additive(3)
    assert additive(3) is not additive(4)


def prepare(memory=(2, 3, 4), mask=(2, 3), memory_type="float32", mask_type="bool"):
    return dot().prepare({}, np.ones(memory, memory_type), np.ones(mask, mask_type))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: additive(0), "additive: features = 0; expected a whole number of at least 1"),
        (lambda: additive(2.0), "additive: features = 2.0; expected a whole number"),
        (lambda: additive(True), "additive: features = True; expected a whole number"),
        (
            lambda: dot().init(jax.random.key(0), 3, 4),
            "dot: queries have 3 features, the memory 4; expected equal ones",
        ),
        (lambda: prepare(memory=(3, 4)), r"memory has shape \(3, 4\) .* floating \[B, S, M\]"),
        (lambda: prepare(memory_type="int32"), "memory has .* type int32; expected floating"),
        (lambda: prepare(mask=(3, 2)), r"mask has shape \(3, 2\) .*; expected bool \(2, 3\)"),
        (lambda: prepare(mask_type="int32"), "mask has .* type int32; expected bool"),
        (lambda: dot().apply({}, prepare(), np.ones((2, 4))), r"query has shape \(2, 4\); expected \[B, T, Q\]"),
        (lambda: dot().apply({}, prepare(), np.ones((1, 2, 4))), "query has .* B = 2, and T = 1 for one step"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
