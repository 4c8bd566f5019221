"""Layers as combinators: what `recurrent`, `bidirectional` and `stack` make of unrolls, for every kind of cell."""

from dataclasses import replace

import chex
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from jax.experimental.rnn import lstm_ref
from tools import KINDS, assert_close, filled, named, scalar

from lstm_gru.cells import CELLS, gru, lstm, rnn
from lstm_gru.dropout import drop
from lstm_gru.layers import Layer, LayerOutput, bidirectional, learned_carry, recurrent, residual, stack
from lstm_gru.recurrent import unroll

F, H, B, T = 3, 4, 4, 6
LENGTHS = np.array([6, 0, 3, 1])
VALID = np.arange(T)[None, :, None] < LENGTHS[:, None, None]
XS = np.random.default_rng(0).normal(size=(B, T, F)).astype(np.float32)
NAMES = sorted(CELLS)
NEXT = dict(zip(NAMES, NAMES[1:] + NAMES[:1], strict=True))  # Another cell for the other direction.

few = hypothesis.settings(max_examples=15, deadline=None, derandomize=True)
every_kind = pytest.mark.parametrize("name", KINDS)


pytestmark = pytest.mark.usefixtures("op_by_op")


def made(layer):
    """The layer's parameters and an initial carry, both random."""
    params = filled(jax.eval_shape(lambda key: layer.init(key, F), jax.random.key(0)), seed=1)
    return params, filled(jax.eval_shape(lambda: layer.initial_carry(params, B)), seed=2)


def deep(name):
    """Nested combinators whose parts all differ in width."""
    both = bidirectional(CELLS[name](3), CELLS[NEXT[name]](2))
    return stack(both, stack(recurrent(CELLS[name](5)), bidirectional(CELLS[name](4), merge="sum")))


def identity(seen=None):
    """A layer without weights that notes its inputs."""

    def apply(params, xs, lengths=None, carry=None, key=None, record=False):
        if seen is not None:
            seen.append(xs)
        return LayerOutput(xs, ())

    nothing = lambda *args: ()  # noqa: E731
    return Layer(features=F, init=nothing, initial_carry=nothing, apply=apply, step=None, last=nothing)


@every_kind
@pytest.mark.parametrize("reverse", [False, True])
def test_recurrent_is_one_unroll(name, reverse):
    cell = CELLS[name](H)
    layer = recurrent(cell, reverse=reverse)
    params, carry = made(layer)
    expected = unroll(cell, params, XS, carry, lengths=LENGTHS, reverse=reverse)
    outputs, final, record = layer.apply(params, XS, LENGTHS, carry)
    chex.assert_trees_all_equal((outputs, final), (expected.outputs, expected.carry))
    assert record is None


@st.composite
def batches(draw, layers, merge="concat"):
    """Layers of random cells and widths, and a ragged batch; of few sizes, since each compiles its operations anew."""
    batch, time, in_features = (draw(st.sampled_from(sizes)) for sizes in ((1, 3), (1, 4), (1, 2)))
    lengths = np.array(draw(st.lists(st.integers(0, time), min_size=batch, max_size=batch)))
    widths = [draw(st.sampled_from((1, 3))) for _ in range(layers)]
    if merge in ("sum", "mul", "ave"):
        widths = widths[:1] * layers
    cells = [CELLS[draw(st.sampled_from(NAMES))](width) for width in widths]
    xs = np.random.default_rng(draw(st.integers(0, 99))).normal(size=(batch, time, in_features)).astype(np.float32)
    return cells, xs, lengths


def made_for(layer, xs):
    """The layer's parameters and an initial carry, both random, for these inputs."""
    params = filled(jax.eval_shape(lambda key: layer.init(key, xs.shape[2]), jax.random.key(0)), seed=1)
    return params, filled(jax.eval_shape(lambda: layer.initial_carry(params, len(xs))), seed=2)


