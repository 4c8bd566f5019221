"""A reader of sentences: words and their characters, and recurrent layers over them, in any direction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx

from lstm_gru.cells import CELLS
from lstm_gru.config import require, require_choice
from lstm_gru.dropout import by_row, split
from lstm_gru.layers import Array, Layer, LayerOutput, bidirectional, recurrent, stack
from lstm_gru.models.characters import Characters
from lstm_gru.models.functional import Recurrent

DIRECTIONS = ("forward", "backward", "bidirectional")
UNKNOWN = 1  # The number of a word that was not seen in training, as in `lstm_gru.data.vocabulary`.

Batch = Mapping[str, Array]


@dataclass(frozen=True)
class ReaderConfig:
    """Settings of a reader."""

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
    word_dropout: float = 0.25
    """α: a word seen n times in training is read as an unknown one with probability α / (α + n)."""
    noise: float = 0.2
    """Standard deviation of what is added to words' and characters' features in training."""
    dropout: float = 0.0
    """Probability of dropping a value between layers and of what follows them."""

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


class Reader(nnx.Module):
    """Words of sentences as states of recurrent layers.

    Equations, for the words w_t with the characters c(w_t), in training with noise ε ~ N(0, noise²)::

        x_t = [E[w_t]; characters(c(w_t))] + ε
        h   = layers(x)

    In training a word w that was seen n(w) times is read as unknown with probability α / (α + n(w)) (Kiperwasser &
    Goldberg 2016, arXiv:1603.04351, section 4.1); it keeps its characters. Source: Plank, Søgaard & Goldberg 2016
    (arXiv:1604.05529), section 2.

    Args:
      config: settings.
      words: how many numbers words have.
      characters: how many numbers characters have.
      rngs: the stream ``params`` draws the initial parameters.
    """

    def __init__(self, config: ReaderConfig, words: int, characters: int, *, rngs: nnx.Rngs):
        self.config = config
        width = config.word_features
        self.words = nnx.Embed(words, width, embedding_init=nnx.initializers.normal(width**-0.5), rngs=rngs)
        if config.character_features:
            sizes = (characters, config.character_embedding, config.character_features)
            self.characters = Characters(config.character_cell, *sizes, rngs=rngs)
            width += self.characters.features
        self.layers = Recurrent(_layers(config), width, rngs=rngs)

    @property
    def features(self) -> int:
        """Width of the states of a word."""
        return self.layers.layer.features

    def __call__(self, batch: Batch, key: Array | None = None) -> LayerOutput:
        """Return the states ``[B, T, features]`` of each sentence's words, and the carries at its ends.

        Args:
          batch: of `lstm_gru.data.sentences`.
          key: for noise; None is evaluation.
        """
        return self._read(batch, key)

    def _read(self, batch: Batch, key: Array | None, record: bool = False) -> LayerOutput:
        word_key, noise_key, layer_key = split(key, 3)
        xs = self.words(self._seen(batch, word_key))
        if self.config.character_features:
            spelled = self.characters(batch["spellings"], batch["spelling_lengths"])
            xs = jnp.concatenate([xs, spelled[batch["spelled"]]], axis=-1)
        if noise_key is not None:
            xs += self.config.noise * by_row(lambda row: jax.random.normal(row, xs.shape[1:]), noise_key, len(xs))
        return self.layers(xs, batch["lengths"], key=layer_key, record=record)

    def record(self, batch: Batch) -> Any:
        """Return the record of the layers over the words, without noise."""
        return self._read(batch, None, record=True).record

    def last(self, read: LayerOutput) -> Array:
        """Return the states ``[B, features]`` at the end of each direction."""
        return self.layers.layer.last(read.carry)

    def _seen(self, batch: Batch, key: Array | None) -> Array:
        """The words as they are read."""
        words, alpha = batch["words"], self.config.word_dropout
        if key is None or not alpha:
            return words
        uniform = by_row(lambda row: jax.random.uniform(row, words.shape[1:]), key, len(words))
        return jnp.where(uniform < alpha / (alpha + batch["counts"]), UNKNOWN, words)


def _layers(config: ReaderConfig) -> Layer:
    cell = CELLS[config.cell](config.features)
    if config.direction == "bidirectional":
        make = bidirectional
    else:
        make = lambda cell: recurrent(cell, reverse=config.direction == "backward")  # noqa: E731
    return stack(*(make(cell) for _ in range(config.depth)), dropout=config.dropout)
