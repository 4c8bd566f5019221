"""A trained encoder-decoder with its subwords: sentences in, translations out, in the same order."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from statistics import fmean
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.config import require
from lstm_gru.data.subwords import BOS, EOS, PAD, UNK, Tokenizer
from lstm_gru.data.text import sentences_of
from lstm_gru.data.token_batches import ordered_batches
from lstm_gru.decoding import Hypotheses, beam_search, greedy
from lstm_gru.errors import InputError
from lstm_gru.models.functional import Functional
from lstm_gru.models.seq2seq import Seq2SeqConfig, seq2seq
from lstm_gru.models.transformer import TransformerConfig, transformer

ROWS = 64  # Sentences decoded at once, whatever their number, so that a sentence has the same translation among others.
WIDTHS = (16, 32, 64)  # Of the sources; each is compiled once.
LONGEST = 256  # Subwords; longer sentences are translated in pieces.
WIDEST = 100  # Beam; memory grows with it, and no published one is wider.

ModelConfig = Seq2SeqConfig | TransformerConfig


def translation_model(config: ModelConfig, vocabulary_size: int) -> Functional:
    """Return the encoder-decoder of a configuration as pure functions."""
    make = seq2seq if isinstance(config, Seq2SeqConfig) else transformer
    return make(config, vocabulary_size)


@dataclass(frozen=True)
class SearchConfig:
    """How translations are searched for."""

    beam: int = 5
    """Live hypotheses of a sentence, at most 100; 1 is greedy search."""
    length_penalty: float = 1.0
    """Exponent α of the length penalty; 0 compares plain log-probabilities. Greedy search does not depend on it."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require(self, "beam", low=1, high=WIDEST)
        require(self, "length_penalty", low=0)


class Translation(NamedTuple):
    """One translation.

    Attributes:
      text: normalised, on one line.
      score: log-probability divided by the length penalty, the mean of its sentences; -inf where there is none.
    """

    text: str
    score: float


NONE = Translation("", -math.inf)