JOINS = {
    "concat": lambda f, b: np.concatenate([f, b], -1),
    "sum": lambda f, b: f + b,
    "mul": lambda f, b: f * b,
    "ave": lambda f, b: 0.5 * f + 0.5 * b,
    "none": lambda f, b: (f, b),
    "callable": lambda f, b: b[..., :1] * f,
}


@pytest.mark.parametrize("merge", JOINS)
def test_bidirectional_is_two_unrolls(merge):
    @few
    @hypothesis.given(drawn=batches(2, merge))
    def check(drawn):
        (forward, backward), xs, lengths = drawn
        layer = bidirectional(forward, backward, merge=JOINS[merge] if merge == "callable" else merge)
        params, carry = made_for(layer, xs)
        outputs, final, _ = layer.apply(params, xs, lengths, carry)
        ahead = unroll(forward, params[0], xs, carry[0], lengths=lengths)
        back = unroll(backward, params[1], xs, carry[1], lengths=lengths, reverse=True)
        assert_close(outputs, JOINS[merge](np.asarray(ahead.outputs), np.asarray(back.outputs)), 1e-6)
        chex.assert_trees_all_equal(final, (ahead.carry, back.carry))
        assert layer.features == jax.tree.map(lambda leaf: leaf.shape[-1], outputs)

    check()


def test_padding_stays_zero_under_a_merge_that_makes_something_of_zeros():
    layer = bidirectional(rnn(H), merge=lambda f, b: jnp.cos(f) + b)
    params, _ = made(layer)
    outputs = layer.apply(params, XS, LENGTHS).outputs
    assert not np.where(VALID, 0, outputs).any()
    assert np.where(VALID, outputs, 1).all()


def test_bidirectional_of_one_cell_gives_each_direction_its_own_weights():
    params = bidirectional(rnn(F)).init(jax.random.key(0), F)
    assert (params[0]["kernel"] != params[1]["kernel"]).all()


@few
@hypothesis.given(drawn=batches(4))
def test_stack_is_composition(drawn):
    cells, xs, lengths = drawn
    layers = (recurrent(cells[0]), bidirectional(*cells[1:3]), recurrent(cells[3], reverse=True))
    layer = stack(*layers)
    params, carry = made_for(layer, xs)
    outputs, final, _ = layer.apply(params, xs, lengths, carry)
    carries = []
    for part, weights, start in zip(layers, params, carry, strict=True):
        xs, end, _ = part.apply(weights, xs, lengths, start)
        carries.append(end)
    chex.assert_trees_all_equal((outputs, final), (xs, tuple(carries)))


def test_bidirectional_stack_equals_the_reference_of_jax():
    """JAX's own oracle for cuDNN's LSTM: two layers, both directions, two biases, lengths."""
    layer = stack(bidirectional(lstm(H)), bidirectional(lstm(H)))
    params, carry = made(layer)
    lengths = np.array([6, 2, 3, 1], np.int32)  # Rows of length 0 are not its case.

    def reference(params, xs, carry):
        cells, states = [p for pair in params for p in pair], [c for pair in carry for c in pair]
        kernels, recurrent_kernels = ({k: p[n].T for k, p in enumerate(cells)} for n in ("kernel", "recurrent_kernel"))
        biases = {k: p["bias"] for k, p in enumerate(cells)}, {k: 0 * p["bias"] for k, p in enumerate(cells)}
        h, c = (jnp.stack([named(state)[part] for state in states]) for part in ("hidden", "cell"))
        return lstm_ref(xs, h, c, kernels, recurrent_kernels, *biases, lengths, F, H, 2, 0.0, True)

    def ours(params, xs, carry):
        outputs, final, _ = layer.apply(params, xs, lengths, carry)
        states = [c for pair in final for c in pair]
        return outputs, *(jnp.stack([named(state)[part] for state in states]) for part in ("hidden", "cell"))

    arguments = (params, jnp.asarray(XS), carry)
    assert_close(ours(*arguments), reference(*arguments), 1e-5)
    gradient = lambda f: jax.grad(lambda *arguments: scalar(f(*arguments)), argnums=(0, 1, 2))(*arguments)  # noqa: E731
    assert_close(gradient(ours), gradient(reference), 1e-5)


