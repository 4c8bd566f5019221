"""The cells once more, written from the equations in NumPy, float64, one row and one step at a time.

Independent of the package: per-gate matrices in the notation of the papers, plain Python loops over rows
and time, and gradients by the complex step, ``∂f/∂p = Im f(p + iε) / ε``, which has no subtraction and so
is exact to machine precision (Squire & Trapp 1998). Every step is therefore analytic: no modulus, no
conjugate, and comparisons look at real parts only.

A step takes the per-gate pieces ``p`` (see ``SYMBOLS``), the input x and the state of one row, a dict of
named vectors, and returns the new state. Products of two vectors are element by element.
"""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.where(x.real > 0, x, 0)


def identity(x):
    return x


def affine(p, gate, x, h):
    """W x + U h + b, and the second bias c where the cell has one: what goes into a gate's nonlinearity."""
    return p.W[gate] @ x + p.U[gate] @ h + p.b[gate] + p.c.get(gate, 0)


def norm(v):
    """Mean 0 and variance 1 over the whole vector."""
    centred = v - np.mean(v)
    return centred / np.sqrt(np.mean(centred**2) + 1e-5)


def joint_norm(matrices, gates, v):
    """``{gate: piece}`` of the one normalised vector in which the products with v of all the gates stand."""
    products = norm(np.concatenate([matrices[gate] @ v for gate in gates]))
    return dict(zip(gates, np.split(products, len(gates)), strict=True))


def rnn_step(p, x, state, activation=np.tanh):
    """h = tanh(W x + U h + b): Elman 1990. With max(0, ·) for tanh: Le, Jaitly & Hinton 2015."""
    return {"hidden": activation(affine(p, "h", x, state["hidden"]))}


def lstm_step(p, x, state):
    """c = f c + i g, h = o tanh(c): Greff et al. 2017, section II, without peepholes."""
    h, c = state["hidden"], state["cell"]
    i = sigmoid(affine(p, "i", x, h))
    f = sigmoid(affine(p, "f", x, h))
    g = np.tanh(affine(p, "g", x, h))
    o = sigmoid(affine(p, "o", x, h))
    c = f * c + i * g
    return {"cell": c, "hidden": o * np.tanh(c)}


def coupled_lstm_step(p, x, state):
    """c = (1 - i) c + i g, h = o tanh(c): CIFG of Greff et al. 2017, without peepholes."""
    h, c = state["hidden"], state["cell"]
    i = sigmoid(affine(p, "i", x, h))
    g = np.tanh(affine(p, "g", x, h))
    o = sigmoid(affine(p, "o", x, h))
    c = (1 - i) * c + i * g
    return {"cell": c, "hidden": o * np.tanh(c)}


def projected_lstm_step(p, x, state):
    """h = P (o tanh(c)), the narrower h being what returns to the gates: Sak, Senior & Beaufays 2014."""
    inner = lstm_step(p, x, state)
    return {"cell": inner["cell"], "hidden": p.P @ inner["hidden"]}


def peephole_lstm_step(p, x, state, coupled=False, into=np.tanh, out_of=np.tanh):
    """Greff et al. 2017, section II.A, and all but one of the ablations of section III.

    i = σ(W_i x + U_i h + v_i c_{t-1} + b_i), f likewise, g = tanh(W_g x + U_g h + b_g), c = f c_{t-1} + i g,
    o = σ(W_o x + U_o h + v_o c + b_o), h = o tanh(c). A gate without a matrix is 1 (NIG, NFG, NOG); coupled
    means f = 1 - i (CIFG); the identity takes the place of the first tanh (NIAF) or of the second (NOAF).
    """
    h, c = state["hidden"], state["cell"]

    def gate(name, c):
        return sigmoid(affine(p, name, x, h) + p.v[name] * c) if name in p.W else 1

    i = gate("i", c)
    f = 1 - i if coupled else gate("f", c)
    g = into(affine(p, "g", x, h))
    c = f * c + i * g
    o = gate("o", c)
    return {"cell": c, "hidden": o * out_of(c)}


def full_gate_recurrence_lstm_step(p, x, state):
    """FGR of Greff et al. 2017: R_k (i, f, o)_{t-1} is added inside each gate k of the peephole LSTM."""
    h, c, gates = state["hidden"], state["cell"], state["gates"]
    i = sigmoid(affine(p, "i", x, h) + p.v["i"] * c + p.R["i"] @ gates)
    f = sigmoid(affine(p, "f", x, h) + p.v["f"] * c + p.R["f"] @ gates)
    g = np.tanh(affine(p, "g", x, h))
    c = f * c + i * g
    o = sigmoid(affine(p, "o", x, h) + p.v["o"] * c + p.R["o"] @ gates)
    return {"cell": c, "hidden": o * np.tanh(c), "gates": np.concatenate([i, f, o])}


