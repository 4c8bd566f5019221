"""Recurrent layers over vectors, and an output for each step."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import jax.numpy as jnp
from flax import nnx

from lstm_gru.cells import CELLS, PRESETS, chrono
from lstm_gru.cells.protocol import Cell
from lstm_gru.config import require, require_choice
from lstm_gru.dropout import drop, split
from lstm_gru.errors import InputError
from lstm_gru.layers import Array, recurrent, stack
from lstm_gru.models.functional import Functional, Recurrent, functional


@dataclass(frozen=True)
class SequenceConfig:
    """Settings of layers over vectors."""

    cell: str = "lstm"
    """One of the cells."""
    features: int = 36
    """Width H of their states."""
    depth: int = 1
    """Layers on top of each other."""
    init: str = "default"
    """How parameters start: one of the presets, as torch, keras or chrono."""
    max_time: float | None = None
    """With the preset chrono, the longest dependency to expect, in steps; 100 when not given."""
    forget_bias: float | None = None
    """Start of the bias of the gate that keeps the old state, an LSTM's f or a GRU's z; the preset's when not given."""
    input_dropout: float = 0.0
    """Probability of dropping an input value."""
    dropout: float = 0.0
    """Probability of dropping a value between layers and of the last one's outputs."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require_choice(self, "cell", CELLS)
        require_choice(self, "init", PRESETS)
        for name in ("features", "depth"):
            require(self, name, low=1)
        for name in ("input_dropout", "dropout"):
            require(self, name, low=0, below=1)
        if self.max_time is not None:
            require(self, "max_time", above=2)
            if self.init != "chrono":
                raise InputError(f"SequenceConfig: max_time with init = {self.init!r}; expected chrono")
        if self.forget_bias is not None:
            require(self, "forget_bias")
            if self.init == "chrono":
                raise InputError("SequenceConfig: forget_bias with init = 'chrono'; expected only one of the two")
        try:
            self.make_cell()
        except ValueError as error:  # Of a preset that needs gates that the cell has not.
            raise InputError(f"SequenceConfig: {error}") from error
        except TypeError as error:
            raise InputError(
                f"SequenceConfig: forget_bias = {self.forget_bias} with cell = {self.cell!r}; expected a cell "
                "with a gate that keeps the old state"
            ) from error

    def make_cell(self) -> Cell:
        """Return a cell of these settings."""
        init = self.init if self.max_time is None else chrono(self.max_time)
        options = {} if self.forget_bias is None else {"forget_bias": self.forget_bias}
        return CELLS[self.cell](self.features, init=init, **options)


class Sequence(nnx.Module):
    """Layers over vectors x_t, and an output for each step.

    Equation: ``y_t = W h_t + b`` for the states h of the last layer.

    Args:
      config: settings.
      in_features: F.
      out_features: K.
      rngs: the stream ``params`` draws the initial parameters.
    """

    def __init__(self, config: SequenceConfig, in_features: int, out_features: int, *, rngs: nnx.Rngs):
        self.config = config
        layers = [recurrent(config.make_cell()) for _ in range(config.depth)]
        self.layers = Recurrent(stack(*layers, dropout=config.dropout), in_features, rngs=rngs)
        self.out = nnx.Linear(config.features, out_features, rngs=rngs)

    def __call__(self, xs: Array, lengths: Array | None = None, key: Array | None = None) -> Array:
        """Return the outputs ``[B, T, K]``.

        Args:
          xs: ``[B, T, F]``.
          lengths: ``[B]``; all T when None.
          key: for dropout; None is evaluation.
        """
        input_key, layer_key, out_key = split(key, 3)
        xs = drop(input_key, jnp.asarray(xs, jnp.float32), self.config.input_dropout)
        return self.out(drop(out_key, self.layers(xs, lengths, key=layer_key).outputs, self.config.dropout))

    def record(self, xs: Array) -> Any:
        """Return the layers' record of whole sequences ``[B, T, F]``."""
        return self.layers(jnp.asarray(xs, jnp.float32), record=True).record


@cache  # Equal arguments share these functions, and so what is compiled of them.
def sequence(config: SequenceConfig, in_features: int, out_features: int) -> Functional:
    """Return the model as pure functions.

    Example:
      >>> import jax
      >>> model = sequence(SequenceConfig(features=4), in_features=3, out_features=2)
      >>> model.apply(model.init(jax.random.key(0)), jnp.ones((5, 7, 3))).shape
      (5, 7, 2)
    """
    return functional(lambda rngs: Sequence(config, in_features, out_features, rngs=rngs))
