"""A Transformer encoder-decoder with layer normalisation before each part, from Flax's attention."""

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from lstm_gru.config import require
from lstm_gru.dropout import drop, split
from lstm_gru.errors import InputError
from lstm_gru.layers import Array
from lstm_gru.lengths import valid_steps
from lstm_gru.models.functional import Functional, functional
from lstm_gru.models.subwords import Subwords


@dataclass(frozen=True)
class TransformerConfig:
    """Settings of the Transformer."""

    features: int = 256
    """Width d of embeddings and of all layers."""
    hidden: int = 512
    """Width of the hidden layer of the feed-forward parts."""
    depth: int = 3
    """Layers of the encoder and of the decoder."""
    heads: int = 8
    """Attention heads; they share the width."""
    dropout: float = 0.1
    """Probability of dropping a value of embeddings and of what each part adds."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        for name in ("features", "hidden", "depth", "heads"):
            require(self, name, low=1)
        require(self, "dropout", low=0, below=1)
        if self.features % (2 * self.heads):
            raise InputError(f"TransformerConfig: features = {self.features}; expected a multiple of 2 · heads")


class Source(NamedTuple):
    """What the decoder needs of the source.

    Attributes:
      keys: of each layer ``[B, S, heads, d / heads]``.
      values: of each layer, the same shape.
      mask: bool ``[B, S]``, True = valid.
    """

    keys: tuple[Array, ...]
    values: tuple[Array, ...]
    mask: Array


class Prefix(NamedTuple):
    """What the decoder keeps of the tokens before, for each hypothesis.

    Attributes:
      keys: of each layer ``[..., L, heads, d / heads]``, 0 where no token is yet.
      values: of each layer, the same shape.
      length: int ``[...]``, tokens so far.
    """

    keys: tuple[Array, ...]
    values: tuple[Array, ...]
    length: Array


class Attention(nnx.Module):
    """Multi-head attention on top of layer normalisation, its keys and values apart so that they can be kept."""

    def __init__(self, config: TransformerConfig, *, rngs: nnx.Rngs):
        self.norm = nnx.LayerNorm(config.features, rngs=rngs)
        self.heads = nnx.MultiHeadAttention(config.heads, config.features, decode=False, rngs=rngs)

    def keys_and_values(self, memory: Array) -> tuple[Array, Array]:
        """Return keys and values ``[..., S, heads, d / heads]`` of a memory that is normalised already."""
        return self.heads.key(memory), self.heads.value(memory)

    def __call__(self, states: Array, keys: Array, values: Array, mask: Array) -> Array:
        """Return what states ``[..., T, d]``, normalised already, find at the places where the mask is True.

        Args:
          states: ``[..., T, d]``.
          keys: ``[..., S, heads, d / heads]``.
          values: ``[..., S, heads, d / heads]``.
          mask: bool, broadcast to ``[..., T, S]``.
        """
        query = self.heads.query(states)
        found = nnx.dot_product_attention(query, keys, values, mask=jnp.expand_dims(mask, -3))
        return self.heads.out(found)


class FeedForward(nnx.Module):
    """Two linear layers with a rectifier between them, on top of layer normalisation."""

    def __init__(self, config: TransformerConfig, *, rngs: nnx.Rngs):
        self.norm = nnx.LayerNorm(config.features, rngs=rngs)
        self.widen = nnx.Linear(config.features, config.hidden, rngs=rngs)
        self.narrow = nnx.Linear(config.hidden, config.features, rngs=rngs)

    def __call__(self, states: Array) -> Array:
        """Return what is added to the states."""
        return self.narrow(nnx.relu(self.widen(self.norm(states))))


class Block(nnx.Module):
    """A layer of the encoder, or with ``cross`` one of the decoder."""

    def __init__(self, config: TransformerConfig, *, cross: bool, rngs: nnx.Rngs):
        self.own = Attention(config, rngs=rngs)
        self.cross = Attention(config, rngs=rngs) if cross else None
        self.feed = FeedForward(config, rngs=rngs)


class Transformer(nnx.Module):
    """An encoder-decoder over subwords that both languages share.

    Equations, for the states x of a layer, with LN before each part and on top of the last layer::

        x ← x + attention(LN x, LN x)         encoder: all places; decoder: this place and those before
        x ← x + attention(LN x, source)       decoder only
        x ← x + W_2 max(0, W_1 LN x + b_1) + b_2
        input: √d E[token] + PE(position);  p(y_t | y_<t, x) = softmax(E LN x + b)

    Source: Vaswani et al. 2017, sections 3.1 to 3.5; normalisation before each part: Xiong et al. 2020.

    Args:
      config: settings.
      vocabulary_size: V.
      rngs: the stream ``params`` draws the initial parameters.
    """

    def __init__(self, config: TransformerConfig, vocabulary_size: int, *, rngs: nnx.Rngs):
        self.config = config
        self.embedding = Subwords(vocabulary_size, config.features, rngs=rngs)
        self.encoder = nnx.List([Block(config, cross=False, rngs=rngs) for _ in range(config.depth)])
        self.decoder = nnx.List([Block(config, cross=True, rngs=rngs) for _ in range(config.depth)])
        self.encoder_norm = nnx.LayerNorm(config.features, rngs=rngs)
        self.decoder_norm = nnx.LayerNorm(config.features, rngs=rngs)

    def __call__(
        self, src: Array, src_lengths: Array, trg_in: Array, trg_lengths: Array, key: Array | None = None
    ) -> Array:
        """Return the logits ``[B, T, V]`` of each next token, given the right ones before it.

        Args:
          src: ``[B, S]``, source tokens.
          src_lengths: ``[B]``.
          trg_in: ``[B, T]``, target tokens, from the mark of the start on.
          trg_lengths: ``[B]``.
          key: for dropout; None is evaluation.
        """
        source_key, target_key = split(key, 2)
        source = self._encode(src, src_lengths, source_key)
        return self.embedding.logits(self._decode(source, trg_in, trg_lengths, target_key))

    def start(self, src: Array, src_lengths: Array, max_length: int) -> tuple[Source, Prefix]:
        """Return what `step` needs of the source, and the carry before the first token, ``[B, ...]``.

        Args:
          src: ``[B, S]``.
          src_lengths: ``[B]``.
          max_length: L, the most tokens that will follow.
        """
        heads = self.config.heads
        empty = jnp.zeros((len(src), max_length, heads, self.config.features // heads))
        nothing = (empty,) * self.config.depth
        return self._encode(src, src_lengths, None), Prefix(nothing, nothing, jnp.zeros(len(src), jnp.int32))

    def step(self, source: Source, prefix: Prefix, tokens: Array) -> tuple[Array, Prefix]:
        """Continue hypotheses by one token, as `lstm_gru.decoding` asks.

        Args:
          source: of `start`.
          prefix: ``[B, K, ...]``.
          tokens: ``[B, K]``, the last of each hypothesis.

        Returns:
          Log-probabilities ``[B, K, V]`` of the next token, and the prefix with this one.
        """
        length = prefix.keys[0].shape[2]
        places = jnp.arange(length)[None, None, :]
        here = places == prefix.length[..., None]
        x = self.embedding(tokens) + positions(length, self.config.features)[prefix.length]
        keys, values = [], []
        for layer, block in enumerate(self.decoder):
            normed = block.own.norm(x)
            key, value = block.own.keys_and_values(normed)
            keys.append(jnp.where(here[..., None, None], key[:, :, None], prefix.keys[layer]))
            values.append(jnp.where(here[..., None, None], value[:, :, None], prefix.values[layer]))
            so_far = (places <= prefix.length[..., None])[:, :, None]
            x += block.own(normed[:, :, None], keys[-1], values[-1], so_far)[:, :, 0]
            x += self._look_at(block.cross, x, source, layer)  # The K hypotheses are K queries of one memory.
            x += block.feed(x)
        log_probs = jax.nn.log_softmax(self.embedding.logits(self.decoder_norm(x)))
        return log_probs, Prefix(tuple(keys), tuple(values), prefix.length + 1)

    def alignment(self, src: Array, src_lengths: Array, trg_in: Array, trg_lengths: Array) -> Array:
        """Return the attention to the source ``[B, T, S]`` of the last layer, the mean of its heads."""
        source = self._encode(src, src_lengths, None)
        x = self._decode(source, trg_in, trg_lengths, None, layers=self.config.depth - 1)
        block = self.decoder[-1]
        x += self._look_back(block.own, x, trg_lengths)
        query = block.cross.heads.query(block.cross.norm(x))
        scores = jnp.einsum("bthd,bshd->bhts", query, source.keys[-1]) / query.shape[-1] ** 0.5
        scores = jnp.where(source.mask[:, None, None], scores, jnp.finfo(scores.dtype).min)
        return jax.nn.softmax(scores).mean(axis=1)

    def _encode(self, src, src_lengths, key) -> Source:
        x, keys = self._embed(src, key)
        mask = valid_steps(src_lengths, src.shape[1])
        for block, (own_key, feed_key) in zip(self.encoder, keys, strict=True):
            normed = block.own.norm(x)
            x += self._drop(own_key, block.own(normed, *block.own.keys_and_values(normed), mask[:, None]))
            x += self._drop(feed_key, block.feed(x))
        memory = jnp.where(mask[..., None], self.encoder_norm(x), 0)
        pairs = [block.cross.keys_and_values(memory) for block in self.decoder]
        return Source(*zip(*pairs, strict=True), mask)

    def _decode(self, source, trg_in, trg_lengths, key, layers: int | None = None) -> Array:
        """The states on top of the decoder ``[B, T, d]``, or under the layer of that number."""
        x, keys = self._embed(trg_in, key)
        for layer, (own_key, feed_key) in enumerate(keys):
            if layer == layers:
                return x
            block, (own_key, cross_key) = self.decoder[layer], split(own_key, 2)
            x += self._drop(own_key, self._look_back(block.own, x, trg_lengths))
            x += self._drop(cross_key, self._look_at(block.cross, x, source, layer))
            x += self._drop(feed_key, block.feed(x))
        return self.decoder_norm(x)

    def _look_back(self, attention: Attention, x: Array, lengths: Array) -> Array:
        """What each target place finds at those before it and at itself."""
        places = jnp.arange(x.shape[1])
        before = places[None, :] <= places[:, None]
        mask = before[None] & valid_steps(lengths, x.shape[1])[:, None]
        normed = attention.norm(x)
        return attention(normed, *attention.keys_and_values(normed), mask)

    def _look_at(self, attention: Attention, x: Array, source: Source, layer: int) -> Array:
        """What each target place finds in the source."""
        return attention(attention.norm(x), source.keys[layer], source.values[layer], source.mask[:, None])

    def _embed(self, tokens: Array, key: Array | None) -> tuple[Array, list[Any]]:
        """Embedded tokens, and two keys for each layer."""
        embed_key, *layer_keys = split(key, 1 + self.config.depth)
        x = self.embedding(tokens) + positions(tokens.shape[1], self.config.features)[None]
        return self._drop(embed_key, x), [split(layer_key, 2) for layer_key in layer_keys]

    def _drop(self, key: Array | None, x: Array) -> Array:
        return drop(key, x, self.config.dropout)


def positions(length: int, features: int) -> Array:
    """Return sinusoids of the positions 0, 1, ..., ``[length, features]``.

    Equations: ``PE(p, 2i) = sin(p / 10000^(2i/d))``, ``PE(p, 2i + 1)`` its cosine; here all sines come first, which is
    the same but for the order of features. Source: Vaswani et al. 2017, section 3.5.

    Args:
      length: number of positions.
      features: d, even.

    Example:
      >>> positions(5, 8).shape
      (5, 8)
    """
    angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, features, 2) / features)
    return jnp.asarray(np.concatenate([np.sin(angles), np.cos(angles)], axis=1), jnp.float32)


@cache  # Equal settings share these functions, and so what is compiled of them.
def transformer(config: TransformerConfig, vocabulary_size: int) -> Functional:
    """Return the Transformer as pure functions.

    Args:
      config: settings.
      vocabulary_size: V.

    Example:
      >>> model = transformer(TransformerConfig(features=8, hidden=8, depth=1, heads=2), vocabulary_size=9)
      >>> params = model.init(jax.random.key(0))
      >>> tokens, lengths = jnp.ones((2, 3), int), jnp.array([3, 2])
      >>> model.apply(params, tokens, lengths, tokens, lengths).shape
      (2, 3, 9)
    """
    return functional(lambda rngs: Transformer(config, vocabulary_size, rngs=rngs))
