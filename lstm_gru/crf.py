"""A linear-chain conditional random field: the best sequence of tags, not the best tag of each word.

For scores s of each word's tags and transitions A between neighbouring tags, a sequence y of T tags has::

    score(y) = start[y_1] + Σ_t s_t[y_t] + Σ_t A[y_{t-1}, y_t] + end[y_T]
    log p(y) = score(y) - log Z,      log Z = log Σ_y exp score(y)

Source: Lafferty, McCallum & Pereira 2001; on top of a bidirectional LSTM, Huang, Xu & Yu 2015 (arXiv:1508.01991),
section 2.5. Both recursions are one scan over time.

Lengths: padded scores change neither values nor gradients, whatever stands there; a row of length 0 has one sequence,
the empty one, with score 0 and probability 1.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstm_gru.lengths import valid_steps

Array = jax.Array


class Transitions(NamedTuple):
    """Parameters of the chain over K tags; zeros make every tag independent of its neighbours.

    Attributes:
      between: ``[K, K]``, A; row i, column j is the score of tag j after tag i.
      start: ``[K]``, of a first tag.
      end: ``[K]``, of a last tag.
    """

    between: Array
    start: Array
    end: Array


def independent(tags: int) -> Transitions:
    """Return transitions of zero, with which a sequence's probability is the product of its tags' softmaxes.

    Example:
      >>> independent(3).between.shape
      (3, 3)
    """
    return Transitions(jnp.zeros((tags, tags)), jnp.zeros(tags), jnp.zeros(tags))


def log_likelihood(transitions: Transitions, scores: Array, tags: Array, lengths: Array) -> Array:
    """Return log p of each row's tags, ``[B]``.

    Args:
      transitions: of K tags.
      scores: ``[B, T, K]``.
      tags: int ``[B, T]``; any of them in the padding.
      lengths: int ``[B]``.

    Example:
      >>> scores = jnp.log(jnp.array([[[0.25, 0.75], [0.5, 0.5]]]))
      >>> round(float(jnp.exp(log_likelihood(independent(2), scores, jnp.array([[1, 0]]), jnp.array([2])))[0]), 3)
      0.375
    """
    scores, valid = _cleared(scores, lengths)
    return _score(transitions, scores, tags, valid) - _log_partition(transitions, scores, valid)


def log_partition(transitions: Transitions, scores: Array, lengths: Array) -> Array:
    """Return log Z of each row, ``[B]``, by the forward recursion; its gradient by the scores is each tag's marginal.

    Equation: ``α_t[j] = s_t[j] + log Σ_i exp(α_{t-1}[i] + A[i, j])``, ``log Z = log Σ_j exp(α_T[j] + end[j])``.

    Args:
      transitions: of K tags.
      scores: ``[B, T, K]``.
      lengths: int ``[B]``.
    """
    return _log_partition(transitions, *_cleared(scores, lengths))


def viterbi(transitions: Transitions, scores: Array, lengths: Array) -> tuple[Array, Array]:
    """Return the most probable tags of each row, ``[B, T]`` with 0 in the padding, and their scores ``[B]``.

    Source: Viterbi 1967. Among equals the lower tag wins, the last word's first.

    Args:
      transitions: of K tags.
      scores: ``[B, T, K]``.
      lengths: int ``[B]``.

    Example:
      >>> scores = jnp.array([[[1.0, 0.0], [0.0, 0.1]]])
      >>> viterbi(independent(2), scores, jnp.array([2]))[0].tolist()
      [[0, 1]]
      >>> viterbi(independent(2)._replace(between=jnp.eye(2)), scores, jnp.array([2]))[0].tolist()
      [[0, 0]]
    """
    scores, valid = _cleared(scores, lengths)
    first, rest = _first_and_rest(transitions, scores)

    def forward(best: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        scores_now, valid_now = now
        through = best[:, :, None] + transitions.between[None]
        new = jnp.where(valid_now[:, None], through.max(axis=1) + scores_now, best)
        return new, jnp.where(valid_now[:, None], through.argmax(axis=1), jnp.arange(best.shape[1])[None])

    best, before = jax.lax.scan(forward, first, (rest, valid[1:]))
    total = best + transitions.end[None]
    last = total.argmax(axis=1)

    def back(tag: Array, before_now: Array) -> tuple[Array, Array]:
        previous = jnp.take_along_axis(before_now, tag[:, None], axis=1)[:, 0]
        return previous, tag

    first_tag, tags = jax.lax.scan(back, last, before, reverse=True)  # The padding carries the last tag back.
    path = jnp.concatenate([first_tag[None], tags]).T
    return jnp.where(valid.T, path, 0), jnp.where(valid[0], total.max(axis=1), 0)


def _cleared(scores: Array, lengths: Array) -> tuple[Array, Array]:
    """Time-major scores ``[T, B, K]`` with 0 in the padding, and what is valid ``[T, B]``."""
    if scores.ndim != 3 or not scores.shape[1]:
        raise ValueError(f"scores has shape {scores.shape}; expected [B, T, K] with T of at least 1")
    valid = valid_steps(lengths, scores.shape[1]).T
    return jnp.where(valid[..., None], scores.swapaxes(0, 1), 0), valid


def _first_and_rest(transitions: Transitions, scores: Array) -> tuple[Array, Array]:
    return transitions.start[None] + scores[0], scores[1:]


def _score(transitions: Transitions, scores: Array, tags: Array, valid: Array) -> Array:
    tags = tags.T
    of_words = jnp.take_along_axis(scores, tags[..., None], axis=2)[..., 0]
    of_pairs = jnp.where(valid[1:], transitions.between[tags[:-1], tags[1:]], 0)
    last = jnp.take_along_axis(tags, jnp.maximum(valid.sum(axis=0) - 1, 0)[None], axis=0)[0]
    ends = transitions.start[tags[0]] + transitions.end[last]
    return jnp.where(valid, of_words, 0).sum(axis=0) + of_pairs.sum(axis=0) + jnp.where(valid[0], ends, 0)


def _log_partition(transitions: Transitions, scores: Array, valid: Array) -> Array:
    first, rest = _first_and_rest(transitions, scores)

    def forward(alpha: Array, now: tuple[Array, Array]) -> tuple[Array, None]:
        scores_now, valid_now = now
        new = scores_now + jax.nn.logsumexp(alpha[:, :, None] + transitions.between[None], axis=1)
        return jnp.where(valid_now[:, None], new, alpha), None

    alpha, _ = jax.lax.scan(forward, first, (rest, valid[1:]))
    return jnp.where(valid[0], jax.nn.logsumexp(alpha + transitions.end[None], axis=1), 0)
