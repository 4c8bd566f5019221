"""Recurrent cells as tuples of pure functions.

A gated cell is two weight products around a pointwise function. The protocol separates what can be
computed for all time steps at once (`prepare`, one large product) from what cannot (`read`, one
product with the recurrent kernel, `gate`), so that `lstm_gru.recurrent.unroll` can keep everything
else out of the scan and derive one backward pass for every cell.

Shapes: B batch, T time, F input features, H hidden features, G gates. Sequences inside a cell are
time-major, ``[T, B, F]``; the public functions of `lstm_gru.recurrent` are batch-major.

Adding a cell is one function that returns a `GatedCell` (or a `StepCell`) and one line in `CELLS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array
Params = dict[str, Array]
Carry = Any
Fixed = Any
Gates = dict[str, Array]


@dataclass(frozen=True)  # Not a NamedTuple: that would be a pytree whose leaves are functions.
class GatedCell:
    """A cell whose only weight product inside the scan is with its recurrent kernel.

    One time step, for ``a_x`` the step's slice of what `prepare` returned::

        a_h             = split(read(fixed, carry) @ recurrent_kernel)      one entry for each name in gates
        a               = a_h, a_x and recurrent_bias, summed where they share a name
        carry, record   = gate(fixed, carry, a)

    Attributes:
      name: the cell's name in `CELLS`.
      features: H, the width of the output.
      gates: names of the recurrent product's columns, in stored order.
      init: ``(key, in_features, dtype) -> params``; plain arrays, among them ``recurrent_kernel``
        ``[R, G·H]`` and, where the recurrent product has a bias of its own, ``recurrent_bias``.
      initial_carry: ``(params, batch_size) -> carry``, zeros.
      prepare: ``(params, xs [T, B, F], key) -> (per_step, fixed)``. All time steps at once; ``per_step``
        maps names to ``[T, B, H]``; ``fixed`` holds what is constant over time. ``key`` is None when
        nothing random may happen (evaluation).
      recurrent: ``params -> (recurrent_kernel [R, G·H], {name: recurrent bias [H]})``.
      read: ``(fixed, carry) -> [B, R]``, what the recurrent kernel multiplies.
      gate: ``(fixed, carry, a) -> (carry, record)``, pointwise; ``record`` names the activations.
      hidden: ``carry -> [B, H]``, the step's output.
    """

    name: str
    features: int
    gates: tuple[str, ...]
    init: Callable[..., Params]
    initial_carry: Callable[[Params, int], Carry]
    prepare: Callable[[Params, Array, Array | None], tuple[Gates, Fixed]]
    recurrent: Callable[[Params], tuple[Array, Gates]]
    read: Callable[[Fixed, Carry], Array]
    gate: Callable[[Fixed, Carry, Gates], tuple[Carry, Gates]]
    hidden: Callable[[Carry], Array]


@dataclass(frozen=True)
class StepCell:
    """A cell given only by its step; for equations that do not fit `GatedCell`.

    It runs through the same `unroll` with the same length semantics, differentiated by plain autodiff.

    Attributes:
      name: the cell's name in `CELLS`.
      features: H, the width of the output.
      init: ``(key, in_features, dtype) -> params``.
      initial_carry: ``(params, batch_size) -> carry``.
      step: ``(params, carry, x [B, F]) -> (carry, record)``.
      hidden: ``carry -> [B, H]``, the step's output.
    """

    name: str
    features: int
    init: Callable[..., Params]
    initial_carry: Callable[[Params, int], Carry]
    step: Callable[[Params, Carry, Array], tuple[Carry, Gates]]
    hidden: Callable[[Carry], Array]


Cell = GatedCell | StepCell


class LSTMCarry(NamedTuple):
    """The LSTM's state, ``cell`` c ``[B, H]`` and ``hidden`` h ``[B, H]``; libraries differ in their order."""

    cell: Array
    hidden: Array


def rnn(features: int) -> GatedCell:
    """Return the Elman network with tanh.

    Equation::

        h_t = tanh(W x_t + U h_{t-1} + b)

    Source: Elman 1990, "Finding Structure in Time"; here without its output layer.

    Args:
      features: H.

    Example:
      >>> cell = rnn(8)
    """
    return _rnn(check_features("rnn", features))


