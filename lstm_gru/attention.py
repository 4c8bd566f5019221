"""Attention: each query's weighted mean of a memory, such as an encoder's states.

An attention is a small tuple of pure functions. `Attention.prepare` does once a sentence what does not depend on the
query; `Attention.apply` then serves all target steps at once, one step (T = 1), or the hypotheses of a beam search
(T = K) without a copy of the memory for each.

Padding: a padded place of the memory has weight exactly 0, and whatever stands there (NaN and infinity included)
changes neither values nor gradients. Where all places are padded, weights and context are 0.

Types: products run in the *compute type*, bfloat16 or float16 when the memory is, else the widest of memory and
parameters. They are summed, and the softmax is taken, in at least float32. Weights have that type, the context has
the compute type.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array
Params = dict[str, Array]


class Memory(NamedTuple):
    """What `Attention.prepare` returns: all that a query needs of the memory, every leaf ``[B, S, ...]``.

    Attributes:
      keys: ``[B, S, Q]`` (multiplicative) or ``[B, S, A]`` (additive), what queries are compared with.
      values: ``[B, S, M]``, the memory itself, 0 in the padding.
      mask: bool ``[B, S]``, True = valid.
    """

    keys: Array
    values: Array
    mask: Array


class Attended(NamedTuple):
    """What `Attention.apply` returns.

    Attributes:
      context: ``[B, T, M]``, the mean of the values under the weights.
      weights: ``[B, T, S]``, which sum to 1 over the valid places.
    """

    context: Array
    weights: Array


@dataclass(frozen=True)
class Attention:
    """An attention; B sentences, T queries and S places of memory in each.

    Attributes:
      init: ``(key, query_features, memory_features, dtype=float32) -> params``; kernels are Glorot uniform.
      prepare: ``(params, memory [B, S, M], mask [B, S]) -> Memory``.
      apply: ``(params, Memory, query [B, T, Q]) -> Attended``.
    """

    init: Callable[..., Params]
    prepare: Callable[[Params, Array, Array], Memory]
    apply: Callable[[Params, Memory, Array], Attended]


@cache  # Equal arguments give the identical attention.
def dot() -> Attention:
    """Return attention by the plain product of query and memory, which are of one width.

    Equations::

        score(h_t, h_s) = h_tᵀ h_s
        a_t(s)          = softmax over s of score(h_t, h_s)
        c_t             = Σ_s a_t(s) h_s

    Source: Luong, Pham & Manning 2015, section 3.1, "dot".

    Example:
      >>> attention = dot()
    """

    def init(key, query_features, memory_features, dtype=jnp.float32) -> Params:
        if query_features != memory_features:
            raise ValueError(
                f"dot: queries have {query_features} features, the memory {memory_features}; expected equal ones"
            )
        return {}

    return _attention(init, lambda params, values: values, _multiply)


@cache
def multiplicative() -> Attention:
    """Return attention by a bilinear score.

    Equations::

        score(h_t, h_s) = h_tᵀ W_a h_s
        a_t(s)          = softmax over s of score(h_t, h_s)
        c_t             = Σ_s a_t(s) h_s

    Source: Luong, Pham & Manning 2015, section 3.1, "general". ``kernel [M, Q]`` is W_aᵀ; the keys are W_a h_s.

    Example:
      >>> attention = multiplicative()
      >>> params = attention.init(jax.random.key(0), query_features=3, memory_features=4)
      >>> memory = attention.prepare(params, jnp.ones((2, 7, 4)), jnp.ones((2, 7), bool))
      >>> attention.apply(params, memory, jnp.ones((2, 5, 3))).context.shape
      (2, 5, 4)
    """

    def init(key, query_features, memory_features, dtype=jnp.float32) -> Params:
        return {"kernel": _glorot(key, (memory_features, query_features), dtype)}

    return _attention(init, lambda params, values: _project(values, params["kernel"]).astype(values.dtype), _multiply)


@cache
def additive(features: int) -> Attention:
    """Return attention by a network with one hidden layer.

    Equations::

        e_ij = v_aᵀ tanh(W_a s_{i-1} + U_a h_j)
        α_ij = softmax over j of e_ij
        c_i  = Σ_j α_ij h_j

    Source: Bahdanau, Cho & Bengio 2015, appendix A.1.2. ``query_kernel [Q, A]`` is W_aᵀ, ``memory_kernel [M, A]`` U_aᵀ,
    ``score_kernel [A]`` v_a. The paper starts v_a at zero and the kernels near it; here all are Glorot uniform.

    All T steps at once hold ``[B, T, S, A]`` in float32, and differentiating them twice that: at B 64, T and S 30,
    A 256 they are 56 MiB. The multiplicative score never needs more than ``[B, T, S]``.

    Args:
      features: A, width of the hidden layer.

    Raises:
      ValueError: when ``features`` is not a whole number of at least 1.

    Example:
      >>> params = additive(8).init(jax.random.key(0), query_features=3, memory_features=4)
      >>> params["memory_kernel"].shape
      (4, 8)
    """
    if isinstance(features, bool) or not isinstance(features, int) or features < 1:
        raise ValueError(f"additive: features = {features!r}; expected a whole number of at least 1")

    def init(key, query_features, memory_features, dtype=jnp.float32) -> Params:
        keys = jax.random.split(key, 3)
        return {
            "query_kernel": _glorot(keys[0], (query_features, features), dtype),
            "memory_kernel": _glorot(keys[1], (memory_features, features), dtype),
            "score_kernel": _glorot(keys[2], (features, 1), dtype)[:, 0],
        }

    def score(params, keys, query) -> Array:
        hidden = jnp.tanh(_project(query, params["query_kernel"])[:, :, None] + keys[:, None])
        # A sum of products would not keep [B, T, S, A] forwards, but on CPU it takes four times as long.
        return hidden @ params["score_kernel"].astype(hidden.dtype)

    return _attention(init, lambda params, values: _project(values, params["memory_kernel"]), score)


def _attention(init: Callable, keys: Callable, score: Callable) -> Attention:
    """An attention of its ``keys(params, values)`` and its ``score(params, keys, query) -> [B, T, S]``."""

    def prepare(params, memory, mask) -> Memory:
        _check_memory(memory, mask)
        # Clearing the padding makes NaN there harmless in values and gradients.
        values = jnp.where(mask[..., None], memory, 0).astype(_compute_type(params, memory))
        return Memory(keys(params, values), values, mask)

    def apply(params, memory, query) -> Attended:
        _check_query(query, memory)
        scores = score(params, memory.keys, query.astype(memory.values.dtype))
        weights = _masked_softmax(scores, memory.mask[:, None])
        return Attended(_sum_product("bts,bsm->btm", weights, memory.values).astype(memory.values.dtype), weights)

    return Attention(init, prepare, apply)


def _multiply(params: Params, keys: Array, query: Array) -> Array:
    return _sum_product("btq,bsq->bts", query, keys)


def _masked_softmax(scores: Array, mask: Array) -> Array:
    """The softmax over the valid places of ``[B, T, S]``, 0 elsewhere; a mask ``[B, 1, S]``."""
    # The lowest number instead of -inf: rows without a valid place stay finite, and so do their gradients.
    scores = jnp.where(mask, scores, jnp.finfo(scores.dtype).min)
    return jnp.where(mask, jax.nn.softmax(scores, axis=-1), 0)


def _project(x: Array, kernel: Array) -> Array:
    return jnp.dot(x, kernel.astype(x.dtype), preferred_element_type=_sum_type(x.dtype))


def _sum_product(subscripts: str, x: Array, y: Array) -> Array:
    """`jnp.einsum` computed in the second one's type and summed in at least float32."""
    return jnp.einsum(subscripts, x.astype(y.dtype), y, preferred_element_type=_sum_type(y.dtype))


