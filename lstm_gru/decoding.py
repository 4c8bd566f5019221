"""Greedy and beam search over any model that can continue a prefix by one token.

The model is a function::

    step(memory, carry, tokens [B, K]) -> (log_probs [B, K, V], carry)

for B sentences with K hypotheses each. ``tokens`` are the last ones (``bos`` at first), ``log_probs`` those of every
next one, at most 0. ``memory`` is what a sentence's hypotheses share: any tree with leading axis B, never copied for a
hypothesis. ``carry`` is what depends on the prefix: a tree with leading axes ``[B, K]``, which the search reorders as
it chooses hypotheses. A search is given the carry of the empty prefix, with leading axis B.

A hypothesis Y counts its end: ``eos`` is its last token and one of the |Y|, so the empty translation has |Y| = 1.
A log-probability that is NaN or +inf counts as -inf, and what has -inf is no hypothesis.

Searches are pure functions to be called under `jax.jit`, where arrays of equal shapes share one compilation; what
``step`` closes over, parameters above all, then has to come from the jitted function's arguments.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.errors import InputError

Array = jax.Array
Carry = Any
Step = Callable[[Any, Carry, Array], tuple[Array, Carry]]

BLOCK = 32  # Of 16, 32, 64 and 128 the fastest in `_top_k` for a vocabulary of 8,000.


class Hypotheses(NamedTuple):
    """The N best hypotheses of each sentence, within L = ``max_length`` tokens.

    Finished ones come first, then those cut off at the bound; either from the best score to the worst. Where there are
    fewer than N, the others have length 0 and score -inf.

    Attributes:
      tokens: int32 ``[B, N, L]``, the end included, 0 after it.
      lengths: int32 ``[B, N]``, |Y|, the end included.
      scores: float32 ``[B, N]``, ``log_probs`` divided by the length penalty.
      log_probs: float32 ``[B, N]``, log P(Y | X), summed over the |Y| tokens.
      finished: bool ``[B, N]``, False where cut off.
    """

    tokens: Array
    lengths: Array
    scores: Array
    log_probs: Array
    finished: Array


class _Live(NamedTuple):
    """Hypotheses without an end, the best first; the first token is ``bos``, so that no step is special."""

    tokens: Array
    log_probs: Array


class _Continuations(NamedTuple):
    """The 2K best continuations of K live hypotheses, the best first; ``parents`` are these, ``ends`` is bool."""

    tokens: Array
    log_probs: Array
    parents: Array
    ends: Array


def greedy(
    step: Step,
    memory: Any,
    carry: Carry,
    *,
    bos: int,
    eos: int,
    max_length: int,
    length_penalty: float = 0.0,
    limits: Array | None = None,
    forbidden: tuple[int, ...] = (),
) -> Hypotheses:
    """Return the one hypothesis that takes the likeliest token at every step, of equally likely ones the lowest.

    Args:
      step: the model, see above; here K = 1.
      memory: tree with leading axis B.
      carry: of the empty prefix, tree with leading axis B.
      bos: the token before the first.
      eos: the token that ends a hypothesis.
      max_length: L, the most tokens, the end included.
      length_penalty: α of the score, see `beam_search`; the choice does not depend on it.
      limits: int ``[B]``, the most tokens of each sentence; 0 is legal, above L means L.
      forbidden: tokens never to be chosen.

    Returns:
      `Hypotheses` with N = 1.

    Raises:
      InputError: on a bound below 1, a negative penalty, limits that are not one integer a sentence, trees without a
        common leading axis, a token outside the vocabulary, a forbidden end, log-probabilities not ``[B, K, V]``.

    Example:
      >>> step = lambda memory, carry, tokens: (jnp.log(memory)[:, None], carry)
      >>> greedy(step, jnp.array([[0.2, 0.1, 0.7]]), (), bos=0, eos=2, max_length=4).tokens.tolist()
      [[[2, 0, 0, 0]]]
    """
    batch, limits = _check_search(memory, carry, max_length, limits)
    penalties = _penalties(max_length, length_penalty)

    def going(time: Array, chosen: Hypotheses) -> Array:
        return (time < limits)[:, None] & ~chosen.finished & jnp.isfinite(chosen.log_probs)

    def advance(state: tuple[Array, Hypotheses, Carry]) -> tuple[Array, Hypotheses, Carry]:
        time, chosen, carry = state
        log_probs, carry = step(memory, carry, chosen.tokens[:, :, time])
        log_prob, token = (best[:, :, 0] for best in _top_k(_possible(log_probs, (batch, 1), eos, forbidden), 1))
        now = going(time, chosen)
        chosen = chosen._replace(
            tokens=chosen.tokens.at[:, :, time + 1].set(jnp.where(now, token, 0)),
            lengths=chosen.lengths + now,
            log_probs=chosen.log_probs + jnp.where(now, log_prob, 0),
            finished=chosen.finished | (now & (token == eos)),
        )
        return time + 1, chosen, carry

    nothing = _nothing(batch, 1, bos, max_length)._replace(log_probs=jnp.zeros((batch, 1), jnp.float32))
    start = (jnp.int32(0), nothing, _repeat(carry, 1))
    _, chosen, _ = jax.lax.while_loop(lambda state: going(*state[:2]).any(), advance, start)
    return _presentable(chosen._replace(scores=chosen.log_probs / penalties[chosen.lengths]))


def beam_search(
    step: Step,
    memory: Any,
    carry: Carry,
    *,
    bos: int,
    eos: int,
    beam: int,
    max_length: int,
    length_penalty: float,
    n_best: int | None = None,
    limits: Array | None = None,
    forbidden: tuple[int, ...] = (),
) -> Hypotheses:
    """Return the best hypotheses that a beam of live ones comes upon.

    Equations, for α = ``length_penalty``::

        s(Y, X) = log P(Y | X) / lp(Y)
        lp(Y)   = (5 + |Y|)^α / (5 + 1)^α

    Source: Wu et al. 2016 (arXiv:1609.08144), section 7, equation 14, without its coverage penalty and pruning; |Y|
    counts the end. The beam is that of Sutskever, Vinyals & Le 2014, section 3.2: of all continuations of the K live
    hypotheses by one token, those among the K likeliest that end are finished. Theirs then shrinks; here the K
    likeliest that do not end live on. Finished hypotheses are kept apart, the N with the best scores.

    A sentence is done at its limit, or as soon as no live hypothesis can finish with a better score than the worst of
    the N: log-probabilities are at most 0, so that the best it can reach is its own divided by the lp of the limit.
    Going on to the limit would change nothing. A smaller N is done no later, with the first hypotheses of a larger.

    Ties: of equally likely continuations, those of the hypothesis that ranked higher come first, then the token with
    the higher log-probability, then the lower token; of equal scores, the one that finished first.

    With α = 0 a beam of 1 is `greedy`, token for token. With α > 0 it comes upon the hypothesis of `greedy`, too, but
    returns a longer one if that has a better score.

    Args:
      step: as for `greedy`.
      memory: as for `greedy`.
      carry: as for `greedy`.
      bos: as for `greedy`.
      eos: as for `greedy`.
      beam: K, live hypotheses of each sentence.
      max_length: as for `greedy`.
      length_penalty: α, at least 0; 0 compares plain log-probabilities.
      n_best: N, hypotheses returned; K when None.
      limits: as for `greedy`.
      forbidden: as for `greedy`.

    Raises:
      InputError: as `greedy`, and on a beam or N below 1 or a negative penalty.

    Example:
      >>> step = lambda memory, carry, tokens: (jnp.log(memory)[:, None].repeat(2, axis=1), carry)
      >>> model = step, jnp.array([[0.5, 0.1, 0.4]]), ()
      >>> beam_search(*model, bos=0, eos=2, beam=2, max_length=3, length_penalty=0.0).tokens.tolist()
      [[[2, 0, 0], [0, 2, 0]]]
    """
    batch, limits = _check_search(memory, carry, max_length, limits)
    n_best = beam if n_best is None else n_best
    _check_count("beam", beam)
    _check_count("n_best", n_best)
    penalties = _penalties(max_length, length_penalty)

    def going(time: Array, live: _Live, finished: Hypotheses) -> Array:
        within_reach = live.log_probs[:, 0] / penalties[limits]
        return (time < limits) & (within_reach > finished.scores[:, -1])

    def advance(state: tuple[Array, _Live, Hypotheses, Carry]) -> tuple[Array, _Live, Hypotheses, Carry]:
        time, live, finished, carry = state
        log_probs, carry = step(memory, carry, live.tokens[:, :, time])
        best = _continue(live, _possible(log_probs, (batch, beam), eos, forbidden), time + 1, eos)
        new_live, parents = _unended(best)
        new_finished = _keep_best(finished, _ended(best, time + 1, penalties[time + 1]))
        live, finished = _where(going(time, live, finished), (new_live, new_finished), (live, finished))
        return time + 1, live, finished, _choose(carry, parents)

    nothing = _nothing(batch, beam, bos, max_length)
    live = _Live(nothing.tokens, nothing.log_probs.at[:, 0].set(0))  # One empty prefix; K of them would stay alike.
    start = (jnp.int32(0), live, _nothing(batch, n_best, bos, max_length), _repeat(carry, beam))
    time, live, finished, _ = jax.lax.while_loop(lambda state: going(*state[:3]).any(), advance, start)
    return _presentable(_finished_first(finished, _cut_off(live, jnp.minimum(time, limits), penalties)))


def _continue(live: _Live, log_probs: Array, length: Array, eos: int) -> _Continuations:
    """The 2K best: at most K of them end, so that the K best that do not are among them."""
    batch, beam, vocabulary = log_probs.shape
    each = min(beam + 1, vocabulary)  # No hypothesis has more among the K best, or among the K best that do not end.
    next_log_probs, next_tokens = _top_k(log_probs, each)
    totals = (live.log_probs[:, :, None] + next_log_probs).reshape(batch, beam * each)
    totals, places = jax.lax.top_k(totals, 2 * beam)
    parents, token = places // each, _choose(next_tokens.reshape(batch, beam * each), places)
    tokens = _choose(live.tokens, parents).at[:, :, length].set(token)
    return _Continuations(tokens, totals, parents, token == eos)


def _ended(best: _Continuations, length: Array, penalty: Array) -> Hypotheses:
    """Those that end among the K best; the others with score -inf."""
    tokens, log_probs, _, ends = (leaf[:, : leaf.shape[1] // 2] for leaf in best)
    log_probs = jnp.where(ends, log_probs, -jnp.inf)
    lengths = jnp.full(log_probs.shape, length)
    return Hypotheses(tokens, lengths, log_probs / penalty, log_probs, jnp.isfinite(log_probs))


def _unended(best: _Continuations) -> tuple[_Live, Array]:
    """The K best that do not end, and their parents."""
    _, places = jax.lax.top_k(~best.ends, best.ends.shape[1] // 2)  # The first ones: equal values keep their order.
    tokens, log_probs, parents, _ = _choose(best, places)
    return _Live(tokens, log_probs), parents


def _keep_best(finished: Hypotheses, more: Hypotheses) -> Hypotheses:
    both = _join(finished, more)
    _, places = jax.lax.top_k(both.scores, finished.scores.shape[1])
    return _choose(both, places)


def _cut_off(live: _Live, lengths: Array, penalties: Array) -> Hypotheses:
    scores = live.log_probs / penalties[lengths][:, None]
    lengths = jnp.broadcast_to(lengths[:, None], scores.shape)
    return Hypotheses(live.tokens, lengths, scores, live.log_probs, jnp.zeros(scores.shape, bool))


def _finished_first(finished: Hypotheses, cut_off: Hypotheses) -> Hypotheses:
    both = _join(finished, cut_off)
    group = jnp.where(both.finished, 0, jnp.where(jnp.isfinite(both.scores), 1, 2))
    order = jnp.argsort(group, axis=1, stable=True)
    return _choose(both, order[:, : finished.scores.shape[1]])


def _presentable(hypotheses: Hypotheses) -> Hypotheses:
    """Without ``bos``, and nothing in the place of those that are none."""
    exists = jnp.isfinite(hypotheses.scores)
    tokens = jnp.where(exists[:, :, None], hypotheses.tokens[:, :, 1:], 0)
    return hypotheses._replace(tokens=tokens, lengths=jnp.where(exists, hypotheses.lengths, 0))


def _nothing(batch: int, count: int, bos: int, max_length: int) -> Hypotheses:
    """Hypotheses that are none: no tokens after ``bos``, score -inf."""
    tokens = jnp.zeros((batch, count, max_length + 1), jnp.int32).at[:, :, 0].set(bos)
    never = jnp.full((batch, count), -jnp.inf, jnp.float32)
    return Hypotheses(tokens, jnp.zeros((batch, count), jnp.int32), never, never, jnp.zeros((batch, count), bool))


def _top_k(values: Array, k: int) -> tuple[Array, Array]:
    """`jax.lax.top_k` over the last axis, three times faster on CPU for a few of thousands.

    The k best are within the k blocks of the highest maxima. These are taken in their order, and so of equal values the
    first stays first.
    """
    *leading, width = values.shape
    padding = [(0, 0)] * len(leading) + [(0, -width % BLOCK)]
    blocks = jnp.pad(values, padding, constant_values=-jnp.inf).reshape(*leading, -1, BLOCK)
    _, chosen = jax.lax.top_k(blocks.max(axis=-1), min(k, blocks.shape[-2]))
    chosen = jnp.sort(chosen, axis=-1)
    few = jnp.take_along_axis(blocks, chosen[..., None], axis=-2).reshape(*leading, -1)
    best, places = jax.lax.top_k(few, k)
    return best, jnp.take_along_axis(chosen, places // BLOCK, axis=-1) * BLOCK + places % BLOCK


def _possible(log_probs: Array, expected: tuple[int, int], eos: int, forbidden: tuple[int, ...]) -> Array:
    """The log-probabilities in float32, -inf where they are forbidden or no numbers."""
    if log_probs.ndim != 3 or log_probs.shape[:2] != expected or log_probs.shape[2] < 2:
        raise InputError(f"step: log_probs has shape {log_probs.shape}; expected [B, K, V] of B, K = {expected}, V > 1")
    vocabulary = log_probs.shape[2]
    for field, token in [("eos", eos), *(("forbidden", token) for token in forbidden)]:
        if not 0 <= token < vocabulary:
            raise InputError(f"{field}: there is no token {token}; expected one of 0 to {vocabulary - 1}")
    if eos in forbidden:
        raise InputError(f"forbidden: {forbidden} holds eos = {eos}; expected other tokens, or nothing can end")
    allowed = ~np.isin(np.arange(vocabulary), forbidden)
    return jnp.where(allowed[None, None] & (log_probs < jnp.inf), log_probs.astype(jnp.float32), -jnp.inf)


def _choose(tree: Any, places: Array) -> Any:
    """``[B, N, ...]`` at places ``[B, M]``: ``[B, M, ...]``."""
    return jax.vmap(lambda row, chosen: jax.tree.map(lambda leaf: leaf[chosen], row))(tree, places)


def _join(first: Hypotheses, second: Hypotheses) -> Hypotheses:
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=1), first, second)


def _where(rows: Array, new: Any, old: Any) -> Any:
    """The new tree in these rows, the old one in the others."""
    return jax.tree.map(lambda n, o: jnp.where(rows.reshape(-1, *[1] * (n.ndim - 1)), n, o), new, old)


def _repeat(carry: Carry, beam: int) -> Carry:
    return jax.tree.map(lambda leaf: jnp.repeat(leaf[:, None], beam, axis=1), carry)


def _check_search(memory: Any, carry: Carry, max_length: int, limits: Array | None) -> tuple[int, Array]:
    """B, and every sentence's limit."""
    _check_count("max_length", max_length)
    sizes = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves((memory, carry))}
    if len(sizes) != 1 or sizes == {()}:
        raise InputError(f"memory and carry have leading axes {sorted(sizes)}; expected one for all, the sentences")
    ((batch,),) = sizes
    if limits is None:
        return batch, jnp.full(batch, max_length, jnp.int32)
    limits = jnp.asarray(limits)
    if limits.shape != (batch,) or not jnp.issubdtype(limits.dtype, jnp.integer):
        raise InputError(f"limits has shape {limits.shape} and type {limits.dtype}; expected integers ({batch},)")
    return batch, jnp.clip(limits, 0, max_length).astype(jnp.int32)


def _penalties(max_length: int, length_penalty: float) -> Array:
    """lp(Y) by |Y|."""
    if not (math.isfinite(length_penalty) and length_penalty >= 0):
        raise InputError(f"length_penalty = {length_penalty!r}; expected a number of at least 0")
    return jnp.asarray(((5 + np.arange(max_length + 1)) / 6) ** length_penalty, jnp.float32)


def _check_count(field: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{field} = {value!r}; expected a whole number of at least 1")