def test_layers_of_equal_shape_in_a_stack_start_with_different_weights():
    params = stack(recurrent(rnn(F)), recurrent(rnn(F))).init(jax.random.key(0), F)
    assert (params[0]["kernel"] != params[1]["kernel"]).all()


@every_kind
def test_padding_is_zero_and_harmless_in_values_and_gradients(name):
    layer = stack(bidirectional(CELLS[name](H)), recurrent(CELLS[name](H)), dropout=0.5)
    params, carry = made(layer)

    def run(params, xs):
        outputs, final, _ = layer.apply(params, xs, LENGTHS, carry, jax.random.key(5))
        return jnp.sum(jnp.sin(outputs)) + sum(jnp.sum(leaf) for leaf in jax.tree.leaves(final)), (outputs, final)

    value_and_grad = jax.value_and_grad(run, argnums=(0, 1), has_aux=True)
    expected = value_and_grad(params, np.where(VALID, XS, np.float32(0)))
    for poison in (np.nan, np.inf):
        got = value_and_grad(params, np.where(VALID, XS, np.float32(poison)))
        chex.assert_trees_all_equal(got, expected)
    (_, (outputs, _)), (_, d_xs) = got
    assert not np.where(VALID, 0, outputs).any()
    assert not np.where(VALID, 0, d_xs).any()
    assert np.where(VALID, d_xs, 1).all()


def at_last_step(outputs, carry_if_empty):
    rows = [row[n - 1] if n else empty for row, n, empty in zip(outputs, LENGTHS, carry_if_empty, strict=True)]
    return np.stack(rows)


@every_kind
def test_last_is_the_output_at_the_end_of_each_direction(name):
    cell = CELLS[name](H)
    both = stack(recurrent(CELLS[name](2)), bidirectional(cell))
    params, carry = made(both)
    outputs, final, _ = both.apply(params, XS, LENGTHS, carry)
    ahead, back = (np.asarray(part) for part in jnp.split(outputs, 2, axis=-1))
    empty_ahead, empty_back = (cell.hidden(c) for c in carry[1])
    back_at_first_step = np.where(LENGTHS[:, None] > 0, back[:, 0], empty_back)
    expected = np.concatenate([at_last_step(ahead, empty_ahead), back_at_first_step], -1)
    np.testing.assert_array_equal(both.last(final), expected)


@every_kind
@pytest.mark.parametrize("depth", [1, 3])
def test_one_step_at_a_time_equals_apply(name, depth):
    layers = [recurrent(CELLS[cell](width)) for cell, width in zip((name, NEXT[name], name), (4, 3, 2), strict=True)]
    layer = layers[0] if depth == 1 else stack(layers[0], stack(*layers[1:]))
    params, carry = made(layer)
    outputs, final, _ = layer.apply(params, XS, None, carry)
    for t in range(T):
        carry, output = layer.step(params, carry, XS[:, t])
        np.testing.assert_allclose(output, outputs[:, t], atol=2e-6)
    chex.assert_trees_all_close(carry, final, atol=2e-6)


@every_kind
def test_layers_that_read_the_future_cannot_stream(name):
    ahead, back = recurrent(CELLS[name](H)), recurrent(CELLS[name](H), reverse=True)
    both = bidirectional(CELLS[name](H))
    assert [layer.step for layer in (back, both, stack(ahead, back), stack(ahead, stack(both, ahead)))] == [None] * 4


@every_kind
def test_no_carry_means_the_initial_carry(name):
    layer = deep(name)
    params, _ = made(layer)
    zeros = layer.initial_carry(params, B)
    assert not any(leaf.any() for leaf in jax.tree.leaves(zeros))
    chex.assert_trees_all_equal(layer.apply(params, XS, LENGTHS), layer.apply(params, XS, LENGTHS, zeros))


