"""The scan: against independent equations, against autodiff, against a cell whose answer is known by hand."""

import chex
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from hypothesis import strategies as st

from lstm_gru.cells import CELLS, LSTMCarry, StepCell, lstm
from lstm_gru.recurrent import step, unroll

F, H, B, T = 3, 4, 4, 6
LENGTHS = (6, 0, 3, 1)
few = hypothesis.settings(max_examples=15, deadline=None, derandomize=True)


def random_params(cell, seed=0, dtype=jnp.float32):
    """Distinct random values everywhere, biases included, so that no swap of gates goes unseen."""
    params = cell.init(jax.random.key(seed), F, dtype)
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(seed + 1), len(leaves))
    noise = [0.4 * jax.random.normal(k, leaf.shape, dtype) for k, leaf in zip(keys, leaves, strict=True)]
    return jax.tree.map(jnp.add, params, jax.tree.unflatten(tree, noise))


def random_carry(cell, params, batch, seed=7):
    carry = cell.initial_carry(params, batch)
    leaves, tree = jax.tree.flatten(carry)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    return jax.tree.unflatten(
        tree, [jax.random.normal(k, leaf.shape, leaf.dtype) for k, leaf in zip(keys, leaves, strict=True)]
    )


def scalar(outputs, states):
    """A scalar in which every output and every final state has a weight of its own."""
    xp = np if isinstance(outputs, np.ndarray) else jnp
    total = xp.sum(xp.sin(outputs) * np.linspace(0.5, 2.0, outputs.size).reshape(outputs.shape))
    for k, state in enumerate(states):
        total += xp.sum(xp.cos(state) * np.linspace(-1.0, 1.0 + k, state.size).reshape(state.shape))
    return total


def states(carry):
    """The final states, h first, whatever the cell's carry."""
    return (carry.hidden, carry.cell) if isinstance(carry, LSTMCarry) else (carry,)