class Translator:
    """Translates sentences with the parameters of a trained model.

    Args:
      config: of the model.
      params: its parameters.
      tokenizer: the subwords it was trained with.
    """

    def __init__(self, config: ModelConfig, params: Any, tokenizer: Tokenizer):
        self.params, self.tokenizer = params, tokenizer
        self.attends = isinstance(config, TransformerConfig) or config.attention != "none"
        self._model = translation_model(config, tokenizer.vocabulary_size)

    def translate(self, sentences: Sequence[str], search: SearchConfig, n_best: int = 1) -> list[list[Translation]]:
        """Return the ``n_best`` translations of each sentence, from the best score to the worst.

        What is empty has one translation, the empty one. Where there are several sentences in one, each is translated
        by itself, see `lstm_gru.data.text.sentences_of`: models that learned from single ones end after the first. One
        of more than 256 subwords is cut between words.

        Args:
          sentences: any text; it is normalised.
          search: the search.
          n_best: N, at most the beam. There are always N; where fewer were found the others are empty. Two may have the
            same text from different subwords.

        Raises:
          InputError: when N is not between 1 and the beam.
        """
        if not 1 <= n_best <= search.beam:
            raise InputError(f"n_best = {n_best}; expected a number from 1 to the beam, {search.beam}")
        pieces = [self._pieces(sentence) for sentence in sentences]
        parts = iter(self._search([piece for line in pieces for piece in line], search, n_best))
        empty = [Translation("", 0.0), *[NONE] * (n_best - 1)]
        return [_join([next(parts) for _ in line]) if line else list(empty) for line in pieces]

    def alignment(self, sentence: str, translation: str) -> tuple[np.ndarray, list[str], list[str]]:
        """Return the attention weights ``[T, S]`` of a translation, and the subwords of its sentence and its own.

        The last row is the end of the translation, which is written last; the source is read without its end.

        Args:
          sentence: the source.
          translation: its translation.

        Raises:
          InputError: when the model has no attention.
        """
        if not self.attends:
            raise InputError("this model has no attention; nothing to show")
        src, trg = self.tokenizer.encode([sentence, translation])
        longer = max(len(src), len(trg) + 1)
        width = next((width for width in WIDTHS if width >= longer), longer)
        batch = [_row(ids, width) for ids in (src, [BOS, *trg])]
        (src_ids, src_lengths), (trg_ids, trg_lengths) = batch
        weights = _alignment(self._model)(self.params, src_ids, src_lengths, trg_ids, trg_lengths)
        names = [self.tokenizer.pieces(ids) for ids in (src, trg)]
        return np.asarray(weights[0, : len(trg) + 1, : len(src)]), names[0], [*names[1], "⏎"]

    def _pieces(self, text: str) -> list[list[int]]:
        """The subwords of each of its sentences, of long ones in pieces of at most `LONGEST`; none of an empty one."""
        encoded = zip(sentences := sentences_of(text), self.tokenizer.encode(sentences), strict=True)
        pieces = [[ids] if len(ids) <= LONGEST else self._cut(sentence) for sentence, ids in encoded]
        return [piece for of_sentence in pieces for piece in of_sentence if piece]

    def _cut(self, sentence: str) -> list[list[int]]:
        """The subwords of as many of its words as a piece can have; of a word that has more, as many subwords."""
        pieces: list[list[int]] = [[]]
        for word in self.tokenizer.encode(sentence.split()):
            for part in (word[start : start + LONGEST] for start in range(0, len(word), LONGEST)):
                if len(pieces[-1]) + len(part) > LONGEST:
                    pieces.append([])
                pieces[-1] += part
        return pieces

    def _search(self, sources: list[list[int]], search: SearchConfig, n_best: int) -> list[list[Translation]]:
        """The translations of sentences given by their subwords, in their order."""
        found: list[list[Translation]] = [[]] * len(sources)
        run = _searcher(self._model, search, n_best)
        for lines, src, src_lengths in ordered_batches(sources, rows=ROWS, boundaries=WIDTHS):
            hypotheses = jax.tree.map(np.asarray, run(self.params, src, src_lengths))
            for row, line in enumerate(lines):
                found[line] = self._texts(jax.tree.map(lambda leaf: leaf[row], hypotheses))  # noqa: B023 (used at once)
        return found

    def _texts(self, hypotheses: Hypotheses) -> list[Translation]:
        lengths = hypotheses.lengths - hypotheses.finished
        texts = self.tokenizer.decode([ids[:length] for ids, length in zip(hypotheses.tokens, lengths, strict=True)])
        return [Translation(text, float(score)) for text, score in zip(texts, hypotheses.scores, strict=True)]


def bound(source_length: Any) -> Any:
    """Return the most tokens that a translation of so many source tokens may have, its end included."""
    return source_length + source_length // 2 + 10


@cache
def _searcher(model: Functional, search: SearchConfig, n_best: int) -> Callable[..., Hypotheses]:
    """The jitted ``(params, src [B, S], src_lengths [B]) -> Hypotheses``; one compilation for each width."""

    @jax.jit
    def run(params: Any, src: jax.Array, src_lengths: jax.Array) -> Hypotheses:
        max_length = bound(src.shape[1])
        start = model.apply(params, src, src_lengths, max_length, method="start")
        step = partial(model.apply, params, method="step")
        limits = jnp.where(src_lengths > 0, bound(src_lengths), 0)  # Rows that only fill the batch are done at once.
        options = {"bos": BOS, "eos": EOS, "max_length": max_length, "limits": limits, "forbidden": (PAD, UNK, BOS)}
        options["length_penalty"] = search.length_penalty
        if search.beam == 1:
            return greedy(step, *start, **options)
        return beam_search(step, *start, **options, beam=search.beam, n_best=n_best)

    return run


@cache
def _alignment(model: Functional) -> Callable[..., jax.Array]:
    return jax.jit(partial(model.apply, method="alignment"))


def _join(parts: list[list[Translation]]) -> list[Translation]:
    """The translations of a line from those of its pieces, the best ones with the best ones."""
    return [
        Translation(" ".join(part.text for part in ranked if part.text), fmean(part.score for part in ranked))
        for ranked in zip(*parts, strict=True)
    ]


def _row(ids: list[int], width: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array([[*ids, *[PAD] * (width - len(ids))]], np.int32), np.array([len(ids)], np.int32)