@every_kind
def test_widths_are_passed_upwards_through_nesting(name):
    layer = deep(name)
    params, _ = made(layer)
    (ahead, back), (middle, (top, _)) = params
    assert [p["kernel"].shape[0] for p in (ahead, back, middle, top)] == [F, F, 3 + 2, 5]
    outputs, final, _ = layer.apply(params, XS)
    assert outputs.shape == (B, T, layer.features) == (B, T, 4)
    assert layer.last(final).shape == (B, 4)


@every_kind
def test_residual_adds_the_input(name):
    inner = stack(recurrent(CELLS[name](H)), bidirectional(CELLS[name](F), merge="ave"))
    layer = residual(inner)
    params, carry = made(layer)
    poisoned = np.where(VALID, XS, np.nan).astype(np.float32)
    outputs, final, _ = layer.apply(params, poisoned, LENGTHS, carry)
    expected = inner.apply(params, XS, LENGTHS, carry)
    np.testing.assert_array_equal(outputs, np.where(VALID, XS + expected.outputs, 0))
    chex.assert_trees_all_equal(final, expected.carry)
    np.testing.assert_array_equal(layer.last(final), inner.last(expected.carry))
    assert layer.step is None


def test_residual_layers_stream():
    layer = stack(recurrent(gru(F)), residual(recurrent(lstm(F))), residual(recurrent(rnn(F))))
    params, carry = made(layer)
    outputs = layer.apply(params, XS, None, carry).outputs
    for t in range(T):
        carry, output = layer.step(params, carry, XS[:, t])
        np.testing.assert_allclose(output, outputs[:, t], atol=2e-6)


@every_kind
def test_learned_carry_is_where_every_row_starts(name):
    inner = bidirectional(CELLS[name](H))
    layer = learned_carry(inner)
    params, _ = made(layer)
    start = layer.initial_carry(params, B)
    assert all((leaf == leaf[:1]).all() and leaf.any() for leaf in jax.tree.leaves(start))
    outputs, final, _ = layer.apply(params, XS, LENGTHS)
    chex.assert_trees_all_equal((outputs, final), inner.apply(params["layer"], XS, LENGTHS, start)[:2])
    gradient = jax.grad(lambda params: scalar(layer.apply(params, XS, LENGTHS).carry))(params)
    assert all(leaf.all() for leaf in jax.tree.leaves(gradient["carry"]))
    fresh = layer.init(jax.random.key(0), F)
    assert not any(leaf.any() for leaf in jax.tree.leaves(fresh["carry"]))
    given = jax.tree.map(lambda leaf: leaf + 1, start)
    chex.assert_trees_all_equal(
        layer.apply(params, XS, LENGTHS, given)[:2], inner.apply(params["layer"], XS, LENGTHS, given)[:2]
    )


def test_learned_carry_streams():
    layer = learned_carry(recurrent(lstm(H)))
    params, _ = made(layer)
    _, output = layer.step(params, layer.initial_carry(params, B), XS[:, 0])
    np.testing.assert_allclose(output, layer.apply(params, XS).outputs[:, 0], atol=2e-6)


@every_kind
def test_record_is_arranged_as_the_carry(name):
    layer = residual(stack(bidirectional(CELLS[name](3), CELLS[NEXT[name]](2)), recurrent(CELLS[name](F))))
    params, carry = made(layer)
    plain, (outputs, final, record) = (layer.apply(params, XS, LENGTHS, carry, record=r) for r in (False, True))
    assert plain.record is None
    chex.assert_trees_all_close((outputs, final), plain[:2], atol=1e-6)
    (ahead, back), top = record
    assert [part.gates.keys() for part in (ahead, top)] == [ahead.gates.keys()] * 2
    hidden = jax.vmap(CELLS[name](F).hidden)(top.carries)
    np.testing.assert_allclose(hidden, outputs - np.where(VALID, XS, 0), atol=1e-6)
    for part in (ahead, back, top):
        assert all(not np.where(VALID, 0, leaf).any() for leaf in jax.tree.leaves(part))


