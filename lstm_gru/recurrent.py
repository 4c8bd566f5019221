"""The one scan over time, with a backward pass derived once for every gated cell.

Semantics, the same for every cell and direction:

- sequences are batch-major ``[B, T, F]``; ``lengths`` is an integer ``[B]`` and 0 is legal;
- padded outputs are exactly 0, and whatever stands in the padding (NaN and infinity included) changes
  neither outputs nor gradients;
- the final carry of a row is its carry after its own last valid step; with length 0, its initial carry;
- ``reverse=True`` runs from each row's last valid step to its first without flipping an array: the carry
  stays at its initial value through the padding, and outputs stay aligned with their inputs.

Why a derived backward pass: autodiff of the usual cell puts two products forward and three backward into
each step (input and recurrent product; their transposes; weight gradients). With the protocol of
`lstm_gru.cells.GatedCell` one product each way remains: the reverse scan transposes `gate` with `jax.vjp`
and multiplies once with the transposed kernel; kernel and bias gradients are single products over all
steps afterwards; input kernels are outside the scan to begin with. XLA does not find this by itself.

Types, the same for every cell:

- products run in the *compute type*: bfloat16 or float16 when ``xs`` is, whatever type the parameters are kept in;
  else the widest of ``xs`` and the parameters (float64 needs ``jax.enable_x64``);
- products are summed in the *carry type*: float32, or float64 when the compute type is; biases, gates, carries and
  the record have it too, and sums over time are in it;
- outputs have the compute type, so that half precision runs through a stack; a gradient has its argument's type;
- an initial carry of a narrower type is converted, one of a wider type refused.

So float32 parameters with bfloat16 ``xs`` are the usual mixed precision. How a float32 product is computed on GPU and
TPU is for ``jax.default_matmul_precision`` to say.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.cells import Array, Carry, Cell, Fixed, GatedCell, Gates, LinearCell, Params, StepCell
from lstm_gru.cells.protocol import carry_type, product
from lstm_gru.chunks import in_chunks
from lstm_gru.inputs import as_type, check_inputs, compute_type, initial_carry, vary_alike
from lstm_gru.reverse_mode import reverse_mode_only

BACKWARDS = ("derived", "autodiff")


class Record(NamedTuple):
    """What happened inside, 0 in the padding.

    Attributes:
      gates: ``{name: [B, T, H]}``, the cell's named activations.
      carries: the carry after every step, ``[B, T, ...]``.
    """

    gates: Gates
    carries: Carry


class Unrolled(NamedTuple):
    """What `unroll` returns.

    Attributes:
      outputs: ``[B, T, H]``, 0 in the padding.
      carry: each row's carry after its last valid step.
      record: named gate activations and all carries; None unless asked for.
    """

    outputs: Array
    carry: Carry
    record: Record | None


class _Recurrence(NamedTuple):
    """What is constant over time and differentiated: the product's weights and the cell's ``fixed``."""

    kernel: Array
    bias: Gates
    fixed: Fixed


def unroll(
    cell: Cell,
    params: Params,
    xs: Array,
    carry: Carry | None = None,
    *,
    lengths: Array | None = None,
    reverse: bool = False,
    key: Array | None = None,
    record: bool = False,
    backward: str = "derived",
    lean: bool = False,
) -> Unrolled:
    """Run a cell over a batch of sequences.

    Args:
      cell: from `lstm_gru.cells.CELLS` or one's own.
      params: from ``cell.init``.
      xs: ``[B, T, F]``.
      carry: initial carry; zeros when None.
      lengths: integers ``[B]`` in 0..T; all T when None.
      reverse: run from each row's last valid step to its first.
      key: for a cell's own noise; None switches noise off.
      record: also return a `Record` (differentiated by plain autodiff).
      backward: ``derived``, or ``autodiff`` for forward-mode differentiation and as the tests' oracle. Cells
        other than a `GatedCell` always use autodiff.
      lean: keep little for the backward pass, which then reads the sequence again in chunks (`lstm_gru.chunks`): the
        memory beyond inputs, outputs and their gradients grows as √T, for more time. Values, gradients and noise stay
        the same.

    Returns:
      `Unrolled` ``(outputs, carry, record)``.

    Raises:
      ValueError: on a wrong rank, width or type of ``xs``, on lengths of a wrong shape or type or outside 0..T, on
        parameters or a carry of another cell, on an unknown ``backward``.
      TypeError: on forward-mode differentiation of the derived pass.

    Example:
      >>> from lstm_gru.cells import lstm
      >>> cell = lstm(4)
      >>> params = cell.init(jax.random.key(0), in_features=3)
      >>> unroll(cell, params, jnp.ones((2, 5, 3)), lengths=jnp.array([5, 2])).outputs.shape
      (2, 5, 4)
    """
    if backward not in BACKWARDS:
        raise ValueError(f"backward = {backward!r}; expected one of {', '.join(BACKWARDS)}")
    params, xs = jax.tree.map(jnp.asarray, (params, xs))
    lengths = np.asarray(lengths) if isinstance(lengths, list | tuple) else lengths
    check_inputs(cell, params, xs, lengths)
    batch, time, _ = xs.shape
    xs = jnp.swapaxes(xs, 0, 1).astype(compute_type(params, xs))
    carry = initial_carry(cell, params, carry, batch, carry_type(xs.dtype))
    valid = None if lengths is None else jnp.arange(time)[:, None] < jnp.asarray(lengths)[None, :]
    params, xs, carry, valid = vary_alike(params, xs, carry, valid)
    derived = isinstance(cell, GatedCell) and backward == "derived" and not record

    def read(carry: Carry, xs: Array, valid: Array | None, key: Any) -> tuple[Carry, Any]:
        # Clearing the padding makes NaN there harmless in values and gradients.
        per_step, fixed = cell.prepare(params, _without_padding(valid, xs), key)
        constant = _recurrence(cell, params, fixed, xs.dtype) if isinstance(cell, GatedCell) else fixed
        operands = vary_alike(constant, per_step, carry, valid)
        if derived:
            return _scan_derived(cell, reverse, *reverse_mode_only(operands))
        scan = {GatedCell: _scan_gated, StepCell: _scan_steps, LinearCell: _scan_linear}[type(cell)]
        return scan(cell, reverse, *operands, record=record)

    carry, seen = in_chunks(read, carry, xs, valid, key, reverse=reverse) if lean else read(carry, xs, valid, key)
    outputs, recorded = jax.tree.map(partial(_batch_major, valid), seen)
    return Unrolled(outputs.astype(xs.dtype), carry, recorded)


def step(cell: Cell, params: Params, carry: Carry, x: Array) -> tuple[Carry, Array]:
    """Advance one time step: `unroll` at T = 1, for streaming and decoding.

    Args:
      cell: as for `unroll`.
      params: as for `unroll`.
      carry: from the step before, from `unroll`, or ``cell.initial_carry(params, B)``.
      x: ``[B, F]``.

    Returns:
      ``(carry, output [B, H])``.
    """
    unrolled = unroll(cell, params, jnp.asarray(x)[:, None], carry)
    return unrolled.carry, unrolled.outputs[:, 0]


def _recurrence(cell: GatedCell, params: Params, fixed: Fixed, dtype: Any) -> _Recurrence:
    kernel, bias = cell.recurrent(params)
    return _Recurrence(kernel.astype(dtype), *as_type((bias, fixed), carry_type(dtype)))


def _gate_step(
    cell: GatedCell, recurrence: _Recurrence, carry: Carry, a_x: Gates, valid: Array | None
) -> tuple[Carry, Gates, Gates]:
    """One time step: the one recurrent product and pointwise work. Returns carry, record and a."""
    joined = product(cell.read(recurrence.fixed, carry), recurrence.kernel)
    a_h = dict(zip(cell.gates, jnp.split(joined, len(cell.gates), axis=-1), strict=True))
    for name, bias in recurrence.bias.items():
        a_h[name] += bias[None, :]
    a = {**a_x, **{name: value + a_x[name] if name in a_x else value for name, value in a_h.items()}}
    new, record = cell.gate(recurrence.fixed, carry, a)
    return _hold(valid, new, carry), record, a


def _scan_gated(cell, reverse, recurrence, per_step, carry, valid, *, record=False):
    def body(carry, now):
        a_x, valid_now = now
        carry, activations, _ = _gate_step(cell, recurrence, carry, a_x, valid_now)
        return carry, (cell.hidden(carry), Record(activations, carry) if record else None)

    return jax.lax.scan(body, carry, (per_step, valid), reverse=reverse)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _scan_derived(cell, reverse, recurrence, per_step, carry, valid):
    return _scan_gated(cell, reverse, recurrence, per_step, carry, valid)


def _scan_forward(cell, reverse, recurrence, per_step, carry, valid):
    """The forward pass that also keeps, for each step, the carry before it and the summed pre-activations.

    Names that only the input gives (GRU's n_x) are kept as ``per_step`` already; summed names need no
    ``per_step`` any more, because a sum's two terms share one cotangent.
    """

    def body(carry, now):
        a_x, valid_now = now
        after, _, a = _gate_step(cell, recurrence, carry, a_x, valid_now)
        return after, (cell.hidden(after), carry, {name: a[name] for name in cell.gates})

    final, (hidden, before, a) = jax.lax.scan(body, carry, (per_step, valid), reverse=reverse)
    a_x_only = {name: x for name, x in per_step.items() if name not in cell.gates}
    input_names = dict.fromkeys(per_step)  # Names only: residuals hold arrays or nothing.
    return (final, (hidden, None)), (recurrence, before, {**a_x_only, **a}, valid, input_names)


def _scan_backward(cell, reverse, kept, cotangents):
    recurrence, before, a, valid, input_names = kept
    d_final, (d_hidden, _) = cotangents
    transposed = recurrence.kernel.T  # Once, not in every step.

    def body(state, now):
        d_carry, d_fixed = state
        carry, a_now, valid_now, d_hidden_now = now

        def gate(fixed, carry, a):
            new = _hold(valid_now, cell.gate(fixed, carry, a)[0], carry)
            return new, cell.hidden(new)

        _, pull_gate = jax.vjp(gate, recurrence.fixed, carry, a_now)
        from_gate, d_carry, d_a = pull_gate((d_carry, d_hidden_now))
        d_product = jnp.concatenate([d_a[name] for name in cell.gates], axis=-1)
        _, pull_read = jax.vjp(cell.read, recurrence.fixed, carry)
        from_read, d_carry_read = pull_read(product(d_product, transposed))
        d_fixed = _add(d_fixed, _add(from_gate, from_read))
        return (_add(d_carry, d_carry_read), d_fixed), d_a

    start = (d_final, jax.tree.map(jnp.zeros_like, recurrence.fixed))
    (d_carry, d_fixed), d_a = jax.lax.scan(body, start, (before, a, valid, d_hidden), reverse=not reverse)
    d_recurrence = _Recurrence(
        kernel=_kernel_gradient(cell, recurrence, before, d_a),
        bias={name: jnp.sum(d_a[name], axis=(0, 1)) for name in recurrence.bias},
        fixed=d_fixed,
    )
    return d_recurrence, {name: d_a[name] for name in input_names}, d_carry, None


_scan_derived.defvjp(_scan_forward, _scan_backward)


def _kernel_gradient(cell: GatedCell, recurrence: _Recurrence, before: Carry, d_a: Gates) -> Array:
    """``Σ_t read_tᵀ δ_t`` as one product a gate over all T·B rows."""
    reads = jax.vmap(cell.read, in_axes=(None, 0))(recurrence.fixed, before)
    count = reads.shape[0] * reads.shape[1]  # Maybe 0, from which no other size follows.
    rows = reads.reshape(count, reads.shape[-1]).T
    deltas = (d_a[name].reshape(count, d_a[name].shape[-1]).astype(recurrence.kernel.dtype) for name in cell.gates)
    return jnp.concatenate([product(rows, delta) for delta in deltas], axis=1).astype(recurrence.kernel.dtype)


def _scan_steps(cell, reverse, fixed, per_step, carry, valid, *, record):
    def body(carry, now):
        x, valid_now = now
        new, activations = cell.step(fixed, carry, x)
        new = jax.tree.map(lambda n, o: n.astype(o.dtype), new, carry)  # The carry keeps its type.
        new = _hold(valid_now, new, carry)
        return new, (cell.hidden(new), Record(activations, new) if record else None)

    return jax.lax.scan(body, carry, (per_step, valid), reverse=reverse)


def _scan_linear(cell, reverse, fixed, per_step, carry, valid, *, record):
    """All steps of ``h = decay ⊙ h + drive``; (decay, drive) pairs compose to one such step."""
    decay, drive, activations = cell.coefficients(as_type(fixed, carry.dtype), per_step)
    if valid is not None:  # Holding the state is a step, too: decay 1, drive 0.
        decay, drive = jnp.where(valid[..., None], decay, 1), jnp.where(valid[..., None], drive, 0)
    if cell.associative:
        compose = lambda first, then: (then[0] * first[0], then[0] * first[1] + then[1])  # noqa: E731
        decay, drive = jax.lax.associative_scan(compose, (decay, drive), reverse=reverse)
        states = decay * carry[None] + drive
        final = states[0 if reverse else -1] if len(states) else carry
    else:
        once = lambda h, now: (now[0] * h + now[1],) * 2  # noqa: E731
        final, states = jax.lax.scan(once, carry, (decay, drive), reverse=reverse)
    return final, (jax.vmap(cell.hidden)(states), Record(activations, states) if record else None)


def _hold(valid: Array | None, new: Carry, old: Carry) -> Carry:
    """The new carry where a row's step is valid, the old one in the padding."""
    if valid is None:
        return new
    return jax.tree.map(lambda n, o: jnp.where(valid.reshape(valid.shape + (1,) * (n.ndim - 1)), n, o), new, old)


def _without_padding(valid: Array | None, time_major: Array) -> Array:
    if valid is None:
        return time_major
    return jnp.where(valid.reshape(valid.shape + (1,) * (time_major.ndim - 2)), time_major, 0)


def _batch_major(valid: Array | None, time_major: Array) -> Array:
    return jnp.swapaxes(_without_padding(valid, time_major), 0, 1)


def _add(a: Any, b: Any) -> Any:
    return jax.tree.map(jnp.add, a, b)
