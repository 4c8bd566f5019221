"""How parameters start: every preset for every cell, at a width that shows distributions."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference

from lstm_gru.cells import CELLS, PRESETS, chrono, lstm

F, H = 120, 80
KEY = jax.random.key(0)
GATES = {name: cell.arrays["kernel"] for name, cell in reference.STEPS.items()}
COUPLED = ("coupled_lstm", "lstm_cifg")  # Their i is 1 - f.
LSTMS = [name for name, gates in GATES.items() if "g" in gates]
# +1 for gates of which 1 keeps the old state, -1 for those of which 1 lets the new in.
ROLES = {name: {"i": -1, "f": 1, "z": 1} for name in GATES} | {"mgu": {"f": -1}, "mingru": {"z": -1}}
REMEMBERING = [name for name, gates in GATES.items() if set(gates) & set(ROLES[name])]

every_cell = pytest.mark.parametrize("name", GATES)


@cache
def drawn(name, **options):
    """Parameters for gates of width H, which the projection halves."""
    cell = CELLS[name](H // 2 if name == "projected_lstm" else H, **options)
    return {key: np.asarray(value) for key, value in cell.init(KEY, F).items()}


def by_gate(name, array):
    gates = GATES[name]
    return dict(zip(gates, np.split(array, len(gates), axis=-1), strict=True))


def assert_uniform(values, bound):
    np.testing.assert_allclose(values.std(), bound / np.sqrt(3), rtol=0.02)
    assert 0.99 * bound < np.abs(values).max() <= bound * (1 + 1e-6)


def assert_glorot(values, fan_in, fan_out):
    assert_uniform(values, np.sqrt(6 / (fan_in + fan_out)))


def assert_orthogonal(matrix):
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(tall.T @ tall, np.eye(tall.shape[1]), atol=1e-5)


def assert_all_differ(arrays):
    arrays = list(arrays)
    for k, array in enumerate(arrays):
        assert all((array != other).mean() > 0.9 for other in arrays[:k])


def expected_biases(name, forget_bias=1.0):
    """Zero for all gates but the LSTMs' forget gate."""
    forget = ("i", -forget_bias) if name in COUPLED else ("f", forget_bias)
    values = dict.fromkeys(GATES[name], 0.0) | (dict([forget]) if name in LSTMS and name != "lstm_nfg" else {})
    return {gate: values[gate] for gate in GATES[name]}


def assert_biases(name, params, expected):
    for gate, bias in by_gate(name, params["bias"]).items():
        np.testing.assert_array_equal(bias, np.full_like(bias, expected[gate]), err_msg=gate)
    assert not params.get("recurrent_bias", np.zeros(1)).any()


def test_all_cells_but_plain_ones_have_gates_that_remember():
    assert set(GATES) - set(REMEMBERING) == {"rnn", "irnn"}


@every_cell
def test_default_draws_each_gate_on_its_own(name):
    params = drawn(name, init="default")
    kernels = by_gate(name, params["kernel"])
    for kernel in kernels.values():
        assert_glorot(kernel, *kernel.shape)
    assert_all_differ(kernels.values())
    if "recurrent_kernel" in params:
        recurrent = by_gate(name, params["recurrent_kernel"])
        for kernel in recurrent.values():
            assert_orthogonal(kernel)
        assert_all_differ(recurrent.values())
    assert_biases(name, params, expected_biases(name))
    assert all((params[gain] == 1).all() for gain in params if gain.endswith("gain"))
    assert not any(params[array].any() for array in params if array in ("peepholes", "cell_bias"))


@every_cell
def test_keras_draws_the_joined_matrix(name):
    params = drawn(name, init="keras")
    assert_glorot(params["kernel"], *params["kernel"].shape)
    if "recurrent_kernel" in params:
        assert_orthogonal(params["recurrent_kernel"])
    assert_biases(name, params, expected_biases(name))


