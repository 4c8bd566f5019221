"""The scan: against independent equations, against autodiff, against a cell whose answer is known by hand.

Tests over ``CELLS`` pick up a new row without another edit.
"""

import re
from dataclasses import replace
from functools import cache
from itertools import combinations

import chex
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from flax import linen
from hypothesis import strategies as st
from tools import KINDS, assert_close, named, random_carry, random_params, scalar, unnamed

from lstm_gru.cells import CELLS, lstm
from lstm_gru.cells.protocol import GatedCell, LinearCell, StepCell
from lstm_gru.recurrent import step, unroll

F, H, B, T = 3, 4, 4, 6
LENGTHS = (6, 0, 3, 1)
VALID = np.arange(T)[None, :, None] < np.array(LENGTHS)[:, None, None]

few = hypothesis.settings(max_examples=2, deadline=None, derandomize=True)
every_cell = pytest.mark.parametrize("name", CELLS)
GATED = [name for name, make in CELLS.items() if isinstance(make(1), GatedCell)]
every_gated_cell = pytest.mark.parametrize("name", GATED)
both_directions = pytest.mark.parametrize("reverse", [False, True])
op_by_op = pytest.mark.usefixtures("op_by_op")


def inputs(dtype=jnp.float32, seed=3):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(B, T, F)), dtype)


@cache
def equations(name, reverse, second_bias):
    """Arrays in single precision; and outputs, final states and gradients by the reference in double precision."""
    cell = CELLS[name](H)
    params = random_params(cell, F)
    if second_bias:
        params["recurrent_bias"] = params["bias"][::-1] + 0.3
    initial = named(random_carry(cell, params, B))
    arrays = {**params, "xs": inputs(), **{f"state {key}": value for key, value in initial.items()}}
    double = {key: np.asarray(value, np.float64) for key, value in arrays.items()}

    def run(arrays):
        weights, start = ({key: arrays[key] for key in params}, {key: arrays[f"state {key}"] for key in initial})
        return reference.run(name, weights, arrays["xs"], start, LENGTHS, reverse)

    return arrays, run(double), reference.gradients(lambda a: scalar(*run(a)), double)


def ours(name, reverse, arrays):
    cell = CELLS[name](H)
    start = {key.removeprefix("state "): value for key, value in arrays.items() if key.startswith("state ")}
    weights = {key: value for key, value in arrays.items() if key != "xs" and not key.startswith("state ")}
    carry = unnamed(cell.initial_carry(weights, B), start)
    run = unroll(cell, weights, arrays["xs"], carry, lengths=jnp.array(LENGTHS), reverse=reverse)
    return run.outputs, {key: named(run.carry)[key] for key in start}


@op_by_op
@pytest.mark.parametrize(
    ("name", "dtype", "tolerance", "reverse"),
    [
        *((name, "float64", 1e-12, reverse) for name in reference.STEPS for reverse in (False, True)),
        *((name, "float32", 1e-5, False) for name in KINDS),
    ],
)
def test_values_and_gradients_equal_the_equations(x64, name, reverse, dtype, tolerance):
    single, values, gradients = equations(name, reverse, second_bias=False)
    arrays = {key: value.astype(dtype) for key, value in single.items()}
    assert_close(ours(name, reverse, arrays), values, tolerance)
    assert_close(jax.grad(lambda arrays: scalar(*ours(name, reverse, arrays)))(arrays), gradients, tolerance)


@op_by_op
@pytest.mark.parametrize(
    "name", [name for name, c in reference.STEPS.items() if c.arrays.get("recurrent_bias") == c.arrays["kernel"]]
)
def test_second_bias_of_other_libraries_is_added(x64, name):
    single, values, gradients = equations(name, False, second_bias=True)
    arrays = {key: value.astype(jnp.float64) for key, value in single.items()}
    assert_close(ours(name, False, arrays), values, 1e-12)
    assert_close(jax.grad(lambda arrays: scalar(*ours(name, False, arrays)))(arrays), gradients, 1e-12)


