"""What of a padded batch is there: the first ``lengths[b]`` steps of row ``b``, which may be none."""

import jax
import jax.numpy as jnp


def valid_steps(lengths: jax.Array, time: int) -> jax.Array:
    """Return which steps are there, ``[B, T]``: step t of row b where ``t < lengths[b]``.

    Args:
      lengths: steps of each row, ``[B]``.
      time: T, padding included.

    Example:
      >>> valid_steps(jnp.array([3, 0, 1]), time=3).astype(int).tolist()
      [[1, 1, 1], [0, 0, 0], [1, 0, 0]]
    """
    return jnp.arange(time)[None, :] < jnp.asarray(lengths)[:, None]
