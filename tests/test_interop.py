"""Parameters from and to PyTorch, Keras and Flax, against recordings of what these compute (scripts/make_goldens)."""

import json
import math
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import filled

from lstm_gru.cells import gru, gru_reset_before, lstm, projected_lstm, rnn
from lstm_gru.cells.protocol import LSTMCarry
from lstm_gru.interop import FLAX, from_flax, from_keras, from_torch, to_flax, to_keras, to_torch
from lstm_gru.layers import bidirectional, recurrent, stack

F, H, P = 3, 4, 2
ATOL = {"torch": 1e-12, "flax": 1e-12, "keras": 1e-5}  # Keras computes in float32 in places.

pytestmark = pytest.mark.usefixtures("op_by_op")


def recordings():
    """``{library-case: (library, options, arrays)}``; a case's arrays are stored end to end."""
    for path in sorted((Path(__file__).parent / "goldens").glob("*.npz")):
        with np.load(path) as file:
            for name, options in json.loads(str(file["about"]))["cases"].items():
                shapes = options.pop("arrays")
                pieces = np.split(file[name], np.cumsum([math.prod(shape) for shape in shapes.values()]))
                arrays = {key: piece.reshape(shapes[key]) for key, piece in zip(shapes, pieces, strict=False)}
                yield f"{path.stem}-{name}", (path.stem, options, arrays)


RECORDED = dict(recordings())
every_case = pytest.mark.parametrize("case", RECORDED)


def under(prefix, arrays):
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


def nested(flat):
    """``{"hi/kernel": array}`` as Flax has it."""
    return {module: under(f"{module}/", flat) for module in {name.split("/")[0]: None for name in flat}}


def converters(library, options):
    """Both directions for a case: from flat named arrays, and back to them."""
    kind, bias = options["kind"], options.get("bias", True)
    if library == "torch":
        return partial(from_torch, kind), partial(to_torch, kind, bias=bias)
    if library == "keras":
        read = lambda flat: from_keras(kind, [*flat.values()], merge=options.get("merge", "concat"))  # noqa: E731
        return read, lambda params: dict(zip("012345", to_keras(kind, params, bias=bias), strict=False))
    form = "nnx_optimized" if options["form"] == "nnx" and options["cell"] == "OptimizedLSTMCell" else options["form"]

    def write(params):
        modules = to_flax(kind, params, form=form)
        return {f"{module}/{leaf}": array for module, leaves in modules.items() for leaf, array in leaves.items()}

    return lambda flat: from_flax(kind, nested(flat)), write


def carry_of(states, params):
    """Recorded states ``[layers · directions, B, H]`` in the structure of our carries; a dict is one cell."""
    parts = iter(zip(states["h"], states.get("c", states["h"]), strict=True))

    def carry(cell_params):
        h, c = next(parts)
        return LSTMCarry(cell=jnp.asarray(c), hidden=jnp.asarray(h)) if "c" in states else jnp.asarray(h)

    return jax.tree.map(carry, params, is_leaf=lambda part: isinstance(part, dict))


def states_of(carry):
    """The inverse of `carry_of`."""
    parts = jax.tree.leaves(carry, is_leaf=lambda part: isinstance(part, LSTMCarry))
    if isinstance(parts[0], LSTMCarry):
        return {"h": jnp.stack([part.hidden for part in parts]), "c": jnp.stack([part.cell for part in parts])}
    return {"h": jnp.stack(parts)}


def test_every_library_is_recorded():
    assert {library for library, _, _ in RECORDED.values()} == {"torch", "keras", "flax"}


@every_case
@pytest.mark.usefixtures("x64")
def test_values_and_gradients_are_theirs(case):
    library, options, recorded = RECORDED[case]
    read, write = converters(library, options)
    layer, params = read(under("weights/", recorded))
    coefficients = under("coefficients/", recorded)
    lengths = np.array(options["lengths"]) if "lengths" in options else None

    def loss(params, xs, carry):
        output = layer.apply(params, xs, lengths, carry)
        results = {"outputs": output.outputs, **states_of(output.carry)}
        return sum((jnp.sin(results[name]) * coefficients[name]).sum() for name in coefficients), results

    carry = carry_of(under("initial/", recorded), params)
    arguments = (params, jnp.asarray(recorded["xs"]), carry)
    (d_params, d_xs, d_carry), results = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)(*arguments)
    # A bias that they lack is zero here, and so gets no place over there: its gradient is left out.
    _, there = read({name: np.ones_like(array) for name, array in under("weights/", recorded).items()})
    d_weights = write(jax.tree.map(jnp.multiply, d_params, there))
    ours = {
        **{key if key == "outputs" else f"final/{key}": value for key, value in results.items()},
        **{f"gradients/weights/{name}": gradient for name, gradient in d_weights.items()},
        **{f"gradients/initial/{name}": gradient for name, gradient in states_of(d_carry).items()},
        "gradients/xs": d_xs,
    }
    theirs = {key: value for key, value in recorded.items() if key.startswith(("outputs", "final/", "gradients/"))}
    assert ours.keys() == theirs.keys()
    for key, expected in theirs.items():
        np.testing.assert_allclose(ours[key], expected, rtol=0, atol=ATOL[library], err_msg=key)