def as_carry(cell, h, *rest):
    return LSTMCarry(cell=rest[0], hidden=h) if rest else h


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", reference.STEPS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_values_and_gradients_equal_the_equations(x64, name, reverse, dtype, tolerance):
    cell = CELLS[name](H)
    params = random_params(cell, dtype=dtype)
    xs = jax.random.normal(jax.random.key(3), (B, T, F), dtype)
    initial = states(random_carry(cell, params, B))
    arrays = {**params, "xs": xs, **{f"state_{k}": s for k, s in enumerate(initial)}}

    def ours(arrays):
        carry = as_carry(cell, *(arrays[f"state_{k}"] for k in range(len(initial))))
        weights = {key: arrays[key] for key in params}
        run = unroll(cell, weights, arrays["xs"], carry, lengths=jnp.array(LENGTHS), reverse=reverse)
        return scalar(run.outputs, states(run.carry)), (run.outputs, states(run.carry))

    def theirs(arrays):
        weights = {key: arrays[key] for key in params}
        start = [arrays[f"state_{k}"] for k in range(len(initial))]
        return reference.run(name, weights, arrays["xs"], start, LENGTHS, reverse)

    (_, values), gradient = jax.jit(jax.value_and_grad(ours, has_aux=True))(arrays)
    double = {key: np.asarray(value, np.float64) for key, value in arrays.items()}
    outputs, final = theirs(double)
    expected = reference.gradients(lambda a: scalar(*theirs(a)), double)
    chex.assert_trees_all_close(values, (outputs, tuple(final)), atol=tolerance, rtol=tolerance)
    chex.assert_trees_all_close(gradient, expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", CELLS)
def test_swapping_any_two_gates_changes_outputs_and_gradients(name):
    """The parity test above can see a swap: no two gates have the same effect."""
    cell = CELLS[name](H)
    params = random_params(cell)
    xs = jax.random.normal(jax.random.key(3), (B, T, F))
    run = jax.jit(lambda params: unroll(cell, params, xs).outputs)
    outputs = run(params)
    gates = len(cell.gates)
    for a in range(gates):
        for b in range(a + 1, gates):
            order = list(range(gates))
            order[a], order[b] = b, a
            columns = np.concatenate([np.arange(H) + H * k for k in order])
            for array in ("kernel", "recurrent_kernel", "bias"):
                swapped = {**params, array: params[array][..., columns]}
                assert jnp.abs(run(swapped) - outputs).max() > 1e-3


@few
@hypothesis.given(
    name=st.sampled_from(sorted(CELLS)),
    reverse=st.booleans(),
    masked=st.booleans(),
    shape=st.tuples(*(st.integers(1, 5),) * 4),
    seed=st.integers(0, 9),
)
def test_derived_backward_equals_autodiff(name, reverse, masked, shape, seed):
    batch, time, in_features, features = shape
    with jax.enable_x64(True):
        cell = CELLS[name](features)
        params = cell.init(jax.random.key(seed), in_features, jnp.float64)
        xs = jax.random.normal(jax.random.key(seed + 1), (batch, time, in_features), jnp.float64)
        lengths = jax.random.randint(jax.random.key(seed + 2), (batch,), 0, time + 1) if masked else None
        carry = random_carry(cell, params, batch)

        def loss(params, xs, carry, backward):
            run = unroll(cell, params, xs, carry, lengths=lengths, reverse=reverse, backward=backward)
            return scalar(run.outputs, states(run.carry))

        derived, autodiff = (
            jax.jit(jax.grad(loss, argnums=(0, 1, 2)), static_argnums=3)(params, xs, carry, backward)
            for backward in ("derived", "autodiff")
        )
        chex.assert_trees_all_close(derived, autodiff, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_second_derivatives_equal_autodiff(x64, name):
    cell = CELLS[name](H)
    params = random_params(cell, dtype=jnp.float64)
    xs = jax.random.normal(jax.random.key(3), (B, T, F), jnp.float64)

    def penalty(params, backward):
        def loss(xs):
            run = unroll(cell, params, xs, lengths=jnp.array(LENGTHS), backward=backward)
            return scalar(run.outputs, states(run.carry))

        return jnp.sum(jax.grad(loss)(xs) ** 2)

    derived, autodiff = (jax.jit(jax.grad(penalty), static_argnums=1)(params, b) for b in ("derived", "autodiff"))
    chex.assert_trees_all_close(derived, autodiff, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", CELLS)
def test_forward_mode_goes_through_autodiff(name):
    cell = CELLS[name](H)
    params = random_params(cell)
    xs = jax.random.normal(jax.random.key(3), (B, T, F))
    direction = jax.random.normal(jax.random.key(4), xs.shape)

    def outputs(xs):
        return unroll(cell, params, xs, backward="autodiff").outputs

    _, tangent = jax.jvp(outputs, (xs,), (direction,))
    small = 1e-2
    numeric = (outputs(xs + small * direction) - outputs(xs - small * direction)) / (2 * small)
    np.testing.assert_allclose(tangent, numeric, atol=2e-3)


@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_padding_changes_nothing(name, reverse, poison):
    cell = CELLS[name](H)
    params = random_params(cell)
    valid = np.arange(T)[None, :, None] < np.array(LENGTHS)[:, None, None]
    clean = np.where(valid, jax.random.normal(jax.random.key(3), (B, T, F)), 0)

    def run(params, xs):
        run = unroll(cell, params, xs, lengths=jnp.array(LENGTHS), reverse=reverse)
        return scalar(run.outputs, states(run.carry)), run

    value_and_grad = jax.jit(jax.value_and_grad(run, argnums=(0, 1), has_aux=True))
    (_, expected), expected_grad = value_and_grad(params, clean)
    dirty = np.where(valid, clean, poison).astype(np.float32)
    (_, got), got_grad = value_and_grad(params, dirty)
    chex.assert_trees_all_equal(got, expected)
    chex.assert_trees_all_equal(got_grad, expected_grad)
    assert not np.where(valid, 0, got.outputs).any()
    assert not np.where(valid, 0, got_grad[1]).any()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_each_row_runs_as_if_alone_without_padding(name, reverse):
    cell = CELLS[name](H)
    params = random_params(cell)
    xs = jax.random.normal(jax.random.key(3), (B, T, F))
    initial = random_carry(cell, params, B)
    run = unroll(cell, params, xs, initial, lengths=jnp.array(LENGTHS), reverse=reverse)
    for row, length in enumerate(LENGTHS):
        start = jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], initial)
        own = xs[row : row + 1, :length]
        alone = unroll(cell, params, own[:, ::-1] if reverse else own, start) if length else None
        outputs = (alone.outputs[:, ::-1] if reverse else alone.outputs) if length else np.zeros((1, 0, H))
        np.testing.assert_allclose(run.outputs[row : row + 1, :length], outputs, atol=2e-6)
        final = jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], run.carry)
        chex.assert_trees_all_close(final, alone.carry if length else start, atol=2e-6)


