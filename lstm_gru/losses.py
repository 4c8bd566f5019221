"""Losses as (sum, weight), so that padding and missing values never count and the division comes once, last."""

import jax
import jax.numpy as jnp
import optax


def huber(prediction: jax.Array, target: jax.Array, weight: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the weighted sum of Huber's loss with δ = 1, and the sum of weights.

    Equation: ``½ e²`` for ``|e| ≤ 1``, else ``|e| - ½``. Source: Huber 1964.

    Args:
      prediction: any shape.
      target: the same shape; any finite value where the weight is 0.
      weight: the same shape, 0 where nothing was observed.
    """
    return jnp.sum(weight * optax.losses.huber_loss(prediction, target, delta=1.0)), jnp.sum(weight)


def squared(prediction: jax.Array, target: jax.Array, weight: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the weighted sum of squared errors, and the sum of weights; arguments as for `huber`."""
    return jnp.sum(weight * jnp.square(prediction - target)), jnp.sum(weight)


def pinball(prediction: jax.Array, target: jax.Array, weight: jax.Array, level: float) -> tuple[jax.Array, jax.Array]:
    """Return the weighted sum of the pinball (quantile) loss, and the sum of weights.

    Equation: ``max(q·e, (q - 1)·e)`` with ``e = target - prediction``; its minimiser is the quantile at level q.
    Source: Koenker & Bassett 1978.

    Args:
      prediction: any shape.
      target: the same shape; any finite value where the weight is 0.
      weight: the same shape, 0 where nothing was observed.
      level: q, between 0 and 1.
    """
    error = target - prediction
    return jnp.sum(weight * jnp.maximum(level * error, (level - 1) * error)), jnp.sum(weight)


def cross_entropy(
    logits: jax.Array, target: jax.Array, weight: jax.Array, smoothing: float = 0.0
) -> tuple[jax.Array, jax.Array]:
    """Return the weighted sum of the cross-entropy in nats with smoothed labels, and the sum of weights.

    Equation: ``- (1 - ε) log p(y) - ε/V Σ_v log p(v)`` with ``p = softmax(logits)``; with ε = 0 the negative
    log-likelihood. Source: Szegedy et al. 2016, section 7.

    Args:
      logits: ``[..., V]``; anything where the weight is 0.
      target: int ``[...]``, the right classes; any of them where the weight is 0.
      weight: ``[...]``, 0 where nothing is predicted.
      smoothing: ε, at least 0 and below 1.
    """
    logits = jnp.where(weight[..., None] > 0, logits, 0)  # A gradient of 0 times infinity would not be 0.
    log_normaliser = jax.nn.logsumexp(logits, axis=-1)
    right = jnp.take_along_axis(logits, target[..., None], axis=-1)[..., 0]
    loss = log_normaliser - (1 - smoothing) * right
    if smoothing:
        loss -= smoothing * logits.mean(axis=-1)
    return jnp.sum(weight * loss), jnp.sum(weight)


def bernoulli(logits: jax.Array, target: jax.Array, weight: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the weighted sum of the negative log-likelihood in nats of independent yes-or-no values, and of weights.

    Equation: ``Σ_k log(1 + exp(s_k)) - y_k s_k`` for the last axis k, with ``p_k = σ(s_k)``.

    Args:
      logits: s, ``[..., K]``; anything where the weight is 0.
      target: y, bool ``[..., K]``.
      weight: ``[...]``, 0 where nothing is predicted.
    """
    logits = jnp.where(weight[..., None] > 0, logits, 0)  # A gradient of 0 times infinity would not be 0.
    nats = jnp.sum(jax.nn.softplus(logits) - jnp.where(target, logits, 0), axis=-1)
    return jnp.sum(weight * nats), jnp.sum(weight)
