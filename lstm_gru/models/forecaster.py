"""A forecaster of any series: a recurrent encoder of its window, and a head for all steps ahead."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from lstm_gru.cells import CELLS
from lstm_gru.cells.protocol import Cell
from lstm_gru.config import require, require_choice
from lstm_gru.dropout import drop, split
from lstm_gru.errors import InputError
from lstm_gru.graph import Graph, on_graph
from lstm_gru.layers import Array, Layer, bidirectional, recurrent, stack
from lstm_gru.models.functional import Functional, Recurrent, functional
from lstm_gru.models.seasonal import INITIAL_BIAS, ordered

HEADS = ("direct", "decoder")
SKIPS = ("none", "last", "linear")


@dataclass(frozen=True)
class ForecasterConfig:
    """Settings of the forecaster."""

    cell: str = "gru"
    """One of the cells."""
    features: int = 32
    """Width H of the recurrent layers, of each direction."""
    depth: int = 1
    """Recurrent layers on top of each other."""
    bidirectional: bool = False
    """Read the window from both ends."""
    hops: tuple[int, ...] = ()
    """With a graph: distances of the neighbours that each cell reads, as 0 1; none for cells that do not know it."""
    head: Literal["direct", "decoder"] = "direct"
    """All steps ahead from the encoder's last state at once, or one after the other by a decoder of the same cell."""
    head_features: int = 32
    """Width of the direct head's hidden layer; 0 is a linear head, which does not read the calendar."""
    skip: Literal["none", "last", "linear"] = "linear"
    """What the network's output is added to: nothing, the last value, or a linear map of the window."""
    relative: bool = False
    """Read and forecast values relative to the mean of the window, for series whose level wanders."""
    dropout: float = 0.1
    """Probability of dropping a value between layers, of the encoder's last state, and of the hidden layer."""
    interval: bool = True
    """Also forecast the 10 % and 90 % quantiles."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require_choice(self, "cell", CELLS)
        require_choice(self, "head", HEADS)
        require_choice(self, "skip", SKIPS)
        for name in ("features", "depth"):
            require(self, name, low=1)
        require(self, "head_features", low=0)
        require(self, "dropout", low=0, below=1)
        if self.hops and (self.bidirectional or self.head == "decoder"):
            raise InputError(
                f"ForecasterConfig: hops = {self.hops}; expected one direction and the direct head with it"
            )

    @property
    def outputs(self) -> int:
        """Q, numbers for each step ahead."""
        return 3 if self.interval else 1


class Widths(NamedTuple):
    """Widths of what a forecaster reads, and how far ahead it looks.

    Attributes:
      lookback: L, past steps.
      horizon: H', future steps.
      context: S, features of a past step that all series share.
      known: G, features of a future step.
    """

    lookback: int
    horizon: int
    context: int
    known: int


class Forecaster(nnx.Module):
    """A recurrent encoder of the window, and for each step ahead a residual on a simple forecast.

    Equations, for the window x of one series with marks m of what is missing, in scaled units::

        s        = summary of encoder([x_t; m_t; context_t])            outputs at the end of each direction
        direct   u_h = gelu(W s + K known_h + e_h),   r_h = V u_h       r = W s  with head_features = 0
        decoder  d_0 = tanh(W_0 s),  d_h = cell(d_{h-1}, [y_{h-1}; known_h]),   r_h = V d_h,   y_0 the last value
        y_h      = skip_h + r_h,     skip: 0, the last observed value, or  a_h x + b_h m + c known_h

    With ``relative``, x is what exceeds the mean of the window, which is added to the forecast again (Kim et al. 2022,
    "Reversible instance normalization", without its scale). With ``interval``, r_h has three numbers and the result is
    ``(y - softplus(a), y, y + softplus(b))``: bounds cannot cross the centre. The linear skip starts as the last value
    and V at zero, so that training starts from the naive forecast and learns what it misses. The decoder is fed with
    its own forecasts in training, too.

    All series share their weights; with a graph, ``hops`` let each also read its neighbours.

    Source: the direct head is that of Wen et al. 2017 (MQ-RNN, section 3.2), the decoder that of Cho et al. 2014; the
    linear skip that of Lai et al. 2018 (LSTNet, section 3.6).

    Args:
      config: settings.
      widths: of the inputs.
      graph: the network, whose nodes are the series; None without one.
      rngs: the stream ``params`` draws the initial parameters.
    """

    def __init__(self, config: ForecasterConfig, widths: Widths, graph: Graph | None, *, rngs: nnx.Rngs):
        self.config, self.widths = config, widths
        layer = _encoder(config, graph)
        self.encoder = Recurrent(layer, 2 + widths.context, rngs=rngs)
        summary = jax.eval_shape(lambda: layer.last(self.encoder.initial_carry(1))).shape[-1]
        if config.skip == "linear":
            lags = jnp.zeros((2 * widths.lookback, widths.horizon)).at[widths.lookback - 1].set(1.0)
            self.lags, self.season = nnx.Param(lags), nnx.Param(jnp.zeros(widths.known))
        hidden, numbers = self._make_head(summary, rngs)
        bias = jnp.tile(jnp.array(INITIAL_BIAS[: config.outputs]), numbers // config.outputs)
        zeros = nnx.initializers.zeros
        self.out = nnx.Linear(hidden, numbers, kernel_init=zeros, bias_init=lambda *_: bias, rngs=rngs)

    def _make_head(self, summary: int, rngs: nnx.Rngs) -> tuple[int, int]:
        """Make what comes before the last linear map; return how wide that is, and how many numbers it gives."""
        config, widths = self.config, self.widths
        if config.head == "decoder":
            self.decoder = Recurrent(recurrent(CELLS[config.cell](config.features)), 1 + widths.known, rngs=rngs)
            carry = jax.eval_shape(lambda: self.decoder.initial_carry(1))
            bridge = [nnx.Linear(summary, leaf.shape[-1], rngs=rngs) for leaf in jax.tree.leaves(carry)]
            self.bridge = nnx.List(bridge)
            return self.decoder.layer.features, config.outputs
        if not config.head_features:
            return summary, config.outputs * widths.horizon
        width, spread = config.head_features, nnx.initializers.normal(0.1)
        self.from_state = nnx.Linear(summary, width, rngs=rngs)
        self.from_known = nnx.Linear(widths.known, width, use_bias=False, kernel_init=spread, rngs=rngs)
        self.ahead = nnx.Param(spread(rngs.params(), (widths.horizon, width)))
        return width, config.outputs

    def __call__(self, values: Array, missing: Array, context: Array, known: Array, key: Array | None) -> Array:
        """Return scaled forecasts ``[B, C, H', Q]``: the centre, or lower bound, centre, upper bound.

        Args:
          values: ``[B, C, L]``, 0 where missing.
          missing: ``[B, C, L]``, 1 where missing.
          context: ``[B, L, S]``.
          known: ``[B, H', G]``.
          key: for dropout; None is evaluation.
        """
        values, level = self._levelled(values, missing)
        return self._forecast(values, missing, context, known, key) + level[..., None]

    def record(self, values: Array, missing: Array, context: Array) -> Any:
        """Return the encoder's record of windows, a row for each series of each window; arguments as for a call."""
        return self.encoder(_read(self._levelled(values, missing)[0], missing, context), record=True).record

    def _levelled(self, values: Array, missing: Array) -> tuple[Array, Array]:
        """The values as the encoder reads them, and the level ``[B, C, 1]`` that was taken from them."""
        if not self.config.relative:
            return values, jnp.zeros((*values.shape[:2], 1), values.dtype)
        level = window_mean(values, missing)[..., None]
        return jnp.where(missing > 0, 0, values - level), level

    def _forecast(self, values: Array, missing: Array, context: Array, known: Array, key: Array | None) -> Array:
        batch, series, _ = values.shape
        layer_key, state_key, head_key = split(key, 3)
        carry = self.encoder(_read(values, missing, context), key=layer_key).carry
        state = drop(state_key, self.encoder.layer.last(carry), self.config.dropout)
        skip = self._skip(values, missing, known)
        if self.config.head == "decoder":
            return self._decoded(state, last_observed(values, missing), skip, known)
        if self.config.head_features:
            about = self.from_known(known)[:, None] + self.ahead[...][None, None]
            hidden = nnx.gelu(self.from_state(state).reshape(batch, series, 1, -1) + about)
            residual = self.out(drop(head_key, hidden, self.config.dropout))
        else:
            residual = self.out(state).reshape(batch, series, self.widths.horizon, self.config.outputs)
        return self._around(skip, residual)

    def _skip(self, values: Array, missing: Array, known: Array) -> Array:
        """The simple forecast ``[B, C, H']``."""
        if self.config.skip == "none":
            return jnp.zeros((*values.shape[:2], self.widths.horizon))
        if self.config.skip == "last":
            return jnp.repeat(last_observed(values, missing)[..., None], self.widths.horizon, axis=-1)
        return jnp.concatenate([values, missing], axis=-1) @ self.lags[...] + (known @ self.season[...])[:, None]

    def _decoded(self, state: Array, last: Array, skip: Array, known: Array) -> Array:
        """Forecasts one step after the other, each fed into the next."""
        rows = last.size
        parts = [jnp.tanh(linear(state)) for linear in self.bridge]
        carry = jax.tree.unflatten(jax.tree.structure(self.decoder.initial_carry(1)), parts)
        params, step = self.decoder.params, self.decoder.layer.step
        kernel, bias = self.out.kernel[...], self.out.bias[...][None]

        def ahead(kept, now):
            carry, before = kept
            skip_now, known_now = now
            seen = jnp.broadcast_to(known_now[:, None], (*last.shape, known_now.shape[-1])).reshape(rows, -1)
            carry, hidden = step(params, carry, jnp.concatenate([before.reshape(rows, 1), seen], axis=-1))
            residual = (hidden @ kernel + bias).reshape(*last.shape, -1)
            forecast = self._around(skip_now, residual)
            return (carry, forecast[..., self.config.outputs // 2]), forecast

        _, forecasts = jax.lax.scan(ahead, (carry, last), (jnp.moveaxis(skip, -1, 0), jnp.moveaxis(known, 1, 0)))
        return jnp.moveaxis(forecasts, 0, 2)

    def _around(self, skip: Array, residual: Array) -> Array:
        if not self.config.interval:
            return skip[..., None] + residual
        centre, below, above = jnp.moveaxis(residual, -1, 0)
        return ordered(skip + centre, below, above)


def _read(values: Array, missing: Array, context: Array) -> Array:
    """What the encoder reads, ``[B · C, L, 2 + S]``: each series' own values and marks, and what all share."""
    batch, series, lookback = values.shape
    shared = jnp.broadcast_to(context[:, None], (batch, series, *context.shape[1:]))
    return jnp.concatenate([values[..., None], missing[..., None], shared], axis=-1).reshape(
        batch * series, lookback, -1
    )


def window_mean(values: Array, missing: Array) -> Array:
    """Return the mean ``[...]`` of what is not missing of ``[..., L]``; 0 where all are."""
    return jnp.sum(values, axis=-1) / jnp.maximum(jnp.sum(1 - missing, axis=-1), 1)


def last_observed(values: Array, missing: Array) -> Array:
    """Return the last value ``[...]`` of ``[..., L]`` that is not missing; 0 where all are."""
    places = jnp.arange(values.shape[-1])
    last = jnp.max(jnp.where(missing > 0, -1, places.reshape((1,) * (values.ndim - 1) + (-1,))), axis=-1)
    found = jnp.take_along_axis(values, jnp.maximum(last, 0)[..., None], axis=-1)[..., 0]
    return jnp.where(last < 0, 0, found)


def _encoder(config: ForecasterConfig, graph: Graph | None) -> Layer:
    cell = _cell(config, graph)
    make = bidirectional if config.bidirectional else recurrent
    return stack(*[make(cell) for _ in range(config.depth)], dropout=config.dropout)


def _cell(config: ForecasterConfig, graph: Graph | None) -> Cell:
    cell = CELLS[config.cell](config.features)
    if not config.hops:
        return cell
    if graph is None:
        raise InputError(f"ForecasterConfig: hops = {config.hops} needs a graph; these series have none")
    return on_graph(cell, graph, hops=config.hops)


@cache  # One function object for each configuration: whoever shares it shares what is compiled of it.
def forecaster(config: ForecasterConfig, widths: Widths, graph: Graph | None = None) -> Functional:
    """Return the forecaster as pure functions; equal arguments give the identical ones.

    Example:
      >>> model = forecaster(ForecasterConfig(features=3), Widths(lookback=5, horizon=2, context=0, known=0))
      >>> window, nothing = jnp.ones((4, 1, 5)), jnp.zeros((4, 5, 0))
      >>> model.apply(model.init(jax.random.key(0)), window, 0 * window, nothing, jnp.zeros((4, 2, 0)), None).shape
      (4, 1, 2, 3)
    """
    return functional(lambda rngs: Forecaster(config, widths, graph, rngs=rngs))