def assert_identical(got, expected):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@every_case
@pytest.mark.parametrize("zeros", ["no", "all", "r and z"])
def test_theirs_to_ours_and_back_is_theirs(case, zeros):
    library, options, recorded = RECORDED[case]
    read, write = converters(library, options)
    theirs = {name: array.astype(np.float32) for name, array in under("weights/", recorded).items()}
    second = [array for name, array in theirs.items() if "bias_hh" in name]
    second += [array[1] for array in theirs.values() if array.shape == (2, 3 * H)]  # Keras has both in one.
    for array in second:
        array[: {"no": 0, "all": None, "r and z": 2 * H}[zeros]] = 0
    assert_identical(write(read(theirs)[1]), theirs)


TORCH_CELLS = {"rnn": rnn, "rnn_relu": partial(rnn, activation="relu"), "lstm": lstm, "gru": gru}
KERAS_CELLS = {"rnn": rnn, "lstm": lstm, "gru": gru, "gru_reset_before": gru_reset_before}
PROJECTED = projected_lstm(P, cell_features=H)
OURS = {
    **{f"torch-{kind}": (to_torch, from_torch, kind, stack(recurrent(c(H)))) for kind, c in TORCH_CELLS.items()},
    **{
        f"torch-{kind}-deep": (to_torch, from_torch, kind, stack(bidirectional(c(H)), bidirectional(c(H))))
        for kind, c in TORCH_CELLS.items()
    },
    "torch-projected": (to_torch, from_torch, "lstm", stack(*[recurrent(PROJECTED)] * 3)),
    "torch-projected-deep": (to_torch, from_torch, "lstm", stack(*[bidirectional(PROJECTED)] * 2)),
    **{f"keras-{kind}": (to_keras, from_keras, kind, recurrent(c(H))) for kind, c in KERAS_CELLS.items()},
    **{f"keras-{kind}-deep": (to_keras, from_keras, kind, bidirectional(c(H))) for kind, c in KERAS_CELLS.items()},
    **{
        f"{form}-{kind}": (partial(to_flax, form=form), from_flax, kind, recurrent(TORCH_CELLS[kind](H)))
        for kind, forms in FLAX.items()
        for form in forms
    },
}


def made(layer, dtype=jnp.float32):
    """Distinct random values in the structure of the layer's (or cell's) parameters."""
    return filled(jax.eval_shape(lambda: layer.init(jax.random.key(0), F, dtype)), seed=0)


def with_second(params, of_bias):
    """The parameters with another ``recurrent_bias`` in every cell, made of the cell's bias."""
    change = lambda cell: {**cell, "recurrent_bias": of_bias(cell["bias"])}  # noqa: E731
    return jax.tree.map(change, params, is_leaf=lambda part: isinstance(part, dict))


@pytest.mark.parametrize("case", OURS)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
def test_ours_to_theirs_and_back_is_ours(case, dtype):
    write, read, kind, layer = OURS[case]
    several = [made(layer, dtype)]
    if case == "nnx-gru":
        several = [with_second(several[0], lambda bias: jnp.zeros(H, dtype))]
    elif case.startswith("torch") or (case.startswith("keras-gru") and "before" not in case):
        several.append(with_second(several[0], lambda bias: 2 * bias))
    for params in several:
        _, back = read(kind, write(kind, params))
        assert_identical(back, params)
        assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(back))
        assert all(
            type(leaf) is np.ndarray and leaf.flags.c_contiguous for leaf in jax.tree.leaves(write(kind, params))
        )