@every_cell
def test_torch_is_uniform_and_sums_the_two_biases(name):
    params = drawn(name, init="torch")
    bound = H**-0.5
    matrices = [value for value in params.values() if value.ndim > 1]
    for matrix in matrices:
        assert_uniform(matrix, bound)
    assert_all_differ(matrix[: H // 2, : H // 2] for matrix in matrices)
    biases = by_gate(name, params["bias"])
    if "recurrent_bias" in params:  # Of n alone.
        assert params["recurrent_bias"].shape == (H,)
        biases["c"] = params["recurrent_bias"]
    assert_all_differ(biases.values())
    for gate, bias in biases.items():
        draws = 1 if ("c" in biases and gate in "cn") or "recurrent_kernel" not in params else 2
        np.testing.assert_allclose(bias.std(), bound * np.sqrt(draws / 3), rtol=0.2)
        assert (draws - 1) * bound < np.abs(bias).max() <= draws * bound


@every_cell
def test_identity_starts_every_gate_with_a_copy_of_the_state(name):
    params = drawn(name, init="identity")
    np.testing.assert_allclose(params["kernel"].std(), 0.001, rtol=0.02)
    np.testing.assert_allclose(np.quantile(params["kernel"], 0.975), 0.00196, rtol=0.05)  # Normal.
    if "recurrent_kernel" in params:
        for kernel in by_gate(name, params["recurrent_kernel"]).values():
            np.testing.assert_array_equal(kernel, np.eye(*kernel.shape))
    assert_biases(name, params, dict.fromkeys(GATES[name], 0))


@pytest.mark.parametrize("name", REMEMBERING)
@pytest.mark.parametrize(("init", "longest"), [("chrono", 100), (chrono(50), 50)], ids=["named", "made"])
def test_chrono_spreads_memories_over_the_gates_that_keep_or_write(name, init, longest):
    params = drawn(name, init=init)
    biases = by_gate(name, params["bias"])
    roles = {gate: role for gate, role in ROLES[name].items() if gate in biases}
    logs = {gate: role * biases[gate] for gate, role in roles.items()}
    times = np.exp(next(iter(logs.values())))
    assert 1 <= times.min() < 0.1 * longest
    assert 0.9 * longest < times.max() <= (longest - 1) * (1 + 1e-6)
    for log in logs.values():  # All of the same draw: b_i is -b_f.
        np.testing.assert_array_equal(log, next(iter(logs.values())))
    assert not any(biases[gate].any() for gate in biases if gate not in roles)
    assert not params.get("recurrent_bias", np.zeros(1)).any()
    default = drawn(name, init="default")
    assert all((params[array] == default[array]).all() for array in params if array != "bias")


def test_chrono_draws_times_uniformly():
    times = np.exp(chrono(50).bias(KEY, 50_000, (1,), jnp.float32))
    np.testing.assert_allclose(np.quantile(times, [0, 0.25, 0.5, 0.75, 1]), [1, 13, 25, 37, 49], atol=0.5)


def test_a_forget_bias_needs_a_forget_gate():
    with pytest.raises(ValueError, match=r"^lstm: forget_bias = 1\.0 without a forget gate; expected none$"):
        CELLS["lstm_nfg"](H, forget_bias=1.0)


@pytest.mark.parametrize("name", ["rnn", "irnn"])
@pytest.mark.parametrize("init", ["chrono", chrono(50)], ids=["named", "made"])
def test_chrono_needs_a_gate_that_keeps_the_state(name, init):
    message = f"{name}: init = chrono sets the biases of gates that keep the state; {name} has none"
    with pytest.raises(ValueError, match=message):
        CELLS[name](H, init=init)


@pytest.mark.parametrize("name", [name for name in REMEMBERING if name != "lstm_nfg"])
@pytest.mark.parametrize(("init", "value"), [("default", 0.0), ("keras", -1.0), ("chrono", 2.5), ("torch", 2.5)])
def test_forget_bias_overrides_the_preset_for_its_gate_alone(name, init, value):
    biases, preset = (by_gate(name, drawn(name, init=init, **more)["bias"]) for more in ({"forget_bias": value}, {}))
    gate = "i" if name in COUPLED else next(gate for gate in "fz" if gate in GATES[name])
    value *= ROLES[name][gate]
    for other in GATES[name]:
        if other == gate:
            np.testing.assert_array_equal(biases[other], np.full_like(biases[other], value))
        else:
            np.testing.assert_array_equal(biases[other], preset[other])


@pytest.mark.parametrize(
    ("name", "array", "shape"), [("lstm_fgr", "gate_kernel", (3 * H, H)), ("projected_lstm", "projection", (H, H // 2))]
)
def test_further_matrices_are_drawn_as_input_kernels(name, array, shape):
    matrix = drawn(name, init="default")[array]
    blocks = np.split(matrix, matrix.shape[1] // shape[1], axis=1)
    assert_all_differ(blocks)
    for block in blocks:
        assert_glorot(block, *shape)
    assert drawn(name, init="identity")[array].std() < 0.002


@every_cell
def test_presets_without_a_name_and_the_defaults_name(name):
    own = {"irnn": "identity"}.get(name, "default")
    assert CELLS[name](H) is CELLS[name](H, init=own) is CELLS[name](H, init=PRESETS[own])
    shifted = replace(PRESETS["torch"], bias=lambda key, features, roles, dtype: jnp.full(len(roles) * features, 3.0))
    params = drawn(name, init=replace(shifted, recurrent_bias=PRESETS["default"].bias))
    np.testing.assert_array_equal(params["bias"], np.full_like(params["bias"], 3))


@every_cell
def test_bfloat16_is_rounded_from_a_wide_draw(name):
    cell = CELLS[name](H // 2 if name == "projected_lstm" else H, init="default")
    narrow = cell.init(KEY, F, jnp.bfloat16)
    assert {leaf.dtype for leaf in narrow.values()} == {jnp.dtype(jnp.bfloat16)}
    for array, wide in drawn(name, init="default").items():
        np.testing.assert_array_equal(narrow[array], wide.astype(jnp.bfloat16))


@every_cell
def test_unknown_presets_are_named_with_the_known_ones(name):
    owner = "lstm" if name in LSTMS and name not in ("layer_norm_lstm", "projected_lstm") else name
    message = rf"{owner}: init = 'xavier'; expected one of default, torch, keras, chrono, identity or a Preset"
    with pytest.raises(ValueError, match=message):
        CELLS[name](H, init="xavier")


@pytest.mark.parametrize("max_time", [2, 1, 0, -5, float("nan")])
def test_chrono_needs_time(max_time):
    with pytest.raises(ValueError, match=rf"chrono: max_time = {max_time}; expected a number of steps above 2"):
        chrono(max_time)


def test_equal_presets_are_identical():
    assert chrono(50) is chrono(50)
    assert chrono(100) is PRESETS["chrono"]
    assert lstm(8, init=chrono(50)) is lstm(8, init=chrono(50))
    assert lstm(8, init=chrono(50)) is not lstm(8, init=chrono(60))
