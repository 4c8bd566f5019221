"""Contracts that every cell in `CELLS` keeps; a new row in the table is picked up without another edit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_gru.cells import CELLS, GatedCell, gru, lstm, rnn
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


def test_parameters_have_the_requested_type(cell):
    params = cell.init(jax.random.key(0), F, jnp.bfloat16)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.bfloat16)}


def test_parameters_depend_on_the_key(cell, params):
    other = cell.init(jax.random.key(1), F)
    assert (other["kernel"] != params["kernel"]).all()
    assert (other["recurrent_kernel"] != params["recurrent_kernel"]).all()


def test_recurrent_kernel_is_orthogonal_gate_by_gate(cell, params):
    if not isinstance(cell, GatedCell):
        pytest.skip("a step cell has its own parameters")
    for block in jnp.split(params["recurrent_kernel"], len(cell.gates), axis=1):
        np.testing.assert_allclose(block.T @ block, np.eye(H), atol=1e-5)


def test_input_kernel_keeps_the_variance_of_each_gate(cell):
    if not isinstance(cell, GatedCell):
        pytest.skip("a step cell has its own parameters")
    params = CELLS[cell.name](200).init(jax.random.key(0), 300)
    for block in jnp.split(params["kernel"], len(cell.gates), axis=1):
        np.testing.assert_allclose(block.std(), np.sqrt(2 / (300 + 200)), rtol=0.02)  # Glorot


@pytest.mark.parametrize(
    ("cell", "count"),
    [(rnn, F * H + H * H + H), (lstm, 4 * (F * H + H * H + H)), (gru, 3 * (F * H + H * H + H) + H)],
)
def test_parameter_count_is_the_textbook_one(cell, count):
    assert sum(leaf.size for leaf in jax.tree.leaves(cell(H).init(jax.random.key(0), F))) == count


def test_forget_bias_reaches_the_forget_gate_only():
    bias = lstm(H, forget_bias=2.5).init(jax.random.key(0), F)["bias"]
    i, f, g, o = jnp.split(bias, 4)
    np.testing.assert_array_equal(f, np.full(H, 2.5, np.float32))
    assert not jnp.concatenate([i, g, o]).any()


def test_record_names_the_gates_within_their_ranges(cell, params):
    xs = jax.random.normal(jax.random.key(2), (B, 6, F))
    record = unroll(cell, params, xs, record=True).record
    expected = {"rnn": {"h"}, "lstm": set("ifgo"), "gru": set("rzn")}.get(cell.name, set(record))
    assert set(record) == expected
    for name, values in record.items():
        assert values.shape == (B, 6, H)
        assert (jnp.abs(values) <= 1).all()
        assert name in "ghn" or (values >= 0).all()


def test_lstm_keeps_its_cell_when_told_to():
    """A forget gate at 1 and an input gate at 0 keep c for ever: the meaning of the gates, by hand."""
    cell = lstm(H)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), F))
    bias = jnp.concatenate([jnp.full(H, -100.0), jnp.full(H, 100.0), jnp.zeros(2 * H)])
    carry = cell.initial_carry(params, B)._replace(cell=jnp.full((B, H), 0.7))
    final = unroll(cell, {**params, "bias": bias}, jnp.ones((B, 9, F)), carry).carry
    np.testing.assert_allclose(final.cell, np.full((B, H), 0.7), rtol=1e-6)


def test_gru_update_gate_at_one_keeps_the_state():
    cell = gru(H)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), F))
    bias = jnp.concatenate([jnp.zeros(H), jnp.full(H, 100.0), jnp.full(H, 3.0)])
    final = unroll(cell, {**params, "bias": bias}, jnp.ones((B, 9, F)), jnp.full((B, H), 0.7)).carry
    np.testing.assert_allclose(final, np.full((B, H), 0.7), rtol=1e-6)


@pytest.mark.parametrize("features", [0, -3, 2.5, True])
def test_width_must_be_a_positive_whole_number(features):
    with pytest.raises(ValueError, match=r"lstm: features = .*; expected a whole number of at least 1"):
        lstm(features)
