"""Layers: combinators over cells that all return the same small tuple of pure functions.

A layer maps sequences ``[B, T, F]`` to sequences ``[B, T, features]`` under the length semantics of
`lstm_gru.recurrent`. `recurrent` makes one of a cell, `bidirectional` of two, `stack` of other layers,
and each result can be used wherever a layer is expected.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstm_gru import recurrent as scan
from lstm_gru.cells.protocol import Array, Carry, Cell
from lstm_gru.dropout import check_rate, drop, split
from lstm_gru.lengths import valid_steps

Params = Any
Merge = str | Callable[[Array, Array], Any]


class LayerOutput(NamedTuple):
    """What a layer returns.

    Attributes:
      outputs: ``[B, T, features]``; a pair of them where ``features`` is a pair.
      carry: the final carry of each of its parts.
      record: a `lstm_gru.recurrent.Record` of each of its parts, arranged as ``carry`` is; None unless asked for.
    """

    outputs: Any
    carry: Carry
    record: Any = None


class Directions(NamedTuple):
    """What a bidirectional layer's record holds: one of each direction."""

    forward: Any
    backward: Any


@dataclass(frozen=True)
class Layer:
    """A recurrent layer.

    Attributes:
      features: width of the outputs; a pair of widths for two unmerged directions.
      init: ``(key, in_features, dtype=float32) -> params``.
      initial_carry: ``(params, batch_size) -> carry``.
      apply: ``(params, xs, lengths=None, carry=None, key=None, record=False) -> LayerOutput``. ``key``
        switches dropout on, None is evaluation; ``record`` asks for gates and carries.
      step: ``(params, carry, x [B, F], key=None) -> (carry, output [B, features])``; None where the layer reads
        the future and so cannot stream. ``key`` switches on dropout between layers; the noise of cells is off.
      last: ``carry -> [B, features]``, a fixed-width summary: the output at the end of each direction.
    """

    features: Any
    init: Callable[..., Params]
    initial_carry: Callable[[Params, int], Carry]
    apply: Callable[..., LayerOutput]
    step: Callable[..., tuple[Carry, Array]] | None
    last: Callable[[Carry], Array]


MERGES: dict[str, Callable[[Array, Array], Any]] = {
    "concat": lambda forward, backward: jnp.concatenate([forward, backward], axis=-1),
    "sum": jnp.add,
    "mul": jnp.multiply,
    "ave": lambda forward, backward: (forward + backward) / 2,
    "none": lambda forward, backward: (forward, backward),
}


def recurrent(cell: Cell, *, reverse: bool = False, lean: bool = False) -> Layer:
    """Return a cell as a layer that reads in one direction.

    Args:
      cell: the cell.
      reverse: read from each row's last valid step to its first; outputs stay aligned with inputs.
      lean: memory that grows as √T, for more time; see `lstm_gru.recurrent.unroll`.

    Example:
      >>> from lstm_gru.cells import gru
      >>> layer = recurrent(gru(8))
    """

    def apply(params, xs, lengths=None, carry=None, key=None, record=False) -> LayerOutput:
        return LayerOutput(
            *scan.unroll(cell, params, xs, carry, lengths=lengths, reverse=reverse, key=key, record=record, lean=lean)
        )

    def step(params, carry, x, key=None) -> tuple[Carry, Array]:
        del key
        return scan.step(cell, params, carry, x)

    return Layer(
        features=cell.features,
        init=cell.init,
        initial_carry=cell.initial_carry,
        apply=apply,
        step=None if reverse else step,
        last=cell.hidden,
    )