@pytest.mark.parametrize("name", CELLS)
def test_one_step_at_a_time_equals_unroll(name):
    cell = CELLS[name](H)
    params = random_params(cell)
    xs = jax.random.normal(jax.random.key(3), (B, T, F))
    run = unroll(cell, params, xs)
    carry = cell.initial_carry(params, B)
    for t in range(T):
        carry, output = step(cell, params, carry, xs[:, t])
        np.testing.assert_allclose(output, run.outputs[:, t], atol=2e-6)
    chex.assert_trees_all_close(carry, run.carry, atol=2e-6)


@pytest.mark.parametrize("name", CELLS)
def test_jit_equals_eager_and_compiles_once_for_all_lengths(name):
    cell = CELLS[name](H)
    params = random_params(cell)
    xs = jax.random.normal(jax.random.key(3), (B, T, F))

    traces = []

    def run(params, xs, lengths):
        traces.append(name)
        return unroll(cell, params, xs, lengths=lengths)

    jitted = jax.jit(run)
    for lengths in (LENGTHS, (1, 2, 3, 4)):
        eager = unroll(cell, params, xs, lengths=jnp.array(lengths))
        chex.assert_trees_all_close(jitted(params, xs, jnp.array(lengths)), eager, atol=1e-6)
    assert len(traces) == 1


@pytest.mark.parametrize("name", CELLS)
def test_one_product_a_step_each_way(name):
    """What the derived backward pass is for, counted in the program instead of timed."""
    cell = CELLS[name](H)
    params = random_params(cell)

    def products(backward):
        def loss(params, xs):
            return unroll(cell, params, xs, backward=backward).outputs.sum()

        program = jax.make_jaxpr(jax.grad(loss, argnums=(0, 1)))(params, jnp.ones((B, T, F)))
        scans = [e.params["jaxpr"] for e in equations(program.jaxpr) if e.primitive.name == "scan"]
        return [sum(e.primitive.name == "dot_general" for e in equations(s.jaxpr)) for s in scans]

    assert products("derived") == [1, 1]
    assert sum(products("autodiff")) > 2


def equations(jaxpr):
    """All equations of a program, those inside calls and custom derivatives (not scans) included."""
    for equation in jaxpr.eqns:
        yield equation
        if equation.primitive.name != "scan":
            for value in equation.params.values():
                if hasattr(value, "eqns"):
                    yield from equations(getattr(value, "jaxpr", value))


def counting_cell():
    """A cell whose answer is known by hand: it counts steps and adds up what it saw."""
    return StepCell(
        name="counting",
        features=2,
        init=lambda key, in_features, dtype=jnp.float32: {},
        initial_carry=lambda params, batch: jnp.zeros((batch, 2)),
        step=lambda params, carry, x: (carry + jnp.stack([jnp.ones_like(x[:, 0]), x[:, 0]], -1), {}),
        hidden=lambda carry: carry,
    )


def test_step_cell_counts_by_hand():
    xs = jnp.array([[1.0, 2.0, 3.0], [10.0, 20.0, np.nan]])[..., None]
    forward = unroll(counting_cell(), {}, xs, lengths=jnp.array([3, 2]))
    np.testing.assert_array_equal(forward.outputs[0], [[1, 1], [2, 3], [3, 6]])
    np.testing.assert_array_equal(forward.outputs[1], [[1, 10], [2, 30], [0, 0]])
    np.testing.assert_array_equal(forward.carry, [[3, 6], [2, 30]])
    backward = unroll(counting_cell(), {}, xs, lengths=jnp.array([3, 2]), reverse=True)
    np.testing.assert_array_equal(backward.outputs[0], [[3, 6], [2, 5], [1, 3]])
    np.testing.assert_array_equal(backward.outputs[1], [[2, 30], [1, 20], [0, 0]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(xs=np.zeros((B, F))), r"xs has shape \(4, 3\); expected three axes \[B, T, F\]"),
        (dict(xs=np.zeros((B, T, F + 1))), r"xs has 4 features; the cell's kernel was made for 3"),
        (dict(lengths=np.array([1, 2])), r"lengths has shape \(2,\).*expected integers of shape \(4,\)"),
        (dict(lengths=np.ones(B)), "expected integers"),
        (dict(lengths=np.array([0, 1, 2, T + 1])), "lengths run from 0 to 7; expected 0 to T = 6"),
        (dict(lengths=np.array([-1, 1, 2, 3])), "lengths run from -1 to 3"),
        (dict(backward="numeric"), "backward = 'numeric'; expected one of derived, autodiff"),
    ],
)
def test_bad_input_is_named(change, message):
    cell = lstm(H)
    arguments = {"xs": np.zeros((B, T, F)), **change}
    with pytest.raises(ValueError, match=message):
        unroll(cell, random_params(cell), **arguments)
