"""Reading in chunks: the same values, gradients and noise, and memory that grows as the root of time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import assert_close, random_carry, random_params, scalar

from lstm_gru.cells import CELLS, gru, lstm
from lstm_gru.dropout import variational, zoneout
from lstm_gru.layers import bidirectional, recurrent
from lstm_gru.recurrent import unroll

B, F, H = 3, 3, 4
KINDS = {
    "gated": CELLS["peephole_lstm"](H),
    "step": CELLS["gru_reset_before"](H),
    "linear": CELLS["mingru"](H),
    "noisy": zoneout(variational(lstm(H), inputs=0.4, state=0.3), 0.3),
}
both_directions = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])


def arguments(cell, time):
    xs = jnp.asarray(np.random.default_rng(time).normal(size=(B, time, F)))
    params = random_params(cell, F, jnp.float64)
    return params, xs, random_carry(cell, params, B)


@pytest.mark.usefixtures("op_by_op")
@both_directions
@pytest.mark.parametrize("name", KINDS)
def test_values_gradients_and_noise_are_the_same(x64, name, reverse):
    cell, time = KINDS[name], 11  # Three chunks of four steps, the last one of three.
    lengths = jnp.array([11, 3, 0])

    def run(lean):
        def loss(params, xs, carry):
            found = unroll(
                cell, params, xs, carry, lengths=lengths, reverse=reverse, key=jax.random.key(5), record=True, lean=lean
            )
            return scalar(found), found

        return jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)(*arguments(cell, time))

    assert_close(run(lean=True), run(lean=False), 1e-12)


@pytest.mark.parametrize("time", [0, 1, 5])
def test_every_length_of_a_sequence_is_read_once(x64, time):
    cell = lstm(H)
    params, xs, carry = arguments(cell, time)

    def loss(params, lean):
        return scalar(unroll(cell, params, xs, carry, lean=lean)[:2])

    assert_close(*(jax.grad(loss)(params, lean) for lean in (True, False)), 1e-12)


def test_noise_differs_from_step_to_step_and_so_from_chunk_to_chunk():
    cell = zoneout(lstm(64), 0.5)
    per_step, _ = cell.prepare(random_params(cell, F), jnp.ones((9, B, F)), jax.random.key(0))
    kept = np.asarray(per_step["zoneout(lstm)_0"])
    assert kept.mean() == pytest.approx(0.5, abs=0.05)
    assert len({step.tobytes() for step in kept}) == 9


@pytest.mark.parametrize("make", [recurrent, bidirectional])
def test_layers_pass_it_on(make):
    layer, lean = make(gru(H)), make(gru(H), lean=True)
    params = layer.init(jax.random.key(0), F)
    xs = jnp.ones((B, 10, F))
    programs = [str(jax.make_jaxpr(lambda p, of=of: of.apply(p, xs).outputs)(params)) for of in (layer, lean)]
    assert ["checkpoint" in program or "remat" in program for program in programs] == [False, True]
    assert_close(lean.apply(params, xs).outputs, layer.apply(params, xs).outputs, 1e-6)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_memory_grows_as_the_root_of_time(name):
    """What the compiled gradient allocates beyond its arguments and results; inputs and outputs come and go in it."""
    cell = CELLS[name](32)
    params = cell.init(jax.random.key(0), in_features=2)

    def temporaries(time, lean):
        def gradient(params, xs, cotangents):
            pull = jax.vjp(lambda params, xs: unroll(cell, params, xs, lean=lean).outputs, params, xs)[1]
            return pull(cotangents)

        shapes = (params, jnp.zeros((8, time, 2)), jnp.zeros((8, time, 32)))
        memory = jax.jit(gradient).lower(*shapes).compile().memory_analysis()
        return memory.temp_size_in_bytes / (8 * time * 32 * 4)  # In arrays as large as the outputs.

    times = (256, 1024, 4096)
    fast, lean = (np.array([temporaries(time, of) for time in times]) for of in (False, True))
    np.testing.assert_allclose(fast, fast[0], rtol=0.01)  # So many arrays, whatever the length.
    beyond = (lean - 1) * times  # One of them is the outputs themselves, with time first.
    assert (beyond > 0).all()
    assert (beyond[1:] < 2.3 * beyond[:-1]).all()  # Four times as long.
