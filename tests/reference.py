"""The cells once more, written from the equations in NumPy, float64, one row and one step at a time.

Independent of the package: per-gate matrices in the notation of the papers, plain Python loops over rows
and time, and gradients by the complex step, ``∂f/∂p = Im f(p + iε) / ε``, which has no subtraction and so
is exact to machine precision (Squire & Trapp 1998).
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn_step(W, U, b, x, state):
    """Elman: h = tanh(W x + U h + b)."""
    (h,) = state
    return (np.tanh(W["h"] @ x + U["h"] @ h + b["h"]),)


def lstm_step(W, U, b, x, state):
    """Greff et al. 2017, section 2, without peepholes. The state is (h, c)."""
    h, c = state
    i = sigmoid(W["i"] @ x + U["i"] @ h + b["i"])
    f = sigmoid(W["f"] @ x + U["f"] @ h + b["f"])
    g = np.tanh(W["g"] @ x + U["g"] @ h + b["g"])
    o = sigmoid(W["o"] @ x + U["o"] @ h + b["o"])
    c = f * c + i * g
    return o * np.tanh(c), c


def gru_step(W, U, b, x, state):
    """Reset-after: r multiplies (U_n h + c_n); z keeps the old state."""
    (h,) = state
    r = sigmoid(W["r"] @ x + U["r"] @ h + b["r"])
    z = sigmoid(W["z"] @ x + U["z"] @ h + b["z"])
    n = np.tanh(W["n"] @ x + b["n"] + r * (U["n"] @ h + b["c_n"]))
    return ((1 - z) * n + z * h,)


STEPS = {"rnn": (rnn_step, "h", 1), "lstm": (lstm_step, "ifgo", 2), "gru": (gru_step, "rzn", 1)}


def split(name, params):
    """The package's joined arrays as per-gate matrices W [H, F], U [H, H] and biases [H]."""
    gates = STEPS[name][1]
    width = params["kernel"].shape[1] // len(gates)
    part = {gate: slice(k * width, (k + 1) * width) for k, gate in enumerate(gates)}
    W = {gate: params["kernel"][:, s].T for gate, s in part.items()}
    U = {gate: params["recurrent_kernel"][:, s].T for gate, s in part.items()}
    b = {gate: params["bias"][s] for gate, s in part.items()}
    if name == "gru":
        b["c_n"] = params["recurrent_bias"]
    return W, U, b


def run(name, params, xs, initial, lengths, reverse):
    """Outputs [B, T, H] and the final states as a list of [B, H], h first."""
    step, _, states = STEPS[name]
    W, U, b = split(name, params)
    batch, time, _ = xs.shape
    outputs = np.zeros((batch, time, initial[0].shape[1]), dtype=np.result_type(xs, *params.values(), *initial))
    final = [np.zeros(outputs.shape[::2], outputs.dtype) for _ in range(states)]
    for row in range(batch):
        state = tuple(part[row] for part in initial)
        steps = range(lengths[row])
        for t in reversed(steps) if reverse else steps:
            state = step(W, U, b, xs[row, t], state)
            outputs[row, t] = state[0]
        for part, value in zip(final, state, strict=True):
            part[row] = value
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
