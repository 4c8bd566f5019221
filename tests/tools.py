"""Random parameters and carries, and scalars of them, for the tests of cells, scans and layers; and a daily series."""

import chex
import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.data.series import Series
from lstm_gru.data.timebase import TimeBase

# One of each way through the scan, for what is built upon cells; what cells themselves promise is tested of all.
KINDS = ("rnn", "lstm", "lstm_fgr", "layer_norm_lstm", "projected_lstm", "gru", "gru_reset_before", "mingru")


def filled(shapes, seed, scale=0.6):
    """Distinct random values everywhere, biases and carries included, so that no swap of gates goes unseen."""
    random = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(scale * random.normal(size=leaf.shape), leaf.dtype), shapes)


def random_params(cell, in_features, dtype=jnp.float32, seed=0):
    """The cell's own initial values, moved by random ones."""
    params = cell.init(jax.random.key(seed), in_features, dtype)
    return jax.tree.map(jnp.add, params, filled(params, seed, scale=0.3))


def random_carry(cell, params, batch, seed=7):
    """A carry as the cell's own, but random."""
    return filled(jax.eval_shape(lambda: cell.initial_carry(params, batch)), seed, scale=0.8)


def scalar(*trees):
    """A scalar in which every entry of every array has a weight of its own."""
    total = 0.0
    for k, leaf in enumerate(jax.tree.leaves(trees)):
        xp = np if isinstance(leaf, np.ndarray) else jnp
        total += xp.sum(xp.sin(leaf + k) * np.linspace(0.5, 2.0, leaf.size).reshape(leaf.shape))
    return total


def named(carry):
    """The parts of a carry by name."""
    return carry._asdict() if hasattr(carry, "_asdict") else {"hidden": carry}


def unnamed(like, parts):
    """The inverse of `named`, for a carry like the given one."""
    return type(like)(**parts) if hasattr(like, "_asdict") else parts["hidden"]


def assert_close(got, expected, tolerance):
    """Equal within the tolerance times the largest value of each array, or times 1 where that is smaller."""
    chex.assert_trees_all_equal_structs(got, expected)
    for is_one, should in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        scale = max(1.0, np.abs(should).max(initial=0))
        np.testing.assert_allclose(np.asarray(is_one) / scale, np.asarray(should) / scale, rtol=0, atol=tolerance)


def daily_series(values, start="2010-06-01", file="synthetic"):
    """A series of one column."""
    base = TimeBase(np.datetime64(start, "s"), np.timedelta64(86_400, "s"))
    return Series(base, np.asarray(values, float)[:, None], ("y",), {"file": file, "sha256": "0"})
