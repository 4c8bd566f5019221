"""One table of subword embeddings, for what is read and for what is written."""

import jax.numpy as jnp
from flax import nnx

from lstm_gru.layers import Array


class Subwords(nnx.Module):
    """Embeddings of the tokens of both languages, which also score the next token.

    Equations: ``e = √d · E[token]``; ``logits = E s + b``. Source: Press & Wolf 2017, "three-way weight tying"; the
    scale is that of Vaswani et al. 2017, section 3.4, under which e has unit variance at first.

    Args:
      vocabulary_size: V.
      features: d.
      rngs: the stream ``params`` draws the initial parameters.
    """

    def __init__(self, vocabulary_size: int, features: int, *, rngs: nnx.Rngs):
        spread = nnx.initializers.normal(features**-0.5)
        self.table = nnx.Embed(vocabulary_size, features, embedding_init=spread, rngs=rngs)
        self.bias = nnx.Param(jnp.zeros(vocabulary_size))

    def __call__(self, tokens: Array) -> Array:
        """Return the embeddings ``[..., d]`` of tokens ``[...]``."""
        return self.table(tokens) * self.table.features**0.5

    def logits(self, states: Array) -> Array:
        """Return the scores ``[..., V]`` of each next token for states ``[..., d]``."""
        scores = self.table.attend(states)
        return scores + self.bias[...].reshape((1,) * (scores.ndim - 1) + (-1,))
