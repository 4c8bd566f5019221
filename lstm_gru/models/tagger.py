"""A tagger: words and their characters, a recurrent layer over the sentence, and a score for each tag."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from lstm_gru.cells import CELLS
from lstm_gru.config import require, require_choice
from lstm_gru.crf import Transitions, independent, log_likelihood, viterbi
from lstm_gru.dropout import drop, split
from lstm_gru.layers import Array, Layer, bidirectional, recurrent, stack
from lstm_gru.models.characters import Characters
from lstm_gru.models.functional import Functional, Recurrent, functional

DIRECTIONS = ("forward", "backward", "bidirectional")
UNKNOWN = 1  # The number of a word that was not seen in training, as in `lstm_gru.data.vocabulary`.

Batch = Mapping[str, Array]


@dataclass(frozen=True)
class TaggerConfig:
    """Settings of the tagger."""

    cell: str = "lstm"
    """One of the cells, for the layers over the sentence."""
    direction: Literal["forward", "backward", "bidirectional"] = "bidirectional"
    """Where the layers read from."""
    features: int = 100
    """Width H of their states, of each direction."""
    depth: int = 1
    """Layers on top of each other."""
    word_features: int = 64
    """Width of the words' embeddings."""
    character_cell: str = "lstm"
    """One of the cells, for the layers over a word's characters, which always read from both ends."""
    character_embedding: int = 100
    """Width of the characters' embeddings."""
    character_features: int = 100
    """Width of the states over characters, of each direction; 0 reads no characters."""
    crf: bool = False
    """Score whole sequences of tags with a linear-chain conditional random field, not each tag by itself."""
    word_dropout: float = 0.25
    """α: a word seen n times in training is read as an unknown one with probability α / (α + n)."""
    noise: float = 0.2
    """Standard deviation of what is added to words' and characters' features in training."""
    dropout: float = 0.0
    """Probability of dropping a value between layers and before the scores."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        for name in ("cell", "character_cell"):
            require_choice(self, name, CELLS)
        require_choice(self, "direction", DIRECTIONS)
        for name in ("features", "depth", "word_features", "character_embedding"):
            require(self, name, low=1)
        for name in ("character_features", "word_dropout", "noise"):
            require(self, name, low=0)
        require(self, "dropout", low=0, below=1)


class Tagger(nnx.Module):
    """A tagger of sentences.

    Equations, for the words w_t with the characters c(w_t), in training with noise ε ~ N(0, noise²)::

        x_t = [E[w_t]; characters(c(w_t))] + ε
        s_t = W layer(x)_t + b                      K scores
        log p(y) = Σ_t log softmax(s_t)[y_t],       or that of a linear-chain field over s (`lstm_gru.crf`)

    In training a word w that was seen n(w) times is read as unknown with probability α / (α + n(w)) (Kiperwasser &
    Goldberg 2016, arXiv:1603.04351, section 4.1); it keeps its characters. Source: Plank, Søgaard & Goldberg 2016
    (arXiv:1604.05529), section 2, without its auxiliary loss; the field as in Huang, Xu & Yu 2015 (arXiv:1508.01991).

    Args:
      config: settings.
      words: how many numbers words have.
      characters: how many numbers characters have.
      tags: K.
      rngs: the stream ``params`` draws the initial parameters.
    """

    def __init__(self, config: TaggerConfig, words: int, characters: int, tags: int, *, rngs: nnx.Rngs):
        self.config = config
        width = config.word_features
        self.words = nnx.Embed(words, width, embedding_init=nnx.initializers.normal(width**-0.5), rngs=rngs)
        if config.character_features:
            sizes = (characters, config.character_embedding, config.character_features)
            self.characters = Characters(config.character_cell, *sizes, rngs=rngs)
            width += self.characters.features
        self.layers = Recurrent(_layers(config), width, rngs=rngs)
        self.out = nnx.Linear(self.layers.layer.features, tags, rngs=rngs)
        if config.crf:
            self.chain = nnx.data(jax.tree.map(nnx.Param, independent(tags)))

    def __call__(self, batch: Batch, key: Array | None = None) -> Array:
        """Return the scores ``[B, T, K]`` of each word's tags.

        Args:
          batch: of `lstm_gru.data.sentences`.
          key: for noise; None is evaluation.
        """
        word_key, noise_key, layer_key, out_key = split(key, 4)
        xs = self.words(self._seen(batch, word_key))
        if self.config.character_features:
            spelled = self.characters(batch["spellings"], batch["spelling_lengths"])
            xs = jnp.concatenate([xs, spelled[batch["spelled"]]], axis=-1)
        if noise_key is not None:
            xs += self.config.noise * jax.random.normal(noise_key, xs.shape)
        states = self.layers(xs, batch["lengths"], key=layer_key).outputs
        return self.out(drop(out_key, states, self.config.dropout))

    def log_likelihood(self, batch: Batch, tags: Array, key: Array | None = None) -> Array:
        """Return log p of each sentence's tags ``[B, T]``, as ``[B]``; any tags in the padding."""
        return log_likelihood(self._transitions(), self(batch, key), tags, batch["lengths"])

    def tags(self, batch: Batch) -> Array:
        """Return the most probable tags ``[B, T]``, 0 in the padding."""
        return viterbi(self._transitions(), self(batch), batch["lengths"])[0]

    def _seen(self, batch: Batch, key: Array | None) -> Array:
        """The words as they are read."""
        words, alpha = batch["words"], self.config.word_dropout
        if key is None or not alpha:
            return words
        unknown = jax.random.bernoulli(key, alpha / (alpha + batch["counts"]))
        return jnp.where(unknown, UNKNOWN, words)

    def _transitions(self) -> Transitions:
        if not self.config.crf:
            return independent(self.out.out_features)
        return Transitions(*(param[...] for param in self.chain))


@cache  # Equal arguments share these functions, and so what is compiled of them.
def tagger(config: TaggerConfig, words: int, characters: int, tags: int) -> Functional:
    """Return the tagger as pure functions: its call, ``log_likelihood`` and ``tags`` are methods.

    Example:
      >>> model = tagger(TaggerConfig(features=3, character_features=0), words=9, characters=4, tags=2)
      >>> batch = {"words": jnp.ones((2, 5), int), "lengths": jnp.array([5, 2])}
      >>> model.apply(model.init(jax.random.key(0)), batch).shape
      (2, 5, 2)
    """
    return functional(lambda rngs: Tagger(config, words, characters, tags, rngs=rngs))


def _layers(config: TaggerConfig) -> Layer:
    cell = CELLS[config.cell](config.features)
    if config.direction == "bidirectional":
        make = bidirectional
    else:
        make = lambda cell: recurrent(cell, reverse=config.direction == "backward")  # noqa: E731
    return stack(*(make(cell) for _ in range(config.depth)), dropout=config.dropout)
