"""From Flax NNX modules to pure functions of plain parameters, and from layers to NNX modules."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from flax import nnx

from lstm_gru.attention import Attended, Attention, Memory
from lstm_gru.layers import Array, Layer, LayerOutput


class Functional(NamedTuple):
    """A module as pure functions.

    Attributes:
      init: ``key -> params``, nested dicts of arrays.
      apply: ``(params, *args, method="__call__", **kwargs)``, one of the module's methods, its call by default.
    """

    init: Callable[[Array], Any]
    apply: Callable[..., Any]


def functional(make: Callable[[nnx.Rngs], nnx.Module]) -> Functional:
    """Return a module's ``init`` and ``apply`` as pure functions.

    Args:
      make: builds the module from its random streams. All its state must be parameters; noise comes from
        explicit keys.

    Example:
      >>> model = functional(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
      >>> model.apply(model.init(jax.random.key(0)), jax.numpy.ones((5, 3))).shape
      (5, 2)
    """
    structure, abstract = nnx.split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))

    def init(key: Array) -> Any:
        _, state = nnx.split(make(nnx.Rngs(key)))
        return nnx.to_pure_dict(state)

    def apply(params: Any, *args: Any, method: str = "__call__", **kwargs: Any) -> Any:
        state = jax.tree.map(lambda leaf: leaf, abstract)  # A copy: the next line writes into it.
        nnx.replace_by_pure_dict(state, params)
        return getattr(nnx.merge(structure, state), method)(*args, **kwargs)

    return Functional(init, apply)


class Weights(nnx.Module):
    """A tree of arrays as the parameters of a module.

    Args:
      params: the initial values.
    """

    def __init__(self, params: Any):
        self.weights = nnx.data(jax.tree.map(nnx.Param, params))

    @property
    def params(self) -> Any:
        """The parameters as plain arrays."""
        return jax.tree.map(lambda param: param[...], self.weights, is_leaf=_is_variable)


class Recurrent(Weights):
    """A `lstm_gru.layers.Layer` as an NNX module.

    Args:
      layer: the layer.
      in_features: width of its inputs.
      rngs: the stream ``params`` draws the initial parameters.

    Example:
      >>> from lstm_gru.cells import lstm
      >>> from lstm_gru.layers import bidirectional
      >>> module = Recurrent(bidirectional(lstm(8)), 3, rngs=nnx.Rngs(0))
      >>> module(jax.numpy.ones((2, 5, 3))).outputs.shape
      (2, 5, 16)
    """

    def __init__(self, layer: Layer, in_features: int, *, rngs: nnx.Rngs):
        super().__init__(layer.init(rngs.params(), in_features))
        self.layer = layer

    def __call__(
        self, xs: Array, lengths: Array | None = None, carry: Any = None, key: Any = None, record: bool = False
    ) -> LayerOutput:
        """Apply the layer; arguments and result are those of ``Layer.apply``."""
        return self.layer.apply(self.params, xs, lengths, carry, key, record)

    def step(self, carry: Any, x: Array, key: Any = None) -> tuple[Any, Array]:
        """Advance one time step, where the layer can; arguments and result are those of ``Layer.step``."""
        return self.layer.step(self.params, carry, x, key)

    def initial_carry(self, batch_size: int) -> Any:
        """Return the carry to start from."""
        return self.layer.initial_carry(self.params, batch_size)


class Attending(Weights):
    """A `lstm_gru.attention.Attention` as an NNX module.

    Args:
      attention: the attention.
      query_features: width of the queries.
      memory_features: width of the memory.
      rngs: the stream ``params`` draws the initial parameters.

    Example:
      >>> from lstm_gru.attention import multiplicative
      >>> module = Attending(multiplicative(), 3, 4, rngs=nnx.Rngs(0))
      >>> memory = module.prepare(jax.numpy.ones((2, 7, 4)), jax.numpy.ones((2, 7), bool))
      >>> module(memory, jax.numpy.ones((2, 5, 3))).weights.shape
      (2, 5, 7)
    """

    def __init__(self, attention: Attention, query_features: int, memory_features: int, *, rngs: nnx.Rngs):
        super().__init__(attention.init(rngs.params(), query_features, memory_features))
        self.attention = attention

    def prepare(self, memory: Array, mask: Array) -> Memory:
        """Return what queries need of the memory."""
        return self.attention.prepare(self.params, memory, mask)

    def __call__(self, memory: Memory, query: Array) -> Attended:
        """Return context and weights of queries ``[B, T, Q]``."""
        return self.attention.apply(self.params, memory, query)


def _is_variable(node: Any) -> bool:
    return isinstance(node, nnx.Variable)
