"""A recurrent encoder-decoder, with or without attention."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from lstm_gru.attention import Memory, additive, multiplicative
from lstm_gru.cells import CELLS
from lstm_gru.cells.protocol import Cell, GatedCell
from lstm_gru.config import require, require_choice
from lstm_gru.dropout import drop, split, variational
from lstm_gru.errors import InputError
from lstm_gru.layers import Array, Layer, bidirectional, recurrent, stack
from lstm_gru.lengths import valid_steps
from lstm_gru.models.functional import Attending, Functional, Recurrent, functional
from lstm_gru.models.subwords import Subwords

ATTENTIONS = ("none", "multiplicative", "additive")


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Settings of the recurrent encoder-decoder."""

    cell: str = "gru"
    """One of the cells."""
    embedding: int = 256
    """Width of the embeddings, which source, target and output share."""
    encoder_features: int = 256
    """Width of the encoder's states, of each direction."""
    features: int = 320
    """Width H of the decoder's states."""
    depth: int = 1
    """Layers of the encoder and of the decoder."""
    bidirectional: bool = True
    """Whether the encoder reads in both directions."""
    attention: Literal["none", "multiplicative", "additive"] = "multiplicative"
    """How the decoder looks at the source; additive attention is part of the recurrence."""
    attention_features: int = 128
    """Width of the hidden layer of additive attention."""
    input_feeding: bool = False
    """Whether multiplicative attention is part of the recurrence too, the attended state read at the next step."""
    dropout: float = 0.3
    """Probability of dropping a value of embeddings, between layers, and of the attended state."""
    state_dropout: float = 0.0
    """Probability of dropping a feature of the recurrent state, one mask for all time steps (variational)."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require_choice(self, "cell", CELLS)
        require_choice(self, "attention", ATTENTIONS)
        for name in ("embedding", "encoder_features", "features", "depth", "attention_features"):
            require(self, name, low=1)
        for name in ("dropout", "state_dropout"):
            require(self, name, low=0, below=1)
        if self.input_feeding and self.attention != "multiplicative":
            raise InputError(f"Seq2SeqConfig: input_feeding with attention = {self.attention!r}; needs multiplicative")
        if self.state_dropout and not isinstance(CELLS[self.cell](1), GatedCell):
            raise InputError(
                f"Seq2SeqConfig: state_dropout = {self.state_dropout} with cell = {self.cell!r}; expected 0, or one of "
                f"{', '.join(name for name, make in CELLS.items() if isinstance(make(1), GatedCell))}"
            )
        if self.state_dropout and self.attends_inside:
            raise InputError(
                f"Seq2SeqConfig: state_dropout = {self.state_dropout} with attention inside the recurrence; expected 0"
            )

    @property
    def attends_inside(self) -> bool:
        """Whether attention is part of the decoder's recurrence."""
        return self.input_feeding or self.attention == "additive"


class Decoding(NamedTuple):
    """What a decoder carries from token to token; every leaf has a row for each hypothesis.

    Attributes:
      layers: carry of the recurrent layers.
      fed: ``[..., E]``, the attended state before, where the input is fed with it; else None.
    """

    layers: Any
    fed: Array | None


