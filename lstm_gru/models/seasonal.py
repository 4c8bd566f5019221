"""A forecaster around a recurrent layer: direct multi-horizon output as a residual on a seasonal reference."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from lstm_gru.cells import CELLS
from lstm_gru.config import require, require_choice
from lstm_gru.dropout import drop, split
from lstm_gru.layers import Array, recurrent, stack
from lstm_gru.models.functional import Functional, Recurrent, functional

# Bounds begin where those of a normal residual are: softplus(0.956) = 1.282 standard deviations from the centre.
INITIAL_BIAS = (0.0, 0.956, 0.956)


@dataclass(frozen=True)
class SeasonalForecasterConfig:
    """Settings of the forecaster."""

    cell: str = "gru"
    """One of the cells."""
    features: int = 24
    """Width H of the recurrent layer."""
    depth: int = 1
    """Recurrent layers on top of each other."""
    head_features: int = 32
    """Width of the head's hidden layer."""
    dropout: float = 0.5
    """Probability of dropping a value of the recurrent summary and of the head's hidden layer."""
    fade_days: float = 45.0
    """Horizon over which the recurrent part fades to 1/e; what the last days tell does not last a year."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require_choice(self, "cell", CELLS)
        for name in ("features", "depth", "head_features"):
            require(self, name, low=1)
        require(self, "dropout", low=0, below=1)
        require(self, "fade_days", above=0)


class SeasonalForecaster(nnx.Module):
    """A linear part that knows the seasons, and a recurrent part that fades with the horizon.

    Equations, for origin t and horizon h, in units of the residual's standard deviation::

        s_t            = layer(history up to t)                         the final output, [H]
        (m, a, b)(t,h) = W known(t, h) + d + exp(-h / fade) · V gelu(S s_t + N near(t, h) + c)
        lower, centre, upper = m - softplus(a), m, m + softplus(b)

    The forecast is ``reference(t, h) + scale · centre``. ``W`` and ``V`` start at zero, so that training
    starts from the reference and learns what it misses; bounds cannot cross the centre.

    Args:
      config: settings.
      widths: features of ``history``, ``known`` and ``near``.
      rngs: the stream ``params`` draws the initial parameters.
    """

    def __init__(self, config: SeasonalForecasterConfig, widths: tuple[int, int, int], *, rngs: nnx.Rngs):
        history, known, near = widths
        self.config = config
        layers = [recurrent(CELLS[config.cell](config.features)) for _ in range(config.depth)]
        layer = stack(*layers, dropout=config.dropout)
        self.recurrent = Recurrent(layer, history, rngs=rngs)
        self.linear = nnx.Linear(
            known, 3, kernel_init=nnx.initializers.zeros, bias_init=lambda *_: jnp.array(INITIAL_BIAS), rngs=rngs
        )
        self.from_state = nnx.Linear(layer.features, config.head_features, rngs=rngs)
        self.from_near = nnx.Linear(near, config.head_features, use_bias=False, rngs=rngs)
        self.out = nnx.Linear(config.head_features, 3, use_bias=False, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, history: Array, known: Array, near: Array, horizon: Array, key: Array | None) -> Array:
        """Return residuals ``[B, K, 3]``: lower bound, centre, upper bound.

        Args:
          history: ``[B, L, F]``, the days up to each origin.
          known: ``[B, K, G]``, features of each target day for the linear part.
          near: ``[B, K, N]``, features of each target day for the recurrent part.
          horizon: ``[B, K]``, days.
          key: for dropout; None is evaluation.
        """
        layer_key, state_key, head_key = split(key, 3)
        final = self.recurrent(history, key=layer_key).outputs[:, -1]
        state = self.from_state(drop(state_key, final, self.config.dropout))
        hidden = drop(head_key, nnx.gelu(state[:, None] + self.from_near(near)), self.config.dropout)
        fade = jnp.exp(-horizon / self.config.fade_days)[..., None]
        centre, below, above = jnp.moveaxis(self.linear(known) + fade * self.out(hidden), -1, 0)
        return ordered(centre, below, above)

    def record(self, history: Array) -> Any:
        """Return the recurrent layers' record of histories ``[B, L, F]`` of any length."""
        return self.recurrent(history, record=True).record


def ordered(centre: Array, below: Array, above: Array) -> Array:
    """Return lower bound, centre and upper bound ``[..., 3]`` that cannot cross, from any three numbers ``[...]``."""
    return jnp.stack([centre - jax.nn.softplus(below), centre, centre + jax.nn.softplus(above)], axis=-1)


@cache  # One function object for each configuration: whoever shares it shares what is compiled of it.
def seasonal_forecaster(config: SeasonalForecasterConfig, widths: tuple[int, int, int]) -> Functional:
    """Return the forecaster as pure functions; equal arguments give the identical ones."""
    return functional(lambda rngs: SeasonalForecaster(config, widths, rngs=rngs))