def bidirectional(forward: Cell, backward: Cell | None = None, *, merge: Merge = "concat", lean: bool = False) -> Layer:
    """Return a layer that reads in both directions and merges the two outputs at each time step.

    Equation: ``y_t = merge(h→_t, h←_t)``. Source: Schuster & Paliwal 1997.

    Args:
      forward: cell reading from the first step to the last.
      backward: cell reading from the last valid step to the first; a second ``forward`` when None.
      merge: ``concat``, ``sum``, ``mul``, ``ave``, ``none`` (a pair of outputs) or a function of two ``[..., H]``.
      lean: as for `recurrent`.

    Raises:
      ValueError: on an unknown merge, or one that needs equal widths and gets different ones.

    Example:
      >>> from lstm_gru.cells import lstm
      >>> bidirectional(lstm(8)).features
      16
    """
    layers = (recurrent(forward, lean=lean), recurrent(backward or forward, reverse=True, lean=lean))
    join = _merge_function(merge)
    widths = tuple(layer.features for layer in layers)
    if merge in ("sum", "mul", "ave") and widths[0] != widths[1]:
        raise ValueError(f"merge = {merge!r} joins equal widths; forward has {widths[0]}, backward {widths[1]}")
    merged = jax.eval_shape(join, *(jax.ShapeDtypeStruct((1, width), jnp.float32) for width in widths))

    def apply(params, xs, lengths=None, carry=None, key=None, record=False) -> LayerOutput:
        carries, keys = (None, None) if carry is None else carry, split(key, 2)
        parts = [
            layer.apply(p, xs, lengths, c, k, record)
            for layer, p, c, k in zip(layers, params, carries, keys, strict=True)
        ]
        outputs = join(*(p.outputs for p in parts))
        if callable(merge):  # Of zeros, it may make something else than zero.
            outputs = jax.tree.map(lambda leaf: _without_padding(leaf, lengths), outputs)
        together = _together(outputs, parts)
        return together if together.record is None else together._replace(record=Directions(*together.record))

    return Layer(
        features=jax.tree.map(lambda leaf: leaf.shape[-1], merged),
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
      ValueError: without layers, with an unmerged pair of outputs below another layer, or with dropout
        outside [0, 1).

    Example:
      >>> from lstm_gru.cells import gru, lstm
      >>> layer = stack(bidirectional(lstm(8)), recurrent(gru(4)), dropout=0.1)
    """
    if not layers:
        raise ValueError("stack: no layers; expected at least one")
    for k, layer in enumerate(layers[:-1]):
        if not isinstance(layer.features, int):
            raise ValueError(f"stack: layer {k} gives a pair of outputs; expected one below another layer")
    dropout = check_rate("stack: dropout", dropout)

    def init(key, in_features, dtype=jnp.float32) -> Params:
        widths = (in_features, *(layer.features for layer in layers[:-1]))
        keys = jax.random.split(key, len(layers))
        return tuple(layer.init(k, width, dtype) for layer, k, width in zip(layers, keys, widths, strict=True))

    def apply(params, xs, lengths=None, carry=None, key=None, record=False) -> LayerOutput:
        carries, parts = (None,) * len(layers) if carry is None else carry, []
        for i, (layer, layer_key) in enumerate(zip(layers, split(key, len(layers)), strict=True)):
            dropout_key, cell_key = split(layer_key, 2)
            if i > 0:
                xs = drop(dropout_key, xs, dropout)
            parts.append(layer.apply(params[i], xs, lengths, carries[i], cell_key, record))
            xs = parts[-1].outputs
        return _together(xs, parts)

    def step(params, carry, x, key=None) -> tuple[Carry, Array]:
        final = []
        for i, (layer, layer_key) in enumerate(zip(layers, split(key, len(layers)), strict=True)):
            dropout_key, inner_key = split(layer_key, 2)
            if i > 0:
                x = drop(dropout_key, x, dropout)
            layer_carry, x = layer.step(params[i], carry[i], x, inner_key)
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


def residual(layer: Layer) -> Layer:
    """Return the layer with its input added to its output, for stacks of it.

    Equation: ``y_t = x_t + layer(x)_t``. Source: Wu et al. 2016 (arXiv:1609.08144), section 3.1; the idea of
    He et al. 2016. ``last`` is the inner layer's: its state, without the input.

    Args:
      layer: a layer as wide as its input.

    Raises:
      ValueError: when ``init`` or ``apply`` gets an input of another width than the layer's output.

    Example:
      >>> from lstm_gru.cells import gru
      >>> layer = stack(recurrent(gru(8)), residual(recurrent(gru(8))), residual(recurrent(gru(8))))
    """

    def check(in_features: int) -> None:
        if in_features != layer.features:
            raise ValueError(f"residual: the input has {in_features} features, the layer's output {layer.features}")

    def init(key, in_features, dtype=jnp.float32) -> Params:
        check(in_features)
        return layer.init(key, in_features, dtype)

    def apply(params, xs, lengths=None, carry=None, key=None, record=False) -> LayerOutput:
        check(jnp.shape(xs)[-1])
        inner = layer.apply(params, xs, lengths, carry, key, record)
        return inner._replace(outputs=_without_padding(jnp.asarray(xs), lengths) + inner.outputs)

    def step(params, carry, x, key=None) -> tuple[Carry, Array]:
        carry, output = layer.step(params, carry, x, key)
        return carry, x + output

    return replace(layer, init=init, apply=apply, step=step if layer.step else None)


def learned_carry(layer: Layer) -> Layer:
    """Return the layer with an initial carry that is learned; it starts at zero.

    Args:
      layer: any layer. The result's parameters are ``{"layer": ..., "carry": ...}``, the carry of one row.

    Example:
      >>> from lstm_gru.cells import lstm
      >>> layer = learned_carry(bidirectional(lstm(8)))
    """

    def init(key, in_features, dtype=jnp.float32) -> Params:
        params = layer.init(key, in_features, dtype)
        row = jax.eval_shape(lambda: layer.initial_carry(params, 1))
        return {"layer": params, "carry": jax.tree.map(lambda leaf: jnp.zeros(leaf.shape[1:], dtype), row)}

    def initial_carry(params, batch_size) -> Carry:
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[None], (batch_size, *leaf.shape)), params["carry"])

    def apply(params, xs, lengths=None, carry=None, key=None, record=False) -> LayerOutput:
        carry = initial_carry(params, len(xs)) if carry is None else carry
        return layer.apply(params["layer"], xs, lengths, carry, key, record)

    def step(params, carry, x, key=None) -> tuple[Carry, Array]:
        return layer.step(params["layer"], carry, x, key)

    return replace(layer, init=init, initial_carry=initial_carry, apply=apply, step=step if layer.step else None)


def _together(outputs: Any, parts: list[LayerOutput]) -> LayerOutput:
    """The outputs with all parts' carries and, where they have one, records."""
    records = tuple(part.record for part in parts)
    carry = tuple(part.carry for part in parts)
    return LayerOutput(outputs, carry, None if any(record is None for record in records) else records)


def _without_padding(outputs: Array, lengths: Array | None) -> Array:
    if lengths is None:
        return outputs
    return jnp.where(valid_steps(lengths, outputs.shape[1])[..., None], outputs, 0)


def _merge_function(merge: Merge) -> Callable[[Array, Array], Array]:
    if callable(merge):
        return merge
    if merge not in MERGES:
        raise ValueError(f"merge = {merge!r}; expected one of {', '.join(MERGES)} or a function")
    return MERGES[merge]
