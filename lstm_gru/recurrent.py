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
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.cells import Array, Carry, Cell, Fixed, GatedCell, Gates, Params, StepCell

BACKWARDS = ("derived", "autodiff")


class Unrolled(NamedTuple):
    """What `unroll` returns.

    Attributes:
      outputs: ``[B, T, H]``, 0 in the padding.
      carry: each row's carry after its last valid step.
      record: ``{name: [B, T, H]}`` named activations, 0 in the padding; None unless asked for.
    """

    outputs: Array
    carry: Carry
    record: Gates | None


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
      record: also return the named gate activations (differentiated by plain autodiff).
      backward: ``derived``, or ``autodiff`` for forward-mode differentiation and as the tests' oracle.

    Returns:
      `Unrolled` ``(outputs, carry, record)``.

    Raises:
      ValueError: on a wrong rank or width, on lengths of a wrong shape or type or outside 0..T, on
        an unknown ``backward``.

    Example:
      >>> from lstm_gru.cells import lstm
      >>> cell = lstm(4)
      >>> params = cell.init(jax.random.key(0), in_features=3)
      >>> unroll(cell, params, jnp.ones((2, 5, 3)), lengths=jnp.array([5, 2])).outputs.shape
      (2, 5, 4)
    """
    if backward not in BACKWARDS:
        raise ValueError(f"backward = {backward!r}; expected one of {', '.join(BACKWARDS)}")
    xs = jnp.asarray(xs)
    _check_inputs(params, xs, lengths)
    batch, time, _ = xs.shape
    if carry is None:
        carry = cell.initial_carry(params, batch)
    valid = None if lengths is None else jnp.arange(time)[:, None] < jnp.asarray(lengths)[None, :]
    xs = jnp.swapaxes(xs, 0, 1)
    if valid is not None:  # Makes NaN in the padding harmless in values and gradients.
        xs = jnp.where(valid[..., None], xs, 0)
    if isinstance(cell, StepCell):
        carry, (outputs, activations) = _scan_steps(cell, reverse, params, xs, carry, valid, record)
    else:
        run = _scan_recorded if record else _scan_derived if backward == "derived" else _scan
        per_step, fixed = cell.prepare(params, xs, key)
        recurrence = _Recurrence(*cell.recurrent(params), fixed)
        carry, (outputs, activations) = run(cell, reverse, recurrence, per_step, carry, valid)
    outputs, activations = jax.tree.map(partial(_batch_major, valid), (outputs, activations))
    return Unrolled(outputs, carry, activations)


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


def _gate_step(
    cell: GatedCell, recurrence: _Recurrence, carry: Carry, a_x: Gates, valid: Array | None
) -> tuple[Carry, Gates, Gates]:
    """One time step: the one recurrent product and pointwise work. Returns carry, record and a."""
    product = cell.read(recurrence.fixed, carry) @ recurrence.kernel
    a_h = dict(zip(cell.gates, jnp.split(product, len(cell.gates), axis=-1), strict=True))
    for name, bias in recurrence.bias.items():
        a_h[name] += bias[None, :]
    a = {**a_x, **{name: value + a_x[name] if name in a_x else value for name, value in a_h.items()}}
    new, record = cell.gate(recurrence.fixed, carry, a)
    return _hold(valid, new, carry), record, a


def _scan(cell, reverse, recurrence, per_step, carry, valid, *, with_record=False):
    def body(carry, now):
        a_x, valid_now = now
        carry, record, _ = _gate_step(cell, recurrence, carry, a_x, valid_now)
        return carry, (cell.hidden(carry), record if with_record else None)

    return jax.lax.scan(body, carry, (per_step, valid), reverse=reverse)


_scan_recorded = partial(_scan, with_record=True)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _scan_derived(cell, reverse, recurrence, per_step, carry, valid):
    return _scan(cell, reverse, recurrence, per_step, carry, valid)


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
        from_read, d_carry_read = pull_read(d_product @ transposed)
        d_fixed = _add(d_fixed, _add(from_gate, from_read))
        return (_add(d_carry, d_carry_read), d_fixed), d_a

    start = (d_final, jax.tree.map(jnp.zeros_like, recurrence.fixed))
    (d_carry, d_fixed), d_a = jax.lax.scan(body, start, (before, a, valid, d_hidden), reverse=not reverse)
    d_recurrence = _Recurrence(
        kernel=_kernel_gradient(cell, recurrence.fixed, before, d_a),
        bias={name: jnp.sum(d_a[name], axis=(0, 1)) for name in recurrence.bias},
        fixed=d_fixed,
    )
    return d_recurrence, {name: d_a[name] for name in input_names}, d_carry, None


_scan_derived.defvjp(_scan_forward, _scan_backward)


def _kernel_gradient(cell: GatedCell, fixed: Fixed, before: Carry, d_a: Gates) -> Array:
    """``Σ_t read_tᵀ δ_t`` as one product a gate over all T·B rows."""
    reads = jax.vmap(cell.read, in_axes=(None, 0))(fixed, before)
    rows = reads.reshape(-1, reads.shape[-1]).T
    return jnp.concatenate([rows @ d_a[name].reshape(rows.shape[1], -1) for name in cell.gates], axis=1)


def _scan_steps(cell, reverse, params, xs, carry, valid, with_record):
    def body(carry, now):
        x, valid_now = now
        new, record = cell.step(params, carry, x)
        new = _hold(valid_now, new, carry)
        return new, (cell.hidden(new), record if with_record else None)

    return jax.lax.scan(body, carry, (xs, valid), reverse=reverse)


def _hold(valid: Array | None, new: Carry, old: Carry) -> Carry:
    """The new carry where a row's step is valid, the old one in the padding."""
    if valid is None:
        return new
    return jax.tree.map(lambda n, o: jnp.where(valid.reshape(valid.shape + (1,) * (n.ndim - 1)), n, o), new, old)


def _batch_major(valid: Array | None, time_major: Array) -> Array:
    if valid is not None:
        time_major = jnp.where(valid[..., None], time_major, 0)
    return jnp.swapaxes(time_major, 0, 1)


def _add(a: Any, b: Any) -> Any:
    return jax.tree.map(jnp.add, a, b)


def _check_inputs(params: Params, xs: Array, lengths: Any) -> None:
    if xs.ndim != 3:
        raise ValueError(f"xs has shape {xs.shape}; expected three axes [B, T, F]")
    kernel = params.get("kernel") if isinstance(params, dict) else None
    if kernel is not None and kernel.shape[0] != xs.shape[2]:
        raise ValueError(f"xs has {xs.shape[2]} features; the cell's kernel was made for {kernel.shape[0]}")
    if lengths is not None:
        _check_lengths(lengths, batch=xs.shape[0], time=xs.shape[1])


def _check_lengths(lengths: Any, batch: int, time: int) -> None:
    shape, dtype = jnp.shape(lengths), jnp.result_type(lengths)
    if shape != (batch,) or not jnp.issubdtype(dtype, jnp.integer):
        raise ValueError(f"lengths has shape {shape} and type {dtype}; expected integers of shape ({batch},)")
    if isinstance(lengths, jax.core.Tracer):
        return  # Values are unknown while tracing; a length above T then acts as T, below 0 as 0.
    values = np.asarray(lengths)
    if values.size and (values.min() < 0 or values.max() > time):
        raise ValueError(f"lengths run from {values.min()} to {values.max()}; expected 0 to T = {time}")
