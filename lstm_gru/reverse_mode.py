"""A mark on values that only reverse-mode differentiation may pass."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

MESSAGE = (
    "unroll: its derived backward pass has no forward-mode derivative (jvp, jacfwd, linearize); "
    "expected backward='autodiff' there"
)


def reverse_mode_only(tree: Any) -> Any:
    """Return ``tree`` unchanged; forward-mode differentiation through it says what to do instead.

    JAX's own message about a function with a custom backward pass cannot name the option that helps.

    Raises:
      TypeError: when a tangent of the result is evaluated, at once or at compilation. Reverse mode only
        transposes tangents and never evaluates them; forward mode over reverse mode is free to pass.

    Example:
      >>> jax.grad(lambda x: reverse_mode_only(x) ** 2)(3.0)
      Array(6., dtype=float32, weak_type=True)
    """
    return jax.tree.map(lambda leaf: _marked(leaf) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf, tree)


@jax.custom_jvp
def _marked(x: jax.Array) -> jax.Array:
    return x


@_marked.defjvp
def _marked_jvp(primals, tangents):
    return primals[0], _tangent.bind(tangents[0])


def _refuse(*args, **kwargs):
    raise TypeError(MESSAGE)


_tangent = Primitive("reverse_mode_only")
_tangent.def_impl(_refuse)
_tangent.def_abstract_eval(lambda x: x)
mlir.register_lowering(_tangent, _refuse)
ad.deflinear2(_tangent, lambda cotangent, x: [cotangent])
batching.defvectorized(_tangent)
