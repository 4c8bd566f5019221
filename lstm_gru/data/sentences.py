"""Batches of sentences as numbers: their words, and the spellings of those words, each once a batch.

Widths double from 8: a sentence belongs to the narrowest that holds it, so that shapes are few whatever comes. A
batch's spellings are sorted from the longest to the shortest word, so that a model can leave out whole blocks of
padding (`lstm_gru.models.characters`).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lstm_gru.data.buckets import Batch, Bucket, BucketBatches, padded
from lstm_gru.data.tagged import Tagged
from lstm_gru.data.token_batches import ordered_batches
from lstm_gru.data.vocabulary import LONGEST_SPELLING, Vocabulary
from lstm_gru.errors import InputError

NARROWEST = 8

Words = Sequence[str]


class SentenceBatches(BucketBatches):
    """Training batches of tagged sentences, a pure function of (seed, step).

    A batch holds as `sentence_batch`, and ``tags [B, T]``, 0 in the padding.

    Args:
      train: sentences.
      vocabulary: learned from them.
      tokens_per_batch: positions of a batch, padding included; at least the widest sentence's width.
      seed: decides the order.

    Raises:
      InputError: when a sentence does not fit a batch.
    """

    def __init__(self, train: Tagged, vocabulary: Vocabulary, *, tokens_per_batch: int, seed: int):
        self._words, self._vocabulary = train.words, vocabulary
        widths = np.array([width_of(len(words)) for words in train.words])
        if widths.max() > tokens_per_batch:
            raise InputError(
                f"{train.source['file']}: a sentence of {max(map(len, train.words))} words needs {widths.max()} "
                f"positions; expected tokens_per_batch of at least that, not {tokens_per_batch}"
            )
        self._longest = _longest_spelling(train.words)
        buckets = []
        for width in sorted({*widths.tolist()}):
            members = np.flatnonzero(widths == width)
            tags, _ = padded([vocabulary.tag_ids(train.tags[i]) for i in members], len(members) + 1, width)
            arrays = {"sentences": np.append(members, -1), "tags": tags}
            buckets.append(Bucket(tokens_per_batch // width, len(members), arrays))
        super().__init__(buckets, seed)

    def batch(self, step: int) -> Batch:
        """Return the batch of a step."""
        chosen = super().batch(step)
        words = [self._words[i] if i >= 0 else () for i in chosen["sentences"]]
        return {
            **sentence_batch(words, self._vocabulary, chosen["tags"].shape[1], self._longest),
            "tags": chosen["tags"],
        }


class Chunk(NamedTuple):
    """Sentences to tag.

    Attributes:
      lines: ``[n]`` with n ≤ B, the index of each of the first n rows' sentence.
      batch: of `sentence_batch`; rows that only fill it have length 0.
    """

    lines: np.ndarray
    batch: Batch


def ordered_sentences(sentences: Sequence[Words], vocabulary: Vocabulary, *, tokens_per_batch: int) -> Iterator[Chunk]:
    """Yield all sentences from the shortest to the longest, each once.

    Args:
      sentences: words of each; a sentence may be empty.
      vocabulary: of the tagger.
      tokens_per_batch: positions of a batch, at least 8; a wider sentence has a batch of its own.
    """
    longest = _longest_spelling(sentences)
    lengths, rows = [range(len(words)) for words in sentences], tokens_per_batch // NARROWEST
    for lines, filler, _ in ordered_batches(lengths, rows=rows, boundaries=(NARROWEST,)):
        words = [sentences[i] for i in lines] + [()] * (len(filler) - len(lines))
        yield Chunk(lines, sentence_batch(words, vocabulary, filler.shape[1], longest))


def sentence_batch(sentences: Sequence[Words], vocabulary: Vocabulary, width: int, longest: int) -> Batch:
    """Return sentences as numbers.

    Args:
      sentences: B of them, with at most ``width`` words each.
      vocabulary: of the tagger.
      width: T.
      longest: L, at least the characters of the longest word and its two marks.

    Returns:
      ``words [B, T]``, ``counts [B, T]`` (in training), ``lengths [B]``; ``spelled [B, T]``, which row of ``spellings
      [B·T, L]`` holds the word's characters, and ``spelling_lengths [B·T]``, which descend; unused rows have length 0.
    """
    distinct = sorted({word for sentence in sentences for word in sentence}, key=lambda word: (-len(word), word))
    row_of = {word: row for row, word in enumerate(distinct)}
    rows = len(sentences)
    words, lengths = padded([vocabulary.word_ids(sentence) for sentence in sentences], rows, width)
    counts, _ = padded([vocabulary.word_counts(sentence) for sentence in sentences], rows, width)
    spelled, _ = padded([[row_of[word] for word in sentence] for sentence in sentences], rows, width)
    spellings, spelling_lengths = padded([vocabulary.spelling(word) for word in distinct], rows * width, longest)
    return {
        "words": words,
        "counts": counts,
        "lengths": lengths,
        "spelled": spelled,
        "spellings": spellings,
        "spelling_lengths": spelling_lengths,
    }


def _longest_spelling(sentences: Sequence[Words]) -> int:
    """The width of spellings that holds every word's, its two marks included."""
    return width_of(2 + min(LONGEST_SPELLING, max((len(word) for words in sentences for word in words), default=0)))


def width_of(length: int) -> int:
    """Return the narrowest width, doubled from 8, that holds so many.

    Example:
      >>> width_of(3), width_of(8), width_of(9)
      (8, 8, 16)
    """
    width = NARROWEST
    while width < length:
        width *= 2
    return width
