"""The scan under JAX's transformations: forward mode, vmap, remat, shard_map, export."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from jax.sharding import AxisType, PartitionSpec
from tools import KINDS, assert_close, random_params, scalar

from lstm_gru.cells import CELLS, rnn
from lstm_gru.config import TrainConfig
from lstm_gru.dropout import variational, zoneout
from lstm_gru.layers import bidirectional, recurrent, stack
from lstm_gru.recurrent import unroll
from lstm_gru.training.loop import TrainState, compiled_update, make_optimizer

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


@pytest.mark.parametrize("name", ["lstm", "gru_reset_before", "mingru"])
def test_data_parallel_gradient_is_that_of_the_whole_batch(name):
    """Inside `shard_map` the zero carry, made on the spot, must vary as the data do; parameters stay equal."""
    cell = CELLS[name](H)
    layer = stack(bidirectional(cell), recurrent(cell))
    params = jax.tree.map(lambda leaf: leaf + 0.1, layer.init(jax.random.key(0), F))
    mesh = jax.make_mesh((len(jax.devices()),), ("data",), axis_types=(AxisType.Auto,))
    shard, whole = PartitionSpec("data"), PartitionSpec()
    lengths = jnp.array(LENGTHS)

    def loss(params, xs, lengths):
        outputs, carry, _ = layer.apply(params, xs, lengths)
        return jnp.sum(jnp.sin(outputs)) + sum(jnp.sum(jnp.cos(leaf)) for leaf in jax.tree.leaves(carry))

    def local(params, xs, lengths):
        return jax.lax.psum(loss(params, xs, lengths), "data")

    sharded = jax.shard_map(local, mesh=mesh, in_specs=(whole, shard, shard), out_specs=whole)
    inside = jax.shard_map(
        jax.value_and_grad(local), mesh=mesh, in_specs=(whole, shard, shard), out_specs=(whole, whole)
    )
    expected = jax.jit(jax.value_and_grad(loss))(params, inputs(), lengths)
    assert len(jax.devices()) > 1
    for f in (jax.value_and_grad(sharded), inside):
        assert_close(jax.jit(f)(params, inputs(), lengths), expected, 1e-4)


@pytest.mark.parametrize("wrap", [lambda cell: zoneout(cell, 0.3), lambda cell: variational(cell, inputs=0.3)])
def test_noise_runs_inside_shard_map(wrap):
    cell = wrap(CELLS["lstm"](H))
    params = random_params(cell, F)
    mesh = jax.make_mesh((len(jax.devices()),), ("data",), axis_types=(AxisType.Auto,))
    shard, whole = PartitionSpec("data"), PartitionSpec()

    def gradient(params, xs):
        key = jax.random.fold_in(jax.random.key(0), jax.lax.axis_index("data"))
        return jax.grad(lambda params: jax.lax.psum(scalar(unroll(cell, params, xs, key=key).outputs), "data"))(params)

    mapped = jax.shard_map(gradient, mesh=mesh, in_specs=(whole, shard), out_specs=whole)
    assert all(jnp.isfinite(leaf).all() and leaf.any() for leaf in jax.tree.leaves(jax.jit(mapped)(params, inputs())))


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
    state = TrainState(params, make_optimizer(config).init(params), jnp.zeros((), jnp.int32))
    batch = {"xs": inputs(), "lengths": jnp.array(LENGTHS)}
    update = compiled_update(loss, config)
    exported = export.export(update, platforms=PLATFORMS)(state, batch, jax.random.key(1))
    assert exported.platforms == PLATFORMS
    expected, _ = update(jax.tree.map(jnp.copy, state), batch, jax.random.key(1))
    assert_close(exported.call(state, batch, jax.random.key(1))[0].params, expected.params, 1e-6)