@op_by_op
@pytest.mark.parametrize("name", reference.STEPS)
def test_swapping_any_two_gates_changes_the_outputs(name):
    """The parity test above can see a swap: no two gates have the same effect."""
    cell = CELLS[name](H)
    params, xs = random_params(cell, F), inputs()
    outputs = unroll(cell, params, xs).outputs
    for array, gates in reference.STEPS[name].arrays.items():
        for a, b in combinations(range(len(gates)), 2):
            if array in params and array != "recurrent_bias":
                blocks = jnp.split(params[array], len(gates), axis=-1)
                blocks[a], blocks[b] = blocks[b], blocks[a]
                swapped = {**params, array: jnp.concatenate(blocks, axis=-1)}
                assert jnp.abs(unroll(cell, swapped, xs).outputs - outputs).max() > 1e-4, (array, gates[a], gates[b])


@st.composite
def runs(draw, name):
    """A cell of any width with random parameters, carry, inputs and lengths, in double precision."""
    # Few different sizes: op by op, each operation is compiled once for each shape.
    batch, time, in_features, features = (draw(st.sampled_from(sizes)) for sizes in ((1, 3), (2, 4), (1, 3), (1, 4)))
    seed = draw(st.integers(0, 99))
    lengths = np.array(draw(st.lists(st.integers(0, time), min_size=batch, max_size=batch)))
    with jax.enable_x64(True):
        cell = CELLS[name](features)
        params = random_params(cell, in_features, jnp.float64, seed)
        xs = jnp.asarray(np.random.default_rng(seed).normal(size=(batch, time, in_features)))
        return cell, params, xs, random_carry(cell, params, batch, seed), lengths


def for_any_run(**drawn):
    """Turn ``check(run, ...)`` into a test that draws a few runs of the cell ``name``, op by op in double precision."""

    def decorate(check):
        def test(name):
            @few
            @hypothesis.given(run=runs(name), **drawn)
            def checked(**arguments):
                with jax.enable_x64(True), jax.disable_jit():
                    check(**arguments)

            checked()

        test.__doc__ = check.__doc__
        return test

    return decorate


@every_gated_cell
@for_any_run(reverse=st.booleans(), masked=st.booleans())
def test_derived_backward_equals_autodiff(run, reverse, masked):
    cell, params, xs, carry, lengths = run

    def loss(params, xs, carry, backward):
        options = {"lengths": lengths if masked else None, "reverse": reverse, "backward": backward}
        return scalar(unroll(cell, params, xs, carry, **options))

    gradient = jax.grad(loss, argnums=(0, 1, 2))
    assert_close(*(gradient(params, xs, carry, backward) for backward in ("derived", "autodiff")), 1e-12)


@every_cell
@for_any_run(reverse=st.booleans())
def test_scan_equals_a_loop_over_each_row_by_itself(run, reverse):
    """One loop shows four things: scan = loop of steps, each row as if alone and without padding, a reversed
    run = a run over the reversed row, and the final carry = the carry at the row's last valid step."""
    cell, params, xs, carry, lengths = run
    unrolled = unroll(cell, params, xs, carry, lengths=lengths, reverse=reverse)
    for row, length in enumerate(lengths):
        state = jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], carry)
        for t in reversed(range(length)) if reverse else range(length):
            state, output = step(cell, params, state, xs[row : row + 1, t])
            np.testing.assert_allclose(unrolled.outputs[row : row + 1, t], output, atol=1e-13)
        final = jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], unrolled.carry)
        chex.assert_trees_all_close(final, state, atol=1e-13)
        assert not unrolled.outputs[row, length:].any()


@every_cell
@for_any_run(reverse=st.booleans(), poison=st.sampled_from([np.nan, np.inf, -np.inf, 1e300]))
def test_padding_changes_neither_values_nor_gradients(run, reverse, poison):
    cell, params, xs, carry, lengths = run
    valid = np.arange(xs.shape[1])[None, :, None] < lengths[:, None, None]

    def loss(params, xs):
        unrolled = unroll(cell, params, xs, carry, lengths=lengths, reverse=reverse)
        return scalar(unrolled), unrolled

    value_and_grad = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
    (_, clean), clean_gradient = value_and_grad(params, xs)
    (_, dirty), dirty_gradient = value_and_grad(params, np.where(valid, xs, poison))
    chex.assert_trees_all_equal((dirty, dirty_gradient), (clean, clean_gradient))
    assert not np.where(valid, 0, dirty.outputs).any()
    assert not np.where(valid, 0, dirty_gradient[1]).any()
    assert valid.sum() == 0 or dirty_gradient[1].any()


