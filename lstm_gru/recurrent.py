"""The one scan over time, with a backward pass derived once for every gated cell.

Semantics, the same for every cell and direction:

- sequences are batch-major ``[B, T, F]``; ``lengths`` is an integer ``[B]`` and 0 is legal;
- padded outputs are exactly 0, and whatever stands in the padding (NaN and infinity included) changes
  neither outputs nor gradients;
- the final carry of a row is its carry after its own last valid step; with length 0, its initial carry;
- ``reverse=True`` runs from each row's last valid step to its first without flipping an array: the carry
  stays at its initial value through the padding, and outputs stay aligned with their inputs.

Gated cells have a backward pass derived once for all of them, `lstm_gru.gated`.

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

from lstm_gru.cells.protocol import Array, Carry, Cell, GatedCell, LinearCell, Params, StepCell, carry_type
from lstm_gru.chunks import in_chunks
from lstm_gru.gated import Record, hold, recurrence, scan_derived, scan_gated
from lstm_gru.inputs import as_type, check_inputs, compute_type, initial_carry, vary_alike
from lstm_gru.lengths import valid_steps
from lstm_gru.reverse_mode import reverse_mode_only

BACKWARDS = ("derived", "autodiff")


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
    valid = None if lengths is None else valid_steps(lengths, time).T
    params, xs, carry, valid = vary_alike(params, xs, carry, valid)
    derived = isinstance(cell, GatedCell) and backward == "derived" and not record and time > 0

    def read(carry: Carry, xs: Array, valid: Array | None, key: Any) -> tuple[Carry, Any]:
        # Clearing the padding makes NaN there harmless in values and gradients.
        per_step, fixed = cell.prepare(params, _without_padding(valid, xs), key)
        constant = recurrence(cell, params, fixed, xs.dtype) if isinstance(cell, GatedCell) else fixed
        operands = vary_alike(constant, per_step, carry, valid)
        if derived:
            return scan_derived(cell, reverse, *reverse_mode_only(operands))
        scan = {GatedCell: scan_gated, StepCell: _scan_steps, LinearCell: _scan_linear}[type(cell)]
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


def _scan_steps(cell, reverse, fixed, per_step, carry, valid, *, record):
    def body(carry, now):
        x, valid_now = now
        new, activations = cell.step(fixed, carry, x)
        new = jax.tree.map(lambda n, o: n.astype(o.dtype), new, carry)  # The carry keeps its type.
        new = hold(valid_now, new, carry)
        return new, (cell.hidden(new), Record(activations, new) if record else None)

    return jax.lax.scan(body, carry, (per_step, valid), reverse=reverse)


def _scan_linear(cell, reverse, fixed, per_step, carry, valid, *, record):
    """All steps of ``h = decay ⊙ h + drive``; (decay, drive) pairs compose to one such step."""
    decay, drive, activations = cell.coefficients(as_type(fixed, carry.dtype), per_step)
    if valid is not None:  # Holding the state is a step, too: decay 1, drive 0.
        decay, drive = jnp.where(valid[..., None], decay, 1), jnp.where(valid[..., None], drive, 0)
    if cell.associative or (cell.associative is None and jax.default_backend() != "cpu"):
        compose = lambda first, then: (then[0] * first[0], then[0] * first[1] + then[1])  # noqa: E731
        decay, drive = jax.lax.associative_scan(compose, (decay, drive), reverse=reverse)
        states = decay * carry[None] + drive
        final = states[0 if reverse else -1] if len(states) else carry
    else:
        once = lambda h, now: (now[0] * h + now[1],) * 2  # noqa: E731
        final, states = jax.lax.scan(once, carry, (decay, drive), reverse=reverse)
    return final, (jax.vmap(cell.hidden)(states), Record(activations, states) if record else None)


def _without_padding(valid: Array | None, time_major: Array) -> Array:
    if valid is None:
        return time_major
    return jnp.where(valid.reshape(valid.shape + (1,) * (time_major.ndim - 2)), time_major, 0)


def _batch_major(valid: Array | None, time_major: Array) -> Array:
    return jnp.swapaxes(_without_padding(valid, time_major), 0, 1)
