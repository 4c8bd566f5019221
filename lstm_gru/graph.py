"""Recurrence on a graph: a cell at every node that also reads what its neighbours read and hold.

`on_graph` takes a gated cell and returns a gated cell, so that any of them runs on a network of roads through the same
scan and the same derived backward pass.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import cache, cached_property

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.cells.protocol import Array, Carry, Fixed, GatedCell, Gates, Params

KERNELS = ("kernel", "recurrent_kernel")


@dataclass(frozen=True, eq=False)  # Equal is only what is identical: compiled functions are shared by that.
class Graph:
    """A network of N nodes with weighted edges.

    Attributes:
      adjacency: ``[N, N]``, weights of at least 0; row n says whose values node n receives.

    Raises:
      ValueError: when it is not square, or has a weight that is negative or not finite.
    """

    adjacency: np.ndarray

    def __post_init__(self) -> None:
        """Check shape and weights."""
        shape = np.shape(self.adjacency)
        if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
            raise ValueError(f"adjacency has shape {shape}; expected [N, N]")
        if not (np.isfinite(self.adjacency).all() and (self.adjacency >= 0).all()):
            raise ValueError("adjacency has a weight that is negative or not finite; expected at least 0")

    def __len__(self) -> int:
        return len(self.adjacency)

    @cached_property
    def sha256(self) -> str:
        """Checksum of the weights, as little-endian float64."""
        return hashlib.sha256(np.asarray(self.adjacency, "<f8").tobytes()).hexdigest()

    @cached_property
    def propagation(self) -> np.ndarray:
        """What a node receives from itself and its neighbours, ``[N, N]``.

        Equation: ``Â = D^(-1/2) A' D^(-1/2)`` with ``A'`` the adjacency with ones on the diagonal and D the diagonal
        of its row sums. Source: Kipf & Welling 2017 (arXiv:1609.02907), equation 2.
        """
        adjacency = np.array(self.adjacency, np.float64)
        np.fill_diagonal(adjacency, 1.0)
        inverse_root = adjacency.sum(axis=1) ** -0.5
        return inverse_root[:, None] * adjacency * inverse_root[None, :]


def on_graph(cell: GatedCell, graph: Graph, *, hops: tuple[int, ...] = (0, 1)) -> GatedCell:
    """Return the cell with graph convolutions in place of its two weight products.

    Equations, for inputs X and hidden states H of the N nodes at one time, rows side by side::

        x W  becomes  Σ_k Â^k X W_k        U h  becomes  Σ_k Â^k H U_k        over the hops k

    with `Graph.propagation` Â. Batches hold whole networks: row b·N + n is node n of network b. All nodes share their
    weights, and each kernel has a share for each hop.

    Source: T-GCN (Zhao et al. 2019, arXiv:1811.05320, equations 5 to 8) is a GRU with ``hops=(1,)``, whose reset gate
    multiplies before the product; hop 0 lets a node also tell its own state from its neighbours'. Several hops are
    those of the diffusion convolution of Li et al. 2018 (arXiv:1707.01926, equation 2), in one direction.

    Args:
      cell: whose carry is read as its hidden state; the parameters of ``hops[0]`` hold the biases.
      graph: the network.
      hops: distances, each at least 0 and once.

    Raises:
      ValueError: when the cell is not a `GatedCell`, or on hops that are negative, repeated or none at all; in a scan,
        when the rows are not whole networks.

    Example:
      >>> from lstm_gru.cells import gru
      >>> cell = on_graph(gru(8), Graph(np.ones((5, 5))))
    """
    if not isinstance(cell, GatedCell):
        raise ValueError(f"on_graph: {cell.name} is a {type(cell).__name__}; expected a GatedCell")
    if not hops or min(hops) < 0 or len(set(hops)) < len(hops):
        raise ValueError(f"on_graph: hops = {hops}; expected distances of at least 0, each once")
    return _on_graph(cell, graph, tuple(hops))


@cache
def _on_graph(cell: GatedCell, graph: Graph, hops: tuple[int, ...]) -> GatedCell:
    powers = [np.linalg.matrix_power(graph.propagation, k) for k in hops]

    def init(key: Array, in_features: int, dtype=jnp.float32) -> Params:
        first, *others = (cell.init(k, in_features, dtype) for k in jax.random.split(key, len(hops)))
        shares = [first, *({name: params[name] for name in KERNELS} for params in others)]
        scale = len(hops) ** -0.5  # The sum over hops then varies as one product did.
        return {
            f"hop_{k}": {name: leaf * scale if name in KERNELS else leaf for name, leaf in share.items()}
            for k, share in zip(hops, shares, strict=True)
        }

    def joined(params: Params) -> Params:
        """The parameters of the cell inside, whose products read all hops side by side."""
        shares = [params[f"hop_{k}"] for k in hops]
        return {**shares[0], **{name: jnp.concatenate([share[name] for share in shares]) for name in KERNELS}}

    def spread(rows: Array) -> Array:
        """What each row receives at each hop, ``[..., B·N, R]`` to ``[..., B·N, hops·R]``."""
        networks, rest = divmod(rows.shape[-2], len(graph))
        if rest:
            raise ValueError(f"{rows.shape[-2]} rows; expected a multiple of the graph's {len(graph)} nodes")
        nodes = rows.reshape(*rows.shape[:-2], networks, len(graph), rows.shape[-1])
        received = [
            nodes if k == 0 else jnp.asarray(power, rows.dtype) @ nodes for k, power in zip(hops, powers, strict=True)
        ]
        return jnp.concatenate(received, axis=-1).reshape(*rows.shape[:-1], -1)

    def prepare(params: Params, xs: Array, key: Array | None) -> tuple[Gates, Fixed]:
        return cell.prepare(joined(params), spread(xs), key)

    def read(fixed: Fixed, carry: Carry) -> Array:
        return spread(cell.read(fixed, carry))

    return replace(
        cell,
        name=f"on_graph({cell.name})",
        init=init,
        initial_carry=lambda params, batch_size: cell.initial_carry(params[f"hop_{hops[0]}"], batch_size),
        prepare=prepare,
        recurrent=lambda params: cell.recurrent(joined(params)),
        read=read,
    )