@pytest.mark.parametrize("name", KINDS)
def test_jit_equals_eager_and_compiles_once_for_all_lengths(name):
    cell = CELLS[name](H)
    params, xs = random_params(cell, F), inputs()
    traces = []

    def run(params, xs, lengths):
        traces.append(name)
        return jax.value_and_grad(
            lambda params: (lambda u: (scalar(u), u))(unroll(cell, params, xs, lengths=lengths)), has_aux=True
        )(params)

    jitted = jax.jit(run)
    for lengths in (LENGTHS, (1, 2, 3, 4)):
        compiled = jitted(params, xs, jnp.array(lengths))
    assert len(traces) == 1
    with jax.disable_jit():
        assert_close(compiled, run(params, xs, list(lengths)), 1e-5)


@op_by_op
@every_cell
@pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float32, 2e-6), (jnp.float64, 1e-13)])
def test_one_step_at_a_time_equals_unroll(x64, name, dtype, tolerance):
    cell = CELLS[name](H)
    params, xs = random_params(cell, F, dtype), inputs(dtype)
    run = unroll(cell, params, xs)
    carry = cell.initial_carry(params, B)
    for t in range(T):
        carry, output = step(cell, params, carry, xs[:, t])
        np.testing.assert_allclose(output, run.outputs[:, t], atol=tolerance)
    chex.assert_trees_all_close(carry, run.carry, atol=tolerance)
    assert {leaf.dtype for leaf in jax.tree.leaves((carry, output))} == {jnp.dtype(dtype)}


@op_by_op
@pytest.mark.parametrize("name", KINDS)
def test_truncated_backpropagation_passes_carries(name):
    """Values do not notice the cut; gradients are those of each piece with a constant carry."""
    cell = CELLS[name](H)
    params, xs = random_params(cell, F), inputs()
    whole = unroll(cell, params, xs)

    def truncated(params):
        first = unroll(cell, params, xs[:, :4])
        second = unroll(cell, params, xs[:, 4:], jax.lax.stop_gradient(first.carry))
        return scalar(first.outputs, second.outputs), jnp.concatenate([first.outputs, second.outputs], axis=1)

    (_, outputs), gradient = jax.value_and_grad(truncated, has_aux=True)(params)
    np.testing.assert_allclose(outputs, whole.outputs, atol=2e-6)
    middle = unroll(cell, params, xs[:, :4]).carry
    pieces = jax.grad(
        lambda params: scalar(unroll(cell, params, xs[:, :4]).outputs, unroll(cell, params, xs[:, 4:], middle).outputs)
    )(params)
    chex.assert_trees_all_close(gradient, pieces, atol=1e-5)


@pytest.mark.parametrize("name", sorted({*KINDS} & {*GATED}))
def test_second_derivatives_equal_autodiff(x64, name):
    cell = CELLS[name](H)
    params, xs = random_params(cell, F, jnp.float64), inputs(jnp.float64)[:2, :3]

    def penalty(params, backward):
        loss = lambda xs: scalar(unroll(cell, params, xs, lengths=jnp.array([3, 1]), backward=backward))  # noqa: E731
        return jnp.sum(jax.grad(loss)(xs) ** 2)

    with jax.disable_jit():
        derived, autodiff = (jax.grad(penalty)(params, backward) for backward in ("derived", "autodiff"))
    assert_close(derived, autodiff, 1e-10)


