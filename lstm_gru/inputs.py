"""What the functions over time accept: checks with one clear sentence, and the types that follow."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.cells.protocol import Array, Carry, Cell, GatedCell, carry_type


def check_inputs(cell: Cell, params: Any, xs: Array, lengths: Any) -> None:
    """Raise `ValueError` when sequences do not fit the parameters, or these the cell."""
    if xs.ndim != 3:
        raise ValueError(f"xs has shape {xs.shape}; expected three axes [B, T, F]")
    if not jnp.issubdtype(xs.dtype, jnp.floating):
        raise ValueError(f"xs has type {xs.dtype}; expected a floating type")
    kernel = params.get("kernel") if isinstance(params, dict) else None
    if kernel is not None and kernel.shape[0] != xs.shape[2]:
        raise ValueError(f"xs has {xs.shape[2]} features; the cell's kernel was made for {kernel.shape[0]}")
    if isinstance(cell, GatedCell):
        columns, expected = cell.recurrent(params)[0].shape[1], len(cell.gates) * cell.features
        if columns != expected:
            raise ValueError(
                f"params: recurrent_kernel has {columns} columns; {cell.name} with features = {cell.features} "
                f"expects {expected}"
            )
    if lengths is not None:
        _check_lengths(lengths, batch=xs.shape[0], time=xs.shape[1])


def _check_lengths(lengths: Any, batch: int, time: int) -> None:
    shape, dtype = jnp.shape(lengths), jnp.result_type(lengths)
    if shape != (batch,) or not jnp.issubdtype(dtype, jnp.integer):
        raise ValueError(f"lengths has shape {shape} and type {dtype}; expected integers of shape ({batch},)")
    if isinstance(lengths, jax.core.Tracer):
        return  # Values are unknown while tracing; a length above T then acts as T, below 0 as 0.
    values = np.asarray(lengths)
    if values.size and (values.min() < 0 or values.max() > time):
        raise ValueError(f"lengths run from {values.min()} to {values.max()}; expected 0 to T = {time}")


def compute_type(params: Any, xs: Array) -> Any:
    """Return the type of the products: that of half-precision ``xs``, else the widest of ``xs`` and parameters."""
    if carry_type(xs.dtype) != xs.dtype:
        return xs.dtype
    return jnp.result_type(xs.dtype, *(leaf.dtype for leaf in jax.tree.leaves(params) if _floating(leaf)))


def initial_carry(cell: Cell, params: Any, carry: Carry | None, batch: int, dtype: Any) -> Carry:
    """Return the given carry, or the cell's own, with its floating parts in ``dtype``.

    Raises:
      ValueError: when a given carry has another structure, shape or a wider type than the cell's.
    """
    own = cell.initial_carry(params, batch)
    if carry is None:
        return as_type(own, dtype)
    expected, given = jax.tree.structure(own), jax.tree.structure(carry)
    if expected != given:
        raise ValueError(f"carry is {given}; {cell.name} expects {expected}")
    for is_one, should in zip(jax.tree.leaves(carry), jax.tree.leaves(own), strict=True):
        if jnp.shape(is_one) != should.shape:
            raise ValueError(f"carry has a part of shape {jnp.shape(is_one)}; {cell.name} expects {should.shape}")
        if jnp.promote_types(jnp.result_type(is_one), dtype) != dtype:
            raise ValueError(f"carry has type {jnp.result_type(is_one)}; expected {dtype}, which xs and params imply")
    return as_type(jax.tree.map(jnp.asarray, carry), dtype)


def as_type(tree: Any, dtype: Any) -> Any:
    """Return ``tree`` with its floating arrays in ``dtype``."""
    return jax.tree.map(lambda leaf: leaf.astype(dtype) if _floating(leaf) else leaf, tree)


def vary_alike(*trees: Any) -> tuple[Any, ...]:
    """Return ``trees`` with every array varying over the mesh axes that any of them varies over.

    Inside `jax.shard_map` a loop's carry must not start as equal on all devices and then differ; zeros made
    on the spot do. Parameters that are equal on all devices get the sum over devices of their gradients, the
    transpose of this.
    """
    axes = frozenset().union(*map(_varying_axes, jax.tree.leaves(trees)))

    def vary(leaf: Array) -> Array:
        missing = tuple(axes - _varying_axes(leaf))
        return jax.lax.pcast(leaf, missing, to="varying") if missing else leaf

    return jax.tree.map(vary, trees)


def _varying_axes(leaf: Array) -> frozenset[str]:
    kind = jax.typeof(leaf)  # Its attribute has moved; jax before 0.9 has the first one.
    return kind.vma if hasattr(kind, "vma") else kind.manual_axis_type.varying


def _floating(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)