class Seq2Seq(nnx.Module):
    """An encoder-decoder over subwords that both languages share.

    Equations, for the source x, the target y, the table of embeddings E and the encoder's states h::

        h   = encoder(√E_width · E[x])
        s_0 = tanh(W_0 summary(h))                                  each part of the carry of each layer
        without attention:    s_t = decoder(s_{t-1}, e_t),                s̃_t = W_c s_t
        multiplicative:       s_t = decoder(s_{t-1}, e_t),                s̃_t = W_c [c(s_t); s_t]
        with input feeding:   s_t = decoder(s_{t-1}, [e_t; s̃_{t-1}]),     s̃_t = W_c [c(s_t); s_t]
        additive:             s_t = decoder(s_{t-1}, [e_t; c(s_{t-1})]),  s̃_t = W_c [c(s_{t-1}); s_t]
        p(y_t | y_<t, x) = softmax(E s̃_t + b)

    with e_t = √E_width · E[y_{t-1}] and c(q), the context that attention finds for a query. Source: Sutskever, Vinyals
    & Le 2014 (without attention; here the summary goes through W_0, as in Bahdanau et al.); Luong, Pham & Manning 2015,
    sections 3.1 and 3.3, equation 5 (global attention, input feeding); Bahdanau, Cho & Bengio 2015, appendix A.2
    (additive; the output is that of Luong et al.); Press & Wolf 2017 (one table for all embeddings).

    Luong et al. have ``s̃_t = tanh(W_c ...)``. With one table for all embeddings this bounds the logits by the size of
    the embeddings, which has to grow first: training then takes several times as many updates.

    The first two have no attention in the recurrence: the decoder reads all target steps at once, with the derived
    backward pass, and attention follows in a few large products.

    Args:
      config: settings.
      vocabulary_size: V.
      rngs: the stream ``params`` draws the initial parameters.
    """

    def __init__(self, config: Seq2SeqConfig, vocabulary_size: int, *, rngs: nnx.Rngs):
        self.config = config
        width = config.embedding
        self.embedding = Subwords(vocabulary_size, width, rngs=rngs)
        self.encoder = Recurrent(_encoder(config), width, rngs=rngs)
        memory = self.encoder.layer.features
        fed = {"none": 0, "multiplicative": width * config.input_feeding, "additive": memory}[config.attention]
        layers = [recurrent(_cell(config, config.features)) for _ in range(config.depth)]
        self.decoder = Recurrent(stack(*layers, dropout=config.dropout), width + fed, rngs=rngs)
        carry = jax.eval_shape(lambda: self.decoder.initial_carry(1))
        self.bridge = nnx.List([nnx.Linear(memory, leaf.shape[-1], rngs=rngs) for leaf in jax.tree.leaves(carry)])
        self.attention = _attention(config, memory, rngs)
        context = 0 if self.attention is None else memory
        self.combine = nnx.Linear(context + config.features, width, use_bias=False, rngs=rngs)

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
        memory, start = self._encode(src, src_lengths, source_key)
        return self.embedding.logits(self._decode(memory, start, trg_in, trg_lengths, target_key)[0])

    def start(self, src: Array, src_lengths: Array, max_length: int) -> tuple[Memory | None, Decoding]:
        """Return what `step` needs of the source, and the carry before the first token, ``[B, ...]``.

        Args:
          src: ``[B, S]``.
          src_lengths: ``[B]``.
          max_length: the most tokens that will follow; a recurrent decoder has no use for it.
        """
        return self._encode(src, src_lengths, None)

    def step(self, memory: Memory | None, carry: Decoding, tokens: Array) -> tuple[Array, Decoding]:
        """Continue hypotheses by one token, as `lstm_gru.decoding` asks.

        Args:
          memory: of `start`.
          carry: ``[B, K, ...]``.
          tokens: ``[B, K]``, the last of each hypothesis.

        Returns:
          Log-probabilities ``[B, K, V]`` of the next token, and the carry after this one.
        """
        carry, attended, _ = self._advance(memory, carry, self.embedding(tokens))
        return jax.nn.log_softmax(self.embedding.logits(attended)), carry

    def alignment(self, src: Array, src_lengths: Array, trg_in: Array, trg_lengths: Array) -> Array:
        """Return the attention weights ``[B, T, S]`` of each target step; the arguments are those of the call."""
        memory, start = self._encode(src, src_lengths, None)
        return self._decode(memory, start, trg_in, trg_lengths, None)[1]

    def record(self, src: Array) -> Any:
        """Return the encoder's record of whole sources ``[B, S]``."""
        return self.encoder(self.embedding(src), record=True).record

    def _encode(self, src, src_lengths, key) -> tuple[Memory | None, Decoding]:
        embed_key, layer_key, summary_key = split(key, 3)
        xs = drop(embed_key, self.embedding(src), self.config.dropout)
        encoded = self.encoder(xs, src_lengths, key=layer_key)
        summary = drop(summary_key, self.encoder.layer.last(encoded.carry), self.config.dropout)
        structure = jax.tree.structure(jax.eval_shape(lambda: self.decoder.initial_carry(1)))
        layers = jax.tree.unflatten(structure, [jnp.tanh(linear(summary)) for linear in self.bridge])
        fed = jnp.zeros((len(src), self.config.embedding)) if self.config.input_feeding else None
        if self.attention is None:
            return None, Decoding(layers, fed)
        mask = valid_steps(src_lengths, src.shape[1])
        return self.attention.prepare(encoded.outputs, mask), Decoding(layers, fed)

    def _decode(self, memory, start, trg_in, trg_lengths, key) -> tuple[Array, Array | None]:
        """The attended states ``[B, T, E]`` of all target steps, and the attention weights."""
        embed_key, layer_key, out_key = split(key, 3)
        embedded = drop(embed_key, self.embedding(trg_in), self.config.dropout)
        if self.config.attends_inside:
            attended, weights = self._decode_by_steps(memory, start, embedded, layer_key)
        else:
            states = self.decoder(embedded, trg_lengths, start.layers, layer_key).outputs
            attended, weights = self._attend(memory, states, states)
        return drop(out_key, attended, self.config.dropout), weights

    def _decode_by_steps(self, memory, start, embedded, key) -> tuple[Array, Array]:
        def advance(carry: Decoding, now: tuple[Array, Array | None]) -> tuple[Decoding, tuple[Array, Array]]:
            x, layer_key = now
            carry, attended, weights = self._advance(memory, carry, x[:, None], layer_key)
            return carry, (attended[:, 0], weights[:, 0])

        one_each = jax.tree.map(lambda leaf: leaf[:, None], start)
        keys = None if key is None else jax.random.split(key, embedded.shape[1])
        _, steps = jax.lax.scan(advance, one_each, (embedded.swapaxes(0, 1), keys))
        return tuple(leaf.swapaxes(0, 1) for leaf in steps)

    def _advance(
        self, memory, carry: Decoding, embedded: Array, key: Array | None = None
    ) -> tuple[Decoding, Array, Array | None]:
        """One step of ``[B, K, E]`` embedded tokens; carry, attended state ``[B, K, E]`` and weights."""
        rows = embedded.shape[:2]
        layers = jax.tree.map(lambda leaf: leaf.reshape(-1, leaf.shape[-1]), carry.layers)
        query = None
        if self.config.attention == "additive":
            query = self.decoder.layer.last(layers).reshape(*rows, -1)
            embedded = jnp.concatenate([embedded, self.attention(memory, query).context], axis=-1)
        if self.config.input_feeding:
            embedded = jnp.concatenate([embedded, carry.fed], axis=-1)
        layers, state = self.decoder.step(layers, embedded.reshape(-1, embedded.shape[-1]), key)
        layers = jax.tree.map(lambda leaf: leaf.reshape(*rows, -1), layers)
        state = state.reshape(*rows, -1)
        attended, weights = self._attend(memory, state if query is None else query, state)
        return Decoding(layers, attended if self.config.input_feeding else None), attended, weights

    def _attend(self, memory, query, states) -> tuple[Array, Array | None]:
        """s̃ ``[B, T, E]`` and the attention weights ``[B, T, S]``."""
        if self.attention is None:
            return self.combine(states), None
        context, weights = self.attention(memory, query)
        return self.combine(jnp.concatenate([context, states], axis=-1)), weights