@pytest.mark.parametrize(
    ("kind", "zeros", "shape"),
    [
        ("rnn", slice(0, 0), (H,)),
        ("rnn", slice(0, H), None),
        ("lstm", slice(0, 0), (4 * H,)),
        ("lstm", slice(0, 4 * H - 1), (4 * H,)),
        ("lstm", slice(0, 4 * H), None),
        ("gru", slice(0, 0), (3 * H,)),
        ("gru", slice(0, 2 * H - 1), (3 * H,)),
        ("gru", slice(0, 2 * H), (H,)),
        ("gru", slice(0, 3 * H), (H,)),
    ],
)
def test_a_second_bias_is_kept_only_where_it_says_something(kind, zeros, shape):
    state_dict = to_torch(kind, made(stack(recurrent(TORCH_CELLS[kind](H)))))
    state_dict["bias_hh_l0"] = np.where(np.isin(np.arange(state_dict["bias_hh_l0"].size), np.r_[zeros]), 0, 1.0)
    (params,) = from_torch(kind, state_dict)[1]
    assert (params["recurrent_bias"].shape if "recurrent_bias" in params else None) == shape


def test_parameters_do_not_follow_a_module_that_trains_on():
    for kind, cell in TORCH_CELLS.items():
        state_dict = to_torch(kind, made(stack(recurrent(cell(64)))))
        _, params = from_torch(kind, state_dict)
        before = jax.tree.map(np.array, params)
        for array in state_dict.values():
            array += 1
        assert_identical(jax.tree.map(np.asarray, params), before)


@pytest.mark.parametrize(("kind", "form"), [(kind, form) for kind, forms in FLAX.items() for form in forms])
def test_the_installed_flax_has_these_names_and_shapes(kind, form):
    nnx, linen = pytest.importorskip("flax.nnx"), pytest.importorskip("flax.linen")
    name = {"rnn": "SimpleCell", "lstm": "LSTMCell", "gru": "GRUCell"}[kind]
    name = "OptimizedLSTMCell" if form == "nnx_optimized" else name
    if form == "linen":
        cell = getattr(linen, name)(H)
        xs = jnp.ones((1, F))
        carry = cell.initialize_carry(jax.random.key(0), xs.shape)
        theirs = jax.eval_shape(cell.init, jax.random.key(0), carry, xs)["params"]
    else:
        cell = nnx.eval_shape(lambda: getattr(nnx, name)(F, H, rngs=nnx.Rngs(0)))
        theirs = nnx.to_pure_dict(nnx.state(cell, nnx.Param))
    params = {**made(TORCH_CELLS[kind](H)), **({"recurrent_bias": np.zeros(H)} if kind == "gru" else {})}
    ours = to_flax(kind, params, form=form)
    assert jax.tree.map(np.shape, ours) == jax.tree.map(np.shape, theirs)


def without(name, arrays):
    return {key: value for key, value in arrays.items() if key != name}