@cache  # Equal arguments give the identical cell, so functions compiled for one serve the other.
def _rnn(features: int) -> GatedCell:
    def gate(fixed: Fixed, carry: Array, a: Gates) -> tuple[Array, Gates]:
        del fixed, carry
        h = jnp.tanh(a["h"])
        return h, {"h": h}

    return GatedCell(
        name="rnn",
        features=features,
        gates=("h",),
        init=_initializer(features, gates=1),
        initial_carry=_zero_hidden(features),
        prepare=_prepare("h"),
        recurrent=_recurrent,
        read=_read_hidden,
        gate=gate,
        hidden=_identity,
    )


def lstm(features: int, *, forget_bias: float = 1.0) -> GatedCell:
    """Return the long short-term memory with a forget gate and without peepholes.

    Equations, gates stored in the order ``i f g o``::

        i_t = σ(W_i x_t + U_i h_{t-1} + b_i)          input gate
        f_t = σ(W_f x_t + U_f h_{t-1} + b_f)          forget gate, 1 keeps the cell
        g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)       candidate
        o_t = σ(W_o x_t + U_o h_{t-1} + b_o)          output gate
        c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
        h_t = o_t ⊙ tanh(c_t)

    Source: Hochreiter & Schmidhuber 1997; forget gate from Gers, Schmidhuber & Cummins 2000; the form
    and names of Greff et al. 2017, section 2, without peepholes. ``b_f`` starts at ``forget_bias``
    (Jozefowicz et al. 2015, section 2.2, recommend 1).

    Args:
      features: H.
      forget_bias: initial value of b_f.

    Example:
      >>> cell = lstm(8)
    """
    return _lstm(check_features("lstm", features), float(forget_bias))


@cache
def _lstm(features: int, forget_bias: float) -> GatedCell:
    def gate(fixed: Fixed, carry: LSTMCarry, a: Gates) -> tuple[LSTMCarry, Gates]:
        del fixed
        i, f, o = (jax.nn.sigmoid(a[name]) for name in "ifo")
        g = jnp.tanh(a["g"])
        c = f * carry.cell + i * g
        return LSTMCarry(cell=c, hidden=o * jnp.tanh(c)), {"i": i, "f": f, "g": g, "o": o}

    draw = _initializer(features, gates=4)

    def init(key: Array, in_features: int, dtype: Any = jnp.float32) -> Params:
        params = draw(key, in_features, dtype)
        forget = slice(features, 2 * features)
        return {**params, "bias": params["bias"].at[forget].set(forget_bias)}

    def initial_carry(params: Params, batch_size: int) -> LSTMCarry:
        zeros = _zero_hidden(features)(params, batch_size)
        return LSTMCarry(cell=zeros, hidden=zeros)

    return GatedCell(
        name="lstm",
        features=features,
        gates=("i", "f", "g", "o"),
        init=init,
        initial_carry=initial_carry,
        prepare=_prepare("i", "f", "g", "o"),
        recurrent=_recurrent,
        read=lambda fixed, carry: carry.hidden,
        gate=gate,
        hidden=lambda carry: carry.hidden,
    )


def gru(features: int) -> GatedCell:
    """Return the gated recurrent unit in its reset-after form.

    Equations, gates stored in the order ``r z n``::

        r_t = σ(W_r x_t + U_r h_{t-1} + b_r)                    reset gate
        z_t = σ(W_z x_t + U_z h_{t-1} + b_z)                    update gate, 1 keeps the old state
        n_t = tanh(W_n x_t + b_n + r_t ⊙ (U_n h_{t-1} + c_n))   candidate
        h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}

    Source: the form of cuDNN, PyTorch and Keras (``reset_after=True``), in which r multiplies the
    product ``U_n h``. Cho et al. 2014 (arXiv:1406.1078, section 2.3) multiply h before the product;
    their z, too, keeps the old state (equation 7). Chung et al. 2014 (arXiv:1412.3555, equation 5)
    use z the other way round. ``c_n`` is ``recurrent_bias``; r and z have one bias each, since two
    would only be summed.

    Args:
      features: H.

    Example:
      >>> cell = gru(8)
    """
    return _gru(check_features("gru", features))