def layer_norm_lstm_step(p, x, state):
    """Ba, Kiros & Hinton 2016, equations 20 to 22; N normalises all four gates as one vector.

    (i, f, g, o) = γ_h N(U h) + γ_x N(W x) + b, c = σ(f) c + σ(i) tanh(g), h = σ(o) tanh(γ_c N(c) + β_c).
    """
    c = state["cell"]
    from_x = joint_norm(p.W, "ifgo", x)
    from_h = joint_norm(p.U, "ifgo", state["hidden"])
    a = {gate: p.gain_h[gate] * from_h[gate] + p.gain_x[gate] * from_x[gate] + p.b[gate] for gate in "ifgo"}
    c = sigmoid(a["f"]) * c + sigmoid(a["i"]) * np.tanh(a["g"])
    return {"cell": c, "hidden": sigmoid(a["o"]) * np.tanh(p.gain_c * norm(c) + p.b_c)}


def gru_step(p, x, state):
    """n = tanh(W_n x + b_n + r (U_n h + c_n)), h = (1 - z) n + z h: Cho et al. 2014 with the reset after U_n."""
    h = state["hidden"]
    r = sigmoid(affine(p, "r", x, h))
    z = sigmoid(affine(p, "z", x, h))
    n = np.tanh(p.W["n"] @ x + p.b["n"] + r * (p.U["n"] @ h + p.c["n"]))
    return {"hidden": (1 - z) * n + z * h}


def gru_reset_before_step(p, x, state):
    """n = tanh(W_n x + U_n (r h) + b_n), h = (1 - z) n + z h: Cho et al. 2014."""
    h = state["hidden"]
    r = sigmoid(affine(p, "r", x, h))
    z = sigmoid(affine(p, "z", x, h))
    n = np.tanh(affine(p, "n", x, r * h))
    return {"hidden": (1 - z) * n + z * h}


def layer_norm_gru_step(p, x, state):
    """Ba, Kiros & Hinton 2016, supplement; N normalises r and z as one vector, n as another.

    (r, z) = σ(γ_h N(U h) + γ_x N(W x) + b), n = tanh(γ_x N(W_n x) + b_n + r (γ_h N(U_n h) + c_n)),
    h = (1 - z) n + z h.
    """
    h = state["hidden"]
    from_x = {**joint_norm(p.W, "rz", x), **joint_norm(p.W, "n", x)}
    from_h = {**joint_norm(p.U, "rz", h), **joint_norm(p.U, "n", h)}
    r, z = (sigmoid(p.gain_h[gate] * from_h[gate] + p.gain_x[gate] * from_x[gate] + p.b[gate]) for gate in "rz")
    n = np.tanh(p.gain_x["n"] * from_x["n"] + p.b["n"] + r * (p.gain_h["n"] * from_h["n"] + p.c["n"]))
    return {"hidden": (1 - z) * n + z * h}


def mgu_step(p, x, state):
    """f = σ(W_f x + U_f h + b_f), n = tanh(W_n x + U_n (f h) + b_n), h = (1 - f) h + f n: Zhou et al. 2016."""
    h = state["hidden"]
    f = sigmoid(affine(p, "f", x, h))
    n = np.tanh(affine(p, "n", x, f * h))
    return {"hidden": (1 - f) * h + f * n}


def mingru_step(p, x, state):
    """z = σ(W_z x + b_z), n = W_n x + b_n, h = (1 - z) h + z n: Feng et al. 2024."""
    z = sigmoid(p.W["z"] @ x + p.b["z"])
    n = p.W["n"] @ x + p.b["n"]
    return {"hidden": (1 - z) * state["hidden"] + z * n}


def minlstm_step(p, x, state):
    """i, f = σ(W x + b), n = W_n x + b_n, h = f / (f + i) h + i / (f + i) n: Feng et al. 2024."""
    i = sigmoid(p.W["i"] @ x + p.b["i"])
    f = sigmoid(p.W["f"] @ x + p.b["f"])
    n = p.W["n"] @ x + p.b["n"]
    return {"hidden": f / (f + i) * state["hidden"] + i / (f + i) * n}


class Cell(NamedTuple):
    """A step, the gates side by side in each array ("" where it is one piece), and the names of the states."""

    step: Callable
    arrays: dict[str, str]
    states: tuple[str, ...] = ("hidden",)


def rnn_like(step, gates, *more, **others):
    """A cell whose W, U, b and the arrays named in ``more`` hold all its gates; ``others`` hold their own."""
    return Cell(step, {**dict.fromkeys(("kernel", "recurrent_kernel", "bias", *more), gates), **others})


def lstm_like(step, gates, **others):
    """The same with a second bias and a cell state."""
    return rnn_like(step, gates, "recurrent_bias", **others)._replace(states=("cell", "hidden"))


