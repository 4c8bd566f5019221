"""Variational dropout and zoneout: of cells whose answer is known by hand, and of each kind against the plain cell."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import KINDS, named, random_carry, random_params, scalar

from lstm_gru.cells import CELLS, gru, lstm, mgu, mingru
from lstm_gru.cells.protocol import GatedCell, LinearCell, LSTMCarry, StepCell
from lstm_gru.dropout import variational, zoneout
from lstm_gru.layers import recurrent, stack
from lstm_gru.recurrent import step, unroll

F, H, B, T = 4, 4, 3, 4
LENGTHS = np.array([4, 0, 2])
VALID = np.arange(T)[None, :, None] < LENGTHS[:, None, None]
XS = np.random.default_rng(0).normal(size=(B, T, F))
KEY = jax.random.key(3)

pytestmark = pytest.mark.usefixtures("x64")


def of_kind(*kinds):
    """For each cell of these kinds, op by op; in few shapes, since each operation compiles once for each of them."""
    names = [name for name in KINDS if isinstance(CELLS[name](H), kinds)]
    return lambda test: pytest.mark.usefixtures("op_by_op")(pytest.mark.parametrize("name", names)(test))


every_kind = of_kind(GatedCell, StepCell, LinearCell)


def made(name):
    """A cell with random parameters and a random carry."""
    cell = CELLS[name](H)
    params = random_params(cell, F, jnp.float64)
    return cell, params, random_carry(cell, params, B)


def sequential(cell):
    """The cell one step after the other: products over all steps at once round differently."""
    return replace(cell, associative=False) if isinstance(cell, LinearCell) else cell


def noting_inputs(cell, seen):
    """The cell, noting the inputs it gets, batch-major."""

    def prepare(params, xs, key):
        seen.append(np.swapaxes(xs, 0, 1))
        return cell.prepare(params, xs, key)

    return replace(cell, prepare=prepare)


def state_mask(wrapped, params, key=KEY):
    """What multiplies what the recurrent kernel reads, ``[B, R]``: read off a carry of ones."""
    _, fixed = wrapped.prepare(params, jnp.swapaxes(XS, 0, 1), key)
    ones = jax.tree.map(jnp.ones_like, wrapped.initial_carry(params, B))
    return wrapped.read(fixed, ones)


def with_kernel_rows(cell, mask):
    """The plain cell whose recurrent kernel holds a mask: ``U (m h) = (U diag m) h``."""

    def product(params):
        kernel, bias = cell.recurrent(params)
        return mask[:, None] * kernel, bias

    return replace(cell, recurrent=product)


def rates_for(carry):
    """A rate for each part of a carry."""
    return type(carry)(*(0.5, 0.0, 0.3)[: len(carry)]) if isinstance(carry, tuple) else 0.5


def at(tree, index):
    return jax.tree.map(lambda leaf: leaf[index], tree)


# Cells whose answer is known by hand.


def passing_cell(features):
    """A cell that gives out its input."""
    return StepCell(
        name="passing",
        features=features,
        init=lambda key, in_features, dtype=jnp.float32: {},
        initial_carry=lambda params, batch: jnp.zeros((batch, features)),
        step=lambda params, carry, x: (x, {}),
        hidden=lambda carry: carry,
    )


def reading_cell(features):
    """A gated cell whose cell state counts steps, and whose hidden state is the count that the product reads."""
    return GatedCell(
        name="reading",
        features=features,
        gates=("count",),
        init=lambda key, in_features, dtype=jnp.float32: {"recurrent_kernel": jnp.eye(features)},
        initial_carry=lambda params, batch: LSTMCarry(*[jnp.zeros((batch, features))] * 2),
        prepare=lambda params, xs, key: ({"count": jnp.zeros((*xs.shape[:2], features))}, {}),
        recurrent=lambda params: (params["recurrent_kernel"], {}),
        read=lambda fixed, carry: carry.cell,
        gate=lambda fixed, carry, a: (LSTMCarry(cell=carry.cell + 1, hidden=a["count"]), {}),
        hidden=lambda carry: carry.hidden,
    )


def counting_cell(features):
    """A cell whose two states count steps."""
    return StepCell(
        name="counting",
        features=features,
        init=lambda key, in_features, dtype=jnp.float32: {},
        initial_carry=lambda params, batch: LSTMCarry(*[jnp.zeros((batch, features))] * 2),
        step=lambda params, carry, x: (jax.tree.map(lambda leaf: leaf + 1, carry), {}),
        hidden=lambda carry: carry.hidden,
    )


def assert_independent(mask, share, axes):
    """A mask of 0 and 1 has its share of ones, and neighbours along each axis are drawn on their own."""
    np.testing.assert_allclose(mask.mean(), share, atol=0.02)
    for axis in axes:
        np.testing.assert_allclose((mask * np.roll(mask, 1, axis)).mean(), share**2, atol=0.02)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_one_input_mask_for_all_steps_of_a_row(rate):
    rows, width = 100, 200
    cell = variational(passing_cell(width), inputs=rate)
    mask, other = (unroll(cell, {}, jnp.ones((rows, 3, width)), key=jax.random.key(k)).outputs for k in (0, 1))
    np.testing.assert_array_equal(mask, np.broadcast_to(mask[:, :1], mask.shape))
    np.testing.assert_array_equal(np.unique(mask), [0, 1 / (1 - rate)])  # Its mean is 1.
    kept = np.asarray(mask[:, 0] > 0)
    assert_independent(kept, 1 - rate, axes=(0, 1))
    np.testing.assert_allclose((kept & np.asarray(other[:, 0] > 0)).mean(), (1 - rate) ** 2, atol=0.02)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_one_state_mask_for_all_steps_of_what_the_product_reads(rate):
    rows, width = 100, 200
    cell = variational(reading_cell(width), state=rate)
    params = cell.init(KEY, 1)
    run, other = (unroll(cell, params, jnp.ones((rows, 4, 1)), key=jax.random.key(k)) for k in (0, 1))
    np.testing.assert_array_equal(run.carry.cell, np.full((rows, width), 4))  # What the cell keeps has no mask.
    mask = run.outputs[:, 1]  # The first step reads zeros, the second ones.
    np.testing.assert_array_equal(np.unique(mask), [0, 1 / (1 - rate)])
    np.testing.assert_allclose(run.outputs, mask[:, None] * np.arange(4.0)[None, :, None], rtol=1e-6)
    kept = np.asarray(mask > 0)
    assert_independent(kept, 1 - rate, axes=(0, 1))
    np.testing.assert_allclose((kept & np.asarray(other.outputs[:, 1] > 0)).mean(), (1 - rate) ** 2, atol=0.02)


def test_input_and_state_mask_are_drawn_apart():
    seen, width = [], 100
    cell = variational(noting_inputs(reading_cell(width), seen), inputs=0.5, state=0.5)
    run = unroll(cell, cell.init(KEY, 1), jnp.ones((100, 2, width)), key=KEY)
    np.testing.assert_allclose(((seen[0][:, 0] > 0) & (run.outputs[:, 1] > 0)).mean(), 0.25, atol=0.02)


@pytest.mark.parametrize("rates", [LSTMCarry(cell=0.5, hidden=0.05), LSTMCarry(cell=0.0, hidden=0.3), 0.3])
def test_zoneout_keeps_each_part_at_its_rate(rates):
    rows, time, width = 40, 10, 50
    cell = zoneout(counting_cell(width), rates)
    runs = [unroll(cell, {}, jnp.ones((rows, time, 1)), key=jax.random.key(k), record=True) for k in (0, 1)]
    counts, others = (jax.tree.map(np.asarray, run.record.carries) for run in runs)
    kept, other = (
        jax.tree.map(lambda leaf: 1 - np.diff(leaf, axis=1, prepend=0), carries) for carries in (counts, others)
    )
    for share, mask, another in zip((rates,) * 2 if isinstance(rates, float) else rates, kept, other, strict=True):
        assert set(np.unique(mask)) <= {0, 1}
        assert_independent(mask, share, axes=(0, 1, 2))
        np.testing.assert_allclose((mask * another).mean(), share**2, atol=0.02)
    np.testing.assert_allclose((kept.cell * kept.hidden).mean(), kept.cell.mean() * kept.hidden.mean(), atol=0.02)


# Every cell.


def dropped(cell):
    """Variational dropout of all that the cell allows."""
    return variational(cell, inputs=0.5, state=0.5 if isinstance(cell, GatedCell) else 0.0)


WRAPS = {
    "variational": lambda cell, rate: dropped(cell),
    "zoneout": zoneout,
    "zoneout of variational": lambda cell, rate: zoneout(dropped(cell), rate),
    "variational of zoneout": lambda cell, rate: dropped(zoneout(cell, rate)),
}
every_wrap = pytest.mark.parametrize("wrap", WRAPS)
with_zoneout = pytest.mark.parametrize("wrap", [wrap for wrap in WRAPS if "zoneout" in wrap])


@every_kind
@pytest.mark.parametrize("reverse", [False, True])
def test_variational_is_the_plain_cell_with_masked_inputs_and_kernel_rows(name, reverse):
    cell, params, carry = made(name)
    seen = []
    wrapped = dropped(noting_inputs(cell, seen))
    run = unroll(wrapped, params, XS, carry, lengths=LENGTHS, reverse=reverse, key=KEY)
    input_mask = np.where(VALID, seen[0] / XS, 0)
    np.testing.assert_array_equal(np.unique(input_mask), [0, 2])
    np.testing.assert_array_equal(input_mask, np.where(VALID, input_mask[:, :1], 0))
    for b in range(B):
        own = with_kernel_rows(cell, state_mask(wrapped, params)[b]) if isinstance(cell, GatedCell) else cell
        plain = unroll(own, params, seen[0], carry, lengths=LENGTHS, reverse=reverse)
        chex.assert_trees_all_close(at(run, b), at(plain, b), atol=1e-12)


@every_kind
@with_zoneout
def test_zoneout_either_keeps_or_takes_what_the_cell_makes(name, wrap):
    cell, params, carry = made(name)
    seen, rates = [], rates_for(carry)
    cell = sequential(cell)
    wrapped = WRAPS[wrap](noting_inputs(cell, seen), rates)
    after = unroll(wrapped, params, XS, carry, key=KEY, record=True).record.carries
    np.testing.assert_array_equal(np.unique(seen[0] / XS), [0, 2] if "variational" in wrap else [1])
    if "variational" in wrap and isinstance(cell, GatedCell):
        mask = state_mask(wrapped, params)
        np.testing.assert_array_equal(np.unique(mask), [0, 2])
        cell = replace(cell, read=lambda fixed, carry: CELLS[name](H).read(fixed, carry) * mask)
    before = jax.tree.map(lambda start, later: np.concatenate([start[:, None], later[:, :-1]], 1), carry, after)
    taken = [step(cell, params, at(before, (slice(None), t)), seen[0][:, t])[0] for t in range(T)]
    taken = jax.tree.map(lambda *steps: np.stack(steps, 1), *taken)
    for part, rate in named(rates).items():
        old, made_by_cell, new = (np.asarray(named(tree)[part]) for tree in (before, taken, after))
        kept = new == old
        assert (kept | np.isclose(new, made_by_cell, atol=1e-12)).all()
        kept = kept[np.abs(made_by_cell - old) > 1e-4]
        np.testing.assert_allclose(kept.mean(), rate, atol=0.2 if rate else 0)


@every_kind
@pytest.mark.parametrize("reverse", [False, True])
def test_variational_without_a_key_is_the_plain_cell(name, reverse):
    cell, params, carry = made(name)
    plain, wrapped = (
        unroll(c, params, XS, carry, lengths=LENGTHS, reverse=reverse, record=True) for c in (cell, dropped(cell))
    )
    chex.assert_trees_all_equal(wrapped, plain)


@every_kind
def test_zoneout_without_a_key_is_the_expectation(name):
    cell, params, carry = made(name)
    rates = rates_for(carry)
    run = unroll(zoneout(cell, rates), params, XS, carry)
    for t in range(T):
        new, _ = step(cell, params, carry, XS[:, t])
        carry = jax.tree.map(lambda d, n, o: d * o + (1 - d) * n, rates, new, carry)
        np.testing.assert_allclose(run.outputs[:, t], cell.hidden(carry), atol=1e-12)
    chex.assert_trees_all_close(run.carry, carry, atol=1e-12)


@every_kind
def test_rates_of_zero_are_the_plain_cell(name):
    cell, params, carry = made(name)
    plain = unroll(cell, params, XS, carry, lengths=LENGTHS)
    for wrapped in (zoneout(cell, 0.0), variational(cell)):
        chex.assert_trees_all_equal(unroll(wrapped, params, XS, carry, lengths=LENGTHS, key=KEY), plain)


@every_kind
def test_derived_backward_equals_autodiff_and_padding_is_harmless(name):
    cell, params, carry = made(name)
    wrapped = dropped(zoneout(cell, 0.5))

    def run(params, xs, carry, backward):
        result = unroll(wrapped, params, xs, carry, lengths=LENGTHS, key=KEY, backward=backward)
        return scalar(result.outputs, result.carry), result

    value_and_grad = jax.value_and_grad(run, argnums=(0, 1, 2), has_aux=True)
    expected = value_and_grad(params, np.where(VALID, XS, 0), carry, "autodiff")
    got = value_and_grad(params, np.where(VALID, XS, np.nan), carry, "derived")
    chex.assert_trees_all_close(got, expected, atol=1e-12, rtol=1e-12)
    (_, result), (_, d_xs, _) = got
    assert not np.where(VALID, 0, result.outputs).any()
    assert not np.where(VALID, 0, d_xs).any()


@every_kind
@pytest.mark.parametrize("reverse", [False, True])
def test_padding_holds_the_carry(name, reverse):
    cell, params, carry = made(name)
    runs = (
        unroll(zoneout(cell, 0.5), params, XS, carry, lengths=n, reverse=reverse, key=KEY, record=True)
        for n in (LENGTHS, None)
    )
    padded, whole = runs
    if reverse:  # The carry after the first step; the initial one where there is none.
        held = [at(padded.record.carries, (b, 0)) if n else at(carry, b) for b, n in enumerate(LENGTHS)]
    else:  # The same noise without padding, up to the last valid step.
        held = [at(whole.record.carries, (b, n - 1)) if n else at(carry, b) for b, n in enumerate(LENGTHS)]
    chex.assert_trees_all_close(padded.carry, jax.tree.map(lambda *rows: np.stack(rows), *held), atol=1e-12)


@of_kind(LinearCell)
@every_wrap
@pytest.mark.parametrize("reverse", [False, True])
def test_all_steps_at_once_equal_one_after_the_other(name, wrap, reverse):
    cell, params, carry = made(name)
    runs = (
        unroll(
            replace(WRAPS[wrap](cell, 0.5), associative=associative),
            *(params, XS, carry),
            lengths=LENGTHS,
            reverse=reverse,
            key=KEY,
        )
        for associative in (True, False)
    )
    chex.assert_trees_all_close(*runs, atol=1e-12)


@pytest.mark.parametrize("name", ["lstm", "lstm_fgr", "mgu", "minlstm"])
@every_wrap
@pytest.mark.parametrize("types", [("bfloat16", "bfloat16"), ("float32", "bfloat16"), ("float32", "float64")], ids=str)
def test_types_are_those_of_the_plain_cell(name, wrap, types):
    cell = CELLS[name](H)
    wrapped = WRAPS[wrap](cell, 0.5)
    params = jax.eval_shape(lambda: cell.init(KEY, F, types[0]))
    xs = jax.ShapeDtypeStruct((B, T, F), types[1])
    plain, noisy, off = (
        jax.eval_shape(lambda params, xs, c=c, key=key: unroll(c, params, xs, key=key), params, xs)
        for c, key in ((cell, None), (wrapped, KEY), (wrapped, None))
    )
    chex.assert_trees_all_equal_shapes_and_dtypes(plain, noisy, off)


@pytest.mark.parametrize("name", ["lstm", "mgu", "minlstm"])
@every_wrap
def test_no_steps_leave_the_carry(name, wrap):
    cell, params, carry = made(name)
    run = unroll(WRAPS[wrap](cell, 0.5), params, XS[:, :0], carry, key=KEY)
    assert run.outputs.shape == (B, 0, H)
    chex.assert_trees_all_equal(run.carry, carry)


@every_kind
def test_noise_is_off_at_evaluation_through_layers(name):
    cell, params, carry = made(name)

    def run(cell, key=None):
        return stack(recurrent(cell), recurrent(cell)).apply((params,) * 2, XS, None, (carry,) * 2, key)

    chex.assert_trees_all_equal(run(dropped(cell)), run(cell))
    for wrapped in (dropped(cell), zoneout(cell, 0.5)):
        off, on, again, other = (run(wrapped, key) for key in (None, KEY, KEY, jax.random.key(4)))
        chex.assert_trees_all_equal(on, again)
        assert (on.outputs != off.outputs).any(axis=(1, 2)).all()
        assert (on.outputs != other.outputs).any(axis=(1, 2)).all()


@pytest.mark.parametrize("make", [reading_cell, counting_cell])
def test_zoneout_of_zoneout_draws_twice(make):
    cell = zoneout(zoneout(make(100), 0.5), 0.5)
    counts = unroll(cell, cell.init(KEY, 1), jnp.ones((100, 1, 1)), key=KEY).carry.cell
    np.testing.assert_allclose(counts.mean(), 0.25, atol=0.02)


@pytest.mark.parametrize("name", CELLS)
def test_equal_arguments_give_the_identical_cell(name):
    cell = CELLS[name](H)
    for wrap in WRAPS.values():
        assert wrap(cell, 0.5) is wrap(cell, 0.5)
        assert wrap(cell, 0.5).features == cell.features
    assert zoneout(cell, 0.5) is not zoneout(cell, 0.25)
    assert variational(cell, inputs=0.5) is not variational(cell, inputs=0.25)


def test_rates_of_parts_give_the_identical_cell():
    assert zoneout(lstm(H), LSTMCarry(0.5, 0.05)) is zoneout(lstm(H), LSTMCarry(0.5, 0.05))


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda rate: variational(gru(H), inputs=rate), "variational: inputs"),
        (lambda rate: variational(gru(H), state=rate), "variational: state"),
        (lambda rate: zoneout(gru(H), rate), "zoneout: rate"),
        (lambda rate: zoneout(lstm(H), LSTMCarry(cell=0.5, hidden=rate)), "zoneout: rate"),
    ],
)
def test_rates_outside_of_0_and_1_are_refused(make, argument, rate):
    with pytest.raises(ValueError, match=f"{argument} = {rate}; expected a probability of at least 0 and below 1"):
        make(rate)


@pytest.mark.parametrize(("cell", "kind"), [(mgu(H), "StepCell"), (mingru(H), "LinearCell")])
def test_a_state_mask_needs_a_gated_cell(cell, kind):
    with pytest.raises(ValueError, match=rf"variational: state = 0.5 needs a GatedCell; {cell.name} is a {kind}"):
        variational(cell, state=0.5)


def test_rates_must_be_arranged_as_the_carry():
    cell = zoneout(gru(H), LSTMCarry(cell=0.5, hidden=0.1))
    with pytest.raises(
        ValueError, match=r"zoneout: rate = LSTMCarry.*; expected one probability, or one for each part"
    ):
        unroll(cell, random_params(gru(H), F, jnp.float64), XS)
