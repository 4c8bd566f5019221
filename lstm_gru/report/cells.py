"""What each cell has: gates, what it carries on, parameters."""

import jax
import jax.numpy as jnp

from lstm_gru.cells import CELLS
from lstm_gru.inside import CANDIDATES, gates_of, states_of
from lstm_gru.layers import recurrent
from lstm_gru.report.tables import Table

WIDTH = 128  # Of inputs and outputs.


def cell_table() -> Table:
    """Return the table of all cells, counted from what they compute and draw at F = H = 128."""
    headings = ("", "gates", "which", "carried on", f"parameters, F = H = {WIDTH}", "of the LSTM's")
    found = {name: _facts(name) for name in CELLS}
    whole = found["lstm"][-1]
    rows = tuple(
        (f"`{name}`", f"{len(gates)}", " ".join(gates) or "–", " ".join(states), f"{count:,}", f"{count / whole:.2f}")
        for name, (gates, states, count) in found.items()
    )
    return Table(headings, rows)


def _facts(name: str) -> tuple[list[str], list[str], int]:
    """The names of gates and states, and the number of parameters."""
    layer = recurrent(CELLS[name](WIDTH))
    params = jax.eval_shape(lambda key: layer.init(key, WIDTH), jax.random.key(0))
    xs = jax.ShapeDtypeStruct((1, 2, WIDTH), jnp.float32)
    output = jax.eval_shape(lambda params, xs: layer.apply(params, xs, record=True).record, params, xs)
    first = jax.eval_shape(lambda record: (gates_of(record), states_of(record)), output)
    gates = [gate for gate in first[0] if gate not in CANDIDATES]
    return gates, list(first[1]), sum(leaf.size for leaf in jax.tree.leaves(params))