@cache  # Equal settings share these functions, and so what is compiled of them.
def seq2seq(config: Seq2SeqConfig, vocabulary_size: int) -> Functional:
    """Return the encoder-decoder as pure functions.

    Args:
      config: settings.
      vocabulary_size: V.

    Example:
      >>> model = seq2seq(Seq2SeqConfig(embedding=4, encoder_features=4, features=4), vocabulary_size=9)
      >>> params = model.init(jax.random.key(0))
      >>> tokens, lengths = jnp.ones((2, 3), int), jnp.array([3, 2])
      >>> model.apply(params, tokens, lengths, tokens, lengths).shape
      (2, 3, 9)
    """
    return functional(lambda rngs: Seq2Seq(config, vocabulary_size, rngs=rngs))


def _cell(config: Seq2SeqConfig, features: int) -> Cell:
    cell = CELLS[config.cell](features)
    return variational(cell, state=config.state_dropout) if config.state_dropout else cell


def _encoder(config: Seq2SeqConfig) -> Layer:
    cell = _cell(config, config.encoder_features)
    return stack(
        *(bidirectional(cell) if config.bidirectional else recurrent(cell) for _ in range(config.depth)),
        dropout=config.dropout,
    )


def _attention(config: Seq2SeqConfig, memory: int, rngs: nnx.Rngs) -> Attending | None:
    if config.attention == "none":
        return None
    score = additive(config.attention_features) if config.attention == "additive" else multiplicative()
    return Attending(score, config.features, memory, rngs=rngs)
