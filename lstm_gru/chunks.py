"""Reading a sequence in chunks that the backward pass reads again: what is kept grows as √T instead of T.

Of each chunk only the carry before it is kept, ⌈√T⌉ carries in all, beside the inputs and outputs; its input products,
gates and carries are computed again when its turn comes in the backward pass, and are those of ⌈√T⌉ steps. Source:
Chen, Xu, Zhang & Guestrin 2016 (arXiv:1604.06174), section 4.1; for recurrent networks Gruslys et al. 2016
(arXiv:1606.03401), section 3.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array


class Stretch(NamedTuple):
    """The key of a sequence's noise, for a stretch of its steps.

    Attributes:
      key: of the whole sequence.
      start: the stretch's first step.
    """

    key: Array
    start: Array | int


def in_chunks(
    read: Callable[..., tuple[Any, Any]],
    carry: Any,
    xs: Array,
    valid: Array | None,
    key: Array | None,
    *,
    reverse: bool,
) -> tuple[Any, Any]:
    """Return what ``read`` returns of the whole sequence, from reading chunk after chunk.

    Args:
      read: ``(carry, xs [t, B, F], valid [t, B], stretch) -> (carry, seen [t, ...])``, pure.
      carry: before the first step that is read.
      xs: ``[T, B, F]``.
      valid: ``[T, B]``, or None.
      key: of noise, or None.
      reverse: read from the last step to the first.
    """
    time, size = len(xs), math.isqrt(max(len(xs) - 1, 0)) + 1
    whole = time // size * size
    read_again = jax.checkpoint(read, prevent_cse=False)  # Inside a scan nothing is merged with what is outside.

    def stretch(start: Array | int) -> Stretch | None:
        return None if key is None else Stretch(key, start)

    def body(carry: Any, chunk: tuple[Any, Array]) -> tuple[Any, Any]:
        (xs, valid), start = chunk
        return read_again(carry, xs, valid, stretch(start))

    chunks = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, size, *leaf.shape[1:]), (xs, valid))
    rest = jax.tree.map(lambda leaf: leaf[whole:], (xs, valid))
    starts = jnp.arange(0, whole, size)

    def read_first(carry: Any) -> tuple[Any, Any]:
        carry, seen = jax.lax.scan(body, carry, (chunks, starts), reverse=reverse)
        return carry, jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), seen)

    def read_rest(carry: Any) -> tuple[Any, Any]:
        return jax.checkpoint(read)(carry, *rest, stretch(whole))

    if whole == time:
        return read_first(carry)
    if reverse:
        carry, end = read_rest(carry)
        carry, seen = read_first(carry)
    else:
        carry, seen = read_first(carry)
        carry, end = read_rest(carry)
    return carry, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), seen, end)
