"""Modules as pure functions, and layers as modules."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from lstm_gru.cells import CELLS, gru, lstm
from lstm_gru.layers import bidirectional, recurrent, stack
from lstm_gru.models.functional import Recurrent, functional

F, B, T = 3, 4, 5
LENGTHS = np.array([5, 0, 3, 1])
XS = np.random.default_rng(0).normal(size=(B, T, F)).astype(np.float32)
LAYER = stack(bidirectional(lstm(3), gru(2)), recurrent(lstm(2)), dropout=0.5)


def model_of():
    return functional(lambda rngs: Recurrent(LAYER, F, rngs=rngs))


def test_parameters_are_nested_dicts_of_arrays():
    params = functional(lambda rngs: nnx.Linear(F, 2, rngs=rngs)).init(jax.random.key(0))
    assert {name: (type(value), value.shape) for name, value in params.items()} == {
        "kernel": (type(jnp.zeros(1)), (F, 2)),
        "bias": (type(jnp.zeros(1)), (2,)),
    }


def test_apply_is_the_modules_call():
    model = functional(lambda rngs: nnx.Linear(F, 2, rngs=rngs))
    params = {"kernel": np.arange(6.0, dtype=np.float32).reshape(F, 2), "bias": np.array([1, -1], np.float32)}
    np.testing.assert_allclose(model.apply(params, XS[0]), XS[0] @ params["kernel"] + params["bias"][None], rtol=1e-5)


def test_init_is_a_pure_function_of_the_key():
    model = model_of()
    params = model.init(jax.random.key(0))
    chex.assert_trees_all_equal(params, model.init(jax.random.key(0)))
    kernels = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]
    others = [leaf for leaf in jax.tree.leaves(model.init(jax.random.key(1))) if leaf.ndim > 1]
    assert all((a != b).all() for a, b in zip(kernels, others, strict=True))


def test_recurrent_module_equals_its_layer():
    layer, key = LAYER, jax.random.key(9)
    module = Recurrent(layer, F, rngs=nnx.Rngs(4))
    params = layer.init(nnx.Rngs(4).params(), F)
    carry = jax.tree.map(lambda leaf: leaf + 0.3, layer.initial_carry(params, B))
    expected = layer.apply(params, XS, LENGTHS, carry, key)
    chex.assert_trees_all_equal(module(XS, LENGTHS, carry, key), expected)
    chex.assert_trees_all_equal(module(XS), layer.apply(params, XS))


def test_gradient_flows_through_both_wrappers_unchanged():
    layer, model = LAYER, model_of()
    params = layer.init(nnx.Rngs(4).params(), F)
    wrapped = {"weights": nnx.to_pure_dict(nnx.state(Recurrent(layer, F, rngs=nnx.Rngs(4))))["weights"]}

    def loss(apply):
        return jax.jit(jax.grad(lambda params: jnp.sum(jnp.sin(apply(params, XS, LENGTHS).outputs))))

    expected, got = (jax.tree.leaves(g) for g in (loss(layer.apply)(params), loss(model.apply)(wrapped)))
    chex.assert_trees_all_close(got, expected, atol=1e-6)
    assert all(leaf.any() for leaf in got)


def test_apply_remembers_nothing_and_changes_no_argument():
    model = model_of()
    one, two = (model.init(jax.random.key(seed)) for seed in (0, 1))
    kept = jax.tree.map(np.array, one)
    first = model.apply(one, XS).outputs
    assert (model.apply(two, XS).outputs != first).all()
    np.testing.assert_array_equal(model.apply(one, XS).outputs, first)
    chex.assert_trees_all_equal(one, kept)


def test_apply_under_jit_leaves_no_tracer_behind():
    model = model_of()
    params = model.init(jax.random.key(0))
    compiled = jax.jit(model.apply)(params, XS).outputs
    np.testing.assert_allclose(model.apply(params, XS).outputs, compiled, atol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "gru_reset_before", "mingru"])  # One of each kind of cell.
def test_any_cell_trains_inside_a_users_own_module(name):
    """As a user of NNX does it: nnx.jit, nnx.value_and_grad, nnx.Optimizer, and not a word of ours."""

    class Classifier(nnx.Module):
        def __init__(self, rngs):
            self.encoder = Recurrent(recurrent(CELLS[name](4)), F, rngs=rngs)
            self.head = nnx.Linear(4, 1, rngs=rngs)

        def __call__(self, xs, lengths):
            return self.head(self.encoder.layer.last(self.encoder(xs, lengths).carry))[:, 0]

    model = Classifier(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(3e-2), wrt=nnx.Param)
    target = jnp.array([1.0, 0.0, -1.0, 0.5])

    @nnx.jit
    def update(model, optimizer):
        loss, gradient = nnx.value_and_grad(lambda model: jnp.mean((model(XS, LENGTHS) - target) ** 2))(model)
        optimizer.update(model, gradient)
        return loss

    losses = [float(update(model, optimizer)) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_module_streams_and_records():
    module = Recurrent(stack(recurrent(lstm(3)), recurrent(gru(2))), F, rngs=nnx.Rngs(0))
    outputs, _, record = module(XS, record=True)
    carry = module.initial_carry(B)
    for t in range(T):
        carry, output = module.step(carry, XS[:, t])
        np.testing.assert_allclose(output, outputs[:, t], atol=2e-6)
        np.testing.assert_allclose(carry[0].cell, record[0].carries.cell[:, t], atol=2e-6)