@every_gated_cell
def test_one_product_a_step_each_way(name):
    """What the derived backward pass is for, counted in the program instead of timed."""
    cell = CELLS[name](H)
    params = random_params(cell, F)

    def products(backward):
        def loss(params, xs):
            return unroll(cell, params, xs, backward=backward).outputs.sum()

        program = jax.make_jaxpr(jax.grad(loss, argnums=(0, 1)))(params, jnp.ones((B, T, F)))
        everything = list(all_equations(program.jaxpr))
        scans = [e.params["jaxpr"] for e in everything if e.primitive.name == "scan"]
        return [_products(everything), *(_products(all_equations(s.jaxpr)) for s in scans)]

    gates = params["kernel"].shape[1] // H
    # Outside of the scans: the input's share of each gate; gradients of both kernels and of the inputs.
    assert products("derived") == [gates + 3, 1, 1]
    assert sum(products("autodiff")[1:]) > 2


def _products(equations):
    return sum(e.primitive.name == "dot_general" for e in equations)


@pytest.mark.parametrize("name", ["lstm", "gru", "peephole_lstm", "layer_norm_lstm", "lstm_fgr"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_what_is_kept_is_written_in_place(name, reverse):
    """A copy of a whole array in every step would make the time grow as T²."""
    cell, time = CELLS[name](H), 37
    params = random_params(cell, F)

    def loss(params, xs, lengths):
        return unroll(cell, params, xs, lengths=lengths, reverse=reverse).outputs.sum()

    compiled = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(params, jnp.ones((B, time, F)), jnp.full(B, time))
    program, _, entry = compiled.compile().as_text().partition("ENTRY ")
    assert " while(" in entry
    assert f"f32[{time},{B},{H}]" in program
    assert not re.findall(rf"\[{time},[\d,]+\]\S* copy\(%(?:get|copy)", program)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_training_needs_no_more_memory_than_flax(name):
    """Temporaries as compiled: at most those of Flax, and 0.7 of them where it is asked to be lean."""
    width, xs = 128, jnp.ones((16, 64, 128))
    cell = CELLS[name](width)
    flax_cells = {"rnn": linen.SimpleCell, "lstm": linen.OptimizedLSTMCell, "gru": linen.GRUCell}
    flax_layer = linen.RNN(flax_cells[name](width))

    def temporaries(apply, params):
        gradient = jax.grad(lambda params, xs, y: jnp.vdot(apply(params, xs), y), argnums=(0, 1))
        return jax.jit(gradient).lower(params, xs, xs).compile().memory_analysis().temp_size_in_bytes

    ours, lean = (
        temporaries(lambda params, xs, lean=lean: unroll(cell, params, xs, lean=lean).outputs, random_params(cell, 128))
        for lean in (False, True)
    )
    theirs = temporaries(flax_layer.apply, flax_layer.init(jax.random.key(0), xs))
    assert ours <= theirs
    assert lean <= 0.7 * theirs


@pytest.mark.parametrize("lean", [False, True], ids=["fast", "lean"])
def test_the_compiled_program_is_as_large_for_a_long_sequence(lean):
    cell = CELLS["lstm"](H)
    params = random_params(cell, F)

    def instructions(time):
        def loss(params, xs):
            return unroll(cell, params, xs, lean=lean).outputs.sum()

        lowered = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(params, jnp.ones((B, time, F)))
        return np.array([program.as_text().count(" = ") for program in (lowered, lowered.compile())])

    short, long = instructions(64), instructions(4096)
    assert long[0] == short[0]
    assert long[1] < 1.05 * short[1]  # XLA splits large products.


def all_equations(jaxpr):
    """All equations of a program, those inside calls and custom derivatives (not scans) included."""
    for equation in jaxpr.eqns:
        yield equation
        if equation.primitive.name != "scan":
            for value in equation.params.values():
                if hasattr(value, "eqns"):
                    yield from all_equations(getattr(value, "jaxpr", value))


@op_by_op
@both_directions
@pytest.mark.parametrize("name", [name for name, make in CELLS.items() if isinstance(make(1), LinearCell)])
def test_parallel_scan_equals_the_sequential_one(name, reverse):
    cell = CELLS[name](H)
    params = random_params(cell, F)
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(B, 40, F)), jnp.float32)
    carry, lengths = random_carry(cell, params, B), np.array([40, 0, 17, 1])

    def run(cell):
        def loss(params, xs, carry):
            unrolled = unroll(cell, params, xs, carry, lengths=lengths, reverse=reverse, record=True)
            return scalar(unrolled.outputs) / 100, unrolled

        return jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)(params, xs, carry)

    chex.assert_trees_all_close(run(replace(cell, associative=True)), run(replace(cell, associative=False)), atol=1e-5)


