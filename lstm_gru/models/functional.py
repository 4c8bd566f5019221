"""From Flax NNX modules to pure functions of plain parameters, and from layers to NNX modules."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from flax import nnx

from lstm_gru.layers import Array, Layer, LayerOutput


class Functional(NamedTuple):
    """A module as pure functions.

    Attributes:
      init: ``key -> params``, nested dicts of arrays.
      apply: ``(params, *args, **kwargs)``, the module's call.
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

    def apply(params: Any, *args: Any, **kwargs: Any) -> Any:
        state = jax.tree.map(lambda leaf: leaf, abstract)  # A copy: the next line writes into it.
        nnx.replace_by_pure_dict(state, params)
        return nnx.merge(structure, state)(*args, **kwargs)

    return Functional(init, apply)


class Recurrent(nnx.Module):
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
        self.layer = layer
        self.weights = nnx.data(jax.tree.map(nnx.Param, layer.init(rngs.params(), in_features)))

    def __call__(
        self, xs: Array, lengths: Array | None = None, carry: Any = None, key: Any = None, record: bool = False
    ) -> LayerOutput:
        """Apply the layer; arguments and result are those of ``Layer.apply``."""
        return self.layer.apply(self.params, xs, lengths, carry, key, record)

    def step(self, carry: Any, x: Array) -> tuple[Any, Array]:
        """Advance one time step, where the layer can: ``x [B, F]``, result ``(carry, output)``."""
        return self.layer.step(self.params, carry, x)

    def initial_carry(self, batch_size: int) -> Any:
        """Return the carry to start from."""
        return self.layer.initial_carry(self.params, batch_size)

    @property
    def params(self) -> Any:
        """The layer's parameters as plain arrays."""
        return jax.tree.map(lambda param: param[...], self.weights, is_leaf=_is_variable)


def _is_variable(node: Any) -> bool:
    return isinstance(node, nnx.Variable)
