"""Layers: combinators over cells that all return the same small tuple of pure functions.

A layer maps sequences ``[B, T, F]`` to sequences ``[B, T, features]`` under the length semantics of
`lstm_gru.recurrent`. `recurrent` makes one of a cell, `bidirectional` of two, `stack` of other layers,
and each result can be used wherever a layer is expected.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstm_gru import recurrent as scan
from lstm_gru.cells import Array, Carry, Cell

Params = Any
Merge = str | Callable[[Array, Array], Array]


class LayerOutput(NamedTuple):
    """What a layer returns: ``outputs [B, T, features]`` and the final ``carry`` of each of its parts."""

    outputs: Array
    carry: Carry


@dataclass(frozen=True)
class Layer:
    """A recurrent layer.

    Attributes:
      features: width of the outputs.
      init: ``(key, in_features, dtype=float32) -> params``.
      initial_carry: ``(params, batch_size) -> carry``.
      apply: ``(params, xs, lengths=None, carry=None, key=None) -> LayerOutput``. ``key`` switches dropout
        on; None is evaluation.
      step: ``(params, carry, x [B, F]) -> (carry, output [B, features])``; None where the layer reads the
        future and so cannot stream.
      last: ``carry -> [B, features]``, a fixed-width summary: the output at the end of each direction.
    """

    features: int
    init: Callable[..., Params]
    initial_carry: Callable[[Params, int], Carry]
    apply: Callable[..., LayerOutput]
    step: Callable[[Params, Carry, Array], tuple[Carry, Array]] | None
    last: Callable[[Carry], Array]


MERGES: dict[str, Callable[[Array, Array], Array]] = {
    "concat": lambda forward, backward: jnp.concatenate([forward, backward], axis=-1),
    "sum": jnp.add,
    "mul": jnp.multiply,
    "ave": lambda forward, backward: (forward + backward) / 2,
}


def recurrent(cell: Cell, *, reverse: bool = False) -> Layer:
    """Return a cell as a layer that reads in one direction.

    Args:
      cell: the cell.
      reverse: read from each row's last valid step to its first; outputs stay aligned with inputs.

    Example:
      >>> from lstm_gru.cells import gru
      >>> layer = recurrent(gru(8))
    """

    def apply(params, xs, lengths=None, carry=None, key=None) -> LayerOutput:
        unrolled = scan.unroll(cell, params, xs, carry, lengths=lengths, reverse=reverse, key=key)
        return LayerOutput(unrolled.outputs, unrolled.carry)

    def step(params, carry, x) -> tuple[Carry, Array]:
        return scan.step(cell, params, carry, x)

    return Layer(
        features=cell.features,
        init=cell.init,
        initial_carry=cell.initial_carry,
        apply=apply,
        step=None if reverse else step,
        last=cell.hidden,
    )


def bidirectional(forward: Cell, backward: Cell | None = None, *, merge: Merge = "concat") -> Layer:
    """Return a layer that reads in both directions and merges the two outputs at each time step.

    Equation: ``y_t = merge(h→_t, h←_t)``. Source: Schuster & Paliwal 1997.

    Args:
      forward: cell reading from the first step to the last.
      backward: cell reading from the last valid step to the first; a second ``forward`` when None.
      merge: ``concat``, ``sum``, ``mul``, ``ave`` or a function of two ``[..., H]``.

    Raises:
      ValueError: on an unknown merge, or one that needs equal widths and gets different ones.

    Example:
      >>> from lstm_gru.cells import lstm
      >>> bidirectional(lstm(8)).features
      16
    """
    layers = (recurrent(forward), recurrent(backward or forward, reverse=True))
    join = _merge_function(merge)
    widths = tuple(layer.features for layer in layers)
    if isinstance(merge, str) and merge != "concat" and widths[0] != widths[1]:
        raise ValueError(f"merge = {merge!r} joins equal widths; forward has {widths[0]}, backward {widths[1]}")
    merged = jax.eval_shape(join, *(jax.ShapeDtypeStruct((1, width), jnp.float32) for width in widths))

    def apply(params, xs, lengths=None, carry=None, key=None) -> LayerOutput:
        carries, keys = carry or (None, None), _split(key, 2)
        parts = [
            layer.apply(p, xs, lengths, c, k) for layer, p, c, k in zip(layers, params, carries, keys, strict=True)
        ]
        outputs = join(*(p.outputs for p in parts))
        if callable(merge) and lengths is not None:  # Of zeros, it may make something else than zero.
            valid = jnp.arange(outputs.shape[1])[None, :] < jnp.asarray(lengths)[:, None]
            outputs = jnp.where(valid[..., None], outputs, 0)
        return LayerOutput(outputs, tuple(p.carry for p in parts))

    return Layer(
        features=merged.shape[-1],
        init=lambda key, in_features, dtype=jnp.float32: tuple(
            layer.init(k, in_features, dtype) for layer, k in zip(layers, jax.random.split(key), strict=True)
        ),
        initial_carry=lambda params, batch_size: tuple(
            layer.initial_carry(p, batch_size) for layer, p in zip(layers, params, strict=True)
        ),
        apply=apply,
        step=None,
        last=lambda carry: join(*(layer.last(c) for layer, c in zip(layers, carry, strict=True))),
    )


def stack(*layers: Layer, dropout: float = 0.0) -> Layer:
    """Return layers on top of each other, each reading the outputs of the one below.

    Args:
      layers: from the input to the output; at least one.
      dropout: probability of zeroing a value between two layers (not before the first, not after the last).

    Raises:
      ValueError: without layers, or with dropout outside [0, 1).

    Example:
      >>> from lstm_gru.cells import gru, lstm
      >>> layer = stack(bidirectional(lstm(8)), recurrent(gru(4)), dropout=0.1)
    """
    if not layers:
        raise ValueError("stack: no layers; expected at least one")
    if not 0 <= dropout < 1:
        raise ValueError(f"stack: dropout = {dropout}; expected a probability of at least 0 and below 1")

    def init(key, in_features, dtype=jnp.float32) -> Params:
        widths = (in_features, *(layer.features for layer in layers[:-1]))
        keys = jax.random.split(key, len(layers))
        return tuple(layer.init(k, width, dtype) for layer, k, width in zip(layers, keys, widths, strict=True))

    def apply(params, xs, lengths=None, carry=None, key=None) -> LayerOutput:
        carries, final = carry or (None,) * len(layers), []
        for i, (layer, layer_key) in enumerate(zip(layers, _split(key, len(layers)), strict=True)):
            dropout_key, cell_key = _split(layer_key, 2)
            if i > 0:
                xs = drop(dropout_key, xs, dropout)
            xs, layer_carry = layer.apply(params[i], xs, lengths, carries[i], cell_key)
            final.append(layer_carry)
        return LayerOutput(xs, tuple(final))

    def step(params, carry, x) -> tuple[Carry, Array]:
        final = []
        for layer, layer_params, layer_carry in zip(layers, params, carry, strict=True):
            layer_carry, x = layer.step(layer_params, layer_carry, x)
            final.append(layer_carry)
        return tuple(final), x

    return Layer(
        features=layers[-1].features,
        init=init,
        initial_carry=lambda params, batch_size: tuple(
            layer.initial_carry(p, batch_size) for layer, p in zip(layers, params, strict=True)
        ),
        apply=apply,
        step=step if all(layer.step for layer in layers) else None,
        last=lambda carry: layers[-1].last(carry[-1]),
    )


def drop(key: Array | None, xs: Array, rate: float) -> Array:
    """Zero each value with probability ``rate``, scale the others by 1 / (1 - rate); unchanged without a key.

    Source: Srivastava et al. 2014, in its inverted form.
    """
    if key is None or rate == 0.0:
        return xs
    keep = jax.random.bernoulli(key, 1 - rate, xs.shape)
    return jnp.where(keep, xs / (1 - rate), 0)


def _merge_function(merge: Merge) -> Callable[[Array, Array], Array]:
    if callable(merge):
        return merge
    if merge not in MERGES:
        raise ValueError(f"merge = {merge!r}; expected one of {', '.join(MERGES)} or a function")
    return MERGES[merge]


def _split(key: Array | None, n: int) -> Any:
    return (None,) * n if key is None else tuple(jax.random.split(key, n))