def counting_cell():
    """A cell whose answer is known by hand: it counts steps and adds up what it saw."""
    return StepCell(
        name="counting",
        features=2,
        init=lambda key, in_features, dtype=jnp.float32: {},
        initial_carry=lambda params, batch: jnp.zeros((batch, 2)),
        step=lambda params, carry, x: (carry + jnp.stack([jnp.ones_like(x[:, 0]), x[:, 0]], -1), {"seen": x}),
        hidden=lambda carry: carry,
    )


def test_step_cell_counts_by_hand():
    xs = jnp.array([[1.0, 2.0, 3.0], [10.0, 20.0, np.nan]])[..., None]
    forward = unroll(counting_cell(), {}, xs, lengths=jnp.array([3, 2]), record=True)
    np.testing.assert_array_equal(forward.outputs[0], [[1, 1], [2, 3], [3, 6]])
    np.testing.assert_array_equal(forward.outputs[1], [[1, 10], [2, 30], [0, 0]])
    np.testing.assert_array_equal(forward.carry, [[3, 6], [2, 30]])
    np.testing.assert_array_equal(forward.record.gates["seen"][..., 0], [[1, 2, 3], [10, 20, 0]])
    np.testing.assert_array_equal(forward.record.carries, forward.outputs)
    backward = unroll(counting_cell(), {}, xs, lengths=jnp.array([3, 2]), reverse=True)
    np.testing.assert_array_equal(backward.outputs[0], [[3, 6], [2, 5], [1, 3]])
    np.testing.assert_array_equal(backward.outputs[1], [[2, 30], [1, 20], [0, 0]])


@every_cell
def test_no_time_steps_leave_the_carry_alone(name):
    cell = CELLS[name](H)
    params = random_params(cell, F)
    carry = random_carry(cell, params, B)
    run = unroll(cell, params, jnp.zeros((B, 0, F)), carry)
    chex.assert_trees_all_equal(run.carry, carry)
    assert run.outputs.shape == (B, 0, H)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(xs=np.zeros((B, F))), r"xs has shape \(4, 3\); expected three axes \[B, T, F\]"),
        (dict(xs=np.zeros((B, T, F + 1))), r"xs has 4 features; the cell's kernel was made for 3"),
        (dict(xs=np.zeros((B, T, F), int)), r"xs has type int32; expected a floating type"),
        (dict(lengths=np.array([1, 2])), r"lengths has shape \(2,\).*expected integers of shape \(4,\)"),
        (dict(lengths=np.ones(B)), "expected integers"),
        (dict(lengths=np.array([0, 1, 2, T + 1])), "lengths run from 0 to 7; expected 0 to T = 6"),
        (dict(lengths=np.array([-1, 1, 2, 3])), "lengths run from -1 to 3"),
        (dict(backward="numeric"), "backward = 'numeric'; expected one of derived, autodiff"),
        (dict(carry=np.zeros((B, H), np.float32)), r"carry is PyTreeDef\(\*\); lstm expects .*LSTMCarry"),
        (
            dict(carry=lstm(H).initial_carry({"kernel": jnp.zeros(1)}, 2)),
            r"carry .* shape \(2, 4\); lstm expects \(4, 4",
        ),
    ],
)
def test_bad_input_is_named(change, message):
    cell = lstm(H)
    arguments = {"xs": np.zeros((B, T, F)), **change}
    with pytest.raises(ValueError, match=message):
        unroll(cell, random_params(cell, F), **arguments)


def test_parameters_of_another_width_are_named():
    with pytest.raises(ValueError, match=r"params: recurrent_kernel has 12 columns; lstm with features = 4 expects 16"):
        unroll(lstm(H), random_params(lstm(3), F), inputs())


def test_bad_input_is_named_while_tracing():
    cell = lstm(H)
    with pytest.raises(ValueError, match="xs has 4 features"):
        jax.jit(lambda xs: unroll(cell, random_params(cell, F), xs).outputs)(np.zeros((B, T, F + 1)))
