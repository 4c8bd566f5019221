"""A classifier of sentences: a reader, one summary of its states, and a score for each class."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import jax.numpy as jnp
from flax import nnx

from lstm_gru.attention import additive
from lstm_gru.config import require, require_choice
from lstm_gru.dropout import drop, split
from lstm_gru.layers import Array
from lstm_gru.lengths import valid_steps
from lstm_gru.models.functional import Attending, Functional, functional
from lstm_gru.models.reader import Batch, Reader, ReaderConfig

POOLINGS = ("last", "mean", "max", "attention")


@dataclass(frozen=True)
class ClassifierConfig(ReaderConfig):
    """Settings of the classifier."""

    pooling: Literal["last", "mean", "max", "attention"] = "last"
    """What sums up a sentence: the states at its ends, or the mean, maximum or weighted mean of those of its words."""
    attention_features: int = 64
    """Width of the hidden layer of attention."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        super().__post_init__()
        require_choice(self, "pooling", POOLINGS)
        require(self, "attention_features", low=1)


class Classifier(nnx.Module):
    """A classifier of sentences.

    Equations, for the states h_1 ... h_T of a `lstm_gru.models.reader.Reader`::

        last:       v = [h→_T; h←_1]                       the ends of the directions that there are
        mean, max:  v = mean_t h_t,   v = max_t h_t        over the words of the sentence
        attention:  v = Σ_t α_t h_t,  α = softmax_t(v_aᵀ tanh(U_a h_t + W_a q))  with a learned query q
        scores      = W v + b

    The summary of a sentence without words is 0. Source of attention: Yang et al. 2016, "Hierarchical Attention
    Networks", section 2.2, whose bias in the tanh is ``W_a q`` here.

    Args:
      config: settings.
      words: how many numbers words have.
      characters: how many numbers characters have.
      classes: K.
      rngs: the stream ``params`` draws the initial parameters.
    """

    def __init__(self, config: ClassifierConfig, words: int, characters: int, classes: int, *, rngs: nnx.Rngs):
        self.config = config
        self.reader = Reader(config, words, characters, rngs=rngs)
        width = self.reader.features
        if config.pooling == "attention":
            self.attention = Attending(additive(config.attention_features), 1, width, rngs=rngs)
        self.out = nnx.Linear(width, classes, rngs=rngs)

    def __call__(self, batch: Batch, key: Array | None = None) -> Array:
        """Return the scores ``[B, K]`` of each sentence's classes.

        Args:
          batch: of `lstm_gru.data.sentences`.
          key: for noise; None is evaluation.
        """
        reader_key, out_key = split(key, 2)
        read = self.reader(batch, reader_key)
        states = read.outputs
        valid = valid_steps(batch["lengths"], states.shape[1])
        if self.config.pooling == "last":
            summary = self.reader.last(read)
        elif self.config.pooling == "mean":
            summary = states.sum(axis=1) / jnp.maximum(batch["lengths"], 1)[:, None]
        elif self.config.pooling == "max":
            highest = jnp.where(valid[..., None], states, -jnp.inf).max(axis=1)
            summary = jnp.where(valid.any(axis=1)[:, None], highest, 0)
        else:
            query = jnp.ones((len(states), 1, 1), states.dtype)  # Its kernel is then W_a q.
            summary = self.attention(self.attention.prepare(states, valid), query).context[:, 0]
        return self.out(drop(out_key, summary, self.config.dropout))


@cache  # Equal arguments share these functions, and so what is compiled of them.
def classifier(config: ClassifierConfig, words: int, characters: int, classes: int) -> Functional:
    """Return the classifier as pure functions.

    Example:
      >>> import jax
      >>> model = classifier(ClassifierConfig(features=3, character_features=0), words=9, characters=4, classes=2)
      >>> batch = {"words": jnp.ones((2, 5), int), "lengths": jnp.array([5, 2])}
      >>> model.apply(model.init(jax.random.key(0)), batch).shape
      (2, 2)
    """
    return functional(lambda rngs: Classifier(config, words, characters, classes, rngs=rngs))
