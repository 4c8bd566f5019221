"""What happens inside recurrent layers: the activations of their gates, and how far back a gradient reaches."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.cells.protocol import Cell
from lstm_gru.layers import Array, Directions
from lstm_gru.recurrent import Record, step
from lstm_gru.task import Inside

CANDIDATES = ("g", "n", "h")  # Recorded like gates, but what is let in, or the state itself.


def gate(name: str) -> str:
    """Return which gate it is that `gates_of` names.

    Example:
      >>> gate("layer 2 forward z")
      'z'
    """
    return name.split()[-1]


def look(what: str, steps: Sequence[str], record: Any, row: int = 0) -> Inside:
    """Return what one row of a record tells of its first steps.

    Args:
      what: the sequence, in a few words.
      steps: a name for each of T steps; what the record has of more is padding.
      record: of a `LayerOutput`, asked for.
      row: which of the batch.
    """
    parts = (of(record, row) for of in (gates_of, states_of))
    return Inside(what, tuple(steps), *({k: np.asarray(v[: len(steps)]) for k, v in part.items()} for part in parts))


def gates_of(record: Any, row: int = 0) -> dict[str, Array]:
    """Return the activations of one row in a layer's record by name, as ``f``, ``layer 2 f`` or ``backward z``.

    Args:
      record: of a `LayerOutput`, asked for.
      row: which of the batch.

    Returns:
      ``{name: [T, H]}``.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lstm_gru.cells import gru
      >>> from lstm_gru.layers import bidirectional, stack
      >>> layer = stack(bidirectional(gru(4)))
      >>> record = layer.apply(layer.init(jax.random.key(0), 3), jnp.ones((2, 5, 3)), record=True).record
      >>> list(gates_of(record))
      ['forward n', 'forward r', 'forward z', 'backward n', 'backward r', 'backward z']
    """
    return _by_name(record, lambda alone: {name: values[row] for name, values in alone.gates.items()})


def states_of(record: Any, row: int = 0) -> dict[str, Array]:
    """Return what one row carries on after each step by name, as ``h``, ``cell``, ``layer 2 hidden`` or ``backward h``.

    Args:
      record: of a `LayerOutput`, asked for.
      row: which of the batch.

    Returns:
      ``{name: [T, H]}``; ``h`` is the state of a cell that has only one.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lstm_gru.cells import lstm
      >>> from lstm_gru.layers import recurrent
      >>> layer = recurrent(lstm(4))
      >>> record = layer.apply(layer.init(jax.random.key(0), 3), jnp.ones((2, 5, 3)), record=True).record
      >>> {name: state.shape for name, state in states_of(record).items()}
      {'cell': (5, 4), 'hidden': (5, 4)}
    """

    def carried(alone: Record) -> dict[str, Array]:
        carries = alone.carries._asdict() if hasattr(alone.carries, "_asdict") else {"h": alone.carries}
        return {name: values[row] for name, values in carries.items()}

    return _by_name(record, carried)


def _by_name(record: Any, find: Callable[[Record], dict[str, Array]]) -> dict[str, Array]:
    """What is found in the records of single layers and directions, with their names before its own."""
    if isinstance(record, Record):
        return find(record)
    if len(record) == 1:
        return _by_name(record[0], find)
    layers = [f"layer {number}" for number in range(1, len(record) + 1)]
    names = Directions._fields if isinstance(record, Directions) else layers
    parts = zip(names, record, strict=True)
    return {f"{name} {own}": values for name, part in parts for own, values in _by_name(part, find).items()}


def memory_time(keep: Array) -> Array:
    """Return for how many steps each unit remembers, from a gate of which 1 keeps the old state.

    Equation: ``-T / Σ_t log f_t``, the steps in which what was kept falls to 1/e at the gate's geometric mean: one step
    with a shut gate forgets everything, however open it was before. It is near ``1 / (1 - f)`` of a constant gate f
    near 1: Tallec & Ollivier 2018, section 2.2. Times far above T are not measured by T steps.

    Args:
      keep: ``[T, H]``, activations of an LSTM's f, or of a GRU's z.

    Returns:
      ``[H]``, steps; 0 where the gate was shut once, infinite where it never let go.

    Example:
      >>> import jax.numpy as jnp
      >>> memory_time(jnp.array([[0.5, 0.9], [0.5, 0.9]])).round().tolist()
      [1.0, 9.0]
    """
    return 1 / jnp.abs(jnp.log(jnp.asarray(keep)).mean(axis=0))


def gradient_norms(cell: Cell, params: Any, xs: Array, loss: Callable[[Array], Array]) -> Array:
    """Return how much a loss at the end depends on the state k steps before it.

    Equation: ``‖∂ loss(h_T) / ∂ s_{T-k}‖``, for all parts of the carry s together, an LSTM's c and h, averaged over the
    batch; the loss itself is at k = 0. Where it falls exponentially with k, what happened long ago cannot be learned:
    Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013, section 2.

    Args:
      cell: any.
      params: its parameters.
      xs: ``[B, T, F]``.
      loss: from the last outputs ``[B, H]`` to a number for each row, ``[B]``.

    Returns:
      ``[T]``, of k = 0 ... T - 1.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lstm_gru.cells import lstm
      >>> cell = lstm(4)
      >>> params = cell.init(jax.random.key(0), in_features=2)
      >>> gradient_norms(cell, params, jnp.ones((3, 7, 2)), lambda h: h.sum(axis=-1)).shape
      (7,)
    """
    start = cell.initial_carry(params, len(xs))
    nudges = jax.tree.map(lambda leaf: jnp.zeros((xs.shape[1], *leaf.shape), leaf.dtype), start)

    def nudged(nudges: Any) -> Array:
        def body(carry: Any, now: tuple[Array, Any]) -> tuple[Any, Array]:
            x, nudge = now
            carry = jax.tree.map(jnp.add, step(cell, params, carry, x)[0], nudge)
            return carry, cell.hidden(carry)

        return loss(jax.lax.scan(body, start, (xs.swapaxes(0, 1), nudges))[1][-1]).sum()

    leaves = [leaf.reshape(*leaf.shape[:2], -1) for leaf in jax.tree.leaves(jax.grad(nudged)(nudges))]
    slopes = jnp.concatenate(leaves, axis=-1)
    largest = jnp.max(jnp.abs(slopes), axis=-1)  # The square of what is small is nothing in float32.
    largest = jnp.where(jnp.isfinite(largest) & (largest > 0), largest, 1)
    shares = slopes / largest[..., None]
    return (largest * jnp.sqrt(jnp.sum(shares**2, axis=-1))).mean(axis=1)[::-1]
