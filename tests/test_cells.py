"""Contracts that every cell in `CELLS` keeps; a new row in the table is picked up without another edit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import named

from lstm_gru.cells import CELLS, gru, irnn, lstm, mgu, mingru, minlstm, projected_lstm, rnn
from lstm_gru.cells.protocol import LSTMCarry
from lstm_gru.inside import CANDIDATES
from lstm_gru.recurrent import unroll

F, H, B = 3, 5, 4


@pytest.fixture(params=CELLS)
def cell(request):
    return CELLS[request.param](H)


@pytest.fixture
def params(cell):
    return cell.init(jax.random.key(0), F)


def test_is_found_under_its_own_name(cell):
    assert CELLS[cell.name](H) is cell  # Identical, so that compiled functions are shared.


def test_carry_starts_at_zero_with_one_row_per_sequence(cell, params):
    for leaf in jax.tree.leaves(cell.initial_carry(params, B)):
        assert leaf.shape[0] == B
        assert not leaf.any()


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_parameters_have_the_requested_type_and_carries_at_least_float32(cell, dtype):
    params = jax.eval_shape(lambda key: cell.init(key, F, dtype), jax.random.key(0))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(dtype)}
    carry = cell.initial_carry(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, dtype), params), B)
    assert {leaf.dtype for leaf in jax.tree.leaves(carry)} == {jnp.dtype(jnp.float32)}


def test_every_matrix_depends_on_the_key(cell, params):
    other = cell.init(jax.random.key(1), F)
    drawn = [name for name, value in params.items() if value.ndim > 1]
    identical = {"recurrent_kernel"} if cell.name == "irnn" else set()  # It starts as the identity.
    assert drawn
    for name in set(drawn) - identical:
        assert (other[name] != params[name]).all()


def test_initial_outputs_are_finite_and_follow_the_input(cell, params):
    xs = jax.random.normal(jax.random.key(2), (B, 6, F))
    outputs = unroll(cell, params, xs).outputs
    assert jnp.isfinite(outputs).all()
    assert (jnp.abs(outputs[1:] - outputs[:1]).max(axis=(1, 2)) > 0).all()


def test_the_gate_that_keeps_the_old_state_is_named(cell, params):
    """Where nothing is read from the state, what becomes of it is the gate: ∂c_t/∂c_{t-1} = f, ∂h_t/∂h_{t-1} = z."""
    blind = {name: value * (not name.startswith(("recurrent", "gate_kernel"))) for name, value in params.items()}
    random = np.random.default_rng(0)
    carry = jax.tree.map(lambda leaf: jnp.asarray(random.normal(size=leaf.shape)), cell.initial_carry(params, B))
    xs = jnp.asarray(random.normal(size=(B, 1, F)))

    def total(carry):
        run = unroll(cell, blind, xs, carry=carry, record=True)
        return jax.tree.leaves(run.carry)[0].sum(), run.record.gates

    slopes, gates = jax.grad(total, has_aux=True)(carry)
    kept = jax.tree.leaves(slopes)[0]
    same = [name for name, value in gates.items() if np.allclose(value[:, 0], kept, atol=1e-6)]
    assert same == [cell.keep] * bool(cell.keep)
    for name, value in gates.items():  # What is no candidate is open or shut.
        assert name in CANDIDATES or ((value >= 0) & (value <= 1)).all()


def test_width_is_that_of_the_outputs(cell, params):
    assert cell.features == H
    assert cell.hidden(cell.initial_carry(params, B)).shape == (B, H)
    assert unroll(cell, params, jnp.ones((B, 2, F))).outputs.shape == (B, 2, H)


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        (rnn(H), F * H + H * H + H),
        (lstm(H), 4 * (F * H + H * H + H)),
        (lstm(H, peepholes=True), 4 * (F * H + H * H + H) + 3 * H),
        (lstm(H, coupled=True), 3 * (F * H + H * H + H)),
        (lstm(H, peepholes=True, full_gate_recurrence=True), 4 * (F * H + H * H + H) + 3 * H + 9 * H * H),
        (projected_lstm(H, cell_features=7), 4 * (F * 7 + H * 7 + 7) + 7 * H),
        (gru(H), 3 * (F * H + H * H + H) + H),
        (mgu(H), 2 * (F * H + H * H + H)),
        (mingru(H), 2 * (F * H + H)),
        (minlstm(H), 3 * (F * H + H)),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_parameter_count_is_the_textbook_one(cell, count):
    params = jax.eval_shape(lambda key: cell.init(key, F), jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count


def test_record_names_the_gates_within_their_ranges(cell, params):
    xs = jax.random.normal(jax.random.key(2), (B, 6, F))
    record = unroll(cell, params, xs, record=True).record
    assert record.gates
    for name, values in record.gates.items():
        assert values.shape[:2] == (B, 6)
        assert name in "ghn" or ((values >= 0) & (values <= 1)).all()


def test_record_holds_the_carry_after_every_step(cell, params):
    xs = jax.random.normal(jax.random.key(2), (B, 6, F))
    run = unroll(cell, params, xs, record=True)
    for name, part in named(run.record.carries).items():
        np.testing.assert_array_equal(part[:, -1], named(run.carry)[name])
    np.testing.assert_array_equal(jax.vmap(cell.hidden)(run.record.carries), run.outputs)


@pytest.mark.parametrize(
    ("cell", "gates"),
    [
        (lstm(H), "ifgo"),
        (lstm(H, coupled=True), "ifgo"),
        (lstm(H, input_gate=False), "fgo"),
        (lstm(H, forget_gate=False), "igo"),
        (lstm(H, output_gate=False), "ifg"),
        (gru(H), "rzn"),
        (rnn(H), "h"),
    ],
)
def test_record_has_the_gates_there_are(cell, gates):
    record = unroll(cell, cell.init(jax.random.key(0), F), jnp.ones((B, 2, F)), record=True).record
    assert set(record.gates) == set(gates)
    if cell.name == "coupled_lstm":
        np.testing.assert_allclose(record.gates["i"] + record.gates["f"], np.ones((B, 2, H)), rtol=1e-6)


def opened(cell, **gates):
    """Parameters without weights, whose biases hold each gate at a pre-activation."""
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), F))
    return {**params, "bias": jnp.concatenate([jnp.full(H, float(value)) for value in gates.values()])}


KEPT = {"rtol": 1e-5}


def test_lstm_keeps_its_cell_when_told_to():
    """A forget gate at 1 and an input gate at 0 keep c for ever: the meaning of the gates, by hand."""
    cell = lstm(H)
    params = opened(cell, i=-100, f=100, g=1, o=0)
    carry = cell.initial_carry(params, B)._replace(cell=jnp.full((B, H), 0.7))
    final = unroll(cell, params, jnp.ones((B, 9, F)), carry).carry
    np.testing.assert_allclose(final.cell, np.full((B, H), 0.7), **KEPT)
    np.testing.assert_allclose(final.hidden, np.full((B, H), 0.5 * np.tanh(0.7)), **KEPT)


@pytest.mark.parametrize(
    ("cell", "keeping"),
    [
        (gru(H), {"r": 0, "z": 100, "n": 3}),
        (CELLS["gru_reset_before"](H), {"r": 0, "z": 100, "n": 3}),
        (CELLS["layer_norm_gru"](H), {"r": 0, "z": 100, "n": 3}),
        (mgu(H), {"f": -100, "n": 3}),
        (mingru(H), {"z": -100, "n": 3}),
        (minlstm(H), {"i": -100, "f": 100, "n": 3}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_update_gate_keeps_the_state_on_its_documented_side(cell, keeping):
    final = unroll(cell, opened(cell, **keeping), jnp.ones((B, 9, F)), jnp.full((B, H), 0.7)).carry
    np.testing.assert_allclose(final, np.full((B, H), 0.7), **KEPT)


def test_minlstm_takes_the_share_of_its_gates_even_when_both_are_closed():
    cell = minlstm(H)
    final = unroll(cell, opened(cell, i=-200, f=-200, n=1), jnp.ones((B, 1, F)), jnp.full((B, H), 0.5)).carry
    np.testing.assert_allclose(final, np.full((B, H), 0.75), **KEPT)


def test_identity_network_copies_its_state_where_it_is_positive():
    cell = irnn(H)
    state = jnp.linspace(0.0, 1.0, B * H).reshape(B, H)
    params = {**cell.init(jax.random.key(0), F), "kernel": jnp.zeros((F, H))}
    np.testing.assert_array_equal(unroll(cell, params, jnp.ones((B, 9, F)), state).carry, state)


@pytest.mark.parametrize("features", [0, -3, 2.5])
def test_width_must_be_a_positive_whole_number(cell, features):
    with pytest.raises(ValueError, match=r"features = .*; expected a whole number of at least 1"):
        CELLS[cell.name](features)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lstm(H, init="xavier"), r"lstm: init = 'xavier'; expected one of default, torch, keras, chrono"),
        (lambda: gru(True), r"gru: features = True; expected a whole number of at least 1"),
        (lambda: rnn(H, activation="gelu"), r"rnn: activation = 'gelu'; expected one of tanh, relu"),
        (lambda: lstm(H, coupled=True, forget_gate=False), r"lstm: coupled = True .* expected input_gate"),
        (lambda: lstm(H, full_gate_recurrence=True, output_gate=False), r"lstm: full_gate_recurrence = True needs"),
        (lambda: projected_lstm(H, cell_features=0), r"projected_lstm: cell_features = 0; expected a whole number"),
    ],
)
def test_impossible_cells_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_lstm_carry_is_named():
    assert LSTMCarry._fields == ("cell", "hidden")