@every_kind
def test_parameters_have_the_requested_type(name):
    params = jax.eval_shape(lambda key: deep(name).init(key, F, jnp.bfloat16), jax.random.key(0))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.bfloat16)}


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_dropout_is_between_layers_only(depth):
    seen = []
    ones = np.ones((50, 40, F), np.float32)
    layer = stack(*[identity(seen)] * depth, dropout=0.5)
    outputs = layer.apply(((),) * depth, ones, key=jax.random.key(0)).outputs
    np.testing.assert_array_equal(seen[0], ones)  # None before the first ...
    np.testing.assert_array_equal(outputs, seen[-1])  # ... and none after the last.
    for drops, xs in enumerate(seen):
        # Each is one more scaling by 1 / (1 - 0.5) with a mask of its own: half of what was left is kept.
        assert set(np.unique(xs)) == ({0.0, 2.0**drops} if drops else {1.0})
        np.testing.assert_allclose(np.mean(xs > 0), 0.5**drops, atol=0.02)


@every_kind
def test_dropout_needs_a_key_and_follows_it(name):
    layers = recurrent(CELLS[name](H)), recurrent(CELLS[name](H))
    dropped, plain = stack(*layers, dropout=0.5), stack(*layers)
    params, _ = made(plain)
    run = lambda key: dropped.apply(params, XS, key=key).outputs  # noqa: E731
    without = plain.apply(params, XS, key=jax.random.key(0)).outputs
    np.testing.assert_array_equal(dropped.apply(params, XS).outputs, without)
    assert (run(jax.random.key(0)) != without).any()
    assert (run(jax.random.key(0)) != run(jax.random.key(1))).any()
    np.testing.assert_array_equal(run(jax.random.key(0)), run(jax.random.key(0)))


def test_dropout_of_an_inner_stack_gets_a_key():
    layer = stack(stack(identity(), identity(), dropout=0.5), identity())
    outputs = layer.apply((((), ()), ()), XS, key=jax.random.key(0)).outputs
    assert 0 < np.mean(outputs == 0) < 1


def test_every_cell_gets_a_key_of_its_own_and_none_without():
    keys = []

    def prepare(params, xs, key):
        keys.append(key)
        return rnn(H).prepare(params, xs, key)

    noisy = replace(rnn(H), prepare=prepare)
    layer = stack(recurrent(noisy), bidirectional(noisy))
    params, _ = made(layer)
    layer.apply(params, XS, key=jax.random.key(0))
    assert len({tuple(np.asarray(jax.random.key_data(key))) for key in keys}) == 3
    layer.apply(params, XS)
    assert keys[3:] == [None] * 3


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_the_expectation(rate):
    dropped = drop(jax.random.key(0), jnp.full(200_000, 3.0), rate)
    np.testing.assert_allclose(dropped.mean(), 3, rtol=0.02)
    np.testing.assert_allclose(jnp.mean(dropped == 0), rate, atol=0.005)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: bidirectional(lstm(H), merge="add"),
            "merge = 'add'; expected one of concat, sum, mul, ave, none or a",
        ),
        (lambda: bidirectional(lstm(4), gru(3), merge="sum"), "merge = 'sum' joins equal .*forward has 4, backward 3"),
        (lambda: bidirectional(lstm(4), gru(3), merge="ave"), "merge = 'ave' joins equal widths"),
        (
            lambda: stack(bidirectional(gru(H), merge="none"), recurrent(gru(H))),
            "stack: layer 0 gives a pair of outputs",
        ),
        (
            lambda: residual(recurrent(gru(H))).init(jax.random.key(0), F),
            "residual: the input has 3 features, .* output 4",
        ),
        (lambda: stack(), "stack: no layers; expected at least one"),
        (lambda: stack(recurrent(gru(H)), dropout=1.0), r"stack: dropout = 1.0; expected a probability of at least 0"),
        (lambda: stack(recurrent(gru(H)), dropout=-0.1), r"stack: dropout = -0.1; .* below 1"),
    ],
)
def test_impossible_layers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
