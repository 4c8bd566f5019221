"""A word's representation from its characters, read from both ends."""

import jax
import jax.numpy as jnp
from flax import nnx

from lstm_gru.cells import CELLS
from lstm_gru.cells.protocol import Carry
from lstm_gru.layers import Array, recurrent
from lstm_gru.models.functional import Recurrent

BLOCK, CHUNK = 64, 8  # Words, and characters of each, that are read or left out together.


class Characters(nnx.Module):
    """Words as the last states of two recurrent layers over their characters.

    Equations, for the characters c_1 ... c_n of a word, its two marks among them::

        h_t = cell(h_{t-1}, C[c_t]),    g_t = cell'(g_{t+1}, C[c_t]),    word = [h_n; g_1]

    Source: Ling et al. 2015 (arXiv:1508.02096, section 3.1); Plank, Søgaard & Goldberg 2016 (arXiv:1604.05529).

    Most words are short and few of a batch are distinct: blocks of words, and pieces of them, that are nothing but
    padding are left out when the program runs. Words that come from the longest to the shortest make most of that.

    Args:
      cell: name of a cell.
      numbers: how many numbers characters have.
      embedding: width of their embeddings.
      features: H, width of the states of each direction.
      rngs: the stream ``params`` draws the initial parameters.
    """

    def __init__(self, cell: str, numbers: int, embedding: int, features: int, *, rngs: nnx.Rngs):
        self.features = 2 * features
        spread = nnx.initializers.normal(embedding**-0.5)
        self.table = nnx.Embed(numbers, embedding, embedding_init=spread, rngs=rngs)
        self.forward = Recurrent(recurrent(CELLS[cell](features)), embedding, rngs=rngs)
        self.backward = Recurrent(recurrent(CELLS[cell](features), reverse=True), embedding, rngs=rngs)

    def __call__(self, spellings: Array, lengths: Array) -> Array:
        """Return the words ``[R, 2H]``.

        Args:
          spellings: ``[R, L]``, numbers of characters.
          lengths: ``[R]``; a word of length 0 is all zeros.
        """
        rows, longest = spellings.shape
        padded = jnp.pad(spellings, ((0, -rows % BLOCK), (0, -longest % CHUNK)))
        pieces = padded.reshape(-1, BLOCK, padded.shape[1] // CHUNK, CHUNK).transpose(0, 2, 1, 3)
        starts = CHUNK * jnp.arange(pieces.shape[1])
        ends = jnp.pad(lengths, (0, -rows % BLOCK)).reshape(-1, 1, BLOCK) - starts[None, :, None]
        inside = jnp.clip(ends, 0, CHUNK)  # How much of each word is in each of its pieces.
        states = [self._last(self.forward, pieces, inside), self._last(self.backward, pieces, inside, reverse=True)]
        return jnp.concatenate(states, axis=-1)[:rows]

    def _last(self, direction: Recurrent, pieces: Array, inside: Array, *, reverse: bool = False) -> Array:
        """The last states ``[R, H]`` of one direction."""
        params, layer, table = direction.params, direction.layer, self.table.embedding[...]

        @jax.checkpoint  # Else every piece, left out or not, writes all that a backward pass over it would need.
        def read(carry: Carry, piece: Array, inside: Array) -> Carry:
            return layer.apply(params, table[piece], inside, carry).carry

        def read_or_leave_out(carry: Carry, now: tuple[Array, Array]) -> tuple[Carry, None]:
            return jax.lax.cond(now[1].any(), read, lambda carry, *_: carry, carry, *now), None

        start = layer.initial_carry(params, BLOCK)

        def read_block(pieces: Array, inside: Array) -> Array:
            carry, _ = jax.lax.scan(read_or_leave_out, start, (pieces, inside), reverse=reverse)
            return layer.last(carry)

        def read_block_or_leave_out(_: None, block: tuple[Array, Array]) -> tuple[None, Array]:
            return None, jax.lax.cond(block[1].any(), read_block, lambda *_: layer.last(start), *block)

        _, states = jax.lax.scan(read_block_or_leave_out, None, (pieces, inside))
        return states.reshape(-1, states.shape[-1])