@cache
def _gru(features: int) -> GatedCell:
    def gate(fixed: Fixed, carry: Array, a: Gates) -> tuple[Array, Gates]:
        del fixed
        r, z = jax.nn.sigmoid(a["r"]), jax.nn.sigmoid(a["z"])
        n = jnp.tanh(a["n_x"] + r * a["n_h"])
        return (1 - z) * n + z * carry, {"r": r, "z": z, "n": n}

    draw = _initializer(features, gates=3)

    def init(key: Array, in_features: int, dtype: Any = jnp.float32) -> Params:
        return {**draw(key, in_features, dtype), "recurrent_bias": jnp.zeros(features, dtype)}

    return GatedCell(
        name="gru",
        features=features,
        gates=("r", "z", "n_h"),
        init=init,
        initial_carry=_zero_hidden(features),
        prepare=_prepare("r", "z", "n_x"),
        recurrent=lambda params: (params["recurrent_kernel"], {"n_h": params["recurrent_bias"]}),
        read=_read_hidden,
        gate=gate,
        hidden=_identity,
    )


CELLS: dict[str, Callable[..., Cell]] = {"rnn": rnn, "lstm": lstm, "gru": gru}


def project(xs: Array, kernel: Array, bias: Array, names: tuple[str, ...]) -> Gates:
    """Return the input's share of each gate, for all time steps at once.

    Equation: ``a_name = x W_name + b_name``.

    One product and one array a gate: a single wide array, split inside the scan, makes the pointwise
    part several times slower on CPU.

    Args:
      xs: ``[T, B, F]``.
      kernel: ``[F, G·H]``, gates side by side.
      bias: ``[G·H]``.
      names: G names in stored order.

    Returns:
      ``{name: [T, B, H]}``.
    """
    time, batch, width = xs.shape
    rows = xs.reshape(time * batch, width)
    shares = zip(names, jnp.split(kernel, len(names), axis=1), jnp.split(bias, len(names)), strict=True)
    return {name: (rows @ w + b[None, :]).reshape(time, batch, -1) for name, w, b in shares}


def check_features(name: str, features: int) -> int:
    """Return ``features`` as an int, or raise `ValueError` when it is not a positive whole number."""
    if isinstance(features, bool) or int(features) != features or features < 1:
        raise ValueError(f"{name}: features = {features!r}; expected a whole number of at least 1")
    return int(features)


def _initializer(features: int, gates: int) -> Callable[..., Params]:
    """Input kernel Glorot uniform and recurrent kernel orthogonal, each gate on its own; biases 0.

    Drawn per gate, since fans and orthogonality of the joined matrix would depend on how many gates it joins.
    """

    def init(key: Array, in_features: int, dtype: Any = jnp.float32) -> Params:
        input_key, recurrent_key = jax.random.split(key)
        glorot, orthogonal = jax.nn.initializers.glorot_uniform(), jax.nn.initializers.orthogonal()

        def draw(initializer: Any, key: Array, rows: int) -> Array:
            wide = jnp.promote_types(dtype, jnp.float32)  # There is no QR decomposition in half precision.
            blocks = [initializer(k, (rows, features), wide) for k in jax.random.split(key, gates)]
            return jnp.concatenate(blocks, axis=1).astype(dtype)

        return {
            "kernel": draw(glorot, input_key, in_features),
            "recurrent_kernel": draw(orthogonal, recurrent_key, features),
            "bias": jnp.zeros(gates * features, dtype),
        }

    return init


def _prepare(*names: str) -> Callable[[Params, Array, Array | None], tuple[Gates, Fixed]]:
    def prepare(params: Params, xs: Array, key: Array | None) -> tuple[Gates, Fixed]:
        del key
        return project(xs, params["kernel"], params["bias"], names), {}

    return prepare


def _recurrent(params: Params) -> tuple[Array, Gates]:
    return params["recurrent_kernel"], {}


def _zero_hidden(features: int) -> Callable[[Params, int], Array]:
    return lambda params, batch_size: jnp.zeros((batch_size, features), params["recurrent_kernel"].dtype)


def _read_hidden(fixed: Fixed, carry: Array) -> Array:
    del fixed
    return carry


def _identity(carry: Array) -> Array:
    return carry
