"""A tagger: a reader of sentences, and a score for each tag of each word."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
from flax import nnx

from lstm_gru.crf import Transitions, independent, log_likelihood, viterbi
from lstm_gru.dropout import drop, split
from lstm_gru.layers import Array
from lstm_gru.models.functional import Functional, functional
from lstm_gru.models.reader import Batch, Reader, ReaderConfig


@dataclass(frozen=True)
class TaggerConfig(ReaderConfig):
    """Settings of the tagger."""

    crf: bool = False
    """Score whole sequences of tags with a linear-chain conditional random field, not each tag by itself."""


class Tagger(nnx.Module):
    """A tagger of sentences.

    Equations, for the states h of a `lstm_gru.models.reader.Reader`::

        s_t = W h_t + b                             K scores
        log p(y) = Σ_t log softmax(s_t)[y_t],       or that of a linear-chain field over s (`lstm_gru.crf`)

    Source: Plank, Søgaard & Goldberg 2016 (arXiv:1604.05529), section 2, without its auxiliary loss; the field as in
    Huang, Xu & Yu 2015 (arXiv:1508.01991), section 2.5.

    Args:
      config: settings.
      words: how many numbers words have.
      characters: how many numbers characters have.
      tags: K.
      rngs: the stream ``params`` draws the initial parameters.
    """

    def __init__(self, config: TaggerConfig, words: int, characters: int, tags: int, *, rngs: nnx.Rngs):
        self.config = config
        self.reader = Reader(config, words, characters, rngs=rngs)
        self.out = nnx.Linear(self.reader.features, tags, rngs=rngs)
        if config.crf:
            self.chain = nnx.data(jax.tree.map(nnx.Param, independent(tags)))

    def __call__(self, batch: Batch, key: Array | None = None) -> Array:
        """Return the scores ``[B, T, K]`` of each word's tags.

        Args:
          batch: of `lstm_gru.data.sentences`.
          key: for noise; None is evaluation.
        """
        reader_key, out_key = split(key, 2)
        return self.out(drop(out_key, self.reader(batch, reader_key).outputs, self.config.dropout))

    def record(self, batch: Batch) -> Any:
        """Return the record of the layers over the words."""
        return self.reader.record(batch)

    def log_likelihood(self, batch: Batch, tags: Array, key: Array | None = None) -> Array:
        """Return log p of each sentence's tags ``[B, T]``, as ``[B]``; any tags in the padding."""
        return log_likelihood(self._transitions(), self(batch, key), tags, batch["lengths"])

    def tags(self, batch: Batch) -> Array:
        """Return the most probable tags ``[B, T]``, 0 in the padding."""
        return viterbi(self._transitions(), self(batch), batch["lengths"])[0]

    def _transitions(self) -> Transitions:
        if not self.config.crf:
            return independent(self.out.out_features)
        return Transitions(*(param[...] for param in self.chain))


@cache  # Equal arguments share these functions, and so what is compiled of them.
def tagger(config: TaggerConfig, words: int, characters: int, tags: int) -> Functional:
    """Return the tagger as pure functions: its call, ``log_likelihood`` and ``tags`` are methods.

    Example:
      >>> import jax.numpy as jnp
      >>> model = tagger(TaggerConfig(features=3, character_features=0), words=9, characters=4, tags=2)
      >>> batch = {"words": jnp.ones((2, 5), int), "lengths": jnp.array([5, 2])}
      >>> model.apply(model.init(jax.random.key(0)), batch).shape
      (2, 5, 2)
    """
    return functional(lambda rngs: Tagger(config, words, characters, tags, rngs=rngs))
