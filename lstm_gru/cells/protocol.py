"""What a cell is: a small tuple of pure functions.

A gated cell is two weight products around a pointwise function. The protocol separates what can be
computed for all time steps at once (`prepare`, one large product) from what cannot (`read`, one
product with the recurrent kernel, `gate`), so that `lstm_gru.recurrent.unroll` can keep everything
else out of the scan and derive one backward pass for every cell.

Shapes: B batch, T time, F input features, H hidden features, G gates. Sequences inside a cell are
time-major, ``[T, B, F]``; the public functions of `lstm_gru.recurrent` are batch-major.

Types: a product runs in the *compute type* (that of ``xs`` inside a cell) and is summed in the *carry type*,
which is at least float32; carries, gates and biases are in the carry type. `product` and `project` keep
to this; `lstm_gru.recurrent` says how the two types follow from the inputs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

Array = jax.Array
Params = dict[str, Array]
Carry = Any
Fixed = Any
PerStep = Any
Gates = dict[str, Array]


def inputs_as_they_are(params: Params, xs: Array, key: Array | None) -> tuple[PerStep, Fixed]:
    """The `prepare` of a cell that prepares nothing: each step sees its input and the parameters."""
    del key
    return xs, params


@dataclass(frozen=True)  # Not a NamedTuple: that would be a pytree whose leaves are functions.
class GatedCell:
    """A cell whose only weight product inside the scan is with its recurrent kernel.

    One time step, for ``a_x`` the step's slice of what `prepare` returned::

        a_h             = split(read(fixed, carry) @ recurrent_kernel)      one entry for each name in gates
        a               = a_h, a_x and biases, summed where they share a name
        carry, record   = gate(fixed, carry, a)

    Attributes:
      name: the cell's name in `CELLS`.
      features: H, the width of the output.
      gates: names of the recurrent product's columns, in stored order.
      init: ``(key, in_features, dtype) -> params``; plain arrays, among them ``kernel`` ``[F, G·H]``.
      initial_carry: ``(params, batch_size) -> carry``, zeros.
      prepare: ``(params, xs [T, B, F], key) -> (per_step, fixed)``. All time steps at once; ``per_step``
        maps names to ``[T, B, H]``; ``fixed`` holds what is constant over time. ``key`` is None when
        nothing random may happen (evaluation).
      recurrent: ``params -> (recurrent_kernel [R, G·H], {name: bias [H]})``, biases of names of either product: a scan
        adds them for nothing, outside of it they are a pass over memory.
      read: ``(fixed, carry) -> [B, R]``, what the recurrent kernel multiplies.
      gate: ``(fixed, carry, a) -> (carry, record)``, pointwise; ``record`` names the activations.
      hidden: ``carry -> [B, H]``, the step's output.
      keep: the recorded gate of which 1 keeps the old state; "" where there is none.
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
    keep: str = ""


@dataclass(frozen=True)
class StepCell:
    """A cell given by its step; for equations with more than one product inside the scan.

    It runs through the same `unroll` with the same length semantics, differentiated by plain autodiff.

    Attributes:
      name: the cell's name in `CELLS`.
      features: H, the width of the output.
      init: ``(key, in_features, dtype) -> params``.
      initial_carry: ``(params, batch_size) -> carry``.
      step: ``(fixed, carry, now) -> (carry, record)``; without a `prepare` of one's own these are the
        parameters, the carry and the step's input ``[B, F]``.
      hidden: ``carry -> [B, H]``, the step's output.
      prepare: ``(params, xs [T, B, F], key) -> (per_step, fixed)``, what can be computed for all time steps
        at once: any tree of ``[T, B, ...]``, and any tree of what is constant over time.
      keep: the recorded gate of which 1 keeps the old state; "" where there is none.
    """

    name: str
    features: int
    init: Callable[..., Params]
    initial_carry: Callable[[Params, int], Carry]
    step: Callable[[Fixed, Carry, PerStep], tuple[Carry, Gates]]
    hidden: Callable[[Carry], Array]
    prepare: Callable[[Params, Array, Array | None], tuple[PerStep, Fixed]] = inputs_as_they_are
    keep: str = ""


@dataclass(frozen=True)
class LinearCell:
    """A cell whose gates see the input only, so that its state is a linear recurrence.

    Equation: ``h_t = decay_t ⊙ h_{t-1} + drive_t``. All steps can be computed in O(log T) dependent operations by
    `jax.lax.associative_scan`, for ``(decay, drive)`` pairs compose: Blelloch 1990, section 1.4. A CPU has nothing to
    gain from that: the sequential scan takes 60 to 80 % of the time and about 60 % of the memory there.

    Attributes:
      name: the cell's name in `CELLS`.
      features: H, the width of the output and of the state.
      init: ``(key, in_features, dtype) -> params``.
      initial_carry: ``(params, batch_size) -> [B, H]``.
      prepare: ``(params, xs [T, B, F], key) -> (per_step, fixed)``; ``per_step`` maps names to ``[T, B, H]``.
      coefficients: ``(fixed, per_step) -> (decay, drive, record)``, pointwise, of any leading axes.
      hidden: ``carry -> [B, H]``, the step's output.
      associative: compute all steps in parallel; False is the sequential scan; None decides by `jax.default_backend`
        when a function is traced, the sequential scan for ``cpu``.
      keep: the recorded gate of which 1 keeps the old state; "" where there is none.
    """

    name: str
    features: int
    init: Callable[..., Params]
    initial_carry: Callable[[Params, int], Carry]
    prepare: Callable[[Params, Array, Array | None], tuple[Gates, Fixed]]
    coefficients: Callable[[Fixed, Gates], tuple[Array, Array, Gates]]
    hidden: Callable[[Carry], Array]
    associative: bool | None = None
    keep: str = ""


