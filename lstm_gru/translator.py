"""A trained encoder-decoder with its subwords: sentences in, translations out, in the same order."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstm_gru.config import require
from lstm_gru.data.subwords import BOS, EOS, PAD, UNK, Tokenizer
from lstm_gru.data.token_batches import ordered_batches
from lstm_gru.decoding import Hypotheses, beam_search, greedy
from lstm_gru.errors import InputError
from lstm_gru.models.functional import Functional
from lstm_gru.models.seq2seq import Seq2SeqConfig, seq2seq
from lstm_gru.models.transformer import TransformerConfig, transformer

ROWS = 64  # Sentences decoded at once, whatever their number, so that a sentence has the same translation among others.
WIDTHS = (16, 32, 64)  # Of the sources; each is compiled once.
LONGEST = 256  # Subwords; longer lines are translated in pieces.
SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")

ModelConfig = Seq2SeqConfig | TransformerConfig


def translation_model(config: ModelConfig, vocabulary_size: int) -> Functional:
    """Return the encoder-decoder of a configuration as pure functions."""
    make = seq2seq if isinstance(config, Seq2SeqConfig) else transformer
    return make(config, vocabulary_size)


@dataclass(frozen=True)
class SearchConfig:
    """How translations are searched for."""

    beam: int = 5
    """Live hypotheses of a sentence; 1 is greedy search."""
    length_penalty: float = 1.0
    """Exponent α of the length penalty; 0 compares plain log-probabilities."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        require(self, "beam", low=1)
        require(self, "length_penalty", low=0)


class Translation(NamedTuple):
    """One translation.

    Attributes:
      text: normalised, on one line.
      score: log-probability divided by the length penalty, of greedy search not divided; -inf where there is none.
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

        An empty sentence has one translation, the empty one. A line of more than 256 subwords is translated in pieces,
        cut where a sentence ends if it has several, else between words.

        Args:
          sentences: any text; it is normalised.
          search: the search.
          n_best: N, at most the beam. There are always N; where fewer were found the others are empty.

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

    def _pieces(self, sentence: str) -> list[list[int]]:
        """The sentence's subwords; in pieces of at most `LONGEST` where it has more; none where it is empty."""
        ids = self.tokenizer.encode([sentence])[0]
        if len(ids) <= LONGEST:
            return [ids] if ids else []
        pieces: list[list[int]] = [[]]
        for part in self._uncut(sentence):
            if len(pieces[-1]) + len(part) > LONGEST:
                pieces.append([])
            pieces[-1] += part
        return [piece for piece in pieces if piece]

    def _uncut(self, text: str) -> Iterator[list[int]]:
        """The subwords of each of its sentences; where these are too many, of each word, or as many as a piece has."""
        for sentence in SENTENCE_END.split(text):
            [ids] = self.tokenizer.encode([sentence])
            for part in [ids] if len(ids) <= LONGEST else self.tokenizer.encode(sentence.split()):
                yield from (part[start : start + LONGEST] for start in range(0, len(part), LONGEST))

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
        if search.beam == 1:
            return greedy(step, *start, **options)
        options |= {"beam": search.beam, "n_best": n_best, "length_penalty": search.length_penalty}
        return beam_search(step, *start, **options)

    return run


@cache
def _alignment(model: Functional) -> Callable[..., jax.Array]:
    return jax.jit(partial(model.apply, method="alignment"))


def _join(parts: list[list[Translation]]) -> list[Translation]:
    """The translations of a line from those of its pieces, the best ones with the best ones."""
    return [
        Translation(" ".join(part.text for part in ranked if part.text), math.fsum(part.score for part in ranked))
        for ranked in zip(*parts, strict=True)
    ]


def _row(ids: list[int], width: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array([[*ids, *[PAD] * (width - len(ids))]], np.int32), np.array([len(ids)], np.int32)
