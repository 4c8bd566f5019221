"""What each cell has: gates, what it carries on, parameters."""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstm_gru.cells import CELLS
from lstm_gru.inside import CANDIDATES, gates_of, states_of
from lstm_gru.layers import recurrent
from lstm_gru.report.tables import Table

WIDTH = 128  # Of inputs and outputs.


class CellFacts(NamedTuple):
    """What a cell has.

    Attributes:
      gates: their names, candidates not among them.
      states: the names of what it carries on.
      parameters: their number at F = H = 128.
    """

    gates: tuple[str, ...]
    states: tuple[str, ...]
    parameters: int


def cell_table() -> Table:
    """Return the table of all cells, counted from what they compute and draw at F = H = 128."""
    headings = ("", "gates", "which", "carried on", f"parameters, F = H = {WIDTH}", "of the LSTM's")
    found = {name: cell_facts(name) for name in CELLS}
    whole = found["lstm"].parameters
    rows = tuple(
        (f"`{name}`", f"{len(gates)}", " ".join(gates) or "–", " ".join(states), f"{count:,}", f"{count / whole:.2f}")
        for name, (gates, states, count) in found.items()
    )
    return Table(headings, rows)


@cache
def cell_facts(name: str) -> CellFacts:
    """Return what one of `CELLS` has, from what it computes and draws."""
    layer = recurrent(CELLS[name](WIDTH))
    params = jax.eval_shape(lambda key: layer.init(key, WIDTH), jax.random.key(0))
    xs = jax.ShapeDtypeStruct((1, 2, WIDTH), jnp.float32)
    output = jax.eval_shape(lambda params, xs: layer.apply(params, xs, record=True).record, params, xs)
    gates, states = jax.eval_shape(lambda record: (gates_of(record), states_of(record)), output)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(params))
    return CellFacts(tuple(gate for gate in gates if gate not in CANDIDATES), tuple(states), parameters)
