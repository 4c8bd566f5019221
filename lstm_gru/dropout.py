"""Noise for training: dropout of values, variational dropout and zoneout of cells.

`variational` and `zoneout` take a cell and return a cell. All noise comes from the ``key`` that is passed down from
`lstm_gru.layers.Layer.apply` or `lstm_gru.recurrent.unroll`; without one nothing random happens.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

from lstm_gru.cells.protocol import Array, Carry, Cell, Fixed, GatedCell, Gates, LinearCell, Params, StepCell
from lstm_gru.chunks import Stretch


def drop(key: Array | None, xs: Array, rate: float) -> Array:
    """Zero each value with probability ``rate``, scale the others by 1 / (1 - rate); unchanged without a key.

    Source: Srivastava et al. 2014, in its inverted form.

    Args:
      key: random key, or None at evaluation.
      xs: ``[B, ...]``; each row's noise is its own, `by_row`.
      rate: a probability.

    Example:
      >>> drop(None, jnp.ones((1, 3)), rate=0.5).tolist()
      [[1.0, 1.0, 1.0]]
    """
    if key is None or rate == 0.0:
        return xs
    key = key.key if isinstance(key, Stretch) else key
    keep = by_row(lambda row: jax.random.bernoulli(row, 1 - rate, xs.shape[1:]), key, len(xs))
    return jnp.where(keep, xs / (1 - rate), 0)


def by_row(draw: Callable[[Array], Array], key: Array, rows: int) -> Array:
    """Return noise for each row of a batch, drawn from the key and the row's number alone.

    Inside `jax.shard_map`, all of whose axes must divide the batch in their order, a row has the number that it has in
    the whole batch. So each has the same noise, however many devices share the batch, and rows that fill it up change
    nothing.

    Args:
      draw: ``key -> noise`` of one row.
      key: of the batch.
      rows: B, of this device.

    Example:
      >>> by_row(lambda row: jax.random.normal(row, (3,)), jax.random.key(0), rows=2).shape
      (2, 3)
    """
    axes = jax.sharding.get_abstract_mesh().manual_axes
    first = rows * jax.lax.axis_index(axes) if axes else 0
    numbers = first + jnp.arange(rows)
    return jax.vmap(lambda number: draw(jax.random.fold_in(key, number)))(numbers)


def split(key: Array | None, count: int) -> tuple[Array | None, ...]:
    """Return as many keys as asked for, all of them None at evaluation, where the key is None.

    Example:
      >>> split(None, 2)
      (None, None)
    """
    if isinstance(key, Stretch):
        return tuple(Stretch(one, key.start) for one in jax.random.split(key.key, count))
    return (None,) * count if key is None else tuple(jax.random.split(key, count))


def check_rate(name: str, rate: Any) -> float:
    """Return ``rate`` as a float, or raise `ValueError` when it is not a probability below 1."""
    if not 0 <= rate < 1:
        raise ValueError(f"{name} = {rate}; expected a probability of at least 0 and below 1")
    return float(rate)


def variational(cell: Cell, *, inputs: float = 0.0, state: float = 0.0) -> Cell:
    """Return the cell with variational dropout: one mask for all time steps of a sequence.

    Equations, for one row, with one draw of each mask for all t::

        x'_t     = m_x ⊙ x_t / (1 - inputs),      m_x ~ Bernoulli(1 - inputs)
        U h_{t-1} becomes  U (m_h ⊙ h_{t-1} / (1 - state)),   m_h ~ Bernoulli(1 - state)

    What the gates keep of the old state is not masked, only what the recurrent kernel multiplies. Source:
    Gal & Ghahramani 2016, section 4, the variant with tied weights (one mask for all gates).

    Args:
      cell: any cell; ``state`` needs a `GatedCell`, the kind that says what its recurrent kernel multiplies.
      inputs: probability of dropping an input feature.
      state: probability of dropping a feature of what the recurrent kernel multiplies.

    Raises:
      ValueError: on rates outside [0, 1), or ``state`` for a cell that is not a `GatedCell`.

    Example:
      >>> from lstm_gru.cells import lstm
      >>> cell = variational(lstm(8), inputs=0.25, state=0.25)
    """
    inputs, state = check_rate("variational: inputs", inputs), check_rate("variational: state", state)
    if state and not isinstance(cell, GatedCell):
        raise ValueError(f"variational: state = {state} needs a GatedCell; {cell.name} is a {type(cell).__name__}")
    return _variational(cell, inputs, state)


@cache
def _variational(cell: Cell, inputs: float, state: float) -> Cell:
    def dropped_inputs(params: Params, xs: Array, key: Array | None) -> tuple[Any, Fixed, Array | None]:
        input_key, state_key, cell_key = split(key, 3)
        mask = drop(input_key, jnp.ones(xs.shape[1:], xs.dtype), inputs)
        return *cell.prepare(params, xs * mask[None], cell_key), state_key

    def prepare(params: Params, xs: Array, key: Array | None) -> tuple[Any, Fixed]:
        per_step, fixed, _ = dropped_inputs(params, xs, key)
        return per_step, fixed

    name = f"variational({cell.name})"
    if not state:
        return replace(cell, name=name, prepare=prepare)

    def prepare_with_mask(params: Params, xs: Array, key: Array | None) -> tuple[Any, Fixed]:
        per_step, fixed, state_key = dropped_inputs(params, xs, key)
        width = cell.recurrent(params)[0].shape[0]
        return per_step, (fixed, drop(state_key, jnp.ones((xs.shape[1], width)), state))

    return replace(
        cell,
        name=name,
        prepare=prepare_with_mask,
        read=lambda fixed, carry: cell.read(fixed[0], carry) * fixed[1],
        gate=lambda fixed, carry, a: cell.gate(fixed[0], carry, a),
    )


def zoneout(cell: Cell, rate: float | Carry) -> Cell:
    """Return the cell with zoneout: at each step each part of the carry may keep its value from before.

    Equation, for every part s of the carry and what the cell makes of it, s'::

        s_t = d_t ⊙ s_{t-1} + (1 - d_t) ⊙ s'_t,   d_t ~ Bernoulli(rate) in training, d_t = rate without a key

    Evaluation thus uses the expectation. Source: Krueger et al. 2017 (arXiv:1606.01305), section 3.1; they keep the
    LSTM's cell with 0.5 and its hidden state with 0.05, ``LSTMCarry(cell=0.5, hidden=0.05)``.

    Args:
      cell: any cell.
      rate: probability of keeping; one for the whole carry, or a carry of probabilities.

    Raises:
      ValueError: on rates outside [0, 1), or that are not arranged as the cell's carry.

    Example:
      >>> from lstm_gru.cells import lstm
      >>> from lstm_gru.cells.protocol import LSTMCarry
      >>> cell = zoneout(lstm(8), LSTMCarry(cell=0.5, hidden=0.05))
    """
    return _zoneout(cell, jax.tree.map(lambda leaf: check_rate("zoneout: rate", leaf), rate))


@cache
def _zoneout(cell: Cell, rate: float | Carry) -> Cell:
    outer = f"zoneout({cell.name})"  # Part of what the draws are called: the cell may have zoneout of its own.

    def prepare(params: Params, xs: Array, key: Array | None) -> tuple[Any, Fixed]:
        cell_key, noise_key = split(key, 2)
        per_step, fixed = cell.prepare(params, xs, cell_key)
        carry = jax.eval_shape(lambda: cell.initial_carry(params, xs.shape[1]))
        rates = jax.tree.leaves(_spread(rate, carry))
        kept = {
            f"{outer}_{k}": _kept(noise_key, k, part, (len(xs), *leaf.shape), leaf.dtype)
            for k, (part, leaf) in enumerate(zip(rates, jax.tree.leaves(carry), strict=True))
        }
        if isinstance(cell, StepCell):
            return (per_step, kept), fixed
        return {**per_step, **kept}, fixed

    def mixed(kept: Gates, new: Carry, old: Carry) -> Carry:
        structure = jax.tree.structure(old)
        parts = jax.tree.unflatten(structure, [kept[f"{outer}_{k}"] for k in range(structure.num_leaves)])
        return jax.tree.map(lambda d, n, o: d * o + (1 - d) * n, parts, new, old)

    def gate(fixed: Fixed, carry: Carry, a: Gates) -> tuple[Carry, Gates]:
        new, record = cell.gate(fixed, carry, a)
        return mixed(a, new, carry), record

    def step(fixed: Fixed, carry: Carry, now: Any) -> tuple[Carry, Gates]:
        per_step, kept = now
        new, record = cell.step(fixed, carry, per_step)
        return mixed(kept, new, carry), record

    def coefficients(fixed: Fixed, now: Gates) -> tuple[Array, Array, Gates]:
        decay, drive, record = cell.coefficients(fixed, now)
        d = now[f"{outer}_0"]
        return d + (1 - d) * decay, (1 - d) * drive, record

    changed = {GatedCell: {"gate": gate}, StepCell: {"step": step}, LinearCell: {"coefficients": coefficients}}
    return replace(cell, name=outer, prepare=prepare, **changed[type(cell)])


def _spread(rate: float | Carry, carry: Carry) -> Carry:
    """One rate for each part of the carry."""
    if isinstance(rate, float):
        return jax.tree.map(lambda _: rate, carry)
    if jax.tree.structure(rate) != jax.tree.structure(carry):
        expected = jax.tree.structure(carry)
        raise ValueError(f"zoneout: rate = {rate}; expected one probability, or one for each part of {expected}")
    return rate


def _kept(key: Any, part: int, rate: float, shape: tuple[int, ...], dtype: Any) -> Array:
    """What is kept at each step, a function of (key, step): the same, whether a sequence is read at once or not."""
    if key is None:
        return jnp.full(shape, rate, dtype)
    key, start = key if isinstance(key, Stretch) else (key, 0)
    of_part, steps = jax.random.fold_in(key, part), start + jnp.arange(shape[0])
    of_row = lambda row: jax.random.bernoulli(row, rate, shape[2:])  # noqa: E731
    draw = lambda step: by_row(of_row, jax.random.fold_in(of_part, step), shape[1])  # noqa: E731
    return jax.vmap(draw)(steps).astype(dtype)