RNN, LSTM, GRU, LSTMP = (made(cell) for cell in (rnn(H), lstm(H), gru(H), PROJECTED))
SECOND, NONE = {"recurrent_bias": jnp.eye(H)[-1]}, {"bias": jnp.zeros(H)}  # One value is enough to refuse.
DEEP = to_torch("lstm", made(OURS["torch-lstm-deep"][3]))
FLAT = to_torch("gru", (GRU,))
KERAS_LSTM, KERAS_GRU = to_keras("lstm", LSTM), to_keras("gru", GRU)
LINEN = to_flax("lstm", LSTM, form="linen")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        # Unknown choices.
        (lambda: from_torch("elman", FLAT), "kind = 'elman'; expected one of rnn, rnn_relu, lstm, gru"),
        (lambda: to_torch("gru_reset_before", (GRU,)), "kind = 'gru_reset_before'; expected one of rnn, rnn_relu, l"),
        (lambda: from_keras("rnn_relu", KERAS_LSTM), "kind = 'rnn_relu'; expected one of rnn, lstm, gru, gru_reset_b"),
        (lambda: to_keras("mgu", LSTM), "kind = 'mgu'; expected one of rnn, lstm, gru, gru_reset_before"),
        (lambda: from_flax("mgu", LINEN), "kind = 'mgu'; expected one of rnn, lstm, gru"),
        (lambda: to_flax("mgu", LSTM, form="nnx"), "kind = 'mgu'; expected one of rnn, lstm, gru"),
        (lambda: to_flax("gru", GRU, form="nnx_optimized"), "form = 'nnx_optimized'; expected one of linen, nnx"),
        (lambda: from_keras("lstm", KERAS_LSTM * 2, merge="add"), "merge = 'add'; expected one of concat"),
        (lambda: from_torch("gru", FLAT, dropout=1), "dropout = 1; expected a probability"),
        # Names of theirs.
        (lambda: from_torch("gru", {"encoder." + k: v for k, v in FLAT.items()}), "has 'encoder.weight_ih_l0'; expec"),
        (lambda: from_torch("gru", {}), "state_dict lacks weight_ih_l0; expected all layers from 0 on"),
        (lambda: from_torch("gru", without("bias_hh_l0", FLAT)), "state_dict lacks bias_hh_l0; expected weight_ih_l0"),
        (lambda: from_torch("lstm", without("weight_hh_l1_reverse", DEEP)), "lacks weight_hh_l1_reverse; expected"),
        (lambda: from_torch("gru", FLAT | {"weight_hr_l0": np.ones((P, H))}), "has weight_hr_l0; expected weight_ih"),
        (lambda: from_torch("lstm", DEEP | {"weight_hr_l1": np.ones((P, H))}), "lacks weight_hr_l0; expected weight"),
        (
            lambda: from_torch("lstm", {k.replace("_l1", "_l2"): v for k, v in DEEP.items()}),
            "state_dict lacks weight_ih_l1; expected all layers from 0 on",
        ),
        (
            lambda: from_torch("lstm", {k: v for k, v in DEEP.items() if not k.endswith("_l1_reverse")}),
            "state_dict lacks weight_ih_l1_reverse; expected all layers from 0 on, in equal directions",
        ),
        (
            lambda: from_keras("lstm", KERAS_LSTM[:1]),
            "weights has 1 arrays; expected 3 .2 without bias., or 6 .4. of B",
        ),
        (lambda: from_keras("lstm", [*KERAS_LSTM, *KERAS_LSTM[:2]]), "weights has 5 arrays"),
        (lambda: from_flax("lstm", without("hf", LINEN)), "params lacks hf/bias, hf/kernel; expected ii/kernel, if/k"),
        (lambda: from_flax("lstm", LINEN | {"x": {"kernel": 1}}), "params has x/kernel; expected ii/kernel"),
        (lambda: from_flax("lstm", {"params": LINEN}), "params lacks .*; expected"),
        (
            lambda: from_flax("lstm", {"ii": np.ones(3)}),
            r"params\['ii'\] is a ndarray; expected a dict with its kernel",
        ),
        # Shapes of theirs.
        (
            lambda: from_torch("gru", FLAT | {"weight_hh_l0": np.ones((12, 5))}),
            r"state_dict: weight_hh_l0 has shape \(12, 5\); expected \(12, 4\)",
        ),
        (lambda: from_torch("gru", FLAT | {"weight_hh_l0": np.ones(12)}), "weight_hh_l0 has 1 axes; expected 2"),
        (lambda: from_torch("lstm", FLAT), r"weight_ih_l0 has shape \(12, 3\)|weight_hh_l0 has shape \(12, 4\)"),
        (lambda: from_torch("gru", FLAT | {"weight_ih_l0": np.ones((13, 3))}), r"\(13, 3\); expected \(12, 3\)"),
        (lambda: from_torch("lstm", DEEP | {"weight_ih_l1": np.ones((16, 4))}), r"_l1 has .*; expected \(16, 8\)"),
        (lambda: from_torch("lstm", DEEP | {"weight_ih_l0_reverse": np.ones((16, 4))}), r"expected \(16, 3\)"),
        (lambda: from_torch("lstm", DEEP | {"bias_ih_l1": np.ones(4)}), r"bias_ih_l1 has .*; expected \(16,\)"),
        (lambda: from_keras("lstm", KERAS_GRU[:2]), r"weights\[0:2\]: .* has shape \(., 12\); expected"),
        (
            lambda: from_keras("gru", [*KERAS_GRU[:2], np.ones(12)]),
            r"weights\[2\] has shape \(12,\); expected \(2, 3·H",
        ),
        (lambda: from_keras("gru", [*KERAS_GRU[:2], np.ones((2, 9))]), r"bias has shape \(9,\); expected \(12,\)"),
        (lambda: from_keras("gru_reset_before", KERAS_GRU), "bias has 2 axes; expected 1"),
        (
            lambda: from_keras("lstm", [*KERAS_LSTM, np.ones((5, 16)), *KERAS_LSTM[1:]]),
            r"weights\[3:6\]: kernel has shape \(5, 16\); expected \(3, 16\)",
        ),
        (
            lambda: from_flax("lstm", LINEN | {"hf": {"kernel": np.ones((4, 3)), "bias": np.ones(4)}}),
            r"params: hf/kernel has shape \(4, 3\); expected \(4, 4\)",
        ),
        # Ours.
        (lambda: to_torch("gru", GRU), "params is a dict; expected a tuple with one entry a layer, as of a stack"),
        (lambda: to_torch("gru", ()), "params is a tuple; expected a tuple with one entry a layer"),
        (lambda: to_torch("gru", (GRU, 1)), r"params\[1\] is a int; expected a cell's dict of arrays, or a pair"),
        (lambda: to_torch("gru", ((GRU,) * 3,)), r"params\[0\] is a tuple; expected a cell's dict"),
        (lambda: to_torch("gru", (without("recurrent_bias", GRU),)), r"params\[0\] lacks recurrent_bias; expected ke"),
        (lambda: to_torch("lstm", (LSTM | {"peepholes": 1},)), r"params\[0\] has peepholes; expected kernel, recur"),
        (lambda: to_torch("gru", (LSTM,)), r"params\[0\] lacks recurrent_bias"),
        (lambda: to_torch("lstm", (without("recurrent_bias", GRU),)), r"params\[0\]: .* has shape \(., 12\); exp"),
        (lambda: to_torch("gru", (GRU, GRU)), r"params\[1\]: kernel has shape \(3, 12\); expected \(4, 12\)"),
        (
            lambda: to_torch("gru", made(stack(recurrent(gru(H)), bidirectional(gru(H))))),
            r"params\[1\] has 2 directions; expected 1, as in params\[0\]",
        ),
        (
            lambda: to_torch("gru", made(stack(recurrent(gru(H)), recurrent(gru(5))))),
            r"params\[1\]: kernel has shape \(4, 15\); expected \(4, 12\)",
        ),
        (
            lambda: to_torch("lstm", made(stack(recurrent(PROJECTED), recurrent(lstm(H))))),
            r"params\[1\] lacks projection; expected kernel, recurrent_kernel, bias, projection",
        ),
        (lambda: to_keras("lstm", (LSTM,)), "params is a tuple; expected a cell's dict of arrays, or a pair of them"),
        (lambda: to_keras("lstm", LSTMP), "params has projection; expected kernel"),
        (lambda: to_flax("lstm", LSTMP, form="nnx"), "params has projection; expect"),
        (lambda: to_flax("lstm", (LSTM, LSTM), form="nnx"), "params is a tuple; expected a cell's dict of arrays"),
        (lambda: to_flax("rnn", RNN | {"recurrent_bias": jnp.ones(5)}, form="nnx"), r"\(5,\); expected \(4,\)"),
        # What has no place there.
        (lambda: to_torch("lstm", (LSTM,), bias=False), r"params\[0\]: bias of gate i is not zero and has no place in"),
        (lambda: to_torch("rnn", (RNN | NONE | SECOND,), bias=False), "recurrent_bias of gate h is not z"),
        (lambda: to_torch("rnn", ((RNN | NONE, RNN),), bias=False), r"params\[0\]\[1\]: bias of gate h"),
        (
            lambda: to_keras("lstm", LSTM, bias=False),
            "params: bias of gate i is not zero and has no place in kernel, r",
        ),
        (
            lambda: to_keras("gru", GRU | SECOND | {"bias": jnp.zeros(3 * H)}, bias=False),
            "recurrent_bias of gate n is not zero",
        ),
        (lambda: to_keras("rnn", RNN | SECOND), "params: recurrent_bias of gate h is not zero"),
        (lambda: to_keras("lstm", LSTM | {"recurrent_bias": jnp.ones(16)}), "recurrent_bias of gate i is not zero"),
        (
            lambda: to_flax("rnn", RNN | SECOND, form="linen"),
            "recurrent_bias of gate h is not zero",
        ),
        (lambda: to_flax("lstm", LSTM | {"recurrent_bias": jnp.ones(16)}, form="linen"), "recurrent_bias of gate i"),
        (lambda: to_flax("gru", GRU | SECOND, form="nnx"), "recurrent_bias of gate n is not zero"),
        (lambda: to_flax("gru", GRU | {"recurrent_bias": jnp.ones(12)}, form="linen"), "recurrent_bias of gate r"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