GAINS = ("input_gain", "recurrent_gain")
STEPS = {
    "rnn": rnn_like(rnn_step, "h", "recurrent_bias"),
    "irnn": rnn_like(partial(rnn_step, activation=relu), "h", "recurrent_bias"),
    "lstm": lstm_like(lstm_step, "ifgo"),
    "coupled_lstm": lstm_like(coupled_lstm_step, "igo"),
    "projected_lstm": lstm_like(projected_lstm_step, "ifgo", projection=""),
    "peephole_lstm": lstm_like(peephole_lstm_step, "ifgo", peepholes="ifo"),
    "lstm_nig": lstm_like(peephole_lstm_step, "fgo", peepholes="fo"),
    "lstm_nfg": lstm_like(peephole_lstm_step, "igo", peepholes="io"),
    "lstm_nog": lstm_like(peephole_lstm_step, "ifg", peepholes="if"),
    "lstm_niaf": lstm_like(partial(peephole_lstm_step, into=identity), "ifgo", peepholes="ifo"),
    "lstm_noaf": lstm_like(partial(peephole_lstm_step, out_of=identity), "ifgo", peepholes="ifo"),
    "lstm_cifg": lstm_like(partial(peephole_lstm_step, coupled=True), "igo", peepholes="io"),
    "lstm_fgr": lstm_like(full_gate_recurrence_lstm_step, "ifgo", peepholes="ifo", gate_kernel="ifo")._replace(
        states=("cell", "hidden", "gates")
    ),
    "layer_norm_lstm": rnn_like(layer_norm_lstm_step, "ifgo", *GAINS, cell_gain="", cell_bias="")._replace(
        states=("cell", "hidden")
    ),
    "gru": rnn_like(gru_step, "rzn", "recurrent_bias"),
    "gru_reset_before": rnn_like(gru_reset_before_step, "rzn"),
    "layer_norm_gru": rnn_like(layer_norm_gru_step, "rzn", *GAINS, recurrent_bias="n"),
    "mgu": rnn_like(mgu_step, "fn"),
    "mingru": Cell(mingru_step, {"kernel": "zn", "bias": "zn"}),
    "minlstm": Cell(minlstm_step, {"kernel": "ifn", "bias": "ifn"}),
}
SYMBOLS = {
    "kernel": "W",
    "recurrent_kernel": "U",
    "bias": "b",
    "recurrent_bias": "c",
    "peepholes": "v",
    "gate_kernel": "R",
    "projection": "P",
    "input_gain": "gain_x",
    "recurrent_gain": "gain_h",
    "cell_gain": "gain_c",
    "cell_bias": "b_c",
}


def split(name, params):
    """The package's joined arrays as pieces for column vectors: p.W["i"] is [H, F], p.b["i"] is [H].

    All arrays of the table must be there, and no others, save that ``recurrent_bias`` may be missing from
    cells which only add it, and that the GRU's may be for n alone.
    """
    arrays = STEPS[name].arrays
    width = params["kernel"].shape[1] // len(arrays["kernel"])
    pieces = {"c": {}}
    for key, array in params.items():
        gates = arrays[key]
        if name == "gru" and key == "recurrent_bias" and array.shape == (width,):
            gates = "n"
        if gates:
            assert array.shape[-1] == width * len(gates), f"{name}: {key} has shape {array.shape}"
            parts = np.split(array, len(gates), axis=-1)
            pieces[SYMBOLS[key]] = {gate: part.T for gate, part in zip(gates, parts, strict=True)}
        else:
            pieces[SYMBOLS[key]] = array.T
    return SimpleNamespace(**pieces)


def run(name, params, xs, initial, lengths, reverse):
    """Outputs [B, T, H], the hidden state at every step and 0 past a row's length, and the dict of final states."""
    step, _, states = STEPS[name]
    assert set(initial) == set(states), f"{name} has the states {states}, not {tuple(initial)}"
    p = split(name, params)
    dtype = np.result_type(xs, *params.values(), *initial.values())
    outputs = np.zeros((*xs.shape[:2], initial["hidden"].shape[1]), dtype)
    final = {key: value.astype(dtype) for key, value in initial.items()}
    for row, length in enumerate(lengths):
        state = {key: value[row] for key, value in initial.items()}
        for t in reversed(range(length)) if reverse else range(length):
            state = step(p, xs[row, t], state)
            outputs[row, t] = state["hidden"]
        for key in states:
            final[key][row] = state[key]
    return outputs, final


def gradients(function, arrays, epsilon=1e-30):
    """``{name: ∂function/∂array}`` for a real-valued function of a dict of arrays, by the complex step."""
    result = {}
    for name, array in arrays.items():
        gradient = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            moved = array.astype(complex)
            moved[index] += 1j * epsilon
            gradient[index] = function({**arrays, name: moved}).imag / epsilon
        result[name] = gradient
    return result
