"""The rules of types that `lstm_gru.recurrent` documents, for every cell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import random_params, scalar

from lstm_gru.cells import CELLS, lstm, rnn
from lstm_gru.cells.protocol import GatedCell
from lstm_gru.layers import bidirectional, recurrent, residual, stack
from lstm_gru.recurrent import step, unroll

F, H, B, T = 3, 4, 4, 6
LENGTHS = np.array([6, 0, 3, 1])
every_cell = pytest.mark.parametrize("name", CELLS)
op_by_op = pytest.mark.usefixtures("op_by_op")


def inputs(dtype):
    return jnp.asarray(np.random.default_rng(3).normal(size=(B, T, F)), dtype)


def types(tree):
    return {leaf.dtype.name for leaf in jax.tree.leaves(tree)}


# Types of parameters and xs; then of outputs, and of carries, gates and sums.
RULES = [
    ("float32", "float32", "float32", "float32"),
    ("float32", "bfloat16", "bfloat16", "float32"),
    ("bfloat16", "bfloat16", "bfloat16", "float32"),
    ("float16", "float16", "float16", "float32"),
    ("bfloat16", "float32", "float32", "float32"),
    ("float64", "float64", "float64", "float64"),
    ("float64", "float32", "float64", "float64"),
    ("float32", "float64", "float64", "float64"),
]


@pytest.mark.parametrize(("params_type", "xs_type", "outputs_type", "carry_type"), RULES)
@every_cell
def test_types_of_results(x64, name, params_type, xs_type, outputs_type, carry_type):
    cell = CELLS[name](H)
    shapes = jax.eval_shape(lambda key: cell.init(key, F, params_type), jax.random.key(0))
    xs = jax.ShapeDtypeStruct((B, T, F), xs_type)
    run = jax.eval_shape(lambda params, xs: unroll(cell, params, xs, lengths=LENGTHS, record=True), shapes, xs)
    assert (types(run.outputs), types(run.carry), types(run.record)) == ({outputs_type}, {carry_type}, {carry_type})
    gradient = jax.eval_shape(
        jax.grad(lambda *both: unroll(cell, *both, lengths=LENGTHS).outputs.sum().astype(carry_type), argnums=(0, 1)),
        shapes,
        xs,
    )
    assert (types(gradient[0]), types(gradient[1])) == ({params_type}, {xs_type})
    x = jax.ShapeDtypeStruct((B, F), xs_type)
    carry, output = jax.eval_shape(lambda params, x: step(cell, params, cell.initial_carry(params, B), x), shapes, x)
    assert (types(carry), types(output)) == ({carry_type}, {outputs_type})


@op_by_op
@every_cell
def test_half_precision_products_stay_near_single_precision(name):
    cell = CELLS[name](H)
    params = random_params(cell, F)
    half = unroll(cell, params, inputs(jnp.bfloat16))
    single = unroll(cell, params, inputs(jnp.bfloat16).astype(jnp.float32))
    scale = jnp.maximum(1, jnp.abs(single.outputs).max())
    error = jnp.abs(half.outputs.astype(jnp.float32) - single.outputs).max() / scale
    assert 0 < error < 0.05


def steady(keep):
    """An LSTM without weights that adds the same little to its cell at every step."""
    params = jax.tree.map(jnp.zeros_like, lstm(1).init(jax.random.key(0), 1, jnp.bfloat16))
    return {**params, "bias": jnp.array([keep, keep, 0.001, 0.0], jnp.bfloat16)}


def test_carry_is_summed_in_single_precision():
    """1,000 additions of 0.001: a bfloat16 cell would stop growing at 0.25, where 0.001 is lost to rounding."""
    added = float(jnp.tanh(jnp.bfloat16(0.001).astype(jnp.float32)))
    cell = unroll(lstm(1), steady(30.0), jnp.zeros((1, 1000, 1), jnp.bfloat16)).carry.cell
    np.testing.assert_allclose(cell, np.full((1, 1), 1000 * added), rtol=1e-4)


def test_gradients_are_summed_over_time_in_single_precision():
    """The gradient of a bias is a sum over 1,000 steps of equal terms; in bfloat16 it would stop at 256 of them."""
    params = jax.tree.map(jnp.zeros_like, rnn(1).init(jax.random.key(0), 1))
    gradient = jax.grad(lambda params: unroll(rnn(1), params, jnp.ones((1, 1000, 1), jnp.bfloat16)).outputs[0].sum())
    np.testing.assert_allclose(gradient(params)["bias"], np.array([1000.0]), rtol=5e-3)
    np.testing.assert_allclose(gradient(params)["kernel"], np.array([[1000.0]]), rtol=5e-3)


@pytest.mark.parametrize("name", [name for name, make in CELLS.items() if isinstance(make(1), GatedCell)])
def test_products_run_in_half_precision_and_are_summed_in_single(name):
    """Both ways. Only the gradient of the input product, once for all steps, takes a float32 cotangent as it is."""
    cell = CELLS[name](H)
    loss = lambda params, xs: unroll(cell, params, xs).outputs.sum().astype(jnp.float32)  # noqa: E731
    program = jax.make_jaxpr(jax.grad(loss))(random_params(cell, F), inputs(jnp.bfloat16))
    half, gradient = ("bfloat16", "bfloat16", "float32"), ("float32", "bfloat16", "float32")
    inside = [e for s in equations(program.jaxpr) if s.primitive.name == "scan" for e in dots(s.params["jaxpr"].jaxpr)]
    assert [in_and_out(e) for e in inside] == [half] * 2
    assert {in_and_out(e) for e in dots(program.jaxpr)} == {half, gradient}


def equations(jaxpr):
    """All equations of a program, those inside other equations included."""
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            if hasattr(inner := getattr(value, "jaxpr", value), "eqns"):
                yield from equations(inner)


def dots(jaxpr):
    return [equation for equation in equations(jaxpr) if equation.primitive.name == "dot_general"]


def in_and_out(equation):
    return tuple(v.aval.dtype.name for v in (*equation.invars, *equation.outvars))


def test_half_precision_runs_through_a_stack():
    layer = stack(bidirectional(lstm(H)), residual(recurrent(CELLS["gru"](2 * H))), recurrent(CELLS["mgu"](2)))
    params = layer.init(jax.random.key(0), F)

    def loss(params):
        outputs, carry, _ = layer.apply(params, inputs(jnp.bfloat16), LENGTHS)
        return scalar(outputs.astype(jnp.float32)), (outputs, carry)

    gradient, (outputs, carry) = jax.eval_shape(jax.grad(loss, has_aux=True), params)
    assert (types(outputs), types(carry), types(gradient)) == ({"bfloat16"}, {"float32"}, {"float32"})


def test_a_narrower_carry_is_converted_and_a_wider_one_refused(x64):
    cell = rnn(H)
    params = random_params(cell, F, jnp.float32)
    carry = jnp.full((B, H), 0.5, jnp.bfloat16)
    converted = unroll(cell, params, inputs(jnp.float32), carry).outputs
    np.testing.assert_array_equal(converted, unroll(cell, params, inputs(jnp.float32), carry.astype("float32")).outputs)
    with pytest.raises(ValueError, match="carry has type float64; expected float32, which xs and params imply"):
        unroll(cell, params, inputs(jnp.float32), carry.astype(jnp.float64))


def test_numpy_parameters_are_those_of_jax():
    cell = lstm(H)
    params = random_params(cell, F)
    doubled = jax.tree.map(
        lambda leaf: np.asarray(leaf, np.float64), params
    )  # As libraries without JAX hand them over.
    single = unroll(cell, params, inputs(jnp.float32))
    np.testing.assert_array_equal(unroll(cell, doubled, inputs(jnp.float32)).outputs, single.outputs)
