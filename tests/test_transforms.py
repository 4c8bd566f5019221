"""The scan under JAX's transformations: forward mode, vmap, remat, export; for `shard_map` see `eight_devices.py`."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from tools import KINDS, assert_close, random_params, scalar

from lstm_gru.cells import CELLS, rnn
from lstm_gru.config import TrainConfig
from lstm_gru.layers import bidirectional, recurrent, stack
from lstm_gru.recurrent import unroll
from lstm_gru.training.devices import all_devices
from lstm_gru.training.step import compiled_update, initial_state

F, H, B, T = 3, 4, 4, 6
LENGTHS = (6, 0, 3, 1)

every_cell = pytest.mark.parametrize("name", CELLS)
every_kind = pytest.mark.parametrize("name", KINDS)
op_by_op = pytest.mark.usefixtures("op_by_op")


def inputs(dtype=jnp.float32, seed=3):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(B, T, F)), dtype)


@op_by_op
@every_kind
def test_forward_mode_goes_through_autodiff(x64, name):
    cell = CELLS[name](H)
    params, xs = random_params(cell, F, jnp.float64), inputs(jnp.float64)
    direction = inputs(jnp.float64, seed=4)

    def outputs(xs):
        return unroll(cell, params, xs, backward="autodiff").outputs

    _, tangent = jax.jvp(outputs, (xs,), (direction,))
    small = 1e-6
    numeric = (outputs(xs + small * direction) - outputs(xs - small * direction)) / (2 * small)
    np.testing.assert_allclose(tangent, numeric, atol=1e-7)


FORWARD_MODES = {
    "jvp": lambda f, x: jax.jvp(f, (x,), (x,)),
    "jvp of jit": lambda f, x: jax.jvp(jax.jit(f), (x,), (x,)),
    "jit of jvp": lambda f, x: jax.jit(lambda x: jax.jvp(f, (x,), (x,)))(x),
    "linearize": lambda f, x: jax.linearize(f, x)[1](x),
    "jacfwd": lambda f, x: jax.jacfwd(f)(x),
}


@pytest.mark.parametrize("mode", FORWARD_MODES)
def test_forward_mode_of_the_derived_pass_names_the_option(mode):
    cell = rnn(H)
    params = random_params(cell, F)
    with pytest.raises(TypeError, match=r"no forward-mode derivative .* expected backward='autodiff'"):
        FORWARD_MODES[mode](lambda xs: unroll(cell, params, xs).outputs, inputs())


def test_forward_over_reverse_is_free_to_pass():
    cell = rnn(2)
    params, xs = random_params(cell, F), inputs()[:1, :2]
    loss = lambda xs, backward: scalar(unroll(cell, params, xs, backward=backward).outputs)  # noqa: E731
    derived, autodiff = (jax.hessian(loss)(xs, backward) for backward in ("derived", "autodiff"))
    np.testing.assert_allclose(derived, autodiff, atol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "gru_reset_before", "mingru"])
def test_vmap_over_models_equals_a_loop(name):
    cell, seeds = CELLS[name](H), 3
    models = [random_params(cell, F, seed=seed) for seed in range(seeds)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *models)
    gradient = jax.grad(lambda params: scalar(unroll(cell, params, inputs(), lengths=jnp.array(LENGTHS))))
    together = jax.vmap(gradient)(stacked)
    for k, params in enumerate(models):
        chex.assert_trees_all_close(jax.tree.map(lambda leaf, k=k: leaf[k], together), gradient(params), atol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "gru_reset_before", "mingru"])
def test_rematerialised_gradient_is_the_same(name):
    cell = CELLS[name](H)
    params = random_params(cell, F)
    loss = lambda params: scalar(unroll(cell, params, inputs(), lengths=jnp.array(LENGTHS)))  # noqa: E731
    plain, remat = (jax.jit(jax.grad(f))(params) for f in (loss, jax.checkpoint(loss)))
    chex.assert_trees_all_close(remat, plain, atol=1e-6)


PLATFORMS = ("cpu", "cuda", "tpu")


@every_cell
def test_unroll_and_its_gradient_lower_for_every_platform(name):
    cell = CELLS[name](H)
    params = jax.eval_shape(lambda key: cell.init(key, F), jax.random.key(0))

    def loss(params, xs, lengths):
        run = unroll(cell, params, xs, lengths=lengths)
        return jnp.sum(run.outputs), run

    arguments = (params, jax.ShapeDtypeStruct((B, T, F), jnp.float32), jax.ShapeDtypeStruct((B,), jnp.int32))
    exported = export.export(jax.jit(jax.value_and_grad(loss, has_aux=True)), platforms=PLATFORMS)(*arguments)
    assert exported.platforms == PLATFORMS
    assert not re.search(r"custom_call.*cpu", exported.mlir_module())


def test_a_training_step_lowers_for_every_platform():
    layer = stack(bidirectional(CELLS["lstm"](H)), recurrent(CELLS["gru"](H)), dropout=0.2)

    def loss(params, batch, key):
        outputs = layer.apply(params, batch["xs"], batch["lengths"], key=key).outputs
        return (jnp.sum(outputs**2), jnp.sum(batch["lengths"])), {}

    config = TrainConfig(steps=10)
    params = layer.init(jax.random.key(0), F)
    state = initial_state(params, config)
    batch = {"xs": inputs(), "lengths": jnp.array(LENGTHS)}
    update = compiled_update(loss, config, all_devices())
    exported = export.export(update, platforms=PLATFORMS)(state, batch, jax.random.key(1))
    assert exported.platforms == PLATFORMS
    expected, _ = update(jax.tree.map(jnp.copy, state), batch, jax.random.key(1))
    assert_close(exported.call(state, batch, jax.random.key(1))[0].params, expected.params, 1e-6)