Cell = GatedCell | StepCell | LinearCell


class LSTMCarry(NamedTuple):
    """The LSTM's state, ``cell`` c ``[B, H]`` and ``hidden`` h ``[B, H]``; libraries differ in their order."""

    cell: Array
    hidden: Array


def carry_type(dtype: Any) -> Any:
    """Return the type of carries, gates and sums for products in ``dtype``: at least float32."""
    return jnp.promote_types(dtype, jnp.float32)


def product(x: Array, kernel: Array) -> Array:
    """Return ``x @ kernel`` computed in the kernel's type and summed in its carry type.

    Args:
      x: ``[..., R]``, rounded to the kernel's type.
      kernel: ``[R, K]``.
    """
    return jnp.dot(x.astype(kernel.dtype), kernel, preferred_element_type=carry_type(kernel.dtype))


def project(xs: Array, kernel: Array, names: tuple[str, ...]) -> Gates:
    """Return the input's share of each gate, for all time steps at once.

    Equation: ``a_name = x W_name``.

    One product and one array a gate: a single wide array, split inside the scan, makes the pointwise part several times
    slower on CPU. Their gradients are single products of all gates.

    Args:
      xs: ``[T, B, F]``; its type is the compute type.
      kernel: ``[F, G·H]``, gates side by side.
      names: G names in stored order.

    Returns:
      ``{name: [T, B, H]}`` in the carry type.
    """
    return dict(zip(names, _products(len(names), xs, kernel.astype(xs.dtype)), strict=True))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _products(count: int, xs: Array, kernel: Array) -> tuple[Array, ...]:
    if len(xs) == 1:  # No scan follows.
        return tuple(jnp.split(_rows_product(xs, kernel), count, axis=-1))
    return tuple(_rows_product(xs, part) for part in jnp.split(kernel, count, axis=1))


@partial(_products.defjvp, symbolic_zeros=True)
def _products_jvp(count, primals, tangents):
    """The tangents of all gates side by side, so that reverse mode, their transpose, has single products."""
    (xs, kernel), (d_xs, d_kernel) = primals, tangents
    wide = jnp.zeros((*xs.shape[:2], kernel.shape[1]), carry_type(xs.dtype))
    if not isinstance(d_xs, SymbolicZero):
        wide += _rows_product(d_xs, kernel)
    if not isinstance(d_kernel, SymbolicZero):
        wide += _rows_product(xs, d_kernel)
    return _products(count, *primals), tuple(jnp.split(wide, count, axis=-1))


def _rows_product(xs: Array, kernel: Array) -> Array:
    """``[T, B, F]`` times ``[F, K]`` as one product of all T·B rows."""
    time, batch, width = xs.shape
    return product(xs.reshape(time * batch, width), kernel).reshape(time, batch, kernel.shape[1])


def by_name(joined: Array, names: tuple[str, ...]) -> Gates:
    """Return the parts of an array of all gates, side by side in its last axis, by name."""
    return dict(zip(names, jnp.split(joined, len(names), axis=-1), strict=True))


def with_bias(shares: Gates, bias: Array) -> Gates:
    """Return what `project` returned with the bias of all gates, ``[G·H]``, added."""
    parts = by_name(bias, tuple(shares))
    return {name: share + parts[name].astype(share.dtype)[None, None, :] for name, share in shares.items()}


def summed_bias(params: Params) -> Array:
    """Return the bias of all gates, another library's second one included where there is one."""
    return params["bias"] + params["recurrent_bias"] if "recurrent_bias" in params else params["bias"]


def zero_hidden(features: int) -> Callable[[Params, int], Array]:
    """Return an ``initial_carry`` of zeros ``[B, H]`` in the carry type of the parameters."""
    return lambda params, batch_size: jnp.zeros((batch_size, features), carry_type(params["kernel"].dtype))


def read_hidden(fixed: Fixed, carry: Array) -> Array:
    """The `read` of a cell whose carry is its hidden state."""
    del fixed
    return carry


def itself(carry: Array) -> Array:
    """The `hidden` of a cell whose carry is its hidden state."""
    return carry


def check_features(name: str, features: int, field: str = "features") -> int:
    """Return ``features`` as an int, or raise `ValueError` when it is not a positive whole number."""
    if isinstance(features, bool) or int(features) != features or features < 1:
        raise ValueError(f"{name}: {field} = {features!r}; expected a whole number of at least 1")
    return int(features)


def check_choice(name: str, field: str, value: Any, choices: Any) -> Any:
    """Return ``value``, or raise `ValueError` when it is not one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name}: {field} = {value!r}; expected one of {', '.join(map(str, choices))}")
    return value
