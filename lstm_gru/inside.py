"""What happens inside recurrent layers while they read: the activations of their gates, by name."""

from typing import Any

from lstm_gru.layers import Array, Directions
from lstm_gru.recurrent import Record


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
    if isinstance(record, Record):
        return {name: values[row] for name, values in record.gates.items()}
    if len(record) == 1:
        return gates_of(record[0], row)
    layers = [f"layer {number}" for number in range(1, len(record) + 1)]
    names = Directions._fields if isinstance(record, Directions) else layers
    parts = zip(names, record, strict=True)
    return {f"{name} {gate}": values for name, part in parts for gate, values in gates_of(part, row).items()}


def memory_time(keep: Array) -> Array:
    """Return for how many steps each unit remembers, from a gate of which 1 keeps the old state.

    Equation: ``1 / (1 - f)`` with the mean f of the unit's gate, about the steps after which a constant gate has let
    what was kept fall to 1/e. Source: Tallec & Ollivier 2018, section 2.2.

    Args:
      keep: ``[T, H]``, activations of an LSTM's f, or of a GRU's z.

    Returns:
      ``[H]``, steps.

    Example:
      >>> import jax.numpy as jnp
      >>> memory_time(jnp.array([[0.5, 0.9], [0.5, 0.9]])).round(1).tolist()
      [2.0, 10.0]
    """
    return 1 / (1 - keep.mean(axis=0))