def _sum_type(dtype: Any) -> Any:
    return jnp.promote_types(dtype, jnp.float32)


def _compute_type(params: Params, memory: Array) -> Any:
    if _sum_type(memory.dtype) != memory.dtype:
        return memory.dtype
    return jnp.result_type(memory.dtype, *(leaf.dtype for leaf in params.values()))


def _glorot(key: Array, shape: tuple[int, int], dtype: Any) -> Array:
    return jax.nn.initializers.glorot_uniform()(key, shape, _sum_type(dtype)).astype(dtype)


def _check_memory(memory: Array, mask: Array) -> None:
    if memory.ndim != 3 or not jnp.issubdtype(memory.dtype, jnp.floating):
        raise ValueError(f"memory has shape {memory.shape} and type {memory.dtype}; expected floating [B, S, M]")
    if mask.shape != memory.shape[:2] or mask.dtype != bool:
        raise ValueError(f"mask has shape {mask.shape} and type {mask.dtype}; expected bool {memory.shape[:2]}")


def _check_query(query: Array, memory: Memory) -> None:
    if query.ndim != 3 or len(query) != len(memory.values):
        raise ValueError(
            f"query has shape {query.shape}; expected [B, T, Q] with B = {len(memory.values)}, and T = 1 for one step"
        )
