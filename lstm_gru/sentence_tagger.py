"""Sentences in, tags out."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import jax
import numpy as np

from lstm_gru.data.sentences import ordered_sentences
from lstm_gru.data.tagged import word_form
from lstm_gru.data.vocabulary import Vocabulary
from lstm_gru.models.tagger import TaggerConfig, tagger

TOKENS = 2048  # Positions of a batch.


class SentenceTagger:
    """A tagger with its parameters.

    Args:
      config: of the model.
      params: its parameters.
      vocabulary: the words, characters and tags that it knows.
    """

    def __init__(self, config: TaggerConfig, params: Any, vocabulary: Vocabulary):
        self.params, self.vocabulary = params, vocabulary
        self._best = _best_tags(config, *vocabulary.sizes)

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the tags of each sentence's words; a sentence may be empty."""
        sentences = [[word_form(word) for word in words] for words in sentences]
        found: list[list[str]] = [[] for _ in sentences]
        for lines, batch in ordered_sentences(sentences, self.vocabulary, tokens_per_batch=TOKENS):
            best = np.asarray(self._best(self.params, batch))
            for row, line in enumerate(lines):
                found[line] = [self.vocabulary.tags[number] for number in best[row, : len(sentences[line])]]
        return found


@cache
def _best_tags(config: TaggerConfig, words: int, characters: int, tags: int) -> Any:
    model = tagger(config, words, characters, tags)
    return jax.jit(lambda params, batch: model.apply(params, batch, method="tags"))
